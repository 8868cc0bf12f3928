"""The made-up corpus is what its program says, and what is measured is all there."""

import subprocess
import sys
from pathlib import Path

import pytest

from ner.data.formats.read import read_sentences

SCRIPTS = Path(__file__).parents[2] / "scripts" / "benchmark"
with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(SCRIPTS)
    import big_corpus


def test_the_corpus_has_the_tokens_that_were_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(big_corpus, "CHUNK", 3000)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        big_corpus.write_corpus(tmp_path / name, 10_000, seed)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()
    sentences = read_sentences(tmp_path / "a")
    assert sum(map(len, sentences)) == 10_000
    assert max(map(len, sentences)) == 34
    assert {span.label for s in sentences for span in s.spans or ()} == {"PER", "LOC", "ORG"}
    names = sum(end - start for s in sentences for start, end, _ in s.spans or ())
    # A fifth of the words, less by token: the three most frequent words are none.
    assert 0.1 < names / 10_000 < 0.2


@pytest.mark.skipif(not big_corpus.STATUS.exists(), reason="memory is measured on Linux alone")
def test_every_part_of_a_training_is_measured_and_nothing_is_left(tmp_path):
    command = [sys.executable, SCRIPTS / "big_corpus.py", "--tokens", 5000, "--steps", 2]
    result = subprocess.run(
        [*map(str, command), "--folder", str(tmp_path)], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    head, _, *rows = (line.strip("| ").split(" | ") for line in result.stdout.splitlines())
    assert [row[:2] for row in rows] == [["500", "on disk"], ["5,000", "on disk"]]
    assert all(len(row) == len(head) for row in rows)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(
            ["--tokens", 10**15], "{folder}: needs 25000000.0 GB free. Got ", id="a disk too small"
        ),
        pytest.param(
            ["--tokens", 9],
            "--tokens, --steps: at least 1000 and 1. Got 9, 2000.",
            id="too few tokens",
        ),
        pytest.param(["--folder", "none"], "--folder: must be there. Got 'none'.", id="no folder"),
        pytest.param(["--file", "none.conll"], "none.conll: no such file.", id="no file"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_line(tmp_path, options, message):
    command = [sys.executable, SCRIPTS / "big_corpus.py", "--folder", tmp_path, *options]
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(message.format(folder=tmp_path))
    assert len(result.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
