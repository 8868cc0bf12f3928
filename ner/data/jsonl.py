"""JSON lines: a text a line, with its entities as character ranges."""

import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ner.data.lines import decode_line, replace_surrogates, short
from ner.data.partial import (
    Allowed,
    allowed_from_spans,
    allowed_from_tags,
    normalize_partial,
    tags_from_allowed,
)
from ner.data.schemes import Span
from ner.data.sentence import Sentence, Source
from ner.errors import DataError

Offsets = list[tuple[int, int]]
Tokenize = Callable[[str], tuple[list[str], Offsets]]

FIRST_OF_PAIR = re.compile("[\ud800-\udbff](?=[\udc00-\udfff])")


def read_jsonl(
    lines: Iterable[bytes],
    name: str,
    tokenize: Tokenize,
    problems: list[DataError] | None = None,
) -> Iterator[Sentence]:
    """Yield the sentences of a JSON lines file.

    A record looks like this; only "text" is needed, and without "spans" the sentence is
    not annotated ("entities" is another name of "spans")::

        {"text": "Ada lives in London.", "spans": [{"start": 0, "end": 3, "label": "PER"}],
         "tokens": [[0, 3], [4, 9], ...], "id": "a1", "document": "d7",
         "columns": {"pos": ["NNP", "VBZ", ...]}}

    With `"partial": true` what no span covers is unknown, not outside of all entities; instead of
    spans, "allowed" may give a tag for each token, `?` or several with `|` between them.

    Positions count characters, half open. "tokens" may also be a list of strings in place of
    "text", which is then these strings joined by blanks. Blank lines are skipped.

    Args:
        lines: The lines of the file, undecoded.
        name: What messages call the file.
        tokenize: Gives tokens and offsets of the texts that come without "tokens".
        problems: Where to put the errors of records that cannot be read, which are left out;
            None raises the first one.

    Raises:
        DataError: A line is not a JSON object in UTF-8, a field has the wrong type, or a span does
            not start and end at token borders.
    """
    for number, raw in enumerate(lines, 1):
        try:
            line = decode_line(raw, number, name)
            if line.strip(" \t"):
                yield _sentence(_parse(line), tokenize, Source(name, number))
        except _FieldError as error:
            problem = DataError(f"{name}:{number}: {error}")
            if problems is None:
                raise problem from None
            problems.append(problem)
        except DataError as problem:
            if problems is None:
                raise
            problems.append(problem)


def write_jsonl(sentences: Iterable[Sentence]) -> Iterator[str]:
    """Yield one JSON object a sentence, without newline, as `read_jsonl` reads it.

    Spans are the predicted ones, with their score, or else the gold ones; a sentence with neither
    has no "spans". Every line can be encoded as UTF-8.
    """
    for sentence in sentences:
        record: dict[str, Any] = {}
        if sentence.id is not None:
            record["id"] = sentence.id
        if sentence.document is not None:
            record["document"] = sentence.document
        record["text"] = sentence.text
        record["tokens"] = sentence.offsets
        if sentence.spans is not None or sentence.prediction is not None:
            record["spans"] = [
                {"start": entity.start, "end": entity.end, "label": entity.label}
                | {"text": entity.text}
                | ({} if entity.score is None else {"score": round(entity.score, 6)})
                for entity in sentence.entities
            ]
        if sentence.allowed is not None:
            record["allowed"] = tags_from_allowed(sentence.allowed)
        if sentence.columns:
            record["columns"] = dict(sentence.columns)
        yield _dump(record)


def _dump(record: dict[str, Any]) -> str:
    line = json.dumps(record, ensure_ascii=False)
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        # Lone surrogates can be escaped; two in a row would be read as one character, which
        # would move every offset after them.
        line = json.dumps(json.loads(FIRST_OF_PAIR.sub("\ufffd", line)))
    return line


class _FieldError(Exception):
    """What is wrong with a record, without its place."""


