"""LightTag's JSON: a list of examples, each with its content, annotations and classes.

Source: the type definitions in https://github.com/LightTag/lighttag-convertors.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from ner.data.formats.json_text import dump, dump_list, json_items
from ner.data.formats.records import (
    Tokenize,
    build_sentences,
    char_span,
    name_field,
    objects_field,
    string_field,
    text_sentence,
)
from ner.data.lines import short
from ner.data.sentence import Sentence, Source
from ner.data.spans import FieldError, SpanRules
from ner.errors import DataError


def read_lighttag(
    lines: Iterable[bytes],
    name: str,
    tokenize: Tokenize,
    problems: list[DataError] | None = None,
    rules: SpanRules | None = None,
) -> Iterator[Sentence]:
    """Yield the sentences of a LightTag export, an example each.

    An annotation that a reviewer marked as not correct is left out and noted.

    Args:
        lines: The lines of the file, undecoded.
        name: What messages call the file.
        tokenize: Cuts the texts.
        problems: Where to put the errors of examples that cannot be read, which are left out;
            None raises the first one.
        rules: What to do with spans that are not whole tokens, or overlap; None refuses them.

    Raises:
        DataError: It is no JSON with examples, or a span does not fit.
    """
    used = rules or SpanRules()

    def build(example: Any, source: Source) -> Sentence:
        if not isinstance(example, dict):
            raise FieldError(f"an example is an object. Got {short(example)}.")
        spans = []
        for given in objects_field(example, "annotations"):
            if given.get("correct") is False:
                used.notes.changes.append(
                    f"{source}: left out: {short(given.get('value'))}, reviewed as not correct."
                )
                continue
            start, end = given.get("start"), given.get("end")
            spans.append(char_span(start, end, given.get("tag"), given, given.get("value")))
        classes = [
            string_field(given, "classname") for given in objects_field(example, "classifications")
        ]
        return text_sentence(
            string_field(example, "content"),
            spans if example.get("annotations") is not None else None,
            source,
            tokenize,
            used,
            labels=tuple(classes) or None,
            id=name_field(example, "example_id"),
        )

    return build_sentences(json_items(lines, name, "examples"), build, problems)


def write_lighttag(sentences: Iterable[Sentence]) -> Iterator[str]:
    """Yield the lines, without newline, of a file like LightTag's, an example a line."""
    yield '{"examples":'
    tags: dict[str, None] = {}
    yield from dump_list(map(_example, _listing(sentences, tags)))
    yield f',"schema": {dump({"name": "ner", "tags": [{"name": tag} for tag in tags]})}}}'


def _listing(sentences: Iterable[Sentence], tags: dict[str, None]) -> Iterator[Sentence]:
    """Pass sentences on, and put their labels into `tags`."""
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
