"""The made-up corpus is as described, and all measurements are made."""

import pytest

from ner.data.formats.read import read_sentences
from tests.scripts.running import import_script, run_script

SCRIPT = "benchmark/big_corpus.py"
big_corpus = import_script(SCRIPT)


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
    # A fifth of the words, but fewer tokens: the three most frequent words are not names.
    assert 0.1 < names / 10_000 < 0.2


@pytest.mark.skipif(not big_corpus.STATUS.exists(), reason="memory is measured on Linux alone")
def test_every_phase_of_training_is_measured_and_no_file_is_left(tmp_path):
    result = run_script(SCRIPT, "--tokens", 5000, "--steps", 2, "--folder", tmp_path)
    assert result.returncode == 0, result.stderr
    head, _, *rows = (line.strip("| ").split(" | ") for line in result.stdout.splitlines())
    assert [row[:2] for row in rows] == [["500", "on disk"], ["5,000", "on disk"]]
    assert all(len(row) == len(head) for row in rows)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(
            ["--tokens", 10**15],
            "{folder}: must have 25000000.0 GB free. Got ",
            id="a disk too small",
        ),
        pytest.param(
            ["--tokens", 9],
            "--tokens, --steps: must be at least 1000 and 1. Got 9 and 2000.",
            id="too few tokens",
        ),
        pytest.param(["--folder", "none"], "--folder: must exist. Got 'none'.", id="no folder"),
        pytest.param(["--file", "none.conll"], "none.conll: no such file.", id="no file"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, options, message):
    result = run_script(SCRIPT, "--folder", tmp_path, *options)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(message.format(folder=tmp_path))
    assert len(result.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
