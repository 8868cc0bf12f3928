"""From predictions to the fields of answers, with offsets in the unit that was asked for."""

from collections.abc import Iterable, Sequence
from typing import Any

from ner.choices import OffsetUnit
from ner.data.offsets import character_at, places
from ner.data.sentence import PredictedSentence
from ner.errors import DataError
from ner.inference.classification import Classification
from ner.service.schemas import OffsetName, TagRequest

UNITS: dict[OffsetName, OffsetUnit] = {
    "codepoint": "characters",
    "utf16": "utf16",
    "byte": "bytes",
}


class TextOffsets:
    """Turns indices of the characters of a text into offsets of some unit, and back.

    Args:
        text: The text.
        unit: What offsets count.
    """

    def __init__(self, text: str, unit: OffsetName) -> None:
        self._text = text
        self._unit: OffsetUnit = UNITS[unit]
        self._is_same = unit == "codepoint" or text.isascii()

    def of(self, index: int) -> int:
        """Return the offset of a character."""
        return index if self._is_same else places(self._text, self._unit)[index]

    def to_text(self, offset: int) -> int:
        """Return the index of the character at an offset.

        Raises:
            DataError: No character begins there.
        """
        index = offset
        if not self._is_same:
            index = character_at(self._text, offset, self._unit)
        if index is None or index > len(self._text):
            raise DataError(
                f"span: must start and end at characters of the text. Got the offset {offset}."
            )
        return index


def tagged(
    found: PredictedSentence,
    request: TagRequest,
    offsets: TextOffsets,
    column: str | None,
    best: Sequence[PredictedSentence],
) -> dict[str, Any]:
    """Return what was found in a text.

    Args:
        found: The tagged text, without a lowest score.
        request: What was asked for.
        offsets: The offsets of the text.
        column: The column of labels, from a model that labels tokens.
        best: The most probable taggings, where they were asked for.
    """
    kept = found.at_least(request.min_score) if request.min_score else found
    answer: dict[str, Any] = {"entities": _entities(kept, offsets)}
    if column is not None:
        prediction = found.prediction
        labels = zip(prediction.columns[column], prediction.column_scores[column], strict=True)
        answer["labels"] = [
            _part(found.text, place, label, score, offsets)
            for place, (label, score) in zip(found.offsets, labels, strict=True)
        ]
    if request.tokens:
        answer["tokens"] = [
            {"start": offsets.of(start), "end": offsets.of(end)} for start, end in found.offsets
        ]
    if request.nbest is not None:
        answer["nbest"] = [
            {
                "probability": sentence.prediction.probability,
                "entities": _entities(sentence, offsets),
            }
            for sentence in best
        ]
    return answer


def classified(found: Classification) -> dict[str, Any]:
    """Return the labels of a text."""
    return {
        "labels": list(found.labels),
        "probabilities": dict(found.probabilities),
        "attention": [
            {"start": each.start, "end": each.end, "weight": each.weight}
            for each in found.attention
        ],
    }


def _entities(sentence: PredictedSentence, offsets: TextOffsets) -> list[dict[str, Any]]:
    return [
        _part(sentence.text, (entity.start, entity.end), entity.label, entity.score, offsets)
        for entity in sentence.entities
    ]


def _part(
    text: str, place: Iterable[int], label: str, score: float, offsets: TextOffsets
) -> dict[str, Any]:
    start, end = place
    return {
        "start": offsets.of(start),
        "end": offsets.of(end),
        "label": label,
        "score": score,
        "text": text[start:end],
    }
