"""The compiled inner loops of `kernel.c`; `library` is None where they are not installed.

`ner.crf` says what they are for and what they gain over numpy. Axes: B sentences, T tokens of the
longest, C tags, N spans.
"""

import ctypes
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ner.crf.forward_backward import Edges, Floats, Integers, Scores, highest_of
from ner.messages import logger

# The version of the functions' signatures in kernel.c.
VERSION = 3

# Tokens of a sentence that are decoded at once, so that memory stays bounded for any length.
PIECE = 1024

# With more tags, numpy's products of matrices make a step of training faster: 16 sentences of 12
# tokens take 4.2 ms to 6.5 with 225 tags, and 164 to 644 with 1,601, on one core of a Zen 4.
MANY_TAGS = 200

# Types of the arguments of each function: sizes and numbers first, then pointers.
SIZES = [ctypes.c_int64] * 3
FUNCTIONS = {
    "ner_forward": [*SIZES, ctypes.c_double, *[ctypes.c_void_p] * 12],
    "ner_backward": [*SIZES, *[ctypes.c_void_p] * 13],
    "ner_viterbi": [*SIZES, *[ctypes.c_void_p] * 8],
    "ner_decode": [*SIZES, *SIZES, ctypes.c_double, *[ctypes.c_void_p] * 5],
}


def load() -> ctypes.CDLL | None:
    """Load the library that the installation compiled; None where it is missing or does not fit."""
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
if library is None:
    logger.warning(
        "The compiled kernel is missing or does not fit, so tagging is slower. Install a wheel for "
        "this platform, or a C compiler before this package."
    )


class State(NamedTuple):
    """Results of `log_likelihood` that `gradients` needs; `kernel.c` describes the arrays."""

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
    """Compute the log-likelihood of one path for each sentence.

    Args:
        emissions: Scores of each tag at each token (B T C).
        lengths: Number of tokens of each sentence (B).
        edges: The other scores.
        tags: The paths (B T); without paths, their scores count as 0.

    Returns:
        Scores of paths less log partitions (B), and what `gradients` needs. None where there is no
        compiled kernel, where the scores of a sentence leave the range of its sums, or where
        there are more than `MANY_TAGS` tags.

    Raises:
        ValueError: The arrays do not fit together, or a tag or a length is out of range.
    """
    if library is None or 0 in emissions.shape:
        return None
    B, T, C = emissions.shape
    _check_edges(edges, C)
    _check_lengths(lengths, emissions)
    if tags is not None:
        _check_tags(tags, lengths, emissions)
    if C > MANY_TAGS:
        return None
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
    """Differentiate the weighted sum of `log_likelihood`.

    Args:
        weights: Factor on the log-likelihood of each sentence (B), contiguous.
        state: The second result of `log_likelihood`.

    Returns:
        Gradients of the emissions (B T C), and of the other scores.

    Raises:
        ValueError: There is not one factor for each sentence.
    """
    assert library is not None
    B, T, C = state.scaled.shape
    _check_shape("weights", weights, (B,))
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
    """Find the best path of each sentence, see `ner.crf.paths.viterbi`; None without a kernel.

    Raises:
        ValueError: The arrays do not fit together, or a length is out of range.
    """
    if library is None or 0 in emissions.shape:
        return None
    B, T, C = emissions.shape
    _check_edges(edges, C)
    _check_lengths(lengths, emissions)
    scores, start, transitions, end = _contiguous(np.float64, emissions, *edges)
    (lengths,) = _contiguous(np.int64, lengths)
    paths = np.zeros((B, T), dtype=np.int64)
    room, best = np.empty((T, C)), np.empty(B)
    inputs = _pointers(scores, lengths, start, transitions, end)
    library.ner_viterbi(B, T, C, *inputs, *_pointers(room, paths, best))
    return paths, best > -np.inf


