"""From the sub-words of a batch to vectors of its tokens, by the graph of a pretrained encoder."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ner.features.arrays import Floats

# The input of model.onnx that has these vectors, and the output with states of a graph.
CONTEXTUAL, STATES = "contextual", "states"

# Sub-words that are read at once, padding included, but at least one window. More are not faster,
# and the attention of each window needs memory.
PIECES_AT_ONCE = 2048


class Run(Protocol):
    """Runs a graph, see `ner.inference.onnx_runtime.Graph.run`."""

    def __call__(
        self, arrays: Mapping[str, Any], shapes: Mapping[str, tuple[int | None, ...]]
    ) -> dict[str, Floats]:
        """Compute the outputs by name."""
        ...


def read_windows(run: Run, batch: Mapping[str, Any]) -> Floats:
    """Compute the vectors of tokens (B T E): the means of their sub-words.

    Args:
        run: Runs the graph of the encoder on windows.
        batch: A batch with the arrays of `ner.features.arrays.SubwordArrays`.
    """
    pieces, lengths = batch["pieces"], batch["piece_lengths"]
    windows, columns = np.divmod(batch["places"], pieces.shape[1])
    inside = np.arange(batch["first_places"].shape[1]) < batch["lengths"][:, None]
    found: Floats | None = None
    for group in groups_of(lengths, PIECES_AT_ONCE):
        longest = int(lengths[group].max())
        arrays = {"pieces": pieces[group, :longest], "piece_lengths": lengths[group]}
        states = run(arrays, {STATES: (len(group), longest, None)})[STATES]
        if found is None:
            found = np.empty((len(windows), states.shape[2]), dtype=np.float32)
        rows = np.full(len(pieces), -1)
        rows[group] = np.arange(len(group))
        chosen = np.flatnonzero(rows[windows] >= 0)
        found[chosen] = states[rows[windows[chosen]], columns[chosen]]
    assert found is not None
    starts = batch["first_places"][inside]
    counts = np.diff(starts, append=len(found))
    vectors = np.zeros((*inside.shape, found.shape[1]), dtype=np.float32)
    if (counts > 1).any():
        found = np.add.reduceat(found, starts, axis=0) / counts[:, None].astype(np.float32)
    vectors[inside] = found
    return vectors


def groups_of(lengths: NDArray[np.int64], most: int) -> Iterator[NDArray[np.int64]]:
    """Divide windows into groups that are read at once, each of windows of similar length.

    Args:
        lengths: Sub-words of each window.
        most: Sub-words of a group, padding included, unless a single window has more.

    Yields:
        The windows of a group.

    >>> [group.tolist() for group in groups_of(np.array([3, 1, 8, 2]), most=6)]
    [[1, 3], [0], [2]]
    """
    order = np.argsort(lengths, kind="stable")
    start = 0
    for end in range(1, len(order) + 1):
        # Windows are sorted, so the next one would be the longest.
        if end == len(order) or lengths[order[end]] * (end + 1 - start) > most:
            yield order[start:end]
            start = end
