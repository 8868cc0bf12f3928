"""What annotation tools read: JSON lines of doccano and Prodigy, from sentences.

`ner.data.jsonl` reads them.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from ner.data.json_text import dump
from ner.data.sentence import Sentence
from ner.errors import DataError


def write_doccano(sentences: Iterable[Sentence]) -> Iterator[str]:
    """Yield one JSON object a sentence, without newline, for doccano to import.

    Raises:
        DataError: A sentence has both spans and labels, for which doccano has one field.
    """
    for number, sentence in enumerate(sentences, 1):
        record: dict[str, Any] = {} if sentence.id is None else {"id": sentence.id}
        record["text"] = sentence.text
        is_annotated = sentence.found_spans is not None
        if is_annotated and sentence.labels:
            raise DataError(
                f"{sentence.source or f'sentence {number}'}: doccano has one field for spans and "
                f"labels. Got both ({', '.join(sentence.labels)})."
            )
        if is_annotated:
            record["label"] = [[e.start, e.end, e.label] for e in sentence.entities]
        elif sentence.labels:
            record["label"] = sentence.labels
        yield dump(record)


def write_prodigy(sentences: Iterable[Sentence]) -> Iterator[str]:
    """Yield one JSON object a sentence, without newline, as a task of Prodigy."""
    for sentence in sentences:
        record: dict[str, Any] = {"text": sentence.text}
        if sentence.id is not None:
            record["id"] = sentence.id
        last = len(sentence) - 1
        record["tokens"] = [
            {
                "text": sentence.text[start:end],
                "start": start,
                "end": end,
                "id": i,
                "ws": i < last and sentence.offsets[i + 1][0] > end,
            }
            for i, (start, end) in enumerate(sentence.offsets)
        ]
        spans = sentence.found_spans
        if spans is not None:
            record["spans"] = [
                {
                    "start": entity.start,
                    "end": entity.end,
                    "token_start": span.start,
                    "token_end": span.end - 1,
                    "label": entity.label,
                }
                for span, entity in zip(spans, sentence.entities, strict=True)
            ]
        if sentence.labels and len(sentence.labels) == 1:
            record["label"] = sentence.labels[0]
        elif sentence.labels:
            record["accept"] = sentence.labels
        yield dump(record | {"answer": "accept"})