def _parse(line: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise _FieldError(
            f"not JSON: {error.msg} at column {error.colno}. Each line holds one object."
        ) from None
    except (ValueError, RecursionError) as error:  # a number or a nesting beyond all limits
        raise _FieldError(f"not JSON that can be read: {error}.") from None
    if not isinstance(record, dict):
        raise _FieldError(f"one JSON object a line. Got {short(record)}.")
    return record


def _sentence(record: dict[str, Any], tokenize: Tokenize, source: Source) -> Sentence:
    text, tokens, offsets = _tokens(record, tokenize)
    columns = record.get("columns", {})
    if not isinstance(columns, dict):
        raise _FieldError(f"columns: an object of lists. Got {short(columns)}.")
    for name, values in columns.items():
        if not _strings(values) or len(values) != len(tokens):
            raise _FieldError(
                f"columns.{name}: one string for each of {len(tokens)} tokens. Got {short(values)}."
            )
    spans = _spans(record, text, offsets)
    partial = record.get("partial", False)
    if not isinstance(partial, bool):
        raise _FieldError(f"partial: true or false. Got {short(partial)}.")
    allowed = _allowed(record, len(tokens))
    if allowed is not None and (partial or spans is not None):
        raise _FieldError("allowed: stands in place of spans and partial. Got both.")
    return Sentence(
        tokens,
        text=text,
        offsets=offsets,
        columns={name: tuple(values) for name, values in columns.items()},
        spans=None if partial else spans,
        allowed=allowed_from_spans(spans or (), len(tokens)) if partial else allowed,
        id=_name(record, "id"),
        document=_name(record, "document"),
        source=source,
    )


def _tokens(record: dict[str, Any], tokenize: Tokenize) -> tuple[str, list[str], Offsets]:
    text, given = record.get("text"), record.get("tokens")
    if text is None and given is not None:
        if not _strings(given) or "" in given:
            raise _FieldError(
                f"tokens: without text, a list of strings, none empty. Got {short(given)}."
            )
        joined = Sentence(given)
        return joined.text, given, list(joined.offsets)
    if not isinstance(text, str):
        raise _FieldError(f"text: a string is needed. Got {short(text)}.")
    if given is None:
        tokens, offsets = tokenize(text)
        return text, tokens, offsets
    if not isinstance(given, list) or not all(isinstance(t, list) and len(t) == 2 for t in given):
        raise _FieldError(f"tokens: beside text, a list of [start, end]. Got {short(given)}.")
    before = 0
    for start, end in given:
        if not (_integers(start, end) and before <= start < end <= len(text)):
            raise _FieldError(
                f"tokens: ascending ranges within a text of {len(text)} characters. "
                f"Got {short([start, end])}."
            )
        before = end
    clean = replace_surrogates(text)
    return text, [clean[start:end] for start, end in given], [(s, e) for s, e in given]


def _spans(record: dict[str, Any], text: str, offsets: Offsets) -> list[Span] | None:
    given = record.get("spans", record.get("entities"))
    if given is None:
        return None
    if not isinstance(given, list) or not all(isinstance(span, dict) for span in given):
        raise _FieldError(f"spans: a list of objects. Got {short(given)}.")
    first = {start: i for i, (start, _) in enumerate(offsets)}
    last = {end: i for i, (_, end) in enumerate(offsets)}
    spans: list[Span] = []
    for span in given:
        start, end, label = span.get("start"), span.get("end"), span.get("label")
        if not (_integers(start, end) and isinstance(label, str) and label):
            raise _FieldError(
                "spans: each has whole numbers start and end, and a label that is a string. "
                f"Got {short(span)}."
            )
        if not 0 <= start < end <= len(text):
            raise _FieldError(
                f"span [{start}, {end}): not empty, and within a text of {len(text)} characters."
            )
        if start not in first or end not in last:
            raise _FieldError(
                f"span [{start}, {end}) {short(text[start:end])} "
                "does not start and end at token borders."
            )
        spans.append(Span(first[start], last[end] + 1, label))
    spans.sort()
    for one, other in itertools.pairwise(spans):
        if other.start < one.end:
            places = [(offsets[s.start][0], offsets[s.end - 1][1]) for s in (one, other)]
            raise _FieldError("spans [{}, {}) and [{}, {}) overlap.".format(*places[0], *places[1]))
    return spans


def _allowed(record: dict[str, Any], length: int) -> Allowed | None:
    given = record.get("allowed")
    if given is None:
        return None
    if not _strings(given) or len(given) != length:
        raise _FieldError(f"allowed: one string for each of {length} tokens. Got {short(given)}.")
    try:
        return allowed_from_tags(map(normalize_partial, given))
    except ValueError as error:
        raise _FieldError(f"allowed: {error}. Got {short(given)}.") from None


def _name(record: dict[str, Any], key: str) -> str | None:
    value = record.get(key)
    if value is None or isinstance(value, str):
        return value
    if _integers(value):
        return str(value)
    raise _FieldError(f"{key}: a string or a whole number. Got {short(value)}.")


def _integers(*values: Any) -> bool:
    return all(type(value) is int for value in values)


def _strings(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)
