"""Records, each a text or a list of tokens with what is known about it, to sentences."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from ner.data.lines import replace_surrogates, short
from ner.data.sentence import Sentence, Source
from ner.data.spans import CharSpan, FieldError, Notes, SpanRules, align_spans
from ner.errors import DataError

Offsets = list[tuple[int, int]]

Tokenize = Callable[[str], tuple[list[str], Offsets]]

Record = TypeVar("Record")

# Values that say nothing, so that nothing is lost with them.
NOTHING = (None, "", [], {})


def build_sentences(
    records: Iterable[tuple[Source, Record | DataError]],
    build: Callable[[Record, Source], Sentence | None],
    problems: list[DataError] | None,
) -> Iterator[Sentence]:
    """Yield what `build` makes of each record; None leaves it out.

    Args:
        records: Each with its place, or what is wrong with it.
        build: Makes a sentence; it may raise `FieldError`, to which the place is added here.
        problems: Where to put the errors of records that cannot be read, which are left out; None
            raises the first one.
    """
    for source, record in records:
        try:
            if isinstance(record, DataError):
                raise record
            sentence = build(record, source)
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
            if sentence is not None:
                yield sentence


def text_sentence(
    text: str,
    spans: Iterable[CharSpan] | None,
    source: Source,
    tokenize: Tokenize,
    rules: SpanRules,
    offsets: Offsets | None = None,
    **known: Any,
) -> Sentence:
    """Cut a text into tokens, unless their `offsets` are given, and place its spans on them.

    Args:
        text: The text.
        spans: Its gold entities; None where it is not annotated.
        source: Where it was read.
        tokenize: Gives tokens and offsets.
        rules: What to do with spans that are not whole tokens.
        offsets: Ranges of the tokens.
        known: Further fields of the sentence.

    Raises:
        FieldError: A span does not fit, and is refused.
    """
    if offsets is None:
        tokens, offsets = tokenize(text)
    else:
        clean = replace_surrogates(text)
        tokens = [clean[start:end] for start, end in offsets]
    tokens = known.pop("tokens", None) or tokens
    placed = None if spans is None else align_spans(spans, text, offsets, rules, str(source))
    return Sentence(tokens, text=text, offsets=offsets, spans=placed, source=source, **known)


def cut_at_blanks(text: str) -> tuple[list[str], Offsets]:
    """Cut a text whose tokens stand between blanks and tabs; a `Tokenize` for such data.

    >>> cut_at_blanks("wo n't  do")
    (['wo', "n't", 'do'], [(0, 2), (3, 6), (8, 10)])
    """
    offsets: Offsets = []
    start = 0
    for piece in text.replace("\t", " ").replace("\n", " ").split(" "):
        if piece:
            offsets.append((start, start + len(piece)))
        start += len(piece) + 1
    clean = replace_surrogates(text)
    return [clean[start:end] for start, end in offsets], offsets


def char_span(start: Any, end: Any, label: Any, shown: Any, text: Any = None) -> CharSpan:
    """Check what a record gives for a span; `shown` is what messages show.

    Raises:
        FieldError: The numbers are none, or the label is no string.
    """
    if not (is_integers(start, end) and isinstance(label, str) and label):
        raise FieldError(
            "spans: each has whole numbers start and end, and a label that is a string. "
            f"Got {short(shown)}."
        )
    return CharSpan(start, end, label, text if isinstance(text, str) else None)


def string_field(record: dict[str, Any], key: str) -> str:
    """Give a string that a record must have."""
    value = record.get(key)
    if not isinstance(value, str):
        raise FieldError(f"{key}: a string is needed. Got {short(value)}.")
    return value


def objects_field(record: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """Give a list of objects, empty where the record has none."""
    value = record.get(key)
    value = [] if value is None else value
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise FieldError(f"{key}: a list of objects. Got {short(value)}.")
    return value


def name_field(record: dict[str, Any], key: str) -> str | None:
    """Give a name: a string, or a whole number as one; None where there is none."""
    value = record.get(key)
    if value is None or isinstance(value, str):
        return value
    if is_integers(value):
        return str(value)
    raise FieldError(f"{key}: a string or a whole number. Got {short(value)}.")


def label_list(value: Any, key: str) -> tuple[str, ...]:
    """Give the labels of a text, which may be one or several, strings or whole numbers."""
    values: Sequence[Any] = value if isinstance(value, list) else [value]
    if not all((isinstance(one, str) and one) or is_integers(one) for one in values):
        raise FieldError(f"{key}: a label, or a list of them. Got {short(value)}.")
    return tuple(map(str, values))


def note_others(record: Mapping[str, Any], known: Collection[str], notes: Notes) -> None:
    """Count the fields of a record that are not read, but for empty ones and those with `_` first.

    The latter are what tools write for themselves, such as Prodigy's hashes.
    """
    for key, value in record.items():
        if key not in known and not key.startswith("_") and value not in NOTHING:
            notes.ignored[f"fields {short(key)}"] += 1


def is_integers(*values: Any) -> bool:
    """Whether all are whole numbers, which true and false are not."""
    return all(type(value) is int for value in values)


def is_strings(values: Any) -> bool:
    """Whether it is a list of strings."""
    return isinstance(values, list) and all(isinstance(value, str) for value in values)
