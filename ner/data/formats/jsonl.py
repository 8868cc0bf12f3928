"""JSON lines and lists of JSON records, also those of doccano and Prodigy.

A record looks like this. Only "text" is required, and a record without "spans" is not annotated
("entities" is another name of "spans")::

    {"text": "Ada lives in London.", "spans": [{"start": 0, "end": 3, "label": "PER"}],
     "labels": ["news"], "tokens": [[0, 3], [4, 9], ...], "id": "a1", "document": "d7",
     "columns": {"pos": ["NNP", "VBZ", ...]}}

Positions count characters, half open. With `"partial": true`, everything that no span covers is
unknown instead of outside of all entities. Instead of spans, "allowed" may hold a tag for each
token, `?`, or several tags with `|` between them.

"tokens" may also be a list of strings instead of "text", which is then these strings joined by
blanks; "ner_tags", "tags" or "labels" may hold the tags of such tokens, in any scheme. Beside
"text", the list "words" holds the tokens if they differ from the text at their places.

A span may also be `[start, end, label]`, have "start_offset" and "end_offset", and be in "label" or
"labels", as in files of doccano. Tokens may be objects with "start" and "end", as in files of
Prodigy, whose records with the answer "reject" or "ignore" are left out and noted. A "label" that
is a string or a number, or a list of several, is a label of the whole text. An empty list means
that there are neither spans nor labels. Other fields are counted in the notes.
"""

import functools
import itertools
import operator
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from ner.choices import OffsetUnit
from ner.data.formats.base import (
    ALL_CONTENT,
    BLANK_TOKENS,
    IDS,
    LABELS_BESIDE_SPANS,
    RECORD_ROLES,
    SCORES,
    TEXT_CONTENT,
    TOKENS,
    Format,
    without_options,
)
from ner.data.formats.columns import SPAN_NAMES, TAG, TAG_LIST_NAMES, check_no_or
from ner.data.formats.json_text import dump, dump_list, json_items, json_lines
from ner.data.formats.options import ReadOptions
from ner.data.formats.records import (
    Offsets,
    build_sentences,
    by_roles,
    is_integers,
    is_lists,
    is_span_list,
    is_strings,
    label_list,
    list_spans,
    name_field,
    note_unknown,
    text_sentence,
)
from ner.data.lines import input_name, read_lines, replace_surrogates, short
from ner.data.offsets import character_at
from ner.data.partial import (
    allowed_from_spans,
    allowed_from_tags,
    annotation_from_tags,
    normalize_partial,
    tags_from_allowed,
)
from ner.data.sentence import Entity, PredictedEntity, Prediction, Sentence, Source
from ner.data.spans import CharSpan, FieldError, Notes

LABEL_KEYS = ("label", "labels", "accept")
ALLOWED_KEY = "allowed"
TEXT_KEYS = ("text", "data", "tokens", "words", "columns")

KNOWN_KEYS = frozenset(
    (*TEXT_KEYS, *SPAN_NAMES, *LABEL_KEYS, ALLOWED_KEY, "partial", "id", "document", "answer")
)

# Prodigy's words for a record that an annotator did not accept.
REJECTED = ("reject", "ignore")
NO_PREDICTION = Prediction()


def read_jsonl(
    lines: Iterable[bytes], name: str, options: ReadOptions | None = None, *, whole: bool = False
) -> Iterator[Sentence]:
    """Yield the sentences of a JSON lines file. Blank lines are skipped.

    Args:
        lines: The lines of the file, undecoded.
        name: What messages call the file.
        options: How it is read; by default `ReadOptions()`.
        whole: Whether the file is one JSON list of records.

    Raises:
        DataError: A line is not a JSON object in UTF-8, a field has the wrong type, or a span does
            not fit.
    """
    records = json_items(lines, name) if whole else json_lines(lines, name)
    return read_records(records, options)


def read_records(
    records: Iterable[tuple[Source, Any]], options: ReadOptions | None = None
) -> Iterator[Sentence]:
    """Yield the sentences of records with their places, or with the errors of reading them."""
    chosen = options or ReadOptions()
    if chosen.notes is None:
        chosen = chosen.updated(notes=Notes())
    return build_sentences(
        records, lambda record, source: _sentence(record, source, chosen), chosen.problems
    )


def write_jsonl(sentences: Iterable[Sentence]) -> Iterator[str]:
    """Yield a JSON object for each sentence, without newline, as `read_jsonl` reads it.

    Spans, labels and columns are the predicted ones, with their probabilities, or else those that
    were read. A sentence that is not annotated has no "spans". Every line can be encoded as UTF-8.
    """
    return map(dump, map(jsonl_record, sentences))


