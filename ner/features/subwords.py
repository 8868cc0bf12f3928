"""Sentences as windows of sub-words, for a transformer to read; this needs no torch."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ner.errors import ConfigError
from ner.extras import require
from ner.features.arrays import SubwordArrays
from ner.features.document_context import Passage

Ints = NDArray[np.int64]
Pooling = Literal["mean", "first"]

# Words whose sub-words are kept. If there are more, all are dropped.
CACHED_WORDS = 100_000


class Windows(NamedTuple):
    """The windows of one sentence, and which sub-words in them make the vectors of its tokens."""

    pieces: list[list[int]]
    """Ids of the sub-words of each window, with the special ones of the encoder at both ends."""
    rows: Ints
    """The window of each sub-word of a token, all tokens end to end."""
    columns: Ints
    """The place of each of these sub-words in its window."""
    counts: Ints
    """How many of these sub-words each token has."""

    def digest(self) -> bytes:
        """Compute 16 bytes that are the same only for the same windows."""
        lengths = [len(pieces) for pieces in self.pieces]
        numbers = (lengths, *self.pieces, self.rows, self.columns, self.counts)
        content = b"".join(np.asarray(each, dtype=np.int64).tobytes() for each in numbers)
        return hashlib.blake2b(content, digest_size=16).digest()


class Subwords:
    """Cuts sentences into the sub-words of a pretrained encoder, and these into windows.

    A word has the same sub-words in every sentence. A word without any, such as a single zero-width
    space, becomes the unknown sub-word. Text that looks like a special sub-word, such as "[SEP]",
    is text like any other.

    Args:
        tokenizer: A tokenizer of the library `tokenizers`, as JSON.
        window: Sub-words that the encoder reads at once, with the special ones.
        overlap: Sub-words that adjacent windows of a long sentence share, at most half a window.
        context: Sub-words of the document that are read on either side of a sentence.
        pooling: How a token is made of its sub-words: their mean, or the first one.
        padding: Id of the sub-word that pads windows.
        unknown: Id of the sub-word for words without any.

    Raises:
        ConfigError: The special sub-words fill the whole window.
        MissingExtraError: The library is not installed.
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
        library = require("tokenizers", "A model with a pretrained encoder", "subwords")
        self.tokenizer = library.Tokenizer.from_str(tokenizer)
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        # "[SEP]" in a text is not a special sub-word.
        self.tokenizer.encode_special_tokens = True
        self.window = window
        self.overlap = overlap
        self.context = context
        self.pooling: Pooling = pooling
        self.padding = padding
        self.unknown = unknown
        # Encoders of bytes recognize a word by the space before it. Other encoders ignore spaces.
        self._space = " " if '"ByteLevel"' in self.tokenizer.to_str() else ""
        self._cache: dict[str, tuple[int, ...]] = {}
        marked = self.tokenizer.encode([f"{self._space}a"], is_pretokenized=True)
        own = [i for i, word in enumerate(marked.word_ids) if word is not None]
        self._special = marked.ids[: own[0]], marked.ids[own[-1] + 1 :]
        # Sub-words of the text that a window has room for.
        self._size = window - len(marked.ids) + len(own)
        if self._size < 1:
            raise ConfigError(
                f"transformer.window: must be more than the {window - self._size} special "
                f"sub-words of the encoder. Got {window}."
            )

    def settings(self) -> dict[str, Any]:
        """Return the arguments of the class, but for the tokenizer."""
        return {
            "window": self.window,
            "overlap": self.overlap,
            "context": self.context,
            "pooling": self.pooling,
            "padding": self.padding,
            "unknown": self.unknown,
        }

    def vocabulary(self) -> dict[str, Any]:
        """Return the tokenizer in a form that JSON can hold."""
        return json.loads(self.tokenizer.to_str())

    @classmethod
    def from_settings(
        cls, settings: Mapping[str, Any], vocabulary: Mapping[str, Any]
    ) -> "Subwords":
        """Rebuild an object from its `settings` and its `vocabulary`."""
        return cls(json.dumps(vocabulary), **settings)

    def split(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """Return the ids of the sub-words of each word, at least one id a word."""
        cache = self._cache
        try:
            return [cache[word] for word in words]
        except KeyError:
            pass
        new = [word for word in dict.fromkeys(words) if word not in cache]
        if len(cache) + len(new) > CACHED_WORDS:
            cache, new = {}, list(dict.fromkeys(words))
        # The library does not accept halves of UTF-16 pairs.
        texts = [f"{self._space}{w}".encode("utf-8", "replace").decode() for w in new]
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
        """Cut a sentence and its document context into windows.

        A sentence that fits into one window has one, filled up with as much context as fits. A
        longer sentence has several windows, and each of its sub-words is taken from the window in
        which it is nearest to the centre.
        """
        own = self.split(passage.words)
        counts = np.array([len(pieces) for pieces in own], dtype=np.int64)
        sequence = list(chain.from_iterable(own))
        before, after = self._context(passage, self._size - len(sequence))
        word_starts = len(before) + np.cumsum(counts) - counts
        if self.pooling == "first":
            places, counts = word_starts, np.ones_like(counts)
        else:
            places = np.arange(len(before), len(before) + len(sequence))
        sequence = [*before, *sequence, *after]
        head, tail = self._special
        if len(sequence) <= self._size:
            rows = np.zeros_like(places)
            return Windows([[*head, *sequence, *tail]], rows, places + len(head), counts)
        starts = cut_windows(len(sequence), self._size, min(self.overlap, self._size // 2))
        rows = np.searchsorted(handovers(starts, self._size, word_starts), places, "right")
        # A window that has only context is left out.
        used, rows = np.unique(rows, return_inverse=True)
        pieces = [
            [*head, *sequence[start : start + self._size], *tail] for start in starts[used].tolist()
        ]
        return Windows(pieces, rows, places - starts[used][rows] + len(head), counts)

    def arrays(self, passages: Iterable[Passage]) -> SubwordArrays:
        """Make the arrays that a transformer reads for a batch of sentences."""
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

    def _context(self, passage: Passage, room: int) -> tuple[list[int], list[int]]:
        """Return the sub-words to read before and after a sentence.

        Args:
            passage: The sentence and its context.
            room: Sub-words that fit beside the sentence; negative if it needs several windows,
                which read the whole context.
        """
        before = list(chain.from_iterable(self.split(passage.before)))
        after = list(chain.from_iterable(self.split(passage.after)))
        before, after = before[max(0, len(before) - self.context) :], after[: self.context]
        if room < 0:
            return before, after
        # Each side gets half of the room, and what the other side does not need.
        right = min(len(after), max(room - len(before), room // 2))
        left = min(len(before), room - right)
        return before[len(before) - left :], after[:right]


def cut_windows(length: int, size: int, overlap: int) -> Ints:
    """Cover a sequence with as few windows as possible, at even distances.

    Args:
        length: Length of the sequence, more than `size`.
        size: Length of each window.
        overlap: Least overlap of adjacent windows, less than `size`.

    Returns:
        The start of each window, ascending.

    >>> cut_windows(20, size=8, overlap=2).tolist()
    [0, 6, 12]
    """
    count = 1 + -(-(length - size) // (size - overlap))
    return np.arange(count) * (length - size) // (count - 1)


def handovers(starts: Ints, size: int, word_starts: Ints) -> Ints:
    """Find the places at which one window hands over to the next: from there, its centre is nearer.

    A place inside a word is moved back to the start of the word, if the next window contains that
    start. So all sub-words of a word come from one window, if the word fits into it.

    Args:
        starts: The start of each window (M).
        size: Length of each window.
        word_starts: Places in the sequence where words start, ascending.

    Returns:
        The first place of each window but the first, ascending (M - 1).

    >>> handovers(np.array([0, 6, 12]), size=8, word_starts=np.array([0, 9, 13])).tolist()
    [7, 13]
    """
    # The place between the centres of two windows. A place at the same distance from both belongs
    # to the first one.
    middles = (starts[:-1] + starts[1:] + size + 1) // 2
    words = word_starts[np.maximum(np.searchsorted(word_starts, middles, "right") - 1, 0)]
    return np.where((words >= starts[1:]) & (words <= middles), words, middles)
