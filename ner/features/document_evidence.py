"""Evidence from the rest of a document: what a tagger thinks of the same word in other sentences.

A first pass computes the posterior of each tag at each token. For each token, the posteriors at the
same word in the other sentences of its document are averaged: at the word as it is written, at the
word in lower case, and at the word together with the one before or after it. A small network turns
these numbers into corrections of the scores of tags. A token whose word is in no other sentence of
its document has the correction 0, exactly.

Axes: N tokens of all sentences, C tags, F numbers of a token, H hidden units.

Source: Krishnan and Manning, "An Effective Two-Stage Model for Exploiting Non-Local Dependencies in
Named Entity Recognition", COLING-ACL 2006. There, the second stage sees the majority of the tags of
a first stage; here, it sees their mean posteriors, and corrects scores instead of replacing them.
"""

import itertools
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from ner.schema import SchemaError

Floats = NDArray[np.floating]
Integers = NDArray[np.int64]

# Added to probabilities before their logarithm: to those of the token itself, and to means over
# others, which are often means of few.
OWN_FLOOR, OTHERS_FLOOR = 1e-3, 1e-2

# The ways in which a word is the same as another one, see `_words_of`.
GROUPS = 4

# Inputs of a token that are not one for each tag: how it is written (4); how many others there are,
# and whether there are any, for each group; whether it is in the sentence of the first mention; and
# the shares of the others that are capitalised and lower-cased.
FURTHER = 4 + 2 * GROUPS + 1 + 2


class Evidence(NamedTuple):
    """What is known of tokens from their documents.

    Args:
        inputs: Numbers that describe each token and the others of its word (N F).
        is_known: Whether the word of each token is in another sentence of its document (N).
    """

    inputs: NDArray[np.float32]
    is_known: NDArray[np.bool_]


def input_size(num_tags: int) -> int:
    """Return the number of inputs of a token (F) for a number of tags (C)."""
    return (2 + GROUPS) * num_tags + FURTHER


def collect_evidence(
    sentences: Sequence[Sequence[str]], documents: Sequence[int], posteriors: Floats
) -> Evidence:
    """Describe each token by the posteriors at its word elsewhere in its document.

    Args:
        sentences: The tokens of each sentence.
        documents: The number of the document of each sentence.
        posteriors: The probability of each tag at each token, all sentences end to end (N C).
    """
    lengths = [len(sentence) for sentence in sentences]
    sentence = np.repeat(np.arange(len(sentences)), lengths)
    tokens = [token for each in sentences for token in each]
    is_capital = np.array([token[:1].isupper() for token in tokens], dtype=np.float64)
    is_lower = np.array([token[:1].islower() for token in tokens], dtype=np.float64)
    is_upper = np.array([len(token) > 1 and token.isupper() for token in tokens], np.float64)
    letters = np.bincount(sentence, is_capital + is_lower, len(sentences))
    share_upper = np.bincount(sentence, is_upper, len(sentences)) / np.maximum(letters, 1)
    blocks: list[Floats] = [
        np.log(posteriors + OWN_FLOOR),
        np.stack([is_capital, is_upper, is_lower, share_upper[sentence]], axis=1),
    ]
    groups = [_Others(words, sentence) for words in _words_of(sentences, documents)]
    for others in groups:
        is_known = others.counts[:, None] > 0
        blocks += [
            np.log(others.mean(posteriors) + OTHERS_FLOOR) * is_known,
            np.log1p(others.counts)[:, None],
            is_known,
        ]
    # The last group is that of words in lower case, in which most are the same.
    last = groups[-1]
    is_known = last.counts[:, None] > 0
    blocks += [
        np.log(posteriors[last.first] + OTHERS_FLOOR) * is_known,
        (sentence[last.first] == sentence)[:, None] * is_known,
        last.mean(np.stack([is_capital, is_lower], axis=1)),
    ]
    return Evidence(np.concatenate(blocks, axis=1, dtype=np.float32), is_known[:, 0])


def _words_of(
    sentences: Sequence[Sequence[str]], documents: Sequence[int]
) -> Iterator[list[Hashable]]:
    """Yield for each group the words of all tokens; those that are equal are the same word."""
    pairs = [(d, token) for d, s in zip(documents, sentences, strict=True) for token in s]
    # A pair with a border of a sentence would say little, so it equals nothing but itself.
    before: list[Hashable] = []
    after: list[Hashable] = []
    for d, tokens in zip(documents, sentences, strict=True):
        both = [(d, *pair) for pair in itertools.pairwise(tokens)]
        alone = [object()] if len(tokens) else []
        before += [*alone, *both]
        after += [*both, *alone]
    yield list(pairs)
    yield before
    yield after
    yield [(d, token.lower()) for d, token in pairs]


