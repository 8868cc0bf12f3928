"""The order of training: which sentences form the batches of an epoch."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ner.features.ragged import consecutive

# When sentences are sorted by length, each length is raised by up to this share of it, at random,
# so that the batches of two epochs are not the same.
LENGTH_JITTER = 0.1

# A corpus of more than 64 blocks (4 million tokens) is trained in windows of 64 blocks each. This
# bounds the memory of the plan of an epoch, and of the sentences that are read from a file.
BLOCKS, BLOCK_TOKENS = 64, 1 << 16

# Sentences whose places are computed at a time.
CHUNK = 1 << 18


def block_borders(
    lengths: NDArray[np.integer], block_tokens: int = BLOCK_TOKENS
) -> NDArray[np.int64]:
    """Cut a corpus into blocks of adjacent sentences, of about `block_tokens` tokens each.

    The sentences whose first tokens lie between two multiples of `block_tokens` form a block.

    Args:
        lengths: Tokens of each sentence (N).
        block_tokens: Tokens of a block.

    Returns:
        The first sentence of each block, then the number of sentences (M + 1).
    """
    firsts: list[NDArray[np.int64]] = []
    before, block = 0, -1
    for start in range(0, len(lengths), CHUNK):
        chunk = lengths[start : start + CHUNK].astype(np.int64)
        blocks = (before + np.cumsum(chunk) - chunk) // block_tokens
        firsts.append(start + np.flatnonzero(np.diff(blocks, prepend=block)))
        before, block = before + int(chunk.sum()), int(blocks[-1])
    return np.concatenate([*firsts, np.array([len(lengths)])])


class EpochPlan(Sequence[NDArray[np.int64]]):
    """The sentences of each batch: sentences of similar length together, batches in random order.

    The plan depends on the arguments alone. A corpus of more than `blocks` blocks is cut into
    blocks, which are shuffled; each window of `blocks` blocks is then planned by itself.

    Args:
        lengths: Tokens of each sentence (N).
        seed: Random seed.
        epoch: Number of the epoch, from 0.
        batch_size: Sentences of a batch.
        batch_tokens: Tokens of a batch, padding included; if given, it replaces `batch_size`.
        blocks: Blocks of a window.
        block_tokens: See `block_borders`.
    """

    def __init__(
        self,
        lengths: NDArray[np.integer],
        seed: int,
        epoch: int,
        batch_size: int,
        batch_tokens: int | None = None,
        *,
        blocks: int = BLOCKS,
        block_tokens: int = BLOCK_TOKENS,
    ) -> None:
        self.lengths = lengths
        self.stream = [seed, epoch]
        self.batch_size = batch_size
        self.batch_tokens = batch_tokens
        self.borders = block_borders(lengths, block_tokens)
        count = len(self.borders) - 1
        if count <= blocks:
            self.windows = [np.arange(count)]
        else:
            order = np.random.default_rng(self.stream).permutation(count)
            self.windows = [order[i : i + blocks] for i in range(0, count, blocks)]
        self._planned: tuple[int, list[NDArray[np.int64]]] = (-1, [])
        # The number of batches up to the end of each window.
        self.ends = list(accumulate(self._count(i) for i in range(len(self.windows))))

    def __len__(self) -> int:
        return self.ends[-1]

    def __getitem__(self, step: Any) -> Any:
        """Return the sentences of a batch, or of several batches."""
        if isinstance(step, slice):
            return [self[i] for i in range(len(self))[step]]
        step = range(len(self))[step]
        window = bisect_right(self.ends, step)
        before = self.ends[window - 1] if window else 0
        return self._batches(window)[step - before]

    def _count(self, window: int) -> int:
        if self.batch_tokens is not None:
            return len(self._batches(window))
        chosen = self.windows[window]
        sentences = int((self.borders[chosen + 1] - self.borders[chosen]).sum())
        return -(-sentences // self.batch_size)

    def _sentences(self, window: int) -> NDArray[np.int64]:
        chosen = self.windows[window]
        starts = self.borders[chosen]
        return consecutive(starts, self.borders[chosen + 1] - starts)

    def _batches(self, window: int) -> list[NDArray[np.int64]]:
        if self._planned[0] != window:
            # Batches draw from streams whose third number is 1 or more, so 0 is free.
            stream = self.stream if len(self.windows) == 1 else [*self.stream, 0, 1 + window]
            random = np.random.default_rng(stream)
            sentences = self._sentences(window)
            lengths = self.lengths[sentences]
            noise = random.random(len(lengths))
            order = np.argsort(lengths * (1 + LENGTH_JITTER * noise) + noise, kind="stable")
            batches = cut_batches(order, lengths, self.batch_size, self.batch_tokens)
            shuffled = [sentences[batches[i]] for i in random.permutation(len(batches))]
            self._planned = window, shuffled
        return self._planned[1]


def cut_batches(
    order: NDArray[np.int64],
    lengths: NDArray[np.integer],
    batch_size: int,
    batch_tokens: int | None = None,
) -> list[NDArray[np.int64]]:
    """Cut a list of sentences into batches.

    Args:
        order: Numbers of sentences, in the order in which they are to be taken.
        lengths: Tokens of each sentence (N).
        batch_size: Sentences of a batch.
        batch_tokens: Tokens of a batch, padding included; if given, it replaces `batch_size`. A
            longer sentence is a batch by itself.
    """
    if batch_tokens is None:
        return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    batches: list[NDArray[np.int64]] = []
    start, longest = 0, 0
    for end, length in enumerate(lengths[order].tolist()):
        longest = max(longest, length)
        if end > start and longest * (end - start + 1) > batch_tokens:
            batches.append(order[start:end])
            start, longest = end, length
    return [*batches, order[start:]] if len(order) else batches
