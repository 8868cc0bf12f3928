"""Runs against lists of lists."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ner.features.ragged import Ragged, consecutive, joined

LISTS = st.lists(st.lists(st.integers(0, 99), min_size=1, max_size=5), min_size=1, max_size=6)


def ragged_of(lists):
    tokens = np.array([token for run in lists for token in run], dtype=np.int64)
    lengths = np.array([len(run) for run in lists], dtype=np.int64)
    sums = np.array([sum(run) for run in lists], dtype=np.int64)
    return Ragged(
        lengths, {"tokens": tokens, "pairs": np.stack([tokens, -tokens], 1)}, {"sum": sums}
    )


def lists_of(ragged):
    """Return the sequences as lists, after a check that all arrays agree."""
    assert (ragged.per_token["pairs"] == ragged.per_token["tokens"][:, None] * [1, -1]).all()
    assert len(ragged.per_token["tokens"]) == ragged.lengths.sum()
    ends = np.cumsum(ragged.lengths).tolist()
    starts = ragged.starts.tolist()
    assert ragged.sequence_of_token.tolist() == [
        i for i, n in enumerate(ragged.lengths) for _ in range(n)
    ]
    return [
        ragged.per_token["tokens"][start:end].tolist()
        for start, end in zip(starts, ends, strict=True)
    ]


@given(LISTS, st.data())
def test_picked_runs_are_those_at_the_indices(lists, data):
    indices = data.draw(st.lists(st.integers(0, len(lists) - 1)))
    picked = ragged_of(lists).pick(np.array(indices, dtype=np.int64))
    assert lists_of(picked) == [lists[i] for i in indices]
    assert picked.per_sequence["sum"].tolist() == [sum(lists[i]) for i in indices]


@given(LISTS, st.data())
def test_kept_tokens_stay_in_their_runs(lists, data):
    kept = [
        data.draw(st.lists(st.booleans(), min_size=len(run), max_size=len(run)).filter(any))
        for run in lists
    ]
    changed = ragged_of(lists).keep(np.concatenate(kept))
    assert lists_of(changed) == [
        [token for token, keep in zip(run, keeps, strict=True) if keep]
        for run, keeps in zip(lists, kept, strict=True)
    ]
    assert changed.per_sequence["sum"].tolist() == [sum(run) for run in lists]


@given(LISTS, st.data())
def test_spans_are_replaced_in_place(lists, data):
    expected, starts, lengths, new = [], [], [], []
    first = 0
    for run in lists:
        changed, i = [], 0
        while i < len(run):
            length = data.draw(st.integers(0, min(2, len(run) - i)))
            if length:
                other = data.draw(st.lists(st.integers(100, 199), min_size=1, max_size=3))
                starts.append(first + i)
                lengths.append(length)
                new.append(other)
                changed += other
                i += length
            else:
                changed.append(run[i])
                i += 1
        expected.append(changed)
        first += len(run)
    ragged = ragged_of(lists)
    places = np.array(starts, dtype=np.int64), np.array(lengths, dtype=np.int64)
    changed = ragged.spliced(*places, ragged_of(new))
    assert lists_of(changed) == expected
    assert changed.per_sequence is ragged.per_sequence
    assert lists_of(ragged) == lists


@given(LISTS, LISTS)
def test_joined_runs_stand_end_to_end(left, right):
    assert lists_of(joined([ragged_of(left), ragged_of(right)])) == left + right


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 4))))
def test_numbers_follow_each_start(pairs):
    starts, lengths = (np.array([p[i] for p in pairs], dtype=np.int64) for i in (0, 1))
    expected = [start + i for start, length in pairs for i in range(length)]
    assert consecutive(starts, lengths).tolist() == expected
