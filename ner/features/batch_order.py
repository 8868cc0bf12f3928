"""Which sentences stand together in the batches of an epoch."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ner.features.ragged import consecutive

# Long sentences vary by this share of their length when batches are grouped in training, so that
# a batch does not meet the same company in each epoch.
LENGTH_JITTER = 0.1

# A longer corpus than a window, of 4 million tokens, is gone through in windows, each of as many
# blocks of neighbours: so the plan of an epoch is of bounded size, and so is what is read from a
# file at a time.
BLOCKS, BLOCK_TOKENS = 64, 1 << 16

# Sentences whose places are computed at a time.
PIECE = 1 << 18


def block_borders(
    lengths: NDArray[np.integer], block_tokens: int = BLOCK_TOKENS
) -> NDArray[np.int64]:
    """Give the first sentence of each block (M), and behind them the number of sentences.

    The sentences of a block begin in the same stretch of `block_tokens` tokens.
    """
    firsts: list[NDArray[np.int64]] = []
    before, block = 0, -1
    for start in range(0, len(lengths), PIECE):
        piece = lengths[start : start + PIECE].astype(np.int64)
        blocks = (before + np.cumsum(piece) - piece) // block_tokens
        firsts.append(start + np.flatnonzero(np.diff(blocks, prepend=block)))
        before, block = before + int(piece.sum()), int(blocks[-1])
    return np.concatenate([*firsts, np.array([len(lengths)])])


class EpochPlan(Sequence[NDArray[np.int64]]):
    """The sentences of each batch: like lengths together, batches in random order.

    It is a function of its arguments. A corpus of more than `blocks` blocks is cut into them;
    windows of as many, drawn at random, are planned one after the other.

    Args:
        lengths: Tokens of each sentence (N).
        seed: Of random numbers.
        epoch: Counted from 0.
        batch_size: Sentences in a batch.
        batch_tokens: Tokens in a batch, padding included; counts instead of `batch_size`.
        blocks: How many make a window.
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
        # Where the batches of each window end.
        self.ends = list(accumulate(self._count(i) for i in range(len(self.windows))))

    def __len__(self) -> int:
        return self.ends[-1]

    def __getitem__(self, step: Any) -> Any:
        """Give the sentences of a batch, or of several."""
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
            # The steps of an epoch have streams with a third number of 1 and more.
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
    """Cut an order of sentences into batches of `batch_size`, or of `batch_tokens` with padding.

    A sentence longer than `batch_tokens` is a batch by itself.
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
