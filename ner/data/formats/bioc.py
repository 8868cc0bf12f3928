"""BioC in JSON: a collection of documents, each in passages, which may be in sentences.

Each sentence becomes a sentence, or each passage that is not in sentences. Its document is the id
of the document. Offsets in a file count from the start of the document. The label of an entity is
its "type". A file may also be a list of collections or documents, or have a document on each line,
as PubTator serves them. Relations and what else is known about passages and entities are counted
in the notes.

Source: Comeau et al., "BioC: a minimalist approach to interoperability for biomedical text
processing", Database 2013; https://github.com/ncbi-nlp/BioC-JSON.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ner.data.formats.base import DOCUMENTS, EMPTY, SPACING, SPANS, Format
from ner.data.formats.json_text import json_documents
from ner.data.formats.options import ReadOptions
from ner.data.formats.records import (
    build_sentences,
    char_span,
    is_integers,
    name_field,
    note_unknown,
    objects_field,
    text_sentence,
)
from ner.data.lines import input_name, read_lines, short
from ner.data.sentence import Sentence, Source
from ner.data.spans import CharSpan, FieldError, Notes, SpanRules, has_gaps, refuse_gaps
from ner.errors import DataError

# Where a file, or what stands in a list, holds its documents.
COLLECTION_KEYS = ("documents", "PubTator3")
DOCUMENT_KEYS = ("id", "_id", "passages", "relations")
PASSAGE_KEYS = ("offset", "text", "annotations", "sentences", "relations")
ANNOTATION_KEYS = ("id", "text", "locations", "infons")

# A text with the id of its document.
Passage = tuple[str | None, dict[str, Any]]


def read_bioc(source: str | Path, options: ReadOptions) -> Iterator[Sentence]:
    """Yield a sentence for each sentence, or each passage without sentences.

    Raises:
        DataError: The file is not JSON, a field has the wrong type, or a span does not fit.
    """
    name = input_name(source)
    items = json_documents(
        read_lines(source, options.encoding, max_line=options.max_line), name, COLLECTION_KEYS
    )
    rules = options.rules

    def passages() -> Iterator[tuple[Source, Passage | DataError]]:
        for place, item in items:
            try:
                found = [item] if isinstance(item, DataError) else [*_passages(item, rules.notes)]
            except FieldError as error:
                found = [DataError(f"{place}: {error}")]
            yield from ((place, passage) for passage in found)

    def build(passage: Passage, place: Source) -> Sentence:
        document, fields = passage
        text, offset = fields.get("text"), fields.get("offset")
        if not isinstance(text, str) or not is_integers(offset):
            raise FieldError(
                f"a passage must have a text and a whole number as offset. Got {short(fields)}."
            )
        is_annotated = fields.get("annotations") is not None
        spans = list(_spans(fields, text, rules, str(place))) if is_annotated else None
        return text_sentence(text, spans, place, options.tokenizer, rules, document=document)

    return build_sentences(passages(), build, options.problems)


def _passages(item: Any, notes: Notes) -> Iterator[Passage]:
    """Yield the texts of a collection or a document, each with the id of its document."""
    if not isinstance(item, dict):
        raise FieldError(f"a document must be a JSON object. Got {short(item)}.")
    key = next((key for key in COLLECTION_KEYS if key in item), None)
    if key is not None:
        for document in objects_field(item, key):
            yield from _passages(document, notes)
        return
    document = name_field(item, "id")
    passages = objects_field(item, "passages")
    note_unknown(item, DOCUMENT_KEYS, notes, "of documents")
    _count(notes, "relations", *(objects_field(one, "relations") for one in (item, *passages)))
    for passage in passages:
        note_unknown(passage, PASSAGE_KEYS, notes, "of passages")
        sentences = objects_field(passage, "sentences")
        if sentences:
            _count(notes, "entities beside sentences", objects_field(passage, "annotations"))
        yield from ((document, part) for part in sentences or [passage])


def _count(notes: Notes, kind: str, *lists: list[dict[str, Any]]) -> None:
    if count := sum(map(len, lists)):
        notes.ignored[kind] += count


def _spans(passage: dict[str, Any], text: str, rules: SpanRules, where: str) -> Iterator[CharSpan]:
    """Yield the spans of a passage, counted from its start."""
    for annotation in objects_field(passage, "annotations"):
        places = [
            (location.get("offset"), location.get("length"))
            for location in objects_field(annotation, "locations")
        ]
        infons = annotation.get("infons")
        infons = infons if isinstance(infons, dict) else {}
        if not places or not all(is_integers(*place) for place in places):
            raise FieldError(
                "an annotation must have locations, each with whole numbers offset and length. "
                f"Got {short(annotation)}."
            )
        note_unknown(infons, ("type",), rules.notes, "of spans")
        note_unknown(annotation, ANNOTATION_KEYS, rules.notes, "of spans")
        starts = [offset - passage["offset"] for offset, _ in places]
        ends = [start + length for start, (_, length) in zip(starts, places, strict=True)]
        label, covered = infons.get("type"), annotation.get("text")
        span = char_span(starts[0], ends[-1], label, annotation, covered)
        if has_gaps(text, starts, ends, rules.offsets):
            refuse_gaps(f"[{span.start}, {span.end}) {span.label}", rules, where)
        else:
            yield span


FORMAT = Format(
    "bioc",
    "BioC in JSON, with entities in passages or sentences",
    frozenset({SPANS, SPACING, DOCUMENTS, EMPTY}),
    read_bioc,
    options=frozenset({"offsets"}),
)
