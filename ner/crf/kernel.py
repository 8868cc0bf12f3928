"""The compiled inner loops, where the installation has them: `library` is None where it has not.

What they gain over numpy stands in `ner.nn.crf_gradient`.
"""

import ctypes
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ner.crf.forward_backward import Edges, Floats, Integers, Scores, highest_of

VERSION = 2

# Arguments of each function: sizes and numbers first, then pointers.
SIZES = [ctypes.c_int64] * 3

FUNCTIONS = {
    "ner_forward": [*SIZES, ctypes.c_double, *[ctypes.c_void_p] * 12],
    "ner_backward": [*SIZES, *[ctypes.c_void_p] * 13],
    "ner_viterbi": [*SIZES, *[ctypes.c_void_p] * 8],
    "ner_decode": [*SIZES, ctypes.c_int64, ctypes.c_double, *[ctypes.c_void_p] * 5],
}


def load() -> ctypes.CDLL | None:
    """Load what the installation compiled, if it did, and if it fits this module."""
    try:
        found = ctypes.CDLL(str(Path(__file__).with_name("_kernel.so")))
        if found.ner_kernel_version() != VERSION:
            return None
        for name, arguments in FUNCTIONS.items():
            getattr(found, name).argtypes = arguments
        found.ner_decode.restype = ctypes.c_int64
    except (OSError, AttributeError):
        return None
    return found


library = load()


class State(NamedTuple):
    """What `gradients` needs of `log_likelihood`; arrays as in `kernel.c`."""

    lengths: Integers
    end: Floats
    steps: Floats
    tags: Integers | None
    likelihoods: Floats
    scaled: Floats
    norms: Floats


def log_likelihood(
    emissions: Scores, lengths: Integers, edges: Edges, tags: Integers | None
) -> tuple[Floats, State] | None:
    """Give path scores, 0 without `tags`, less log partitions (B), and what gradients need.

    Arguments are those of `sum_paths` and `path_scores` in `ner.crf.forward_backward`. None where
    there is no compiled kernel, or where the scores of a sentence leave the range of its sums.
    """
    if library is None or 0 in emissions.shape:
        return None
    B, T, C = emissions.shape
    scores, start, transitions, end = _contiguous(np.float64, emissions, *edges)
    (lengths,) = _contiguous(np.int64, lengths)
    if tags is not None:
        (tags,) = _contiguous(np.int64, tags)
    top = highest_of(transitions)
    steps = np.exp(transitions - top)
    likelihoods, scaled = np.empty((2, B, T, C))
    norms, path_scores, log_z = np.empty((B, T)), np.empty(B), np.empty(B)
    inputs = _pointers(scores, lengths, start, transitions, end, steps, tags)
    outputs = _pointers(likelihoods, scaled, norms, path_scores, log_z)
    library.ner_forward(B, T, C, top, *inputs, *outputs)
    if np.isnan(log_z).any():
        return None
    return path_scores - log_z, State(lengths, end, steps, tags, likelihoods, scaled, norms)


def gradients(weights: Floats, state: State) -> tuple[Floats, Edges]:
    """Differentiate the weighted sum (weights: B) of `log_likelihood`.

    Returns:
        Gradients of the emissions, and of the other scores.
    """
    assert library is not None
    B, T, C = state.scaled.shape
    lengths, end, steps, *rest = state
    tokens = np.zeros((B, T, C))
    edges = Edges(np.zeros(C), np.zeros((C, C)), np.zeros(C))
    transposed = steps.T.copy()
    inputs = _pointers(lengths, end, steps, transposed, *rest, weights)
    library.ner_backward(B, T, C, *inputs, *_pointers(tokens, *edges))
    return tokens, edges


def viterbi(
    emissions: Scores, lengths: Integers, edges: Edges
) -> tuple[Integers, NDArray[np.bool_]] | None:
    """Find the best path of each sentence; see `ner.crf.paths.viterbi`. None without a kernel."""
    if library is None or 0 in emissions.shape:
        return None
    B, T, C = emissions.shape
    scores, start, transitions, end = _contiguous(np.float64, emissions, *edges)
    (lengths,) = _contiguous(np.int64, lengths)
    paths = np.zeros((B, T), dtype=np.int64)
    room, best = np.empty((T, C)), np.empty(B)
    inputs = _pointers(scores, lengths, start, transitions, end)
    library.ner_viterbi(B, T, C, *inputs, *_pointers(room, paths, best))
    return paths, best > -np.inf


class SpanDecoder:
    """Finds the spans of best paths and their probabilities, in one call; for `ner.crf.lattice`.

    Args:
        edges: The scores that do not depend on the tokens.
        outside: The tag O.
        goes_on: Whether a tag belongs to the span before it (C).
        inside: Which tag would continue a span that this tag ends, where the scheme does not mark
            the end; else -1 (C).
    """

    def __init__(
        self, edges: Edges, outside: int, goes_on: NDArray[np.bool_], inside: Integers
    ) -> None:
        self._given = (edges, outside, goes_on, inside)
        start, transitions, end = _contiguous(np.float64, *edges)
        top = highest_of(transitions)
        steps = np.exp(transitions - top)
        scores = [start, transitions.ravel(), end, steps.ravel(), steps.T.ravel()]
        integers = np.concatenate((goes_on, inside)).astype(np.int64)
        self._fixed = np.concatenate((*scores, integers.view(np.float64)))
        self._arguments = (len(start), outside, top, self._fixed.ctypes.data)

    def __reduce__(self) -> tuple[Any, ...]:
        return SpanDecoder, self._given  # an address means nothing elsewhere

    def __call__(
        self, emissions: Scores, lengths: Integers
    ) -> tuple[list[int], list[int], list[float]] | None:
        """Decode a batch.

        Returns:
            The number of spans of each sentence (B), -1 where no path is possible, -2 where a score
            is NaN or infinite; the spans of all sentences end to end (3 * N), for each its first
            token, the token behind the last and the first tag; their probabilities (N), NaN for
            those of a sentence whose scores leave the range of its sums. None where there is no
            compiled kernel.
        """
        if library is None or 0 in emissions.shape:
            return None
        B, T, C = emissions.shape
        if self._arguments[0] != C:
            raise ValueError(f"emissions: {self._arguments[0]} tags. Got {C}.")
        scores = np.ascontiguousarray(emissions, np.float64)
        lengths = np.ascontiguousarray(lengths, np.int64)
        # There are no more spans than places for tokens.
        integers = np.empty(B + 3 * B * T + T, dtype=np.int64)
        numbers = np.empty(B * T + 3 * T * C + T)
        arrays = _pointers(scores, lengths, integers, numbers)
        found = library.ner_decode(B, T, *self._arguments, *arrays)
        counts_and_spans = integers[: B + 3 * found].tolist()
        return counts_and_spans[:B], counts_and_spans[B:], numbers[:found].tolist()


def _contiguous(dtype: type[np.generic], *arrays: NDArray[Any]) -> list[NDArray[Any]]:
    return [np.ascontiguousarray(array, dtype) for array in arrays]


# The arrays have to outlive their addresses: name them before.
def _pointers(*arrays: NDArray[Any] | None) -> list[int | None]:
    return [None if array is None else _address(array) for array in arrays]


def _address(array: NDArray[Any]) -> int:
    buffer: Any = array
    try:
        # A fifth of the time of the way for all.
        return ctypes.addressof(ctypes.c_char.from_buffer(buffer))
    except (TypeError, ValueError):  # read-only or empty
        return array.ctypes.data