def write_json(sentences: Iterable[Sentence]) -> Iterator[str]:
    """Yield the lines of a JSON list of the objects that `write_jsonl` writes."""
    return dump_list(map(jsonl_record, sentences))


def write_doccano(sentences: Iterable[Sentence]) -> Iterator[str]:
    """Yield a JSON object for each sentence, without newline, for doccano to import.

    doccano has one field for spans and for labels; labels beside spans are left out. Scores of
    predicted spans become metadata, as do all fields that doccano does not know.
    """
    for sentence in sentences:
        record: dict[str, Any] = {} if sentence.id is None else {"id": sentence.id}
        record["text"] = sentence.text
        if sentence.found_spans is not None:
            found = sentence.found_entities
            record["label"] = [[e.start, e.end, e.label] for e in found]
            scores = [e.score for e in found if isinstance(e, PredictedEntity)]
            record |= {"scores": scores} if scores else {}
        elif sentence.labels:
            record["label"] = sentence.labels
        yield dump(record)


def _doccano_loses(sentence: Sentence) -> Iterator[str]:
    if sentence.labels and sentence.found_spans is not None:
        yield LABELS_BESIDE_SPANS


def write_prodigy(sentences: Iterable[Sentence]) -> Iterator[str]:
    """Yield a JSON object for each sentence, without newline, as a task of Prodigy."""
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
                for span, entity in zip(spans, sentence.found_entities, strict=True)
            ]
        if sentence.labels and len(sentence.labels) == 1:
            record["label"] = sentence.labels[0]
        elif sentence.labels:
            record["accept"] = sentence.labels
        yield dump(record | {"answer": "accept"})


def _sentence(record: Any, source: Source, options: ReadOptions) -> Sentence | None:
    if not isinstance(record, dict):
        raise FieldError(f"a record must be a JSON object. Got {short(record)}.")
    rules = options.rules
    if record.get("answer") in REJECTED:
        rules.notes.changes.append(f"{source}: left out: its answer is {record['answer']!r}.")
        return None
    if options.roles:
        record = by_roles(record, options.roles, rules.notes)
    fields = {"id": name_field(record, "id"), "document": name_field(record, "document")}
    text, offsets, words = _tokens(record, options.offsets)
    key = ALLOWED_KEY if record.get(ALLOWED_KEY) is not None else _tag_key(record, options)
    lists = _lists_of_tokens(record, options.target)
    is_settled = key is not None or any(name in record for name in SPAN_NAMES)
    spans, labels = _spans_and_labels(record, {key, *lists}, rules.notes, is_settled)
    partial = record.get("partial", False)
    if not isinstance(partial, bool):
        raise FieldError(f"partial: must be true or false. Got {short(partial)}.")
    sentence = text_sentence(
        text,
        spans,
        source,
        options.tokenizer,
        rules,
        offsets,
        tokens=words,
        labels=labels,
        **fields,
    )
    if offsets is not None and len(sentence) != len(offsets) and (record.get("columns") or lists):
        raise FieldError("tokens: must not be split if columns have a value for each of them.")
    columns = _columns(record, sentence) | lists
    tags = None if key is None else _tags(record, key, len(sentence))
    if tags is not None and (partial or spans is not None):
        raise FieldError(f"{key}: must not be combined with spans or partial. Got both.")
    if not record.keys() <= KNOWN_KEYS:
        _note_unknown(record, {key, *lists}, rules.notes)
    if partial:
        allowed = allowed_from_spans(sentence.spans or (), len(sentence))
        return sentence.replace(spans=None, allowed=allowed, columns=columns)
    if tags is None:
        return sentence.replace(columns=columns) if columns else sentence
    if key == ALLOWED_KEY:
        return sentence.replace(allowed=allowed_from_tags(tags), columns=columns)
    return sentence.replace(**annotation_from_tags(tags), columns=columns)


def _note_unknown(record: dict[str, Any], read: set[str | None], notes: Notes) -> None:
    """Count the fields that are not read, and relations each by itself."""
    known = KNOWN_KEYS | read
    if isinstance(relations := record.get("relations"), list) and relations:
        notes.ignored["relations"] += len(relations)
        known |= {"relations"}
    note_unknown(record, known, notes)


