"""A format: its name, what it can hold, its reader and its writer."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ner.data.formats.records import Tokenize
from ner.data.schemes import Spelling
from ner.data.sentence import Sentence
from ner.data.spans import SpanRules
from ner.errors import DataError

# What a format may hold besides the texts of its sentences.
SPANS, LABELS, PARTIAL = "spans", "labels", "partial annotation"

TOKENS, SPACING, IDS, DOCUMENTS, SCORES = "tokens", "spacing", "ids", "documents", "scores"

EMPTY = "sentences without tokens"

# What every format of whole texts with character offsets can hold.
TEXT_CONTENT = frozenset({SPANS, LABELS, SPACING, EMPTY})

ALL_CONTENT = TEXT_CONTENT | {PARTIAL, TOKENS, IDS, DOCUMENTS, SCORES}


@dataclass(frozen=True)
class Reading:
    """How a corpus is read, whatever its format; see `ner.read_sentences`."""

    tokenize: Tokenize
    encoding: str = "utf-8"
    columns: Sequence[str] | None = None
    tags: str | None = None
    target: str | None = None
    problems: list[DataError] | None = None
    rules: SpanRules = field(default_factory=SpanRules)
    split: str = "train"
    hub_tokens: str | None = None
    hub_tags: str | None = None


@dataclass(frozen=True)
class Writing:
    """How a file is written: how tags are spelt, and which columns there are."""

    scheme: Spelling = "BIO"
    columns: Sequence[str] = ()
    tagged: bool = True


@dataclass(frozen=True)
class Format:
    """A format.

    Args:
        name: What options call it.
        about: What it is, in a few words.
        holds: What it can hold, besides the texts of its sentences.
        read: Reads the sentences of a file or a folder.
        lines: Yields the lines of a file with sentences; None if files are not made of lines.
        save: Writes a file or a folder that is not made of lines.
        endings: The endings of file names that only this format has.
        columns: The columns of a sentence that it can hold; None for any column.
        is_table: Whether all sentences have the same columns.
    """

    name: str
    about: str
    holds: frozenset[str]
    read: Callable[[str | Path, Reading], Iterator[Sentence]]
    lines: Callable[[Iterable[Sentence], Writing], Iterator[str]] | None = None
    save: Callable[[Iterable[Sentence], Path, Writing], None] | None = None
    endings: tuple[str, ...] = ()
    columns: frozenset[str] | None = frozenset()
    is_table: bool = False


# The column or key of the tags of entities, if nobody names it.
DEFAULT_TAGS = "ner"


def sentence_name(sentence: Sentence, number: int) -> str:
    """What messages call a sentence: where it was read, or its number among those written."""
    return str(sentence.source or f"sentence {number}")


def without_options(
    write: Callable[[Iterable[Sentence]], Iterator[str]],
) -> Callable[[Iterable[Sentence], Writing], Iterator[str]]:
    """Return a writer for `Format.lines` that ignores its options."""
    return lambda sentences, how: write(sentences)
