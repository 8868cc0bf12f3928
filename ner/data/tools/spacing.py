"""A text and the same text with other white space, such as tokens that are joined by blanks."""

import itertools
from typing import Self

from ner.data.sentence import Sentence
from ner.data.spans import without_spaces


class Respacing:
    """Finds places of a text in the same text with other white space.

    Args:
        old: The text with the known places.
        new: The same characters with other white space.
    """

    def __init__(self, old: str, new: str) -> None:
        # How many characters that are no white space come before each place of the old text.
        self._before = [0, *itertools.accumulate(not character.isspace() for character in old)]
        self._places = [i for i, character in enumerate(new) if not character.isspace()]

    @classmethod
    def between(cls, old: str, new: str) -> Self | None:
        """Return what finds places; None if the texts differ in more than white space."""
        if old == new or without_spaces(old) != without_spaces(new):
            return None
        return cls(old, new)

    def __call__(self, start: int, end: int) -> tuple[int, int]:
        """Return the range of the new text with the characters of a range of the old one.

        White space at its ends is left out. A range of white space alone becomes an empty one.

        >>> Respacing("Ada left .", "Ada left.")(9, 10)
        (8, 9)
        >>> Respacing("Ada  left.", "Ada left.")(4, 9)
        (4, 8)
        """
        first, last = self._before[start], self._before[end]
        if first == last:
            return 0, 0
        return self._places[first], self._places[last - 1] + 1


def respaced(sentence: Sentence, text: str) -> Sentence:
    """Return a sentence with its text in other white space."""
    moved = Respacing(sentence.text, text)
    return sentence.replace(text=text, offsets=[moved(*place) for place in sentence.offsets])


def is_joined(sentence: Sentence) -> bool:
    """Whether the text is nothing but the tokens joined by blanks, as in files of columns."""
    return sentence.text == " ".join(sentence.tokens)
