"""Work of threads while others read and write."""

import os
import pickle
import threading
from functools import partial

import pytest

import ner
from ner.inference.started import Started, Threads, results_in_turn
from tests.bulk.corpora import TEXTS

MANY = [f"{text} {i}" for i, text in enumerate(TEXTS * 200)]


@pytest.fixture
def tagger(tiny_model):
    """Load the small model with two threads."""
    return ner.load(tiny_model, threads=2)


@pytest.mark.parametrize("split", [None, ner.SentenceSplitter()], ids=["whole", "sentences"])
def test_windows_that_overlap_have_the_results_of_each_alone(tagger, tiny_model, split):
    alone = ner.load(tiny_model, threads=1)
    windows = [MANY[start : start + 300] for start in range(0, len(MANY), 300)]
    expected = [doc for window in windows for doc in alone.pipe(window, split=split)]
    options = {"window": 300, "batch_tokens": 256, "split": split}
    found = list(tagger.pipe(MANY, **options))
    assert [doc.text for doc in found] == MANY
    assert found == list(alone.pipe(MANY, **options))
    assert [doc.prediction.spans for doc in found] == [doc.prediction.spans for doc in expected]


def test_the_next_window_is_read_while_threads_work_on_one(tagger):
    read = []
    texts = (read.append(text) or text for text in MANY)
    results = tagger.pipe(texts, window=100, batch_tokens=64)
    next(results)
    assert len(read) == 200


def test_what_one_thread_does_is_answered_before_more_is_read(tagger):
    read = []
    texts = (read.append(text) or text for text in MANY)
    for i, doc in zip(range(3), tagger.pipe(texts, window=1), strict=False):
        assert doc.text == read[i]
        assert len(read) == i + 1


def test_an_error_of_reading_comes_after_the_results_before_it(tagger):
    def texts():
        yield from MANY[:300]
        raise OSError("gone")

    stream = tagger.pipe(texts(), window=100, batch_tokens=64)
    assert [next(stream).text for _ in range(300)] == MANY[:300]
    with pytest.raises(OSError, match="gone"):
        next(stream)


def test_who_stops_early_cancels_what_was_started():
    cancelled = []

    def works():
        for i in range(3):
            future = Threads(1).start(str, [i]).futures[0]
            future.cancel = partial(cancelled.append, i)
            yield Started(lambda i=i: [i, i], [future])

    results = results_in_turn(works())
    assert next(results) == 0
    results.close()
    assert cancelled == [0, 1]


def test_threads_stay_for_the_next_work(tagger):
    names = set()
    outputs = tagger.runtime.outputs

    def noted(batch):
        names.add(threading.current_thread())
        return outputs(batch)

    object.__setattr__(tagger.runtime, "outputs", noted)
    list(tagger.pipe(MANY, window=100, batch_tokens=64))
    assert 1 <= len(names) <= 2
    assert all(thread.is_alive() for thread in names)


def test_another_process_has_threads_of_its_own(monkeypatch):
    threads = Threads(2)
    assert threads.start(str, [1]).finish() == ["1"]
    before = threads.start(lambda _: threading.current_thread(), [1]).finish()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert threads.start(lambda _: threading.current_thread(), [1]).finish() != before
    assert pickle.loads(pickle.dumps(threads)).count == 2


def test_a_call_that_fails_ends_the_others():
    with pytest.raises(ZeroDivisionError):
        Threads(1).start(lambda i: 1 // i, [1, 0, 2]).finish()