def _tokens(
    record: dict[str, Any], unit: OffsetUnit
) -> tuple[str, Offsets | None, list[str] | None]:
    """Return the text, the ranges of its tokens, and the tokens if they differ from the text."""
    text: Any = record.get("text", record.get("data"))
    tokens: Any = record.get("tokens")
    if text is None and tokens is not None:
        if not is_strings(tokens) or "" in tokens:
            raise FieldError(
                "tokens: without text, must be a list of strings, none of them empty. "
                f"Got {short(tokens)}."
            )
        joined = Sentence(tokens)
        return joined.text, list(joined.offsets), tokens
    if not isinstance(text, str):
        raise FieldError(f"text: must be a string. Got {short(text)}.")
    if tokens is None:
        return text, None, None
    if isinstance(tokens, list) and {*map(type, tokens)} == {dict}:
        tokens = [[token.get("start"), token.get("end")] for token in tokens]
    if not isinstance(tokens, list) or not is_lists(tokens, 2):
        raise FieldError(
            f"tokens: beside text, must be a list of [start, end]. Got {short(tokens)}."
        )
    if unit != "characters" and all(is_integers(*token) for token in tokens):
        tokens = [[character_at(text, place, unit) for place in token] for token in tokens]
    before = (0, 0)
    for start, end in () if _are_ascending(tokens, len(text)) else tokens:
        is_range = is_integers(start, end) and start < end <= len(text)
        # Words that share one range (see `ner.data.formats.conllu`) follow each other.
        if not is_range or not (before[1] <= start or before == (start, end)):
            raise FieldError(
                f"tokens: must be ascending ranges within a text of {len(text)} characters. "
                f"Got {short([start, end])}."
            )
        before = (start, end)
    words = record.get("words")
    if words is not None and (not is_strings(words) or "" in words or len(words) != len(tokens)):
        raise FieldError(
            f"words: must be a string for each of {len(tokens)} tokens, none of them empty. "
            f"Got {short(words)}."
        )
    return text, list(map(tuple, tokens)), words


def _spans_and_labels(
    record: dict[str, Any], of_tokens: Collection[str | None], notes: Notes, is_settled: bool
) -> tuple[list[CharSpan] | None, tuple[str, ...] | None]:
    """Find the annotation: spans in any field, labels of the text in the fields for labels.

    Fields in `of_tokens` hold something for each token, and are no labels of the text. An empty
    list of labels says that there are no spans either, unless something else settles it, such as
    tags, or a field of spans, which may be null.
    """
    spans: list[CharSpan] | None = None
    labels: tuple[str, ...] | None = None
    for key in (*SPAN_NAMES, *LABEL_KEYS):
        value = None if key in of_tokens else record.get(key)
        if value is None:
            continue
        if value == [] and key in LABEL_KEYS:
            labels = labels or ()
            spans = spans if is_settled else spans or []
        elif key in SPAN_NAMES or is_span_list(value):
            if not is_span_list(value):
                raise FieldError(f"spans: must be a list of objects. Got {short(value)}.")
            spans = [*(spans or ()), *list_spans(value, notes)]
        else:
            labels = (*(labels or ()), *label_list(value, key))
    return spans, labels


def _columns(record: dict[str, Any], sentence: Sentence) -> dict[str, tuple[str, ...]]:
    columns = record.get("columns", {})
    if not isinstance(columns, dict):
        raise FieldError(f"columns: must be an object of lists. Got {short(columns)}.")
    for name, values in columns.items():
        _check_strings(values, f"columns.{name}", len(sentence))
    return {name: tuple(values) for name, values in columns.items()}


def _tag_key(record: dict[str, Any], options: ReadOptions) -> str | None:
    """Find the field of tags beside a list of tokens. It has as many items as the list.

    Raises:
        FieldError: Labels, one for each token, are neither tags nor labels of the text.
    """
    named = "tags" if "tags" in options.roles else options.tags
    if named is not None and named not in record:
        options.rules.notes.ignored[f"records without {short(named)}"] += 1
    tokens = record.get("tokens")
    if record.get("text", record.get("data")) is not None or not isinstance(tokens, list):
        return None
    lists = {key: v for key, v in record.items() if isinstance(v, list) and len(v) == len(tokens)}
    if named is not None:
        return named if named in record else None
    found = next((key for key in TAG_LIST_NAMES if key in lists), None)
    if found is not None or not tokens:
        return found
    for key in LABEL_KEYS:
        if key in lists and key != options.target:
            if is_strings(lists[key]) and all(TAG.fullmatch(tag) for tag in lists[key]):
                return key
            if len(tokens) > 1 and (is_integers(*lists[key]) or "O" in lists[key]):
                raise FieldError(
                    f"{key}: beside as many tokens, must be tags such as B-PER and O. "
                    f"Got {short(lists[key])}."
                )
    return None


