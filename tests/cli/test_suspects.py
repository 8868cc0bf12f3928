"""`ner data suspects` and `ner curve`."""

import json
from pathlib import Path

import pytest

from tests.cli.helpers import fails, records, write

ROWS = "".join(f"N{i} B-A\nmet O\nP{i} B-B\n\n" for i in range(12))
TINY = ["words.size=4", "encoder.size=4", "affixes.rows=8", "training.epochs=1"]
QUICK = [word for setting in [*TINY, "training.threads=1"] for word in ("--set", setting)]


def test_suspects_are_listed_and_written_and_training_reads_their_weights(run):
    write("a.conll", ROWS)
    options = ["--train", "a.conll", "--folds", 2, *QUICK, "--folder", "s"]
    code, out, err = run("data", "suspects", *options, "-o", "s.jsonl", "--weights", "w.jsonl")
    assert code == 0, err
    assert out.splitlines()[0].split() == ["place", "text", "gold", "models", "kind", "suspicion"]
    assert "Fold 2 of 2" in err
    found = records(Path("s.jsonl").read_text())
    assert {record["place"].partition(":")[0] for record in found} == {"a.conll"}
    assert f"s.jsonl: written, {len(found)} suspects." in err
    weights = records(Path("w.jsonl").read_text())
    assert [record["index"] for record in weights] == list(range(12))
    assert weights[1]["place"] == "a.conll:5"
    code, out, err = run("data", "suspects", *options, "--json")
    facts = json.loads(out)
    assert (facts["sentences"], facts["entities"]) == (12, 24)
    assert facts["suspects"] == found
    again = ["--set", "training.weights=w.jsonl", "--set", "training.export=false"]
    code, _, err = run("train", "--train", "a.conll", "--out", "r", *QUICK, *again)
    assert code == 0, err
    write("b.conll", ROWS.replace("N3", "M3"))
    result = run("train", "--train", "b.conll", "--out", "q", *QUICK, *again)
    assert result[0] == 1
    assert (
        "w.jsonl: index 3: must be the weight of the training sentence at b.conll:13." in result[2]
    )


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        pytest.param([], 2, "data.train: a file, a folder, hub:NAME or sample:train", id="none"),
        pytest.param(["--train", "no.conll"], 1, "no.conll: no such file", id="no such file"),
        pytest.param(
            ["--train", "a.conll", "--set", "task=classify"],
            2,
            "task: must find spans",
            id="another task",
        ),
        pytest.param(["--train", "a.conll", "--config", "x.toml"], 2, "x.toml", id="no config"),
    ],
)
def test_suspects_of_nothing_are_refused(run, options, code, words):
    write("a.conll", ROWS)
    fails(run("data", "suspects", *options), code, words)


def test_a_curve_is_printed_and_the_fractions_follow_one_another(run):
    write("a.conll", ROWS)
    options = ["--train", "a.conll", "--dev", "a.conll", "--out", "c", *QUICK]
    code, out, err = run("curve", *options, "--fractions", 0.25, "0.5", 1, "--seeds", 2)
    assert code == 0, err
    rows = [line.split() for line in out.splitlines()]
    assert [row[0] for row in rows[1:4]] == ["0.25", "0.5", "1"]
    assert "Forecast for twice the sentences, 24: F1" in out
    code, out, err = run("curve", *options, "--fractions", 0.25, "--fractions", 1, "--json")
    facts = json.loads(out)
    assert [point["sentences"] for point in facts["points"]] == [3, 12]
    assert len(facts["points"][0]["scores"]) == 3
    assert err.count("epoch   1") == 2  # the third seed of two fractions; the others are kept


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(
            ["--fractions", "0", "1"], "--fractions: must be above 0 and at most 1. Got 0", id="0"
        ),
        pytest.param(["--fractions", "2"], "--fractions: must be above 0", id="2"),
        pytest.param(["--fractions", "nan"], "at most 1. Got nan.", id="nan"),
    ],
)
def test_wrong_fractions_are_refused(run, options, words):
    write("a.conll", ROWS)
    fails(run("curve", "--train", "a.conll", *options), 2, words)


def test_the_configuration_may_stand_before_or_after_the_fractions(run):
    write("x.toml", "oops = 1\n")
    for words in (["x.toml", "--fractions", 0.5, 1], ["--fractions", 0.5, 1, "x.toml"]):
        fails(run("curve", *words), 2, "x.toml: oops: unknown key.")