class _Others:
    """The tokens of the same word in other sentences.

    Args:
        words: The word of each token (N).
        sentence: The sentence of each token (N), ascending.
    """

    def __init__(self, words: Sequence[Hashable], sentence: Integers) -> None:
        numbers: dict[Hashable, int] = {}
        self._word = np.array([numbers.setdefault(w, len(numbers)) for w in words], dtype=np.int64)
        # Each word in each sentence has a number of its own.
        size = int(sentence[-1]) + 1 if len(sentence) else 1
        self._own = np.unique(self._word * size + sentence, return_inverse=True)[1].reshape(-1)
        self.counts = self._outside(np.ones((len(words), 1)))[:, 0]
        """How many there are for each token (N)."""
        self.first = np.unique(self._word, return_index=True)[1][self._word]
        """The first token of each token's word, in whatever sentence (N)."""

    def mean(self, values: Floats) -> Floats:
        """Average values (N K) over the others of each token (N K); 0 where there are none."""
        sums = self._outside(values) / np.maximum(self.counts, 1)[:, None]
        # A difference of sums can be a little below 0.
        return np.where(self.counts[:, None] > 0, np.maximum(sums, 0), 0)

    def _outside(self, values: Floats) -> Floats:
        return _sums(values, self._word)[self._word] - _sums(values, self._own)[self._own]


def _sums(values: Floats, groups: Integers) -> Floats:
    """Add up the rows (N K) of each group: (G K). All groups from 0 to G - 1 have rows."""
    order = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], np.arange(groups.max(initial=-1) + 1))
    return np.add.reduceat(values[order].astype(np.float64), starts, axis=0)


@dataclass(frozen=True, eq=False)
class DocumentNetwork:
    """Turns evidence into corrections of the scores of tags, by one hidden layer.

    Args:
        mean: Subtracted from the inputs (F).
        scale: Divides them (F), positive.
        hidden_weight: Weights of the hidden units (H F).
        hidden_bias: Their biases (H).
        output_weight: Weights of the corrections (C H).
        output_bias: Their biases (C).
        temperature: Divides the scores of the first pass before evidence is collected from them,
            and multiplies the corrections: a number above 0, with which these scores are as sure as
            those that the network learned from.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    hidden_weight: NDArray[np.float32]
    hidden_bias: NDArray[np.float32]
    output_weight: NDArray[np.float32]
    output_bias: NDArray[np.float32]
    temperature: NDArray[np.float32] = field(default_factory=lambda: np.ones((), np.float32))

    def at(self, temperature: float) -> Self:
        """Return the network for the scores of a model that is calibrated by this temperature."""
        return replace(self, temperature=np.array(temperature, np.float32))

    @classmethod
    def mean_of(cls, networks: Sequence[Self]) -> Self:
        """Return the network whose corrections are the mean of those of several.

        Args:
            networks: Networks with the same mean, scale and temperature.
        """
        first, count = networks[0], np.float32(len(networks))
        return cls(
            first.mean,
            first.scale,
            np.concatenate([n.hidden_weight for n in networks]),
            np.concatenate([n.hidden_bias for n in networks]),
            np.concatenate([n.output_weight for n in networks], axis=1) / count,
            np.asarray(np.mean([n.output_bias for n in networks], axis=0), dtype=np.float32),
            first.temperature,
        )

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.float32]], num_tags: int) -> Self:
        """Take the weights from arrays by name.

        Raises:
            SchemaError: One is missing or unknown, has another shape or type, or is not finite.
        """
        names = [each.name for each in fields(cls)]
        if set(arrays) != set(names):
            raise SchemaError(f"must hold {', '.join(names)}. Got {', '.join(sorted(arrays))}.")
        size, hidden = input_size(num_tags), len(np.atleast_1d(arrays["hidden_bias"]))
        shapes = ((size,), (size,), (hidden, size), (hidden,), (num_tags, hidden), (num_tags,), ())
        for name, shape in zip(names, shapes, strict=True):
            array = arrays[name]
            if array.shape != shape or array.dtype != np.float32 or not np.isfinite(array).all():
                raise SchemaError(
                    f"{name} must be finite numbers in float32 of the shape {shape}. "
                    f"Got {array.dtype} of the shape {array.shape}."
                )
        for name in ("scale", "temperature"):
            if not (arrays[name] > 0).all():
                raise SchemaError(f"{name} must be positive numbers. Got others.")
        return cls(**arrays)

    def to_arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return the weights by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def __call__(self, evidence: Evidence) -> NDArray[np.float32]:
        """Compute what is added to the score of each tag at each token (N C)."""
        inputs = (evidence.inputs - self.mean) / self.scale
        hidden = np.maximum(inputs @ self.hidden_weight.T + self.hidden_bias, 0)
        corrections = (hidden @ self.output_weight.T + self.output_bias) * self.temperature
        return np.where(evidence.is_known[:, None], corrections, np.float32(0))


def save_network(network: DocumentNetwork | None, path: Path) -> None:
    """Write a network as safetensors; nothing if there is none."""
    if network is not None:
        save_file(network.to_arrays(), path)


def read_network(path: Path, tags: Sequence[str]) -> DocumentNetwork:
    """Read what `save_network` wrote for a model with some tags.

    Raises:
        SchemaError: It holds something else.
    """
    try:
        return DocumentNetwork.from_arrays(load_file(path), len(tags))
    except SafetensorError as error:
        raise SchemaError(f"{path.name} must be a safetensors file. Got: {error}.") from None
    except SchemaError as error:
        raise SchemaError(f"{path.name}: {error}") from None