def _are_ascending(tokens: list[list[Any]], length: int) -> bool:
    """Whether ranges of tokens follow each other within a text: the usual case, quickly."""
    flat = list(itertools.chain.from_iterable(tokens))
    if {*map(type, flat)} != {int}:
        return False
    starts, ends = flat[::2], flat[1::2]
    in_order = all(map(operator.lt, starts, ends)) and all(map(operator.le, ends, starts[1:]))
    return in_order and starts[0] >= 0 and ends[-1] <= length


def _lists_of_tokens(record: dict[str, Any], target: str | None) -> dict[str, tuple[str, ...]]:
    """Read the labels of tokens to learn if they are in a field beside a list of tokens."""
    tokens: Any = record.get("tokens")
    if target is None or not is_strings(tokens) or not is_strings(record.get(target)):
        return {}
    _check_strings(record[target], target, len(tokens))
    return {target: tuple(record[target])}


def _tags(record: dict[str, Any], key: str, length: int) -> list[str]:
    tags = record[key]
    _check_strings(tags, key, length)
    try:
        return list(map(normalize_partial, tags))
    except ValueError as error:
        raise FieldError(f"{key}: {error}. Got {short(tags)}.") from None


def _check_strings(values: Any, where: str, length: int) -> None:
    if not is_strings(values) or len(values) != length:
        raise FieldError(
            f"{where}: must be a string for each of {length} tokens. Got {short(values)}."
        )


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
    words_in_text = map(clean.__getitem__, itertools.starmap(slice, sentence.offsets))
    tokens = sentence.tokens if clean.isascii() else map(replace_surrogates, sentence.tokens)
    if any(map(operator.ne, words_in_text, tokens)):
        record["words"] = sentence.tokens
    if sentence.found_spans is not None:
        record["spans"] = list(map(_entity_record, sentence.found_entities))
    predicted = sentence.prediction or NO_PREDICTION
    if sentence.allowed is not None and predicted.spans is None:
        check_no_or(sentence, str(sentence.source or "sentences"))
        record["allowed"] = tags_from_allowed(sentence.allowed)
    labels = sentence.labels if predicted.labels is None else predicted.labels
    if labels is not None:
        record["labels"] = labels
        if not labels and sentence.found_spans is None:
            record["spans"] = None
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
            label: round(probability, 6) for label, probability in predicted.probabilities.items()
        }
    if predicted.attention:
        record["attention"] = [[round(w, 6) for w in head] for head in predicted.attention]
    return record


def _entity_record(entity: Entity) -> dict[str, Any]:
    record: dict[str, Any] = {"start": entity.start, "end": entity.end, "label": entity.label}
    record["text"] = entity.text
    if isinstance(entity, PredictedEntity):
        record["score"] = round(entity.score, 6)
    return record


def _read_records(source: str | Path, options: ReadOptions, *, whole: bool) -> Iterator[Sentence]:
    lines = read_lines(source, options.encoding, max_line=options.max_line)
    return read_jsonl(lines, input_name(source), options, whole=whole)


READ_OPTIONS = frozenset({"tags", "offsets"})
_read_lines = functools.partial(_read_records, whole=False)

FORMATS = (
    Format(
        "jsonl",
        "JSON lines, also those of doccano and Prodigy",
        ALL_CONTENT,
        _read_lines,
        without_options(write_jsonl),
        columns=None,
        endings=(".jsonl", ".ndjson"),
        options=READ_OPTIONS,
        roles=RECORD_ROLES,
    ),
    Format(
        "json",
        "a JSON list of the same records as JSON lines",
        ALL_CONTENT,
        functools.partial(_read_records, whole=True),
        without_options(write_json),
        columns=None,
        options=READ_OPTIONS,
        roles=RECORD_ROLES,
    ),
    Format(
        "doccano",
        "JSON lines for doccano",
        TEXT_CONTENT | {IDS, SCORES},
        _read_lines,
        without_options(write_doccano),
        options=READ_OPTIONS,
        roles=RECORD_ROLES,
        loses=_doccano_loses,
    ),
    Format(
        "prodigy",
        "JSON lines for Prodigy",
        TEXT_CONTENT | {TOKENS, BLANK_TOKENS, IDS},
        _read_lines,
        without_options(write_prodigy),
        options=READ_OPTIONS,
        roles=RECORD_ROLES,
    ),
)
