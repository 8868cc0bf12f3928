"""What a format is, and what reading and writing one need to know."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ner.choices import Spelling
from ner.data.formats.options import ReadOptions
from ner.data.lines import read_lines
from ner.data.sentence import Sentence

# What a format may hold beside the text of its sentences.
SPANS, LABELS, PARTIAL = "spans", "labels", "partial annotation"

TOKENS, SPACING, IDS, DOCUMENTS, SCORES = "tokens", "spacing", "ids", "documents", "scores"

EMPTY = "sentences without tokens"

ALL = frozenset({SPANS, LABELS, PARTIAL, TOKENS, SPACING, IDS, DOCUMENTS, SCORES, EMPTY})


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
        about: What it is, in some words.
        holds: What it can hold.
        columns: The columns of a sentence that it can hold; None for any.
        read: Gives the sentences of a file or a folder.
        lines: Gives the lines of a file; None where it has none.
        save: Writes a file or a folder that has no lines.
        endings: Of files that can be nothing else.
        is_table: Whether all sentences have the same columns.
    """

    name: str
    about: str
    holds: frozenset[str]
    read: Callable[[str | Path, ReadOptions], Iterator[Sentence]]
    lines: Callable[[Iterable[Sentence], Writing], Iterator[str]] | None = None
    save: Callable[[Iterable[Sentence], Path, Writing], None] | None = None
    endings: tuple[str, ...] = ()
    columns: frozenset[str] | None = frozenset()
    is_table: bool = False


def _name(source: str | Path) -> str:
    return "stdin" if str(source) == "-" else str(source)


def _reading_with(
    read: Callable[..., Iterator[Sentence]],
) -> Callable[[str | Path, ReadOptions], Iterator[Sentence]]:
    """Adapt a reader of a JSON document."""

    def read_source(source: str | Path, options: ReadOptions) -> Iterator[Sentence]:
        lines = read_lines(source, options.encoding)
        return read(lines, _name(source), options.tokenizer, options.problems, options.rules)

    return read_source


def _plain(
    write: Callable[[Iterable[Sentence]], Iterator[str]],
) -> Callable[[Iterable[Sentence], Writing], Iterator[str]]:
    return lambda sentences, how: write(sentences)
