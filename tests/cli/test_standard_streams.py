"""Standard streams that are closed, or that nobody reads any more."""

import os
import subprocess
import sys

import pytest

from tests.cli.helpers import CONLL, records, write

NER = [sys.executable, "-m", "ner"]


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.getcwd())  # noqa: PTH109
    monkeypatch.chdir(tmp_path)
    return write("a.conll", CONLL)


def shell(line, *words):
    """Run a command with redirections that only a shell has."""
    command = ["sh", "-c", f'exec "$@" {line}', "sh", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)


CONVERT = [*NER, "data", "convert", "a.conll"]


@pytest.mark.parametrize("line", [">&-", "2>&-", "<&- >&- 2>&-"], ids=["stdout", "stderr", "all"])
def test_a_command_does_its_work_without_standard_streams(source, tmp_path, line):
    done = shell(line, *CONVERT, "b.jsonl")
    assert (done.returncode, done.stdout) == (0, "")
    assert "Traceback" not in done.stderr
    content = (tmp_path / "b.jsonl").read_text()
    assert len(records(content)) == 2


def test_what_goes_to_a_closed_stream_goes_to_no_file(source):
    done = shell(">&-", *CONVERT, "-", "--to", "jsonl")
    assert (done.returncode, done.stdout) == (0, "")
    assert "Traceback" not in done.stderr
    assert os.listdir() == ["a.conll"]  # noqa: PTH208


def test_a_closed_standard_input_is_empty(source, tmp_path):
    done = shell("<&-", *NER, "data", "convert", "-", "b.jsonl", "--format", "conll")
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "b.jsonl").read_bytes() == b""


def test_an_error_that_nobody_can_read_keeps_its_code(source):
    done = shell("2>&-", *NER, "data", "stats", "none.conll")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def broken_pipe():
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def test_an_output_that_nobody_reads_ends_quietly(source):
    pipe = broken_pipe()
    command = [*CONVERT, "-", "--to", "jsonl"]
    done = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, text=True)
    os.close(pipe)
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("a.conll: read as conll")


def test_messages_that_nobody_reads_cost_no_result(source, tmp_path):
    pipe = broken_pipe()
    done = subprocess.run([*CONVERT, "-", "--to", "jsonl"], stdout=subprocess.PIPE, stderr=pipe)
    os.close(pipe)
    assert done.returncode == 0
    assert len(records(done.stdout.decode())) == 2


def test_a_training_that_nobody_watches_goes_on(source, tmp_path):
    pipe = broken_pipe()
    settings = ["words.size=4", "affixes.rows=8", "encoder.size=4", "training.threads=1"]
    words = [word for setting in settings for word in ("--set", setting)]
    command = [*NER, "train", "--train", source, "--dev", source, "--out", "o", "--epochs", "1"]
    done = subprocess.run([*command, *words], stdout=pipe, stderr=pipe)
    os.close(pipe)
    assert done.returncode == 0
    assert (tmp_path / "o/model/manifest.json").exists()


def test_a_full_device_is_named_in_one_line(source):
    if not os.path.exists("/dev/full"):  # noqa: PTH110
        pytest.skip("needs /dev/full")
    done = shell("> /dev/full", *CONVERT, "-", "--to", "jsonl")
    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == ["output: no space left on device."]
