"""JSON lines: a text a line, with its entities as character ranges."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ner.data.formats.base import _name
from ner.data.formats.json_text import dump, dump_list, json_items, json_lines
from ner.data.formats.options import ReadOptions
from ner.data.formats.records import (
    Offsets,
    Tokenize,
    build_sentences,
    char_span,
    is_integers,
    is_strings,
    label_list,
    name_field,
    note_others,
    text_sentence,
)
from ner.data.lines import read_lines, replace_surrogates, short
from ner.data.partial import (
    allowed_from_spans,
    allowed_from_tags,
    is_partial,
    normalize_partial,
    tags_from_allowed,
)
from ner.data.schemes import spans_from_tags
from ner.data.sentence import Prediction, Sentence, Source
from ner.data.spans import CharSpan, FieldError, SpanRules
from ner.errors import DataError

SPAN_KEYS = ("spans", "entities")

LABEL_KEYS = ("label", "labels", "accept")

# What data sets in JSON call the tags of their lists of tokens.
TAG_KEYS = ("ner_tags", "tags")

ALLOWED = "allowed"

TEXT_KEYS = ("text", "data", "tokens", "words", "columns")

KNOWN_KEYS = (*TEXT_KEYS, *SPAN_KEYS, *LABEL_KEYS, ALLOWED, "partial", "id", "document", "answer")

# Prodigy's word for what an annotator thought of a task.
LEFT_OUT = ("reject", "ignore")

NOTHING = Prediction()


def read_jsonl(
    lines: Iterable[bytes],
    name: str,
    tokenize: Tokenize,
    problems: list[DataError] | None = None,
    rules: SpanRules | None = None,
    whole: bool = False,
) -> Iterator[Sentence]:
    """Yield the sentences of a JSON lines file, also of one that doccano or Prodigy wrote.

    A record looks like this; only "text" is needed, and without "spans" the sentence is
    not annotated ("entities" is another name of "spans")::

        {"text": "Ada lives in London.", "spans": [{"start": 0, "end": 3, "label": "PER"}],
         "labels": ["news"], "tokens": [[0, 3], [4, 9], ...], "id": "a1", "document": "d7",
         "columns": {"pos": ["NNP", "VBZ", ...]}}

    With `"partial": true` what no span covers is unknown, not outside of all entities; instead of
    spans, "allowed" may give a tag for each token, `?` or several with `|` between them. Beside
    nothing but "tokens", "ner_tags" or "tags" may give their tags, in any scheme.

    Positions count characters, half open. "tokens" may also be a list of strings in place of
    "text", which is then these strings joined by blanks; beside "text", the list "words" gives the
    tokens that differ from what stands there. Blank lines are skipped.

    A span may also be `[start, end, label]`, have "start_offset" and "end_offset", and stand under
    "label" or "labels", as in doccano's files; tokens may be objects with "start" and "end", as in
    Prodigy's, whose records with the answer "reject" or "ignore" are left out and noted. A "label"
    that is a string or a number, or several in a list, is one of the whole text; an empty list says
    that there are neither spans nor labels. Other fields are counted in the notes.

    Args:
        lines: The lines of the file, undecoded.
        name: What messages call the file.
        tokenize: Gives tokens and offsets of the texts that come without "tokens".
        problems: Where to put the errors of records that cannot be read, which are left out;
            None raises the first one.
        rules: What to do with spans that are not whole tokens, or overlap; None refuses them.
        whole: Whether the file is one JSON list of such records.

    Raises:
        DataError: A line is not a JSON object in UTF-8, a field has the wrong type, or a span does
            not fit.
    """
    used = rules or SpanRules()
    records = json_items(lines, name) if whole else json_lines(lines, name)
    return build_sentences(
        records, lambda record, source: _sentence(record, tokenize, used, source), problems
    )


def write_jsonl(sentences: Iterable[Sentence]) -> Iterator[str]:
    """Yield one JSON object a sentence, without newline, as `read_jsonl` reads it.

    Spans, labels and columns are the predicted ones, with their probabilities, or else those that
    were read; a sentence without has no "spans". Every line can be encoded as UTF-8.
    """
    return map(dump, map(jsonl_record, sentences))


def write_json(sentences: Iterable[Sentence]) -> Iterator[str]:
    """Yield the lines of a JSON list of what `write_jsonl` writes."""
    return dump_list(map(jsonl_record, sentences))


def jsonl_record(sentence: Sentence) -> dict[str, Any]:
    """Return the JSON object that `write_jsonl` writes for a sentence."""
    record: dict[str, Any] = {}
    if sentence.id is not None:
        record["id"] = sentence.id
    if sentence.document is not None:
        record["document"] = sentence.document
    record["text"] = sentence.text
    record["tokens"] = sentence.offsets
    clean = replace_surrogates(sentence.text)
    there = [clean[start:end] for start, end in sentence.offsets]
    if there != list(map(replace_surrogates, sentence.tokens)):
        record["words"] = sentence.tokens
    if sentence.found_spans is not None:
        record["spans"] = [
            {"start": entity.start, "end": entity.end, "label": entity.label}
            | {"text": entity.text}
            | ({} if entity.score is None else {"score": round(entity.score, 6)})
            for entity in sentence.entities
        ]
    if sentence.allowed is not None:
        record["allowed"] = tags_from_allowed(sentence.allowed)
    predicted = sentence.prediction or NOTHING
    labels = sentence.labels if predicted.labels is None else predicted.labels
    if labels is not None:
        record["labels"] = labels
    columns = {**sentence.columns, **predicted.columns}
    if columns:
        record["columns"] = columns
    if predicted.column_scores:
        record["scores"] = {
            name: [round(score, 6) for score in scores]
            for name, scores in predicted.column_scores.items()
        }
    if predicted.probabilities:
        record["probabilities"] = {
            label: round(share, 6) for label, share in predicted.probabilities.items()
        }
    if predicted.attention:
        record["attention"] = [[round(w, 6) for w in head] for head in predicted.attention]
    return record


def _sentence(record: Any, tokenize: Tokenize, rules: SpanRules, source: Source) -> Sentence | None:
    if not isinstance(record, dict):
        raise FieldError(f"one JSON object a line. Got {short(record)}.")
    if record.get("answer") in LEFT_OUT:
        rules.notes.changes.append(f"{source}: left out: its answer is {record['answer']!r}.")
        return None
    known = {"id": name_field(record, "id"), "document": name_field(record, "document")}
    text, offsets, words = _tokens(record)
    spans, labels = _spans_and_labels(record)
    partial = record.get("partial", False)
    if not isinstance(partial, bool):
        raise FieldError(f"partial: true or false. Got {short(partial)}.")
    sentence = text_sentence(
        text, spans, source, tokenize, rules, offsets, tokens=words, labels=labels, **known
    )
    columns = _columns(record, sentence)
    key = ALLOWED if record.get(ALLOWED) is not None else _tag_key(record)
    tags = None if key is None else _tags(record, key, len(sentence))
    if tags is not None and (partial or spans is not None):
        raise FieldError(f"{key}: stands in place of spans and partial. Got both.")
    read = [*KNOWN_KEYS, key or ""]
    if isinstance(relations := record.get("relations"), list) and relations:
        rules.notes.ignored["relations"] += len(relations)
        read.append("relations")
    note_others(record, read, rules.notes)
    if partial:
        allowed = allowed_from_spans(sentence.spans or (), len(sentence))
        return sentence.replace(spans=None, allowed=allowed, columns=columns)
    if tags is None:
        return sentence.replace(columns=columns)
    if key != ALLOWED and not any(map(is_partial, tags)):
        return sentence.replace(spans=spans_from_tags(tags), columns=columns)
    return sentence.replace(allowed=allowed_from_tags(tags), columns=columns)


def _tokens(record: dict[str, Any]) -> tuple[str, Offsets | None, list[str] | None]:
    """Give the text, where its tokens are, and what they are if that is not the text there."""
    text, given = record.get("text", record.get("data")), record.get("tokens")
    if text is None and given is not None:
        if not is_strings(given) or "" in given:
            raise FieldError(
                f"tokens: without text, a list of strings, none empty. Got {short(given)}."
            )
        joined = Sentence(given)
        return joined.text, list(joined.offsets), given
    if not isinstance(text, str):
        raise FieldError(f"text: a string is needed. Got {short(text)}.")
    if given is None:
        return text, None, None
    if isinstance(given, list) and given and all(isinstance(token, dict) for token in given):
        given = [[token.get("start"), token.get("end")] for token in given]
    if not isinstance(given, list) or not all(isinstance(t, list) and len(t) == 2 for t in given):
        raise FieldError(f"tokens: beside text, a list of [start, end]. Got {short(given)}.")
    before = (0, 0)
    for start, end in given:
        is_range = is_integers(start, end) and start < end <= len(text)
        # Words that share one range (see `ner.data.formats.conllu`) follow each other.
        if not is_range or not (before[1] <= start or before == (start, end)):
            raise FieldError(
                f"tokens: ascending ranges within a text of {len(text)} characters. "
                f"Got {short([start, end])}."
            )
        before = (start, end)
    words = record.get("words")
    if words is not None and (not is_strings(words) or "" in words or len(words) != len(given)):
        raise FieldError(
            f"words: one string for each of {len(given)} tokens, none empty. Got {short(words)}."
        )
    return text, [(start, end) for start, end in given], words


def _spans_and_labels(
    record: dict[str, Any],
) -> tuple[list[CharSpan] | None, tuple[str, ...] | None]:
    """Find the annotation: spans under any key, labels of the text under those for labels."""
    spans: list[CharSpan] | None = None
    labels: tuple[str, ...] | None = None
    for key in (*SPAN_KEYS, *LABEL_KEYS):
        given = record.get(key)
        if given is None:
            continue
        if given == [] and key in LABEL_KEYS:
            spans, labels = spans or [], labels or ()
        elif key in SPAN_KEYS or is_span_list(given):
            if not is_span_list(given):
                raise FieldError(f"spans: a list of objects. Got {short(given)}.")
            spans = [*(spans or ()), *(one for item in given for one in span_items(item))]
        else:
            labels = (*(labels or ()), *label_list(given, key))
    return spans, labels


def is_span_list(given: Any) -> bool:
    """Whether it is a list of objects, or of `[start, end, label]`."""
    return isinstance(given, list) and all(
        isinstance(item, dict) or (isinstance(item, list) and len(item) == 3) for item in given
    )


def span_items(item: Any) -> Iterator[CharSpan]:
    """Read one item of a list of spans, which may have several labels (Label Studio)."""
    if isinstance(item, list):
        yield char_span(*item, shown=item)
        return
    start = item.get("start", item.get("start_offset"))
    end = item.get("end", item.get("end_offset"))
    labels = item.get("label", item.get("labels"))
    for label in labels if isinstance(labels, list) else (labels,):
        yield char_span(start, end, label, item, item.get("text"))


def _columns(record: dict[str, Any], sentence: Sentence) -> dict[str, tuple[str, ...]]:
    columns = record.get("columns", {})
    if not isinstance(columns, dict):
        raise FieldError(f"columns: an object of lists. Got {short(columns)}.")
    for name, values in columns.items():
        if not is_strings(values) or len(values) != len(sentence):
            raise FieldError(
                f"columns.{name}: one string for each of {len(sentence)} tokens. "
                f"Got {short(values)}."
            )
    return {name: tuple(values) for name, values in columns.items()}


def _tag_key(record: dict[str, Any]) -> str | None:
    """Find the tags that stand beside a list of tokens; they are as many."""
    tokens = record.get("tokens")
    if record.get("text", record.get("data")) is not None or not isinstance(tokens, list):
        return None
    lists = ((key, record.get(key)) for key in TAG_KEYS)
    return next((k for k, v in lists if isinstance(v, list) and len(v) == len(tokens)), None)


def _tags(record: dict[str, Any], key: str, length: int) -> list[str]:
    given = record[key]
    if not is_strings(given) or len(given) != length:
        raise FieldError(f"{key}: one string for each of {length} tokens. Got {short(given)}.")
    try:
        return list(map(normalize_partial, given))
    except ValueError as error:
        raise FieldError(f"{key}: {error}. Got {short(given)}.") from None


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


def _read_records(source: str | Path, options: ReadOptions, *, whole: bool) -> Iterator[Sentence]:
    lines = read_lines(source, options.encoding)
    return read_jsonl(
        lines, _name(source), options.tokenizer, options.problems, options.rules, whole
    )
