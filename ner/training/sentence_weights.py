"""The weight of each training sentence: a file of JSON lines, or numbers.

The file has a record for each sentence that has tokens, in the order of the corpus::

    {"index": 0, "digest": "5f0c1b2a9d3e4f60", "place": "train.conll:1", "weight": 0.7}

`index` counts sentences from 0, and `digest` is that of the tokens, so that the weights of another
corpus are noticed. `place` is for people.
"""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ner.data.formats.json_text import json_lines
from ner.data.lines import read_lines, short
from ner.data.sentence import Sentence
from ner.errors import DataError
from ner.files import sha256, write_text

WeightSource = str | Path | Sequence[float]

# Hexadecimal digits of a digest of tokens. It shall tell corpora apart, not resist an attack.
DIGITS = 16
NUMBERS = "weights: must be a list of numbers, one for each training sentence"


@dataclass(frozen=True)
class SentenceWeights:
    """Factors on the losses of training sentences.

    Args:
        values: The weight of each sentence, at least 0.
        digests: The digest of the tokens of each sentence; None if only numbers were given.
        name: The file, for messages.
    """

    values: tuple[float, ...]
    digests: tuple[str, ...] | None = None
    name: str = "weights"

    @property
    def digest(self) -> str:
        """The SHA-256 of all weights, for the record of a run."""
        return sha256(json.dumps(value).encode() + b"\n" for value in self.values)

    def check(self, sentences: Iterable[Sentence]) -> None:
        """Refuse weights of other sentences.

        Raises:
            DataError: There are more or fewer weights than sentences, or a sentence has other
                tokens than the one that was weighed.
        """
        count = 0
        for count, sentence in enumerate(sentences, 1):
            if self.digests is not None and count <= len(self.values):
                self._check_digest(count - 1, sentence, self.digests[count - 1])
        if count != len(self.values):
            raise DataError(
                f"{self.name}: must hold a weight for each of the {count:,} training sentences. "
                f"Got {len(self.values):,}."
            )

    def array(self) -> NDArray[np.float32]:
        """Return the weights (N)."""
        return np.array(self.values, dtype=np.float32)

    def _check_digest(self, index: int, sentence: Sentence, digest: str) -> None:
        if tokens_digest(sentence) != digest:
            raise DataError(
                f"{self.name}: index {index}: must be the weight of the training sentence at "
                f"{sentence.source or f'sentence {index + 1}'}. Got one of other tokens. Weigh "
                "the training data again."
            )


def read_weights(source: WeightSource) -> SentenceWeights:
    """Read the weights of sentences.

    Args:
        source: A file of JSON lines, or the weights.

    Raises:
        DataError: The file cannot be read, a weight is not a number of at least 0, or all are 0.
    """
    if isinstance(source, str | Path):
        weights = _read_file(source)
    elif isinstance(source, Iterable):
        given = tuple(source)
        for i, value in enumerate(given):
            _check_weight(value, f"weights[{i}]")
        weights = SentenceWeights(tuple(map(float, given)))
    else:
        raise DataError(f"{NUMBERS}. Got {short(source)}.")
    if not any(weights.values):
        raise DataError(f"{weights.name}: must have a weight above 0. Got none.")
    return weights


def read_weights_of(path: str, sentences: Sequence[Sentence]) -> list[float] | None:
    """Read the weights of some sentences; None if no file is named.

    Raises:
        DataError: The file cannot be read, or holds the weights of other sentences.
    """
    if not path:
        return None
    weights = read_weights(path)
    weights.check(sentences)
    return list(weights.values)


def write_weights(
    path: str | Path, sentences: Sequence[Sentence], weights: Sequence[float]
) -> None:
    """Write a file that `read_weights` reads.

    Args:
        path: The file.
        sentences: All training sentences, in their order.
        weights: The weight of each.
    """
    records = (
        {
            "index": i,
            "digest": tokens_digest(sentence),
            "place": str(sentence.source or f"sentence {i + 1}"),
            "weight": weight,
        }
        for i, (sentence, weight) in enumerate(zip(sentences, weights, strict=True))
    )
    write_text(Path(path), "".join(json.dumps(record) + "\n" for record in records))


def tokens_digest(sentence: Sentence) -> str:
    """Return a digest of the tokens of a sentence."""
    return sha256([json.dumps(sentence.tokens).encode("ascii")])[:DIGITS]


def _read_file(path: str | Path) -> SentenceWeights:
    values: list[float] = []
    digests: list[str] = []
    for place, record in json_lines(read_lines(path), str(path)):
        if isinstance(record, DataError):
            raise record
        is_record = isinstance(record, dict)
        found: list[Any] = [is_record and record.get(k) for k in ("index", "digest", "weight")]
        index, digest, weight = found
        if not is_record or not isinstance(digest, str) or "weight" not in record:
            raise DataError(
                f"{place}: must be a record with index, digest and weight. Got {short(record)}."
            )
        if index is False or index != len(values):
            raise DataError(
                f"{place}: index must count the sentences from 0, so it is {len(values)} here. "
                f"Got {short(index)}."
            )
        _check_weight(weight, f"{place}: weight")
        values.append(float(weight))
        digests.append(digest)
    return SentenceWeights(tuple(values), tuple(digests), str(path))


def _check_weight(value: Any, where: str) -> None:
    """Refuse what is no number of at least 0.

    Raises:
        DataError: The value is another.
    """
    is_number = isinstance(value, int | float | np.integer | np.floating)
    if not is_number or isinstance(value, bool) or not math.isfinite(value) or value < 0:
        raise DataError(f"{where}: must be a finite number of at least 0. Got {short(value)}.")
