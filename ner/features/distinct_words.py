"""The distinct words of training, with all that depends on a word alone."""

import threading
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ner.data.sentence import Sentence
from ner.features.featurizer import Arrays, Featurizer
from ner.features.ragged import Ragged


def capitalized(word: str) -> str:
    """Begin a word with a capital, as in a headline; other letters stay.

    >>> [capitalized(word) for word in ("rejects", "IBM", "o'Neil", "'s")]
    ['Rejects', 'IBM', "O'Neil", "'s"]
    """
    return word[:1].title() + word[1:]


SPELLINGS = {"upper": str.upper, "lower": str.lower, "title": capitalized}


class DistinctWords:
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

    def with_neighbours(self, sentences: Ragged) -> Ragged:
        """Encode anew what depends on the neighbours of a token, after sentences were changed."""
        if self.featurizer.bigrams is None:
            return sentences
        words = [self.words[row] for row in sentences.per_token["tokens"].tolist()]
        borders = [*sentences.starts.tolist(), len(words)]
        changed = [Sentence(words[start:end]) for start, end in pairwise(borders)]
        return sentences.replace(bigrams=self.featurizer.bigrams.find(changed))


# Of all vectors that are kept; when they are more, all are dropped, and the text at hand begins
# anew. That holds 50,000 words of 160 numbers, more than most corpora have in common use.
CACHE_BYTES = 32 << 20

# Words that are computed together, so that one long word among them costs little.
CHUNK = 256

# Of a vector, when rows are counted: the word itself takes memory as well.
LEAST_WIDTH = 64

Floats = NDArray[np.float32]


class WordRows:
    """A bounded table of word vectors; may be asked from many threads.

    Args:
        featurizer: Strings to arrays.
        compute: From the arrays of U words to their vectors (U E).
        cache_bytes: Of the table; one call that needs more gets more.
    """

    def __init__(
        self,
        featurizer: Featurizer,
        compute: Callable[[Arrays], Floats],
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self._featurizer = featurizer
        self._compute = compute
        self._cache_bytes = cache_bytes
        self._lock = threading.Lock()
        self._index: dict[str, int] = {}
        self._table: Floats = np.empty((0, 0), dtype=np.float32)

    def __reduce__(self) -> tuple[Any, ...]:
        return WordRows, (self._featurizer, self._compute, self._cache_bytes)  # locks stay at home

    def find(self, tokens: Sequence[str]) -> tuple[Floats, list[int]]:
        """Give a table (R E), not to be changed, and the row of each token in it (N)."""
        with self._lock:
            rows = [self._index.get(token, -1) for token in tokens]
            if -1 in rows:
                self._add(tokens)
                rows = [self._index[token] for token in tokens]
            return self._table[: len(self._index)], rows

    def _add(self, tokens: Sequence[str]) -> None:
        """Append the vectors of new words, or begin anew with those of all `tokens`."""
        index, table = self._index, self._table
        words = [token for token in dict.fromkeys(tokens) if token not in index]
        if len(index) + len(words) > len(table):
            index, words = {}, list(dict.fromkeys(tokens))
        words.sort(key=len)
        chunks = (words[i : i + CHUNK] for i in range(0, len(words), CHUNK))
        encode = self._featurizer.encode_words
        vectors = np.concatenate([self._compute(encode(chunk)) for chunk in chunks])
        if not index:
            # Readers of the old table keep it. Memory that is not written to is not taken.
            width = max(vectors.shape[1], LEAST_WIDTH)
            num_rows = max(len(words), self._cache_bytes // (vectors.itemsize * width))
            table = np.empty((num_rows, vectors.shape[1]), dtype=np.float32)
        rows = range(len(index), len(index) + len(words))
        table[rows.start : rows.stop] = vectors
        index.update(zip(words, rows, strict=True))
        self._index, self._table = index, table
