"""Texts that are too long for the network at once, read piece by piece.

Recurrent layers may remember a whole text. They read its pieces one after the other, in several
passes, and hand their states from piece to piece: that is exact, and needs the memory of one piece.
Other encoders read some tokens around each piece as well, see `ner.tasks.base.Cut`.
"""

from collections.abc import Iterator

import numpy as np

from ner.data.sentence import Sentence
from ner.features.arrays import Floats
from ner.features.batches import PieceBatches
from ner.features.distinct_words import WordRows
from ner.features.featurizer import Featurizer
from ner.tasks.base import PieceOutput, Runtime

# Longer texts are read in pieces of this many tokens.
PIECE_TOKENS = 2048

# Tokens on either side that are read with a piece where pieces cannot get what the whole text gets.
# States of most networks hardly depend on tokens that are further away.
USUAL_OVERLAP = 256

# Overlapping pieces that are read at a time, for each worker.
PIECES_AHEAD = 8


def is_long(text: Sentence) -> bool:
    """Say whether a text is read in pieces, where its model can be cut."""
    return len(text) > PIECE_TOKENS


class PieceReader:
    """Reads long texts piece by piece.

    Args:
        featurizer: Turns strings into arrays.
        words: The vectors of words.
        runtime: Runs the network.
    """

    def __init__(self, featurizer: Featurizer, words: WordRows, runtime: Runtime) -> None:
        self._featurizer = featurizer
        self._words = words
        self._runtime = runtime

    def rows(self, text: Sentence, name: PieceOutput, workers: int) -> Iterator[Floats]:
        """Yield an output for the tokens of each piece in turn (T …).

        Args:
            text: The text.
            name: The output.
            workers: How many pieces are read side by side, where none has to wait for another one.
        """
        batches = PieceBatches(text, self._featurizer, self._words)
        cut = self._runtime.cut
        if cut is None or cut.border_shape is None:
            overlap = USUAL_OVERLAP if cut is None else cut.overlap
            return self._overlapping(batches, name, overlap, workers)
        return self._handed_on(batches, name, cut.border_shape)

    def _overlapping(
        self, batches: PieceBatches, name: PieceOutput, overlap: int, workers: int
    ) -> Iterator[Floats]:
        from concurrent.futures import ThreadPoolExecutor  # short texts need no threads

        length = len(batches)

        def read(start: int) -> Floats:
            first, end = max(0, start - overlap), start + PIECE_TOKENS
            found = self._runtime.read_piece(batches.batch(first, end + overlap), name)
            return found[name][0, start - first : end - first]

        group = PIECE_TOKENS * PIECES_AHEAD * workers
        with ThreadPoolExecutor(workers) as pool:
            for first in range(0, length, group):
                starts = range(first, min(first + group, length), PIECE_TOKENS)
                yield from pool.map(read, starts)

    def _handed_on(
        self, batches: PieceBatches, name: PieceOutput, shape: tuple[int, ...]
    ) -> Iterator[Floats]:
        """Hand the states of recurrent layers from piece to piece.

        The passes over the pieces go from the last one to the first, and from the first one to the
        last, in turn. Each hands on the states of one direction, and keeps those with which this
        direction enters each piece. A direction of a layer is exact where all layers below are
        exact in both directions. So a pass is exact in one more layer than the pass before it; in
        the last pass all are, and it goes forwards. Without a backward direction, it is the only
        one.
        """
        layers, _, directions, *_ = shape
        starts = range(0, len(batches), PIECE_TOKENS)
        entering = np.zeros((len(starts), *shape), dtype=np.float32)
        passes = 1 + layers if directions == 2 else 1
        for left in reversed(range(passes)):
            direction = left % 2
            state = np.zeros_like(entering[0, :, :, direction])
            for i in reversed(range(len(starts))) if direction else range(len(starts)):
                entering[i, :, :, direction] = state
                batch = batches.batch(starts[i], starts[i] + PIECE_TOKENS)
                found = self._runtime.read_piece(batch, name, entering[i])
                state = found["leaving"][:, :, direction]
                if not left:
                    yield found[name][0]
