"""The distinct words of training, with all that depends on a word alone."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ner.data.sentence import Sentence
from ner.features.featurizer import Arrays, Featurizer
from ner.features.runs import Runs


def capitalized(word: str) -> str:
    """Begin a word with a capital, as in a headline; other letters stay.

    >>> [capitalized(word) for word in ("rejects", "IBM", "o'Neil", "'s")]
    ['Rejects', 'IBM', "O'Neil", "'s"]
    """
    return word[:1].title() + word[1:]


SPELLINGS = {"upper": str.upper, "lower": str.lower, "title": capitalized}


class Lexicon:
    """Words that training shows: what depends on a word alone is encoded once a word.

    Args:
        words: None of them twice.
        featurizer: What to encode.
        rare: Forms of words that training shows at times as if they were unknown.
        spellings: Names of `SPELLINGS` in which training shows the words too.
    """

    def __init__(
        self,
        words: Sequence[str],
        featurizer: Featurizer,
        rare: set[str] | None = None,
        spellings: Iterable[str] = (),
    ) -> None:
        self.featurizer = featurizer
        rows = {word: row for row, word in enumerate(words)}
        # For each word of training the row of its other spelling.
        self.respelled: dict[str, NDArray[np.int64]] = {
            name: np.array([rows.setdefault(SPELLINGS[name](word), len(rows)) for word in words])
            for name in spellings
        }
        self.words = list(rows)
        self.arrays = featurizer.encode_words(self.words)
        if rare:
            self.arrays["substitutes"] = featurizer.words.substitutes(self.words, rare)

    def encoded(self, rows: NDArray[np.int64]) -> Arrays:
        """Give what is known about the words in some rows, no wider than the longest needs."""
        arrays = {name: values[rows] for name, values in self.arrays.items()}
        if "characters" in arrays:
            longest = int((arrays["characters"] != 0).sum(axis=1).max())
            arrays["characters"] = arrays["characters"][:, :longest]
        return arrays

    def with_neighbours(self, sentences: Runs) -> Runs:
        """Encode anew what depends on the neighbours of a token, after sentences were changed."""
        if self.featurizer.bigrams is None:
            return sentences
        words = [self.words[row] for row in sentences.per_token["tokens"].tolist()]
        borders = [*sentences.starts.tolist(), len(words)]
        changed = [Sentence(words[start:end]) for start, end in pairwise(borders)]
        return sentences.replace(bigrams=self.featurizer.bigrams.find(changed))
