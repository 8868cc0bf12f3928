"""Texts as teachers label them. A teacher is a model, a set of rules, or a person.

A record of JSON lines, or of a list of records, may have these fields beside those that
`ner.data.formats.jsonl` lists::

    {"text": "Aspirin helps.", "source": "gpt", "weight": 2, "types": ["DRUG", "DISEASE"],
     "spans": [{"text": "Aspirin", "label": "DRUG", "score": 0.9, "source": "rules"}]}

"source" names the teacher: of the record, of a span, or in the list "sources" all who have read the
text. A span may lack "start" and "end" if it has a "text". A record without a text belongs to the
text with its "id". Other corpora are read as they always are, each as the work of one teacher.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ner.data.formats.columns import SPAN_NAMES
from ner.data.formats.detection import detect_format
from ner.data.formats.json_text import json_items, json_lines
from ner.data.formats.jsonl import LABEL_KEYS, TEXT_KEYS, read_records
from ner.data.formats.options import ReadOptions
from ner.data.formats.read import CorpusSource, stream_sentences
from ner.data.formats.records import (
    SPAN_KEYS,
    TOKEN_PLACES,
    build_sentences,
    by_roles,
    is_integers,
    is_span_list,
    is_strings,
    label_key,
    name_field,
    note_unknown,
)
from ner.data.formats.write import repeats_tags
from ner.data.lines import input_name, read_lines, short
from ner.data.schemes import spans_from_tags
from ner.data.sentence import PredictedEntity, Sentence, Source
from ner.data.spans import FieldError, Notes

# The fields that tell of teachers, and the format in which they are read.
TEACHER_KEYS = ("source", "sources", "weight", "types")
RECORD_FORMATS = ("jsonl", "json")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A labelled part of a text, as a teacher gives it.

    Args:
        label: Its label.
        start: Where it starts in characters; None if the teacher does not say.
        end: Where it ends, half open.
        text: Its words; None if the teacher does not repeat them.
        score: How sure the teacher is, from 0 to 1.
    """

    label: str
    start: int | None = None
    end: int | None = None
    text: str | None = None
    score: float = 1.0


@dataclass(frozen=True)
class Labelled:
    """A text as one record has it, with what teachers say about it.

    Args:
        place: Where it was read.
        id: Its name in the file.
        sentence: The text with its tokens; its annotation does not count. None for a record
            without a text.
        has_tokens: Whether the file says what the tokens are.
        suggestions: What each teacher suggests who has read it.
        weight: A factor on the weight of these teachers for this text.
        types: The labels that they look for in this text; None leaves that open.
        is_partial: Whether the teachers say nothing about tokens outside of their spans.
        unread: Further ranges of characters about which they say nothing.
    """

    place: Source
    id: str | None
    sentence: Sentence | None
    has_tokens: bool
    suggestions: Mapping[str, Sequence[Suggestion]]
    weight: float = 1.0
    types: frozenset[str] | None = None
    is_partial: bool = False
    unread: tuple[tuple[int, int], ...] = ()


def read_teacher(name: str, source: CorpusSource, options: ReadOptions) -> Iterator[Labelled]:
    """Yield the texts of a file or of a list.

    Args:
        name: The teacher, where the records name none.
        source: A corpus in any format, a list of records, or sentences, also predicted ones.
        options: How it is read. Notes and problems go to their lists.

    Raises:
        DataError: It cannot be read.
    """
    if not isinstance(source, str | Path):
        yield from _listed(name, source, options)
        return
    format_ = options.format or detect_format(source, options.encoding).name
    if format_ in RECORD_FORMATS:
        lines = read_lines(source, options.encoding, max_line=options.max_line)
        read = json_lines if format_ == "jsonl" else json_items
        yield from _read_records(name, read(lines, input_name(source)), options)
        return
    # Spans are moved to token borders, as those of records are.
    reading = options.updated(format=format_, misaligned="snap", overlapping="drop")
    for sentence in stream_sentences(source, reading):
        yield _of_sentence(
            name, sentence, sentence.source or Source(str(source)), options.rules.notes
        )


