"""Constraints of sentences in a batch, and of the pieces of a text."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ner.crf.lattice import Allowed
from ner.crf.span_lattice import Range
from ner.data.schemes import Span
from ner.data.sentence import Sentence
from ner.rules.settling import Constraints


def join_allowed(rows: Sequence[Allowed | None], shape: tuple[int, ...]) -> Allowed | None:
    """Put the allowed tags of sentences (T C) together (B T C); None where all are allowed."""
    if all(row is None for row in rows):
        return None
    allowed = np.ones(shape, dtype=np.bool_)
    for b, row in enumerate(rows):
        if row is not None:
            allowed[b, : len(row)] = row
    return allowed


def parts_of(given: Constraints, pieces: Iterable[Sentence]) -> Iterator[Constraints]:
    """Yield the parts of constraints that are for each piece of a text."""
    first = 0
    for piece in pieces:
        place = (first, first + len(piece))
        required = (Span(*part) for part in ranges_within(given.required, *place))
        yield Constraints(list(required), ranges_within(given.forbidden, *place))
        first = place[1]


def ranges_within(ranges: Iterable[Range], first: int, last: int) -> list[Range]:
    """Return the parts of labelled ranges between two tokens, counted from the first one."""
    cut = ((max(start, first), min(end, last), label) for start, end, label in ranges)
    return [(start - first, end - first, label) for start, end, label in cut if start < end]
