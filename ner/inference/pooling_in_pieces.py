"""Poolings of texts whose states come piece by piece, so that they need not all be kept.

A twin in numpy of `ner.nn.pooling`, where the sources of these poolings are named: each one adds up
what it needs of the states so far. A softmax over tokens is added up relative to the largest score
so far, as in Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018, section 3.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ner.ensemble_folder import EnsembleFolder
from ner.features.arrays import Floats, OutputArrays
from ner.model_folder import ModelFolder

Weights = Mapping[str, NDArray[Any]]
Doubles = NDArray[np.float64]


class Pooling(Protocol):
    """The pooling of one text."""

    def add(self, states: Floats) -> None:
        """Read the states of the next tokens (T H)."""
        ...

    def vector(self) -> Doubles:
        """Return the vector of all tokens so far (P)."""
        ...

    def attention(self) -> Doubles | None:
        """Return the weights of all tokens so far (K T); None if the pooling weighs no tokens."""
        ...


class _Mean:
    """The mean over tokens."""

    def __init__(self) -> None:
        self._sum: Doubles = np.zeros(1)
        self._count = 0

    def add(self, states: Floats) -> None:
        self._sum = self._sum + states.sum(axis=0, dtype=np.float64)
        self._count += len(states)

    def vector(self) -> Doubles:
        return self._sum / self._count

    def attention(self) -> None:
        return None


class _Largest:
    """The greatest value of each feature."""

    def __init__(self) -> None:
        self._largest: Doubles = np.full(1, -np.inf)

    def add(self, states: Floats) -> None:
        self._largest = np.maximum(self._largest, states.max(axis=0))

    def vector(self) -> Doubles:
        return self._largest

    def attention(self) -> None:
        return None


class _Last:
    """The state of each direction after it has read the whole text.

    Args:
        num_directions: 2 if the second half of the states belongs to the backward direction.
    """

    def __init__(self, num_directions: int) -> None:
        self._num_directions = num_directions
        self._first: Floats | None = None
        self._last: Floats | None = None

    def add(self, states: Floats) -> None:
        if self._first is None:
            self._first = states[0].copy()
        self._last = states[-1].copy()

    def vector(self) -> Doubles:
        assert self._first is not None
        assert self._last is not None
        middle = len(self._last) // self._num_directions
        return np.concatenate([self._last[:middle], self._first[middle:]]).astype(np.float64)

    def attention(self) -> None:
        return None


class _Attention:
    """Weighted means over tokens.

    Args:
        weights: The weights of the model.
        name: What the names of those of the attention begin with.
        is_divided: Whether each head weighs its share of the features, instead of all of them.
    """

    def __init__(self, weights: Weights, name: str, *, is_divided: bool) -> None:
        self._keys = weights[f"{name}.keys.weight"].T, weights[f"{name}.keys.bias"]
        self._queries = weights[f"{name}.queries.weight"].T
        self._is_divided = is_divided
        num_heads = self._queries.shape[1]
        self._scores: list[Floats] = []
        self._largest = np.full(num_heads, -np.inf)
        self._norm = np.zeros(num_heads)
        self._sums: Doubles = np.zeros((num_heads, 1))

    def add(self, states: Floats) -> None:
        projection, bias = self._keys
        scores = np.tanh(states @ projection + bias) @ self._queries
        self._scores.append(scores)
        largest = np.maximum(self._largest, scores.max(axis=0))
        before = np.exp(self._largest - largest)
        shares = np.exp(scores - largest)
        # Axes: head (K) x feature of the head.
        if self._is_divided:
            each = states.reshape(len(states), len(largest), -1)
            added = np.einsum("tk,tkd->kd", shares, each)
        else:
            added = shares.T @ states
        self._sums = self._sums * before[:, None] + added
        self._norm = self._norm * before + shares.sum(axis=0)
        self._largest = largest

    def vector(self) -> Doubles:
        return (self._sums / self._norm[:, None]).ravel()

    def attention(self) -> Doubles:
        scores = np.concatenate(self._scores)
        return (np.exp(scores - self._largest) / self._norm).T


class _Several:
    """Several poolings: vectors side by side, rows of attention one after the other."""

    def __init__(self, parts: Sequence[Pooling]) -> None:
        self._parts = parts

    def add(self, states: Floats) -> None:
        for part in self._parts:
            part.add(states)

    def vector(self) -> Doubles:
        return np.concatenate([part.vector() for part in self._parts])

    def attention(self) -> Doubles | None:
        rows = [found for part in self._parts if (found := part.attention()) is not None]
        return np.concatenate(rows) if rows else None


class _Hierarchical:
    """Pools the words of each sentence, then the sentences by attention.

    Args:
        sentence_ids: The sentence of each token of the text. One begins where the number changes.
        words: Makes the pooling of a sentence.
        sentences: Pools the vectors of sentences.
    """

    def __init__(
        self, sentence_ids: NDArray[Any], words: Callable[[], Pooling], sentences: _Attention
    ) -> None:
        starts = np.flatnonzero(np.diff(sentence_ids)) + 1
        self._ends = [*starts.tolist(), len(sentence_ids)]
        self._words = words
        self._sentences = sentences
        self._within: list[Doubles] = []
        self._read = 0
        self._open: Pooling | None = None

    def add(self, states: Floats) -> None:
        while len(states):
            if self._open is None:
                self._open = self._words()
            end = self._ends[len(self._within)]
            own, states = states[: end - self._read], states[end - self._read :]
            self._open.add(own)
            self._read += len(own)
            if self._read == end:
                self._sentences.add(self._open.vector()[None].astype(np.float32))
                size = end - (self._ends[len(self._within) - 1] if self._within else 0)
                weights = self._open.attention()
                self._within.append(np.full((1, size), 1 / size) if weights is None else weights)
                self._open = None

    def vector(self) -> Doubles:
        return self._sentences.vector()

    def attention(self) -> Doubles:
        (weights,) = self._sentences.attention()
        return np.concatenate(
            [within * weight for within, weight in zip(self._within, weights, strict=True)], axis=1
        )


@dataclass(frozen=True, eq=False)
class PoolingWeights:
    """The head of a classifier, for texts that come piece by piece.

    Args:
        weights: The weights of the model.
        settings: The section `pooling` of its settings.
        num_directions: 2 if the second half of the states belongs to the backward direction.
    """

    weights: Weights
    settings: Mapping[str, Any]
    num_directions: int

    def pooling(self, sentence_ids: NDArray[Any] | None) -> Pooling:
        """Begin with a text.

        Args:
            sentence_ids: The sentence of each token (T); None if the model does not read it.
        """
        if sentence_ids is None:
            return self._words("head.pooling")
        sentences = _Attention(self.weights, "head.pooling.sentences.attention", is_divided=True)
        return _Hierarchical(sentence_ids, lambda: self._words("head.pooling.words"), sentences)

    def _words(self, name: str) -> Pooling:
        kinds = self.settings["kinds"]
        if len(kinds) == 1:
            return self._part(kinds[0], name)
        return _Several([self._part(kind, f"{name}.parts.{i}") for i, kind in enumerate(kinds)])

    def _part(self, kind: str, name: str) -> Pooling:
        makers: dict[str, Callable[[], Pooling]] = {
            "mean": _Mean,
            "max": _Largest,
            "last": lambda: _Last(self.num_directions),
            "attention": lambda: _Attention(self.weights, f"{name}.attention", is_divided=True),
            "structured": lambda: _Attention(self.weights, f"{name}.attention", is_divided=False),
        }
        return makers[kind]()

    def outputs(self, pooling: Pooling) -> OutputArrays:
        """Return the scores of the labels (1 C) and, if there are any, the weights (1 K T)."""
        projection, bias = (self.weights[f"head.projection.{n}"] for n in ("weight", "bias"))
        logits = projection @ pooling.vector() + bias
        found: OutputArrays = {"logits": logits[None].astype(np.float32)}
        weights = pooling.attention()
        if weights is not None:
            found["attention"] = weights[None].astype(np.float32)
        return found


def find_pooling(model: ModelFolder | EnsembleFolder) -> PoolingWeights | None:
    """Return the pooling of a model; None if it labels tokens, or has components of a user."""
    if isinstance(model, EnsembleFolder):
        return None
    settings = model.network
    if model.task.is_per_token or "build" in settings:
        return None
    num_directions = 2 if settings["encoder"]["bidirectional"] else 1
    return PoolingWeights(model.weights, settings["pooling"], num_directions)
