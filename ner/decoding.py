"""From encoded sentences to what a decoder makes of their scores, batch by batch."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import numpy as np

from ner.data.schemes import Span, spans_from_tags
from ner.errors import DataError
from ner.features.batches import EncodedSentences, tagging_batches
from ner.features.featurizer import Arrays
from ner.lattice import Lattice

# Tokens of a batch, padding included: large enough to keep the processor busy, small enough to
# stay in its cache.
BATCH_TOKENS = 2048

Result = TypeVar("Result")
# From emissions (B T C) and lengths (B) to one result a sentence.
Decode = Callable[[np.ndarray, np.ndarray], Sequence[Result]]


class Runtime(Protocol):
    """Runs the network."""

    lattice: Lattice

    def emissions(self, batch: Arrays) -> np.ndarray:
        """Score each tag at each token (B T C)."""
        ...


def decode_sentences(
    runtime: Runtime,
    encoded: EncodedSentences,
    decode: Decode[Result],
    batch_tokens: int = BATCH_TOKENS,
) -> list[Result]:
    """Score sentences in batches of like length, and give the results in the order given."""
    results: dict[int, Result] = {}
    for indices, batch in tagging_batches(encoded, batch_tokens):
        decoded = decode(finite_emissions(runtime, batch), batch["lengths"])
        results.update(zip(indices.tolist(), decoded, strict=True))
    return [results[i] for i in range(len(encoded))]


def predict_spans(
    runtime: Runtime, encoded: EncodedSentences, batch_tokens: int = BATCH_TOKENS
) -> list[list[Span]]:
    """Find the best spans of sentences that are encoded already, without their probabilities."""
    lattice = runtime.lattice

    def decode(emissions: np.ndarray, lengths: np.ndarray) -> list[list[Span]]:
        paths = lattice.viterbi(emissions, lengths).tolist()
        return [
            spans_from_tags([lattice.tags[tag] for tag in path[:length]])
            for path, length in zip(paths, lengths, strict=True)
        ]

    return decode_sentences(runtime, encoded, decode, batch_tokens)


def finite_emissions(runtime: Runtime, batch: Arrays) -> np.ndarray:
    """Score a batch, and refuse to decode what is not a number.

    Raises:
        DataError: Scores are not finite, which weights that trained too fast can cause.
    """
    emissions = runtime.emissions(batch)
    if not np.isfinite(emissions).all():
        raise DataError("model: its scores must be finite. Got some that are not.")
    return emissions
