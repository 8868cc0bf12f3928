"""The comparison of encoders trains each row once, and lets all of them take turns."""

import json
import re
from itertools import islice

import pytest

import ner
from ner.data.formats.conll import write_conll
from tests.scripts.running import SCRIPTS, import_script

SMALL = [
    "words.size=8",
    "characters.size=4",
    "characters.output_size=4",
    "affixes.rows=64",
    "encoder.size=4",
    "training.batch_size=8",
]


@pytest.fixture
def compare(monkeypatch, capsys, tmp_path):
    """Run the program on a few sentences, and return its results and what it prints."""
    main = import_script("encoders/compare_encoders.py").main
    for folder in ("encoders", "benchmark"):
        monkeypatch.syspath_prepend(SCRIPTS / folder)
    for split, count in (("train", 20), ("dev", 5)):
        sentences = islice(ner.read_sentences(f"sample:{split}"), count)
        lines = "\n".join(write_conll(sentences))
        (tmp_path / f"{split}.conll").write_text(lines, encoding="utf-8")

    def call(*arguments, epochs=1):
        settings = [part for setting in SMALL for part in ("--set", setting)]
        paths = [str(tmp_path / name) for name in ("train.conll", "dev.conll")]
        out = tmp_path / "encoders.json"
        counts = ["--epochs", str(epochs), "--threads", "1"]
        main([*paths, *settings, *counts, "--out", str(out), *arguments])
        return json.loads(out.read_text(encoding="utf-8")), capsys.readouterr()

    return call


def test_rows_with_results_are_not_trained_again(compare):
    results, printed = compare("--only", "lstm")
    assert list(results["rows"]) == ["lstm"] and "lstm ..." in printed.err
    again, printed = compare("--only", "lstm", "lstm-forward")
    assert again["rows"]["lstm"] == results["rows"]["lstm"]
    assert list(again["rows"]) == ["lstm", "lstm-forward"]
    assert "lstm ..." not in printed.err and "lstm-forward ..." in printed.err
    counts = [again["rows"][name]["encoder_parameters"] for name in ("lstm-forward", "lstm")]
    assert 2 * counts[0] == counts[1]


def test_speeds_are_compared_with_the_first_row(compare):
    compare("--only", "mingru", "lstm")
    results, printed = compare("--only", "lstm", "--rounds", "2", "--seconds", "0.02")
    assert list(results["speeds"]) == ["lstm", "mingru"]
    for measure in ("training", "tagging", "one_sentence"):
        assert results["speeds"]["lstm"][measure]["times"] == 1
        found = results["speeds"]["mingru"][measure]
        assert found["low"] <= found["times"] <= found["high"] and found["median"] > 0
    rows = [line for line in printed.out.splitlines() if re.match(r"\| (lstm|mingru) \|", line)]
    assert [row.count("|") for row in rows] == [10, 10]


def test_all_rows_of_a_file_have_one_recipe(compare):
    compare("--only", "lstm")
    with pytest.raises(SystemExit) as exit_:
        compare("--only", "lstm", epochs=2)
    expected = "encoders.json: settings and files must be those of its 1 rows. Got others."
    assert str(exit_.value).endswith(expected)
