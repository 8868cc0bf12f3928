"""Records to sentences. A record is a text, or a list of tokens, and what is known about it.

Functions here read the fields of a record. They raise `FieldError`, to which `build_sentences`
adds the place of the record.
"""

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from ner.data.formats.columns import BLANKS
from ner.data.lines import decode_lines, replace_surrogates, short
from ner.data.sentence import Sentence, Source
from ner.data.spans import CharSpan, FieldError, Notes, SpanRules, align_spans, split_tokens
from ner.data.tokenizer import Tokenize
from ner.errors import DataError

Offsets = Sequence[tuple[int, int]]
Record = TypeVar("Record")
Built = TypeVar("Built")

# A line with its number.
NumberedLine = tuple[int, str]

# Values that say nothing: nothing is lost if they are not read.
EMPTY_VALUES = (None, "", [], {})

# The fields of a span that are read, and those that say again where its tokens are.
SPAN_KEYS = ("start", "start_offset", "end", "end_offset", "text")
SPAN_LABEL_KEYS = ("label", "labels", "type", "tag", "entity_type", "entity_group")
TOKEN_PLACES = ("token_start", "token_end")
USUAL_SPAN = {"start", "end", "label", "text"}


def build_sentences(
    records: Iterable[tuple[Source, Record | DataError]],
    build: Callable[[Record, Source], Built | None],
    problems: list[DataError] | None,
) -> Iterator[Built]:
    """Yield the sentence that `build` makes of each record; None leaves the record out.

    Args:
        records: Each record with its place, or the error of a record that cannot be read.
        build: Makes a sentence, or something else, of a record. It may raise `FieldError`.
        problems: A list for the errors of records that cannot be read, which are left out; None
            raises the first error.
    """
    for source, record in records:
        try:
            if isinstance(record, DataError):
                raise record
            built = build(record, source)
        except FieldError as error:
            problem = DataError(f"{error.where or source}: {error}")
            if problems is None:
                raise problem from None
            problems.append(problem)
        except DataError as problem:
            if problems is None:
                raise
            problems.append(problem)
        else:
            if built is not None:
                yield built


def line_blocks(
    lines: Iterable[bytes], name: str
) -> Iterator[tuple[Source, list[NumberedLine] | DataError]]:
    """Yield the lines between blank lines, or the error of a block that is not in UTF-8.

    Args:
        lines: The lines of a file, undecoded.
        name: What messages call the file.
    """
    block: list[NumberedLine] = []
    broken: DataError | None = None
    # Behind the last line, a blank one ends the last block.
    for number, line, problem in itertools.chain(decode_lines(lines, name), [(0, "", None)]):
        if line.strip(BLANKS):
            block.append((number, line))
            broken = broken or problem
        elif block:
            yield Source(name, block[0][0]), broken or block
            block, broken = [], None


def text_sentence(
    text: str,
    spans: Iterable[CharSpan] | None,
    source: Source,
    tokenize: Tokenize,
    rules: SpanRules,
    offsets: Offsets | None = None,
    **fields: Any,
) -> Sentence:
    """Cut a text into tokens, unless their `offsets` are known, and align its spans with them.

    Args:
        text: The text.
        spans: Its gold entities; None if it is not annotated.
        source: Where it was read.
        tokenize: Cuts the text into tokens.
        rules: What to do with spans that are not whole tokens.
        offsets: The ranges of the tokens in the text.
        fields: Other fields of the sentence.

    Raises:
        FieldError: A span does not fit and is refused.
    """
    tokens: Sequence[str] | None = None
    if offsets is None:
        tokens, offsets = tokenize(text)
    given = fields.pop("tokens", None)
    aligned = None
    if spans is not None:
        spans = list(spans)
        if rules.misaligned == "split" and not given:
            pieces = split_tokens(spans, text, offsets, rules, str(source))
            tokens = tokens if len(pieces) == len(offsets) else None
            offsets = pieces
        aligned = align_spans(spans, text, offsets, rules, str(source))
    if tokens is None:
        clean = replace_surrogates(text)
        tokens = [clean[start:end] for start, end in offsets]
    return Sentence(
        given or tokens, text=text, offsets=offsets, spans=aligned, source=source, **fields
    )


def cut_at_blanks(text: str) -> tuple[list[str], Offsets]:
    """Cut a text that is already tokenized, at its blanks, tabs and newlines. This is a `Tokenize`.

    >>> cut_at_blanks("wo n't  do")
    (['wo', "n't", 'do'], [(0, 2), (3, 6), (8, 10)])
    """
    offsets: list[tuple[int, int]] = []
    start = 0
    for word in text.replace("\t", " ").replace("\n", " ").split(" "):
        if word:
            offsets.append((start, start + len(word)))
        start += len(word) + 1
    clean = replace_surrogates(text)
    return [clean[start:end] for start, end in offsets], offsets


