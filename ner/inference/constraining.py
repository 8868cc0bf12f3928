"""The parts of constraints that are for the pieces of a text."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from ner.data.schemes import Span
from ner.data.sentence import Sentence
from ner.rules.constraints import Constraints

# A label; for tokens in no span at all, it is None.
Label = TypeVar("Label", str, str | None)


def parts_of(given: Constraints, pieces: Iterable[Sentence]) -> Iterator[Constraints]:
    """Yield the parts of constraints that are for each piece of a text."""
    first = 0
    for piece in pieces:
        place = (first, first + len(piece))
        required = (Span(*part) for part in ranges_within(given.required, *place))
        yield Constraints(list(required), ranges_within(given.forbidden, *place))
        first = place[1]


def ranges_within(
    ranges: Iterable[tuple[int, int, Label]], first: int, last: int
) -> list[tuple[int, int, Label]]:
    """Return the parts of labelled ranges between two tokens, counted from the first one."""
    cut = ((max(start, first), min(end, last), label) for start, end, label in ranges)
    return [(start - first, end - first, label) for start, end, label in cut if start < end]
