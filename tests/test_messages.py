"""What the package logs, and how much of it is printed."""

import io
import logging
import subprocess
import sys

import pytest

import ner
from ner.errors import NerError
from ner.messages import logger, shown, tell

QUICK = {"encoder.size": 4, "words.size": 4, "affixes.rows": 8, "training.epochs": 1}
SETTINGS = [word for name, value in QUICK.items() for word in ("--set", f"{name}={value}")]
ROWS = "Ada B-PER\nleft O\n\nBob B-PER\n\n" * 3


@pytest.fixture
def alone(monkeypatch):
    """A program without handlers, as most are; pytest has some of its own."""
    monkeypatch.setattr("ner.training.train.is_handled", lambda: False)


NOWHERE = "nowhere: no such folder, and no installed model. Installed: en."


def train(tmp_path, **options):
    sentences = [ner.Sentence(["Ada", "left"], spans=[ner.Span(0, 1, "PER")])] * 4
    ner.train(out=tmp_path / "run", train=sentences, dev=sentences, set=QUICK, **options)


def test_lines_for_the_user_are_warnings_or_information(caplog):
    with caplog.at_level(logging.INFO, "ner"):
        tell("a.conll: read as conll.")
        tell("Warning: dev: the same sentences.")
    assert [(r.name, r.levelname, r.getMessage()) for r in caplog.records] == [
        ("ner", "INFO", "a.conll: read as conll."),
        ("ner", "WARNING", "dev: the same sentences."),
    ]


def test_without_handlers_nothing_is_printed():
    program = "from ner.messages import tell; tell('Warning: x')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_is_shown_is_harmless_and_on_one_line(capsys):
    with shown(on_stderr=True):
        logger.warning("%s", "a\x1b[31m\nError: b")
        logger.debug("not shown")
    logger.warning("not shown")
    assert capsys.readouterr().err == "Warning: a\\u001b[31m\\nError: b\n"
    assert logger.level == logging.NOTSET


def test_training_shows_its_epochs_on_stderr(tmp_path, capsys, alone):
    train(tmp_path)
    err = capsys.readouterr().err
    assert "epoch   1  loss" in err


def test_training_without_progress_is_silent(tmp_path, capsys, alone):
    train(tmp_path, progress=False)
    assert capsys.readouterr() == ("", "")


def test_training_is_silenced_by_the_level_of_the_logger(tmp_path, capsys, alone, caplog):
    caplog.set_level(logging.ERROR, "ner")
    train(tmp_path)
    assert capsys.readouterr() == ("", "")


def test_training_uses_the_handlers_that_there_are(tmp_path, capsys):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logging.getLogger().addHandler(handler)
    try:
        train(tmp_path)
    finally:
        logging.getLogger().removeHandler(handler)
    assert "epoch   1  loss" in stream.getvalue()
    assert capsys.readouterr().err == ""


def test_quiet_prints_errors_alone(run, tmp_path):
    (tmp_path / "a.conll").write_text(ROWS)
    code, out, err = run("train", "--train", "a.conll", "--out", "o", "--quiet", *SETTINGS)
    assert (code, err) == (0, "")
    assert "Trained in" in out
    assert run("--quiet", "eval", "o/model", "a.conll")[2] == ""
    code, out, err = run("--quiet", "info", "nowhere")
    assert (code, out, err) == (1, "", f"{NOWHERE}\n")


def test_verbose_prints_details(run, tiny_model):
    code, _, err = run("tag", "Ada", "--model", tiny_model, "--verbose", "--output", "tsv")
    assert code == 0
    assert "Debug: " in err and "run by ONNX Runtime in fp32 on cpu." in err
    code, _, err = run("--verbose", "info", "nowhere")
    assert code == 1
    assert err.startswith(f"{NOWHERE}\nDebug: This is where the error was raised.\n")
    assert f"ModelFolderError: {NOWHERE}" in err
    assert run("info", "nowhere")[2] == f"{NOWHERE}\n"


@pytest.mark.parametrize(
    "words",
    [("--quiet", "--verbose", "info", "x"), ("--quiet", "info", "x", "--verbose")],
    ids=["before", "behind"],
)
def test_quiet_and_verbose_exclude_each_other(run, words):
    assert run(*words) == (2, "", "ner: --quiet and --verbose exclude each other. Got both.\n")


def test_warnings_of_python_are_shown_like_others(run, monkeypatch, tmp_path):
    import warnings

    def warn(*_):
        warnings.warn("a\x1b[31m", UserWarning, stacklevel=2)
        raise NerError("That is all.")

    monkeypatch.setattr("ner.data.tools.corpus_file.read_corpus_files", warn)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert run("data", "stats", "x")[2] == "Warning: a\\u001b[31m\nThat is all.\n"
