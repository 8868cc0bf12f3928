"""The vectors of words, each computed once and kept: what depends on a word alone is free later."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ner.features.featurizer import Arrays, Featurizer

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
