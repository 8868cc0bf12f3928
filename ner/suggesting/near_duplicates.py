"""Finds texts that are nearly equal to one that was seen before."""

import re
from collections import defaultdict
from collections.abc import Sequence

# Tokens of a piece. Texts are compared by the pieces that they share.
PIECE = 2
# Two texts are nearly equal if both have at least this share of the pieces that one of them has.
SIMILAR = 0.5
NUMBER = re.compile(r"\d+")

Pieces = frozenset[tuple[str, ...]]


class SeenTexts:
    """Texts, among which those that are nearly equal to another one are found.

    The similarity is that of Jaccard: of all pairs of adjacent tokens that two texts have, the
    share that both have, without regard to case and to numbers. It is exact. A look-up compares
    only texts that share one of the rarer pieces, because a text that lacks all of these has too
    few of the others.

    Source: Broder, "On the resemblance and containment of documents", SEQUENCES 1997, section 2;
    Chaudhuri, Ganti and Kaushik, "A Primitive Operator for Similarity Joins in Data Cleaning", ICDE
    2006, section 4.2 (rare pieces first).

    >>> seen = SeenTexts()
    >>> seen.add(["Sales", "rose", "by", "7", "percent", "."])
    >>> seen.has_like(["Sales", "rose", "by", "12", "percent", "."]), seen.has_like(["Sales"])
    (True, False)
    """

    def __init__(self) -> None:
        self._texts: list[Pieces] = []
        self._places: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)

    def add(self, tokens: Sequence[str]) -> None:
        """Remember a text."""
        pieces = _pieces(tokens)
        for piece in pieces:
            self._places[piece].append(len(self._texts))
        self._texts.append(pieces)

    def has_like(self, tokens: Sequence[str]) -> bool:
        """Whether a text is nearly equal to one that was added."""
        pieces = _pieces(tokens)
        places = sorted((self._places.get(piece, ()) for piece in pieces), key=len)
        most_lacking = int((1 - SIMILAR) * len(pieces))
        near = {i for found in places[: most_lacking + 1] for i in found}
        return any(_similarity(pieces, self._texts[i]) >= SIMILAR for i in near)


def word_key(token: str) -> str:
    """Return what tokens have in common that differ in case and numbers alone.

    >>> word_key("Q3-2024")
    'q0-0'
    """
    return NUMBER.sub("0", token.casefold())


def _pieces(tokens: Sequence[str]) -> Pieces:
    """Cut a text into pieces that overlap; a shorter text is one piece."""
    keys = tuple(map(word_key, tokens))
    return frozenset(keys[i : i + PIECE] for i in range(max(1, len(keys) - PIECE + 1)))


def _similarity(one: Pieces, other: Pieces) -> float:
    return len(one & other) / len(one | other)
