"""Sentences as windows of sub-words, which a transformer reads; without torch."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from ner.errors import ConfigError
from ner.features.document_context import Passage

Ints = NDArray[np.int64]


def cut_windows(length: int, size: int, overlap: int) -> Ints:
    """Give the starts of as few windows as cover a sequence, evenly spread.

    Args:
        length: Of the sequence, more than `size`.
        size: Of each window.
        overlap: What neighbouring windows share at least; less than `size`.

    >>> cut_windows(20, size=8, overlap=2).tolist()
    [0, 6, 12]
    """
    count = 1 + -(-(length - size) // (size - overlap))
    return np.arange(count) * (length - size) // (count - 1)


def handovers(starts: Ints, size: int, word_starts: Ints) -> Ints:
    """Give the places from which on the next window has the say: where it is the more central one.

    They are moved back to the start of the word that they would cut, unless the next window does
    not hold this start. So all of a word comes from one window, if it fits.

    Args:
        starts: Of the windows (M).
        size: Of each window.
        word_starts: Places of the sequence where words start, ascending.

    Returns:
        One place less than there are windows, ascending.

    >>> handovers(np.array([0, 6, 12]), size=8, word_starts=np.array([0, 9, 13])).tolist()
    [7, 13]
    """
    # Between the centres of both windows; a place that is as far from one as from the other is
    # left to the first.
    middles = (starts[:-1] + starts[1:] + size + 1) // 2
    words = word_starts[np.maximum(np.searchsorted(word_starts, middles, "right") - 1, 0)]
    return np.where((words >= starts[1:]) & (words <= middles), words, middles)


Pooling = Literal["mean", "first"]

# Words whose sub-words are kept; when they are more, all are dropped.
CACHED_WORDS = 100_000


class Windows(NamedTuple):
    """What a transformer reads of one sentence.

    `pieces` are the sub-words of each window, with the encoder's marks. Of the sub-words that the
    vectors of tokens are made of, end to end, `rows` are the windows and `columns` the places in
    them; `counts` says how many each token has.
    """

    pieces: list[list[int]]
    rows: Ints
    columns: Ints
    counts: Ints

    def digest(self) -> bytes:
        """Give 16 bytes that are the same only if all of this is."""
        lengths = [len(pieces) for pieces in self.pieces]
        parts = (lengths, *self.pieces, self.rows, self.columns, self.counts)
        content = b"".join(np.asarray(part, dtype=np.int64).tobytes() for part in parts)
        return hashlib.blake2b(content, digest_size=16).digest()


class Subwords:
    """The sub-words of a pretrained encoder, and how much of a document it sees at once.

    A word has the same sub-words in every sentence. One that has none, such as a lone zero-width
    blank, is shown as the unknown one. What looks like a mark of the encoder is text like any
    other.

    Args:
        tokenizer: Of the library `tokenizers`, as JSON.
        window: Sub-words that the encoder takes at once, its marks included.
        overlap: Sub-words that neighbouring windows of a long sentence share, at most half of one.
        context: Sub-words of the document before a sentence, and behind it, that are read along.
        pooling: Whether a token is the mean of its sub-words or the first of them.
        padding: The sub-word that stands behind the end of a window.
        unknown: The sub-word of words that have none.

    Raises:
        ConfigError: A window has no room beside the marks.
    """

    def __init__(
        self,
        tokenizer: str,
        *,
        window: int,
        overlap: int = 128,
        context: int = 0,
        pooling: Pooling = "mean",
        padding: int = 0,
        unknown: int = 0,
    ) -> None:
        self.tokenizer = Tokenizer.from_str(tokenizer)
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        # In a text, "[SEP]" is no mark of the encoder.
        self.tokenizer.encode_special_tokens = True
        self.window = window
        self.overlap = overlap
        self.context = context
        self.pooling: Pooling = pooling
        self.padding = padding
        self.unknown = unknown
        # Encoders of bytes know a word by the blank before it; others are indifferent to one.
        self._blank = " " if '"ByteLevel"' in self.tokenizer.to_str() else ""
        self._cache: dict[str, tuple[int, ...]] = {}
        marked = self.tokenizer.encode([f"{self._blank}a"], is_pretokenized=True)
        own = [i for i, word in enumerate(marked.word_ids) if word is not None]
        self._marks = marked.ids[: own[0]], marked.ids[own[-1] + 1 :]
        # Room for sub-words of a text.
        self._size = window - len(marked.ids) + len(own)
        if self._size < 1:
            raise ConfigError(
                f"transformer.window: must be more than the {window - self._size} marks of the "
                f"encoder. Got {window}."
            )

    def settings(self) -> dict[str, Any]:
        """Give the arguments beside the tokenizer."""
        return {
            "window": self.window,
            "overlap": self.overlap,
            "context": self.context,
            "pooling": self.pooling,
            "padding": self.padding,
            "unknown": self.unknown,
        }

    def vocabulary(self) -> dict[str, Any]:
        """Give the tokenizer as JSON can hold it."""
        return json.loads(self.tokenizer.to_str())

    @classmethod
    def from_settings(
        cls, settings: Mapping[str, Any], vocabulary: Mapping[str, Any]
    ) -> "Subwords":
        """Rebuild it from its `settings` and its `vocabulary`."""
        return cls(json.dumps(vocabulary), **settings)

    def split(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """Give the sub-words of each word, at least one."""
        cache = self._cache
        try:
            return [cache[word] for word in words]
        except KeyError:
            pass
        new = [word for word in dict.fromkeys(words) if word not in cache]
        if len(cache) + len(new) > CACHED_WORDS:
            cache, new = {}, list(dict.fromkeys(words))
        # Halves of UTF-16 pairs are no text that the library takes.
        texts = [f"{self._blank}{w}".encode("utf-8", "replace").decode() for w in new]
        encoded = self.tokenizer.encode(texts, is_pretokenized=True, add_special_tokens=False)
        pieces: list[list[int]] = [[] for _ in new]
        for piece, i in zip(encoded.ids, encoded.word_ids, strict=True):
            if i is not None:
                pieces[i].append(piece)
        unknown = (self.unknown,)
        cache.update(zip(new, (tuple(p) or unknown for p in pieces), strict=True))
        self._cache = cache
        return [cache[word] for word in words]

    def windows(self, passage: Passage) -> Windows:
        """Lay windows over a sentence and its document context.

        Where all of the sentence fits into a window, there is one, with as much of the document
        as has room. Else there are several, and each sub-word is taken from the one in which it
        is most central.
        """
        own = self.split(passage.words)
        counts = np.array([len(pieces) for pieces in own], dtype=np.int64)
        sequence = list(chain.from_iterable(own))
        before, behind = self._context(passage, self._size - len(sequence))
        word_starts = len(before) + np.cumsum(counts) - counts
        if self.pooling == "first":
            places, counts = word_starts, np.ones_like(counts)
        else:
            places = np.arange(len(before), len(before) + len(sequence))
        sequence = [*before, *sequence, *behind]
        head, tail = self._marks
        if len(sequence) <= self._size:
            rows = np.zeros_like(places)
            return Windows([[*head, *sequence, *tail]], rows, places + len(head), counts)
        starts = cut_windows(len(sequence), self._size, min(self.overlap, self._size // 2))
        rows = np.searchsorted(handovers(starts, self._size, word_starts), places, "right")
        # Some windows may hold context alone.
        used, rows = np.unique(rows, return_inverse=True)
        pieces = [
            [*head, *sequence[start : start + self._size], *tail] for start in starts[used].tolist()
        ]
        return Windows(pieces, rows, places - starts[used][rows] + len(head), counts)

    def _context(self, passage: Passage, room: int) -> tuple[list[int], list[int]]:
        """Give the sub-words before and behind a sentence: all if it needs several windows."""
        before = list(chain.from_iterable(self.split(passage.before)))
        behind = list(chain.from_iterable(self.split(passage.behind)))
        before, behind = before[max(0, len(before) - self.context) :], behind[: self.context]
        if room < 0:
            return before, behind
        # What one side leaves is for the other one.
        right = min(len(behind), max(room - len(before), room // 2))
        left = min(len(before), room - right)
        return before[len(before) - left :], behind[:right]

    def arrays(self, passages: Iterable[Passage]) -> dict[str, NDArray[Any]]:
        """Make what a batch of sentences (B, T tokens in the longest) holds for a transformer.

        Returns:
            `pieces` (M S), sub-words of all windows, padded; `piece_lengths` (M); `windows` (B),
            how many each sentence has; `places` (P), where in the flat `pieces` the sub-words are
            that make the vectors of tokens, token by token; `first_places` (B T), where in
            `places` those of each token begin; `keys` (B 2), the same only for equal windows.
        """
        all_windows = [self.windows(passage) for passage in passages]
        pieces = [row for windows in all_windows for row in windows.pieces]
        lengths = np.array([len(row) for row in pieces], dtype=np.int64)
        padded = np.full((len(pieces), lengths.max()), self.padding, dtype=np.int64)
        padded[np.arange(padded.shape[1]) < lengths[:, None]] = list(chain.from_iterable(pieces))
        per_sentence = np.array([len(windows.pieces) for windows in all_windows], dtype=np.int64)
        firsts = np.cumsum(per_sentence) - per_sentence
        places = [
            (first + windows.rows) * padded.shape[1] + windows.columns
            for first, windows in zip(firsts.tolist(), all_windows, strict=True)
        ]
        longest = max(len(windows.counts) for windows in all_windows)
        counts = np.zeros((len(all_windows), longest), dtype=np.int64)
        for row, windows in zip(counts, all_windows, strict=True):
            row[: len(windows.counts)] = windows.counts
        digests = b"".join(windows.digest() for windows in all_windows)
        return {
            "pieces": padded,
            "piece_lengths": lengths,
            "windows": per_sentence,
            "places": np.concatenate(places),
            "first_places": (np.cumsum(counts) - counts.ravel()).reshape(counts.shape),
            "keys": np.frombuffer(digests, dtype=np.int64).reshape(-1, 2).copy(),
        }
