"""Everything that depends on a word alone is computed once for each distinct word.

In training the words are known beforehand: `DistinctWords` keeps their arrays. In tagging they are
not: `WordRows` keeps the vectors that the network computed for the words it has met.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ner.data.sentence import Sentence
from ner.features.arrays import Floats, WordArrays, take_rows
from ner.features.featurizer import Featurizer
from ner.features.ragged import Ragged


def capitalized(word: str) -> str:
    """Return the word with a capital first letter, as in a headline.

    >>> [capitalized(word) for word in ("rejects", "IBM", "o'Neil", "'s")]
    ['Rejects', 'IBM', "O'Neil", "'s"]
    """
    return word[:1].title() + word[1:]


SPELLINGS = {"upper": str.upper, "lower": str.lower, "title": capitalized}

# Bytes of all vectors that are kept. If there are more, all are dropped, and the text at hand
# starts a new table. There is room for 50,000 words of 160 numbers, which covers the common words
# of most corpora.
CACHE_BYTES = 32 << 20

# Words that are computed together, so that one long word among them costs little.
CHUNK = 256

# Least width of a vector when the rows of the table are counted: the word takes memory as well.
LEAST_WIDTH = 64


class DistinctWords:
    """The words of the training sentences, encoded.

    Args:
        words: The words, each once.
        featurizer: Encodes them.
        rare: Forms of words that training shows as unknown now and then.
        spellings: Names in `SPELLINGS`: other spellings in which training shows the words.
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
        # For each spelling, the row of each word so spelled.
        self.respelled: dict[str, NDArray[np.int64]] = {
            name: np.array([rows.setdefault(SPELLINGS[name](word), len(rows)) for word in words])
            for name in spellings
        }
        self.words = list(rows)
        self.arrays = featurizer.encode_words(self.words)
        if rare:
            self.arrays["substitutes"] = featurizer.words.substitutes(self.words, rare)

    def encoded(self, rows: NDArray[np.int64]) -> WordArrays:
        """Return the arrays of the words at `rows`, no wider than the longest word needs."""
        arrays = take_rows(self.arrays, rows)
        if "characters" in arrays:
            longest = int((arrays["characters"] != 0).sum(axis=1).max())
            arrays["characters"] = arrays["characters"][:, :longest]
        return arrays

    def with_neighbours(self, sentences: Ragged) -> Ragged:
        """Encode the pairs of neighbours again, after the sentences were changed."""
        if self.featurizer.bigrams is None:
            return sentences
        words = [self.words[row] for row in sentences.per_token["tokens"].tolist()]
        borders = [*sentences.starts.tolist(), len(words)]
        changed = [Sentence(words[start:end]) for start, end in pairwise(borders)]
        return sentences.replace(bigrams=self.featurizer.bigrams.find(changed))


class WordRows:
    """A table of word vectors, of bounded size. Several threads may use it at once.

    Args:
        featurizer: Encodes words.
        compute: Computes the vectors (U E) of U words from their arrays.
        cache_bytes: Bytes of the table; a call that needs more gets more.
    """

    def __init__(
        self,
        featurizer: Featurizer,
        compute: Callable[[WordArrays], Floats],
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self._featurizer = featurizer
        self._compute = compute
        self._cache_bytes = cache_bytes
        self._lock = threading.Lock()
        self._index: dict[str, int] = {}
        self._table: Floats = np.empty((0, 0), dtype=np.float32)

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy in another process starts with an empty table: locks cannot be sent.
        return WordRows, (self._featurizer, self._compute, self._cache_bytes)

    def find(self, tokens: Sequence[str]) -> tuple[Floats, list[int]]:
        """Return a table (R E), which must not be changed, and the row of each token in it (N)."""
        with self._lock:
            rows = [self._index.get(token, -1) for token in tokens]
            if -1 in rows:
                self._add(tokens)
                rows = [self._index[token] for token in tokens]
            return self._table[: len(self._index)], rows

    def _add(self, tokens: Sequence[str]) -> None:
        """Add the vectors of new words, or start a new table with those of all `tokens`."""
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
