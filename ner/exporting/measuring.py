"""What eight bits cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ner.data.schemes import Span, spans_from_tags
from ner.data.sentence import Sentence
from ner.decoding import BATCH_TOKENS, Decoder
from ner.errors import DataError
from ner.evaluation.metrics import f1
from ner.exporting.checking import make_sentences
from ner.model_folder import ModelFolder
from ner.runtime import OnnxRuntime

Floats, Integers = NDArray[np.floating], NDArray[np.int64]


@dataclass(frozen=True)
class Int8Cost:
    """What int8 costs on some sentences; all numbers are from 0 to 1.

    Args:
        fp32_f1: Without it; None for sentences that are made up.
        int8_f1: With it.
        changed: Share of tags that differ between the two.
        company: Share of tags that differ between each sentence alone and all in batches. In fp32
            it is 0.
    """

    fp32_f1: float | None
    int8_f1: float | None
    changed: float
    company: float

    def __str__(self) -> str:
        if self.int8_f1 is None or self.fp32_f1 is None:
            scores = "On words at random:"
        else:
            scores = f"F1 with int8: {100 * self.int8_f1:.2f}, without: {100 * self.fp32_f1:.2f}."
        return (
            f"{scores} Tags that differ: {100 * self.changed:.3f} %; that depend on the other "
            f"sentences of a batch: {100 * self.company:.3f} %"
        )


def measure_int8(
    folder: Path, parts: ModelFolder, sentences: Sequence[Sentence] | None = None
) -> Int8Cost:
    """Compare a model in int8 with the same in fp32.

    Args:
        folder: Where its weights and graphs are, that of int8 among them.
        parts: The model.
        sentences: With gold spans. By default some are made up, of which more tags are a close
            call than in any text.

    Raises:
        DataError: A sentence is not annotated, or there are none.
    """
    gold = None if sentences is None else _gold_spans(sentences)
    if sentences is None:
        sentences = make_sentences(parts.featurizer)
    num_tags = sum(map(len, sentences))
    if not num_tags:
        raise DataError("sentences: at least one that is not empty. Got none.")
    fp32, int8 = (
        OnnxRuntime(folder, parts.tags, parts.scheme, precision=precision, threads=1)
        for precision in ("fp32", "int8")
    )

    def tag(runtime: OnnxRuntime, batch_tokens: int = BATCH_TOKENS) -> list[list[int]]:
        def decode(emissions: Floats, lengths: Integers) -> list[list[int]]:
            paths = runtime.lattice.viterbi(emissions, lengths).tolist()
            return [path[:length] for path, length in zip(paths, lengths, strict=True)]

        return Decoder(parts.featurizer, runtime).run(sentences, decode, [], batch_tokens)

    def score(tags: list[list[int]]) -> float | None:
        if gold is None:
            return None
        return f1(gold, [spans_from_tags([parts.tags[i] for i in path]) for path in tags])

    def difference(one: list[list[int]], other: list[list[int]]) -> float:
        pairs = zip(chain.from_iterable(one), chain.from_iterable(other), strict=True)
        return sum(a != b for a, b in pairs) / num_tags

    exact, rounded = tag(fp32), tag(int8)
    return Int8Cost(
        fp32_f1=score(exact),
        int8_f1=score(rounded),
        changed=difference(exact, rounded),
        # Batches of one token at most are of one sentence.
        company=difference(rounded, tag(int8, batch_tokens=1)),
    )


def _gold_spans(sentences: Sequence[Sentence]) -> list[Sequence[Span]]:
    gold: list[Sequence[Span]] = []
    for sentence in sentences:
        if sentence.spans is None:
            where = sentence.source or "sentences"
            raise DataError(f"{where}: gold spans are needed. Got a sentence without any marked.")
        gold.append(sentence.spans)
    return gold