def char_span(start: Any, end: Any, label: Any, shown: Any, text: Any = None) -> CharSpan:
    """Check the values of a span, and return the span. Messages show the value `shown`.

    Raises:
        FieldError: `start` or `end` is not a whole number, or the label is not a string.
    """
    if not (is_integers(start, end) and isinstance(label, str) and label):
        raise FieldError(
            "spans: each span must have whole numbers start and end, and a string as label. "
            f"Got {short(shown)}."
        )
    return CharSpan(start, end, label, text if isinstance(text, str) else None)


def is_span_list(value: Any) -> bool:
    """Whether a value is a list of objects, or of `[start, end, label]`."""
    if not isinstance(value, list) or not {*map(type, value)} <= {dict, list}:
        return False
    return is_lists([item for item in value if type(item) is list], 3)


def list_spans(items: Iterable[Any], notes: Notes) -> Iterator[CharSpan]:
    """Read a list of spans. An item may have several labels, as in Label Studio's files."""
    for item in items:
        if isinstance(item, list):
            yield char_span(*item, shown=item)
            continue
        start = item.get("start", item.get("start_offset"))
        end = item.get("end", item.get("end_offset"))
        key = "label" if "label" in item else label_key(item)
        labels = item.get(key)
        if not item.keys() <= USUAL_SPAN:
            note_span(item, (*SPAN_KEYS, *TOKEN_PLACES, key), notes)
        for label in labels if isinstance(labels, list) else (labels,):
            yield char_span(start, end, label, item, item.get("text"))


def label_key(item: Mapping[str, Any]) -> str:
    """Find the field of a span's label, which tools call by other names."""
    return next((key for key in SPAN_LABEL_KEYS if key in item), "label")


def note_span(item: Mapping[str, Any], known: Collection[str], notes: Notes) -> None:
    """Count the fields of a span that are not read, such as its id or the id of its entity.

    A score says that a model found the span, which is read as if a person had annotated it.
    """
    note_unknown(item, known, notes, "of spans")
    if item.get("score") is not None:
        notes.guess("Spans with scores are predictions of a model; they are read as annotation.")


def string_field(record: dict[str, Any], key: str) -> str:
    """Read a string that a record must have."""
    value = record.get(key)
    if not isinstance(value, str):
        raise FieldError(f"{key}: must be a string. Got {short(value)}.")
    return value


def objects_field(record: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """Read a list of objects, which is empty if the record has none."""
    value = record.get(key)
    value = [] if value is None else value
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise FieldError(f"{key}: must be a list of objects. Got {short(value)}.")
    return value


def name_field(record: dict[str, Any], key: str) -> str | None:
    """Read a name: a string, or a whole number as a string; None if there is none."""
    value = record.get(key)
    if value is None or isinstance(value, str):
        return value
    if is_integers(value):
        return str(value)
    raise FieldError(f"{key}: must be a string or a whole number. Got {short(value)}.")


def label_list(value: Any, key: str) -> tuple[str, ...]:
    """Read the labels of a text: one label or a list of them, strings or whole numbers."""
    values: Sequence[Any] = value if isinstance(value, list) else [value]
    if not all((isinstance(label, str) and label) or is_integers(label) for label in values):
        raise FieldError(f"{key}: must be a label or a list of labels. Got {short(value)}.")
    return tuple(map(str, values))


def note_unknown(
    record: Mapping[str, Any], known: Collection[str | None], notes: Notes, of: str = ""
) -> None:
    """Count the fields of a record that are not read, unless they are empty or begin with `_`.

    Tools write fields with `_` for themselves, such as Prodigy's hashes.

    Args:
        record: The fields with their values.
        known: The fields that are read, or say nothing.
        notes: Gets the counts.
        of: What the record is, if it is not that of a sentence.
    """
    for key, value in record.items():
        if key not in known and not key.startswith("_") and value not in EMPTY_VALUES:
            notes.ignored[f"fields {short(key)} {of}".rstrip()] += 1


def by_roles(record: Mapping[str, Any], roles: Mapping[str, str], notes: Notes) -> dict[str, Any]:
    """Return a record whose fields have the names of what they are said to hold.

    A field that has such a name already and is not said to hold it counts as not read, and a
    record without a field that was named is counted, too.

    Args:
        record: The fields with their values.
        roles: The names of fields by what they hold.
        notes: Gets the counts.

    Raises:
        FieldError: The field of the text is missing.
    """
    named = set(roles.values())
    renamed = {key: v for key, v in record.items() if key not in named and key not in roles}
    note_unknown({key: record[key] for key in roles if key in record.keys() - named}, (), notes)
    for role, name in roles.items():
        if name in record:
            renamed[role] = record[name]
        elif role == "text":
            raise FieldError(f"{name}: must be the field of the text. Got {short(list(record))}.")
        else:
            notes.ignored[f"records without {short(name)}"] += 1
    return renamed


def is_integers(*values: Any) -> bool:
    """Whether all values are whole numbers. True and false are not."""
    return {*map(type, values)} <= {int}


def is_lists(values: Sequence[Any], length: int) -> bool:
    """Whether all values are lists of a length."""
    return {*map(type, values)} <= {list} and {*map(len, values)} <= {length}


def is_strings(values: Any) -> bool:
    """Whether a value is a list of strings."""
    return isinstance(values, list) and {*map(type, values)} <= {str}
