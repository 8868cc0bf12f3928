"""What every result for a sentence obeys, from rules and from whoever asks."""

from collections.abc import Sequence
from typing import NamedTuple

from ner.data.schemes import Span

# Tokens in which there is no span of a label, or none at all where the label is None.
Barred = tuple[int, int, str | None]


class Constraints(NamedTuple):
    """What every result for a sentence obeys.

    Args:
        required: Spans of tokens that it has.
        forbidden: Tokens that no span of a label touches; no span at all where the label is None.
    """

    required: Sequence[Span] = ()
    forbidden: Sequence[Barred] = ()

    def __bool__(self) -> bool:
        return bool(self.required or self.forbidden)
