"""What may differ between a run and its resumption, and what is said of it."""

import json

import pytest

from tests.cli.helpers import write

QUICK = {"words.size": 4, "encoder.size": 4, "affixes.rows": 8, "training.threads": 1}
OPTIONS = [word for name, value in QUICK.items() for word in ("--set", f"{name}={value}")]
ROWS = "Ada B-PER\nleft O\n\nBob B-PER\nmet O\nAda B-PER\n\n"


@pytest.fixture
def resume(run):
    """Train two epochs; returns a function that resumes the run with more options."""
    source = write("a.conll", ROWS)
    run("train", "--train", source, "--dev", source, "--out", "o", "--epochs", 2, *OPTIONS)
    return lambda *options: run("train", "--out", "o", "--resume", *options)


def epochs():
    with open("o/metrics.jsonl", encoding="utf-8") as file:
        return [json.loads(line)["epoch"] for line in file]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param("--epochs 1", "Got training.epochs 1 instead of 2.", id="fewer epochs"),
        pytest.param("--seed 7", "Got seed 7 instead of 1.", id="a seed"),
        pytest.param(
            "--set encoder.size=5 --set words.size=6",
            "Got words.size 6 instead of 4; encoder.size 5 instead of 4.",
            id="two settings",
        ),
        pytest.param(
            "--train b.conll",
            "Got data.train 'b.conll' instead of 'a.conll'; other content of train data.",
            id="other data",
        ),
        pytest.param(
            "--epochs 3 --seed 7", "Got seed 7 instead of 1.", id="what may differ is not named"
        ),
    ],
)
def test_a_resumption_names_the_settings_that_differ(resume, options, words):
    write("b.conll", ROWS * 2)
    code, out, err = resume(*options.split())
    assert (code, out) == (2, "")
    assert f"o: a resumed run keeps its settings and data. {words} Without --resume" in err


def test_changed_data_are_named(resume):
    write("a.conll", ROWS * 2)
    code, _, err = resume()
    assert code == 2
    assert "Got other content of train data; other content of dev data. Without" in err


SAID = "From here on this is another run"


def test_a_resumed_run_may_have_more_epochs(resume):
    code, _, err = resume("--epochs", 4)
    assert (code, epochs()) == (0, [1, 2, 3, 4])
    assert f"Changed: training.epochs 4 instead of 2. {SAID}" in err
    # These settings are now those of the run.
    code, _, err = resume()
    assert (code, SAID in err) == (0, False)


def test_a_resumed_run_may_have_other_threads(resume):
    code, _, err = resume("--set", "training.threads=2", "--set", "training.device=cpu")
    assert (code, epochs()) == (0, [1, 2])
    assert f"Changed: training.threads 2 instead of 1. {SAID}" in err


def test_a_run_that_ended_early_does_not_go_on(run):
    source = write("a.conll", ROWS)
    early = ["--set", "training.patience=1", "--set", "training.learning_rate=1e-9"]
    run("train", "--train", source, "--dev", source, "--out", "o", "--epochs", 9, *OPTIONS, *early)
    assert epochs() == [1, 2]
    code, _, _ = run("train", "--out", "o", "--resume", "--epochs", 12)
    assert (code, epochs()) == (0, [1, 2])
