"""What eight bits cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ner.data.schemes import tags_from_spans
from ner.data.sentence import Prediction, Sentence
from ner.decoding import predict
from ner.errors import DataError
from ner.evaluation.scoring import scoring
from ner.exporting.checking import make_sentences
from ner.model_folder import ModelFolder
from ner.runtime import OnnxRuntime


@dataclass(frozen=True)
class Int8Cost:
    """What int8 costs on some sentences; all numbers are from 0 to 1.

    Args:
        metric: What is compared, such as f1.
        fp32: It, without eight bits; None for sentences that are made up.
        int8: With them.
        changed: Share of tags, or classes, that differ between the two.
        company: Share of those that differ between each sentence alone and all in batches. In fp32
            it is 0.
    """

    metric: str
    fp32: float | None
    int8: float | None
    changed: float
    company: float

    def __str__(self) -> str:
        if self.int8 is None or self.fp32 is None:
            scores = "On words at random:"
        else:
            name = "F1" if self.metric == "f1" else "Accuracy"
            scores = f"{name} with int8: {100 * self.int8:.2f}, without: {100 * self.fp32:.2f}."
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
        sentences: Annotated. By default some are made up, of which more tags are a close call than
            in any text.

    Raises:
        DataError: A sentence is not annotated, or there are none.
    """
    target = parts.target
    counted = scoring(target)
    is_gold = sentences is not None
    if sentences is None:
        sentences = make_sentences(parts.featurizer)
    else:
        for sentence in sentences:
            target.check(sentence, "development")
    if not sum(map(len, sentences)):
        raise DataError("sentences: at least one that is not empty. Got none.")
    fp32, int8 = (
        OnnxRuntime(folder, len(target.outputs), precision=precision, threads=1)
        for precision in ("fp32", "int8")
    )

    exact, rounded = (predict(r, parts.featurizer, target, sentences) for r in (fp32, int8))
    # Batches of one token at most are of one sentence.
    alone = predict(int8, parts.featurizer, target, sentences, batch_tokens=1)
    return Int8Cost(
        metric=counted.metric,
        fp32=counted.score(sentences, exact) if is_gold else None,
        int8=counted.score(sentences, rounded) if is_gold else None,
        changed=_difference(exact, rounded),
        company=_difference(rounded, alone),
    )


def _difference(some: Sequence[Sentence], others: Sequence[Sentence]) -> float:
    pairs = [
        pair
        for one, other in zip(some, others, strict=True)
        for pair in zip(_tags(one), _tags(other), strict=True)
    ]
    return sum(a != b for a, b in pairs) / len(pairs)


def _tags(sentence: Sentence) -> Sequence[object]:
    """Give what was predicted: one thing a token, or one for the sentence."""
    prediction = sentence.prediction or Prediction()
    if prediction.spans is not None:
        return tags_from_spans(prediction.spans, len(sentence), "BIO")
    if prediction.labels is not None:
        return [prediction.labels]
    return list(zip(*prediction.columns.values(), strict=True))
