"""LightTag's JSON: a list of examples, each with its content, annotations and classes.

The list may be under "examples" in an object. Annotations that a reviewer marked as not correct
are left out and noted.

Source: the type definitions in https://github.com/LightTag/lighttag-convertors.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from ner.data.formats.base import IDS, TEXT_CONTENT, Format, without_options
from ner.data.formats.json_text import dump, dump_list, list_reader
from ner.data.formats.options import ReadOptions
from ner.data.formats.records import (
    char_span,
    name_field,
    note_span,
    note_unknown,
    objects_field,
    string_field,
    text_sentence,
)
from ner.data.lines import short
from ner.data.sentence import Sentence, Source
from ner.data.spans import FieldError

# What is read of an example and of its annotations.
EXAMPLE_KEYS = ("content", "annotations", "classifications", "example_id")
ANNOTATION_KEYS = ("start", "end", "value", "tag", "correct")


def _read_example(example: Any, source: Source, options: ReadOptions) -> Sentence:
    if not isinstance(example, dict):
        raise FieldError(f"an example must be an object. Got {short(example)}.")
    spans = []
    for annotation in objects_field(example, "annotations"):
        start, end, text = (annotation.get(key) for key in ("start", "end", "value"))
        if annotation.get("correct") is False:
            options.rules.notes.changes.append(
                f"{source}: left out: {short(text)} was reviewed as not correct."
            )
        else:
            note_span(annotation, ANNOTATION_KEYS, options.rules.notes)
            spans.append(char_span(start, end, annotation.get("tag"), annotation, text))
    note_unknown(example, EXAMPLE_KEYS, options.rules.notes)
    classes = [
        string_field(item, "classname") for item in objects_field(example, "classifications")
    ]
    return text_sentence(
        string_field(example, "content"),
        spans if example.get("annotations") is not None else None,
        source,
        options.tokenizer,
        options.rules,
        labels=tuple(classes) or None,
        id=name_field(example, "example_id"),
    )


def write_lighttag(sentences: Iterable[Sentence]) -> Iterator[str]:
    """Yield the lines, without newline, of a file like LightTag's, with an example on each line."""
    yield '{"examples":'
    tags: dict[str, None] = {}
    yield from dump_list(map(_example, _collect_labels(sentences, tags)))
    yield f',"schema": {dump({"name": "ner", "tags": [{"name": tag} for tag in tags]})}}}'


def _collect_labels(sentences: Iterable[Sentence], tags: dict[str, None]) -> Iterator[Sentence]:
    """Pass the sentences on, and put the labels of their entities into `tags`."""
    for sentence in sentences:
        tags.update(dict.fromkeys(entity.label for entity in sentence.found_entities))
        yield sentence


def _example(sentence: Sentence) -> dict[str, Any]:
    example: dict[str, Any] = {"content": sentence.text, "metadata": {}}
    if sentence.id is not None:
        example["example_id"] = sentence.id
    if sentence.found_spans is not None:
        example["annotations"] = [
            {"start": e.start, "end": e.end, "tag": e.label, "value": e.text}
            for e in sentence.found_entities
        ]
    example["classifications"] = [{"classname": label} for label in sentence.labels or ()]
    return example


FORMAT = Format(
    "lighttag",
    "JSON of LightTag",
    TEXT_CONTENT | {IDS},
    list_reader(_read_example, key="examples"),
    without_options(write_lighttag),
    options=frozenset({"offsets"}),
)