def _listed(name: str, source: Any, options: ReadOptions) -> Iterator[Labelled]:
    reading = options.updated(split=name)
    for i, item in enumerate(source):
        place = Source(f"{name}[{i}]")
        if isinstance(item, Mapping):
            yield from _read_records(name, [(place, dict(item))], options)
        else:
            for sentence in stream_sentences([item], reading):
                yield _of_sentence(name, sentence, place, options.rules.notes)


def _of_sentence(name: str, sentence: Sentence, place: Source, notes: Notes) -> Labelled:
    """Return what a sentence says; a prediction counts before gold annotation."""
    spans = [] if sentence.found_spans is None else sentence.found_entities
    suggestions = [
        Suggestion(
            *(entity.label, entity.start, entity.end, entity.text),
            entity.score if isinstance(entity, PredictedEntity) else 1.0,
        )
        for entity in spans
    ]
    unread: tuple[tuple[int, int], ...] = ()
    if sentence.found_spans is None and sentence.allowed is not None:
        suggestions, unread = _certain(sentence, notes)
    is_judged = sentence.found_spans is not None or sentence.allowed is not None
    said = {name: suggestions} if is_judged else {}
    # The tags of this teacher are not those of the merged text.
    columns = {n: v for n, v in sentence.columns.items() if not repeats_tags(n, v, sentence)}
    text = sentence.replace(columns=columns)
    return Labelled(place, sentence.id, text, True, said, unread=unread)


def _certain(
    sentence: Sentence, notes: Notes
) -> tuple[list[Suggestion], tuple[tuple[int, int], ...]]:
    """Return the spans of partial annotation that are certain, and the ranges of other tokens."""
    allowed = sentence.allowed or ()
    several = sum(len(tags) > 1 for tags in allowed)
    if several:
        notes.ignored["tokens with several possible tags, which count as open"] += several
    # An open token is as a label of its own between the others.
    tags = [options[0] if len(options) == 1 else "O" for options in allowed]
    is_open = [len(options) != 1 for options in allowed]
    suggestions = []
    for start, end, label in spans_from_tags(tags):
        continues = tags[start][0] in "IE" and start > 0 and is_open[start - 1]
        goes_on = tags[end - 1][0] in "BI" and end < len(tags) and is_open[end]
        if continues or goes_on:
            is_open[start:end] = [True] * (end - start)
            continue
        first, last = sentence.offsets[start][0], sentence.offsets[end - 1][1]
        suggestions.append(Suggestion(label, first, last, sentence.text[first:last]))
    pairs = zip(sentence.offsets, is_open, strict=True)
    return suggestions, tuple(place for place, is_unknown in pairs if is_unknown)


def _read_records(
    name: str, records: Iterable[tuple[Source, Any]], options: ReadOptions
) -> Iterator[Labelled]:
    notes = options.rules.notes

    def build(record: Any, place: Source) -> Labelled | None:
        if not isinstance(record, dict):
            raise FieldError(f"a record must be a JSON object. Got {short(record)}.")
        if options.roles:
            record = by_roles(record, options.roles, notes)
        return _record(name, record, place, options.updated(columns=None, problems=None))

    yield from build_sentences(records, build, options.problems)


