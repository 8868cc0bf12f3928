import threading

import numpy as np
import pytest

from ner.data.sentence import Sentence
from ner.features.distinct_words import CHUNK, WordRows
from ner.features.featurizer import build_featurizer

FEATURIZER = build_featurizer([Sentence(["a", "bc"])])


def make(size=4, **limits):
    """Give a table whose vectors hold a word's length, and the sizes of the calls it made."""
    calls = []

    def compute(arrays):
        calls.append(arrays["characters"].shape)
        lengths = (arrays["characters"] != 0).sum(axis=1) - 2
        return np.repeat(lengths[:, None], size, axis=1).astype(np.float32)

    return WordRows(FEATURIZER, compute, **limits), calls


def found(rows, tokens):
    table, ids = rows.find(tokens)
    return table[ids][:, 0].tolist()


def test_a_word_is_computed_once():
    rows, calls = make()
    assert found(rows, ["a", "bcd", "a"]) == [1, 3, 1]
    assert found(rows, ["bcd", "a"]) == [3, 1]
    assert found(rows, ["ef", "a"]) == [2, 1]
    assert [count for count, _ in calls] == [2, 1]


def test_words_are_computed_in_chunks_of_like_length():
    rows, calls = make()
    words = ["x" * (1 + i % 60) + str(i) for i in range(3 * CHUNK)]
    assert found(rows, words) == [len(word) for word in words]
    assert [count for count, _ in calls] == [CHUNK] * 3
    widths = [width for _, width in calls]
    assert widths == sorted(widths)
    assert widths[0] < 30


def test_a_full_table_begins_anew_and_the_old_one_stays_what_it_was():
    rows, calls = make(cache_bytes=10 * 4 * 4)
    table, ids = rows.find([f"{i}" for i in range(8)])
    before = table[ids].copy()
    assert found(rows, ["ab", "0", "abc", "abcd"]) == [2, 1, 3, 4]
    assert (table[ids] == before).all()
    assert [count for count, _ in calls] == [8, 4]
    assert found(rows, [f"{i}" for i in range(100, 150)]) == [3] * 50  # more than it may keep
    assert found(rows, ["ab"]) == [2]


def test_a_call_that_fails_leaves_the_table_as_it_was():
    def compute(arrays):
        if len(arrays["characters"]) > 1:
            raise MemoryError
        return np.ones((1, 2), dtype=np.float32)

    rows = WordRows(FEATURIZER, compute)
    assert found(rows, ["a"]) == [1]
    with pytest.raises(MemoryError):
        rows.find(["b", "c"])
    assert found(rows, ["a", "a"]) == [1, 1]
    assert found(rows, ["b"]) == [1]


def test_many_threads_find_what_one_finds():
    rows, _ = make(cache_bytes=64 * 4 * 4)
    wrong = []

    def ask(seed):
        random = np.random.default_rng(seed)
        for _ in range(200):
            words = ["w" * int(n) for n in random.integers(1, 60, 9)]
            if found(rows, words) != [len(word) for word in words]:
                wrong.append(words)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
