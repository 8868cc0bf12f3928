"""The character ranges of the tokens of a long text, in little memory."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

# Sentences with at least so many tokens keep the ranges of their tokens as `TokenRanges`.
MANY_TOKENS = 4096


class TokenRanges(Sequence[tuple[int, int]]):
    """Ranges of characters, half open. It equals the tuple of the same pairs.

    A pair takes 16 bytes here, and 128 as a tuple of numbers of its own.

    Args:
        pairs: The start and the end of each token.

    >>> TokenRanges([(0, 3), (4, 8)])[1]
    (4, 8)
    """

    def __init__(self, pairs: Iterable[tuple[int, int]] = ()) -> None:
        self._starts, self._ends = array("q"), array("q")
        self.extend(pairs)

    def extend(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Append pairs, while a text is read; ranges that belong to a sentence never change."""
        for start, end in pairs:
            self._starts.append(start)
            self._ends.append(end)

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._starts, self._ends, strict=True)

    @overload
    def __getitem__(self, index: int) -> tuple[int, int]: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[tuple[int, int], ...]: ...
    def __getitem__(self, index: int | slice) -> tuple[int, int] | tuple[tuple[int, int], ...]:
        if isinstance(index, slice):
            return tuple(zip(self._starts[index], self._ends[index], strict=True))
        return self._starts[index], self._ends[index]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, TokenRanges):
            return self._starts == other._starts and self._ends == other._ends
        return isinstance(other, tuple) and len(self) == len(other) and tuple(self) == other

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))


def as_ranges(pairs: Iterable[Sequence[int]]) -> Sequence[tuple[int, int]]:
    """Return pairs of numbers as a tuple of tuples; many of them as `TokenRanges`."""
    if type(pairs) is TokenRanges:
        return pairs
    found: Any = tuple(pairs)
    if len(found) >= MANY_TOKENS:
        return TokenRanges((start, end) for start, end in found)
    if found and type(found[0]) is not tuple:
        return tuple((start, end) for start, end in found)
    return found