class SpanDecoder:
    """Finds the spans of best paths and their probabilities, in one call.

    Args:
        edges: The scores that do not depend on the tokens.
        outside: The tag O, or -1 if there is none.
        goes_on: Whether each tag belongs to the span before it (C).
        continuing: The tag that would continue a span after each tag, -1 where none would (C); see
            `ner.crf.span_lattice.SpanTags`.

    Raises:
        ValueError: The arrays do not fit together, or one names a tag that there is not.
    """

    def __init__(
        self, edges: Edges, outside: int, goes_on: NDArray[np.bool_], continuing: Integers
    ) -> None:
        self._given = (edges, outside, goes_on, continuing)
        C = len(edges.start)
        _check_edges(edges, C)
        _check_shape("goes_on", goes_on, (C,))
        _check_shape("continuing", continuing, (C,))
        if outside >= C or (continuing >= C).any():
            raise ValueError(f"outside and continuing: must be tags below {C}.")
        start, transitions, end = _contiguous(np.float64, *edges)
        top = highest_of(transitions)
        steps = np.exp(transitions - top)
        scores = [start, transitions.ravel(), end, steps.ravel(), steps.T.ravel()]
        integers = np.concatenate((goes_on, continuing)).astype(np.int64)
        self._fixed = np.concatenate((*scores, integers.view(np.float64)))
        self._arguments = (len(start), outside, top, self._fixed.ctypes.data)

    def __reduce__(self) -> tuple[Any, ...]:
        return SpanDecoder, self._given  # addresses are valid in this process only

    def __call__(
        self, emissions: Scores, lengths: Integers
    ) -> tuple[list[int], Integers, Floats] | None:
        """Decode a batch.

        Args:
            emissions: Scores of each tag at each token (B T C). Those in float32 are not copied.
            lengths: Number of tokens of each sentence (B).

        Returns:
            The number of spans of each sentence (B), -1 where no path is possible, -2 where a score
            is NaN or infinite; the spans of all sentences end to end (3 * N), each as its first
            token, the token after its last and its first tag; their probabilities (N), NaN in a
            sentence whose scores leave the range of its sums. None where there is no compiled
            kernel.

        Raises:
            ValueError: The arrays do not fit together, or a length is out of range.
        """
        if library is None or 0 in emissions.shape:
            return None
        B, T, C = emissions.shape
        if self._arguments[0] != C:
            raise ValueError(f"emissions: must score {self._arguments[0]} tags. Got {C}.")
        _check_lengths(lengths, emissions)
        is_double = emissions.dtype != np.float32
        scores = np.ascontiguousarray(emissions, np.float64 if is_double else np.float32)
        lengths = np.ascontiguousarray(lengths, np.int64)
        piece = min(T, PIECE)
        # There are at most as many spans as tokens. Memory that is not written to is not taken.
        integers = np.empty(B + 3 * B * T + T, dtype=np.int64)
        buffers = 2 * -(-T // piece) * C + (4 * C + 1) * piece + 2 * C
        numbers = np.empty(B * T + buffers)
        arrays = _pointers(scores, lengths, integers, numbers)
        found = library.ner_decode(B, T, piece, is_double, *self._arguments, *arrays)
        return integers[:B].tolist(), integers[B : B + 3 * found], numbers[:found]


# C trusts sizes, lengths and tags. Whatever does not fit is refused before an address is handed on,
# so that no array, not even one from a damaged model, is read or written beyond its end.


def _check_shape(name: str, array: NDArray[Any], shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise ValueError(f"{name}: must have the shape {shape}. Got {array.shape}.")


def _check_edges(edges: Edges, count: int) -> None:
    shapes = (count,), (count, count), (count,)
    for name, array, shape in zip(edges._fields, edges, shapes, strict=True):
        _check_shape(name, array, shape)


def _check_lengths(lengths: Integers, emissions: Scores) -> None:
    size, longest, _ = emissions.shape
    _check_shape("lengths", lengths, (size,))
    if lengths.min() < 0 or lengths.max() > longest:
        raise ValueError(f"lengths: must be from 0 to {longest}. Got {lengths.tolist()}.")


def _check_tags(tags: Integers, lengths: Integers, emissions: Scores) -> None:
    size, longest, count = emissions.shape
    _check_shape("tags", tags, (size, longest))
    used = tags[np.arange(longest) < lengths[:, None]]  # padding may hold any number
    if used.size and not 0 <= used.min() <= used.max() < count:
        raise ValueError(f"tags: must be from 0 to {count - 1}. Got {used.min()} to {used.max()}.")


def _contiguous(dtype: type[np.generic], *arrays: NDArray[Any]) -> list[NDArray[Any]]:
    return [np.ascontiguousarray(array, dtype) for array in arrays]


# Name the arrays in the caller: they must live as long as their addresses are used.
def _pointers(*arrays: NDArray[Any] | None) -> list[int | None]:
    return [None if array is None else _address(array) for array in arrays]


def _address(array: NDArray[Any]) -> int:
    buffer: Any = array
    try:
        # This takes a fifth of the time of the general way below.
        return ctypes.addressof(ctypes.c_char.from_buffer(buffer))
    except (TypeError, ValueError):  # read-only or empty
        return array.ctypes.data
