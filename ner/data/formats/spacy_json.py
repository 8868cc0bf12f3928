"""spaCy's training tuples as JSON: `[["text", {"entities": [[0, 3, "PER"]]}], ...]`.

"entities" are spans. "cats" are labels of the text if their value is at least one half. The list
may be under "annotations" in an object; an item there may be null if nobody annotated it.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from ner.data.formats.base import TEXT_CONTENT, Format, without_options
from ner.data.formats.json_text import dump_list, list_reader
from ner.data.formats.options import ReadOptions
from ner.data.formats.records import char_span, note_unknown, text_sentence
from ner.data.lines import short
from ner.data.sentence import Sentence, Source
from ner.data.spans import CharSpan, FieldError

# A category is a label of the text from this value on.
LABEL_THRESHOLD = 0.5


def _read_item(item: Any, source: Source, options: ReadOptions) -> Sentence | None:
    if item is None:
        options.rules.notes.changes.append(f"{source}: left out: null, which is not annotated.")
        return None
    is_pair = isinstance(item, list) and len(item) == 2
    if not is_pair or not isinstance(item[0], str) or not isinstance(item[1], dict):
        raise FieldError(f"an item must be a text and an object. Got {short(item)}.")
    text, annotation = item
    spans, labels = _spans(annotation), _labels(annotation)
    note_unknown(annotation, ("entities", "cats"), options.rules.notes)
    return text_sentence(text, spans, source, options.tokenizer, options.rules, labels=labels)


def write_spacy_json(sentences: Iterable[Sentence]) -> Iterator[str]:
    """Yield the lines, without newline, of a list of texts with their annotation."""
    return dump_list(map(_pair, sentences))


def _spans(annotation: dict[str, Any]) -> list[CharSpan] | None:
    entities = annotation.get("entities")
    if entities is None:
        return None
    if not isinstance(entities, list) or not all(
        isinstance(entity, list) and len(entity) == 3 for entity in entities
    ):
        raise FieldError(f"entities: must be a list of [start, end, label]. Got {short(entities)}.")
    return [char_span(*entity, shown=entity) for entity in entities]


def _labels(annotation: dict[str, Any]) -> tuple[str, ...] | None:
    cats = annotation.get("cats")
    if cats is None or cats == {}:
        return None
    if not isinstance(cats, dict) or not all(isinstance(v, int | float) for v in cats.values()):
        raise FieldError(f"cats: must be an object of numbers. Got {short(cats)}.")
    return tuple(label for label, value in cats.items() if value >= LABEL_THRESHOLD)


def _pair(sentence: Sentence) -> list[Any]:
    annotation: dict[str, Any] = {}
    if sentence.found_spans is not None:
        annotation["entities"] = [[e.start, e.end, e.label] for e in sentence.found_entities]
    if sentence.labels:
        annotation["cats"] = dict.fromkeys(sentence.labels, 1.0)
    return [sentence.text, annotation]


FORMAT = Format(
    "spacy-json",
    "spaCy's training tuples in JSON",
    TEXT_CONTENT,
    list_reader(_read_item, key="annotations"),
    without_options(write_spacy_json),
    options=frozenset({"offsets"}),
)
