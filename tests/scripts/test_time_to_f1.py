"""The CPU time to a development F1 is measured, contender by contender, in turns."""

import json

import pytest

from tests.scripts.running import import_script, run_script
from tests.scripts.test_benchmark import write_corpus

RECIPE = """
[encoder]
size = 4

[training]
batch_size = 8
epochs = 3
"""


def test_contenders_take_turns_until_each_is_at_its_end(monkeypatch):
    script = import_script("benchmark/time_to_f1.py")
    order = []

    def trained(name, epochs):
        for epoch in range(1, epochs + 1):
            order.append(f"{name}{epoch}")
            yield 2.0 * epoch, epoch

    monkeypatch.setattr(script, "score_of", lambda contender, dev: 40.0 * contender)
    curves = script.measure({"a": trained("a", 1), "b": trained("b", 2)}, [])
    assert order == ["a1", "b1", "b2"]
    assert curves == {"a": [(2.0, 40.0)], "b": [(2.0, 40.0), (4.0, 80.0)]}


def test_the_table_has_the_first_time_at_which_each_score_is_reached():
    script = import_script("benchmark/time_to_f1.py")
    curves = {"a": [(1.0, 79.9), (2.5, 85.1), (4.0, 84.96)]}
    assert script.rows(curves, [80, 85, 90]) == [
        ["", "s to 80", "s to 85", "s to 90", "last F1", "s"],
        ["a", "2.5", "2.5", "-", "84.96", "4.0"],
    ]


def test_a_recipe_is_trained_to_its_end_and_others_for_some_epochs(tmp_path):
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(RECIPE, encoding="utf-8")
    done = run_script(
        "benchmark/time_to_f1.py",
        write_corpus(tmp_path / "train.conll", "train", 40),
        *("--dev", write_corpus(tmp_path / "dev.conll", "dev", 10)),
        *("--recipes", recipe),
        *("--tools", "ours", "baseline"),
        *("--size", 4),
        *("--epochs", 1),
        *("--targets", 0, 100),
        *("--out", tmp_path / "results.json"),
    )
    assert done.returncode == 0, done.stderr
    facts = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    curves = facts["curves"]
    assert {name: len(curve) for name, curve in curves.items()} == {
        "tiny": 3,
        "ours": 1,
        "baseline": 1,
    }
    seconds = [spent for spent, _ in curves["tiny"]]
    assert 0 < seconds[0] < seconds[1] < seconds[2]
    heads = done.stdout.splitlines()[0].split()
    assert heads == ["s", "to", "0", "s", "to", "100", "last", "F1", "s"]


def test_a_recipe_that_needs_vectors_is_refused_without_them(tmp_path):
    script = import_script("benchmark/time_to_f1.py")
    corpus = str(write_corpus(tmp_path / "train.conll", "train", 4))
    with pytest.raises(SystemExit, match=r"^glove\.6B\.50d\.txt\.gz: no such file\.$"):
        script.main([corpus, "--dev", corpus, "--recipes", "conll2003_glove"])
