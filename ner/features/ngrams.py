"""Pairs of neighbouring tokens: what a character means where words are not set apart."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ner.data.sentence import Sentence
from ner.features.vocabulary import UNKNOWN, Vocabulary

# Stands before the first token of a sentence and behind the last one; no token is empty.
EDGE = ""


def bigrams(tokens: Sequence[str], lowercase: bool) -> list[str]:
    """List the pairs of neighbours of a sentence, those with its edges included (T + 1).

    The blank in the middle is no mark that cannot be mistaken: pairs of tokens that hold blanks
    themselves may be written alike, and then share a row.

    >>> bigrams(["北", "京"], lowercase=True)
    [' 北', '北 京', '京 ']
    """
    if lowercase:
        tokens = [token.lower() for token in tokens]
    pairs = zip((EDGE, *tokens), (*tokens, EDGE), strict=True)
    return [f"{left} {right}" for left, right in pairs]


class BigramVocabulary(Vocabulary):
    """The pairs of neighbours that training saw often enough to have a row.

    Training shows the others as unknown, so that their row learns what an unknown pair means.

    Args:
        entries: As `bigrams` writes them.
        lowercase: Spellings that differ in case share a row.
        min_count: How often training saw each of them at least.
    """

    def __init__(self, entries: Iterable[str], lowercase: bool, min_count: int) -> None:
        super().__init__(entries)
        self.lowercase = lowercase
        self.min_count = min_count

    def extended(self, entries: Iterable[str]) -> "BigramVocabulary":
        """Append what is new; the rows of the old entries stay."""
        return BigramVocabulary(super().extended(entries).entries, self.lowercase, self.min_count)

    def find(self, sentences: Iterable[Sentence]) -> NDArray[np.int32]:
        """Look up the pair of each token with the one before and with the one behind (N, 2)."""
        before: list[int] = []
        behind: list[int] = []
        for sentence in sentences:
            pairs = bigrams(sentence.tokens, self.lowercase)
            rows = [self.rows.get(pair, UNKNOWN) for pair in pairs]
            before += rows[:-1]
            behind += rows[1:]
        return np.array([before, behind], dtype=np.int32).T