def _record(
    name: str, record: dict[str, Any], place: Source, options: ReadOptions
) -> Labelled | None:
    lists = {
        key: record[key]
        for key in (*SPAN_NAMES, *LABEL_KEYS)
        if record.get(key) is not None and (key in SPAN_NAMES or is_span_list(record[key]))
    }
    for value in lists.values():
        if not is_span_list(value):
            raise FieldError(f"spans: must be a list of objects. Got {short(value)}.")
    own = {*lists, *TEACHER_KEYS, "partial"} if lists else {*TEACHER_KEYS}
    has_text = any(record.get(key) is not None for key in TEXT_KEYS)
    if not has_text and record.get("id") is None:
        raise FieldError(f"text: must be there, or an id. Got {short(list(record))}.")
    sentence = None
    if has_text:
        bare = {key: value for key, value in record.items() if key not in own}
        sentence = next(read_records([(place, bare)], options), None)
        if sentence is None:  # an annotator rejected it
            return None
        is_tagged = sentence.spans is not None or sentence.allowed is not None
        if is_tagged and lists:
            raise FieldError("spans: must not be combined with tags. Got both.")
        if is_tagged:
            teacher = _string(record, "source") or name
            found = _of_sentence(teacher, sentence, place, options.rules.notes)
            return replace(found, weight=_weight(record), types=_types(record))
    partial = record.get("partial", False)
    if not isinstance(partial, bool):
        raise FieldError(f"partial: must be true or false. Got {short(partial)}.")
    said = _said(name, record, lists, options.rules.notes)
    return Labelled(
        place,
        name_field(record, "id"),
        sentence,
        record.get("tokens") is not None,
        said,
        _weight(record),
        _types(record),
        partial,
    )


def _said(
    name: str, record: dict[str, Any], lists: Mapping[str, list[Any]], notes: Notes
) -> dict[str, list[Suggestion]]:
    """Return the suggestions of each teacher who has read a text."""
    sources = record.get("sources")
    if sources is not None and not is_strings(sources):
        raise FieldError(f"sources: must be a list of names. Got {short(sources)}.")
    default = _string(record, "source")
    said: dict[str, list[Suggestion]] = {each: [] for each in sources or ()}
    # Without spans, a source says where a text is from.
    if default is not None and lists:
        said.setdefault(default, [])
    for item in (item for value in lists.values() for item in value):
        fields: dict[str, Any] = item if isinstance(item, dict) else _fields(item)
        teacher = _string(fields, "source") or default or name
        said.setdefault(teacher, []).extend(_suggestions(fields, notes))
    if lists and not said:
        said[name] = []
    return said


def _fields(item: list[Any]) -> dict[str, Any]:
    return dict(zip(("start", "end", "label"), item, strict=True))


def _suggestions(item: Mapping[str, Any], notes: Notes) -> Iterator[Suggestion]:
    """Read a span, which may have several labels."""
    key = "label" if "label" in item else label_key(item)
    note_unknown(item, (*SPAN_KEYS, *TOKEN_PLACES, key, "score", "source"), notes, "of spans")
    start = item.get("start", item.get("start_offset"))
    end = item.get("end", item.get("end_offset"))
    text, labels, score = item.get("text"), item.get(key), item.get("score")
    is_placed = start is not None and end is not None
    if is_placed and not is_integers(start, end):
        raise FieldError(f"spans: start and end must be whole numbers. Got {short(item)}.")
    if not is_placed and not (isinstance(text, str) and text.strip()):
        raise FieldError(f"spans: each must have a start and an end, or a text. Got {short(item)}.")
    if score is not None and not (_is_number(score) and 0 <= score <= 1):
        raise FieldError(f"spans: a score must be a number from 0 to 1. Got {short(score)}.")
    for label in labels if isinstance(labels, list) else (labels,):
        if not isinstance(label, str) or not label:
            raise FieldError(f"spans: each must have a string as label. Got {short(item)}.")
        words = text if isinstance(text, str) else None
        places = (start, end) if is_placed else (None, None)
        yield Suggestion(label, *places, words, 1.0 if score is None else float(score))


def _string(record: Mapping[str, Any], key: str) -> str | None:
    value = record.get(key)
    if value is not None and (not isinstance(value, str) or not value):
        raise FieldError(f"{key}: must be a name. Got {short(value)}.")
    return value


def _weight(record: Mapping[str, Any]) -> float:
    value = record.get("weight", 1.0)
    if not _is_number(value) or not 0 <= value < float("inf"):
        raise FieldError(f"weight: must be a number of at least 0. Got {short(value)}.")
    return float(value)


def _types(record: Mapping[str, Any]) -> frozenset[str] | None:
    value = record.get("types")
    if value is not None and not is_strings(value):
        raise FieldError(f"types: must be a list of labels. Got {short(value)}.")
    return None if value is None else frozenset(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
