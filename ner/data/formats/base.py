"""A format: its name, what it can hold, its reader and its writer."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ner.choices import Spelling
from ner.data.formats.options import ReadOptions
from ner.data.sentence import Sentence
from ner.errors import ConfigError

# What a format may hold besides the texts of its sentences.
SPANS, LABELS, PARTIAL = "spans", "labels", "partial annotation"
TOKENS, SPACING, IDS, DOCUMENTS, SCORES = "tokens", "spacing", "ids", "documents", "scores"
EMPTY = "sentences without tokens"
NO_SPANS = "that there are no spans"
LABELS_BESIDE_SPANS = "labels beside spans"
BLANK_TOKENS = "tokens of white space"

# What every format of whole texts with character offsets can hold.
TEXT_CONTENT = frozenset({SPANS, LABELS, SPACING, EMPTY})
ALL_CONTENT = TEXT_CONTENT | {PARTIAL, TOKENS, BLANK_TOKENS, IDS, DOCUMENTS, SCORES}

# What may be said about the fields of a record.
RECORD_ROLES = frozenset({"text", "tokens", "tags", "spans", "label", "id", "document"})


@dataclass(frozen=True)
class WriteOptions:
    """How a file is written.

    Args:
        scheme: The spelling of the tags.
        columns: The columns of a table, besides those of tokens and tags.
        tagged: Whether a table has a column of tags.
        formulas: Whether a cell may begin as a formula of a spreadsheet does.
    """

    scheme: Spelling = "BIO"
    columns: Sequence[str] = ()
    tagged: bool = True
    formulas: bool = True

    @property
    def table_scheme(self) -> Spelling | None:
        """The spelling of the tags in a table; None if it has no column of tags."""
        return self.scheme if self.tagged else None


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
        has_cells: Whether spreadsheets open it, to which a cell may be a formula.
        options: The options of reading, of those that not every format has a use for, that it
            uses; `check_options` refuses the others.
        roles: What columns or fields of a file can be said to hold, with the option `columns`.
        loses: Yields what else of a sentence it cannot hold, though it holds it of others.
    """

    name: str
    about: str
    holds: frozenset[str]
    read: Callable[[str | Path, ReadOptions], Iterator[Sentence]]
    lines: Callable[[Iterable[Sentence], WriteOptions], Iterator[str]] | None = None
    save: Callable[[Iterable[Sentence], Path, WriteOptions], None] | None = None
    endings: tuple[str, ...] = ()
    columns: frozenset[str] | None = frozenset()
    is_table: bool = False
    has_cells: bool = False
    options: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    loses: Callable[[Sentence], Iterator[str]] | None = None

    def check_options(self, options: ReadOptions) -> None:
        """Refuse options that would be ignored.

        Raises:
            ConfigError: An option has no meaning in this format.
        """
        for name, given in self._unused(options):
            known = f" It may say what {' '.join(sorted(self.roles))} are, as in text=NAME."
            hint = known if name == "columns" and self.roles else ""
            raise ConfigError(
                f"{name}: must not be set for {self.name}, which has no use for it. "
                f"Got {given!r}.{hint}"
            )

    def _unused(self, options: ReadOptions) -> Iterator[tuple[str, object]]:
        """Yield the options that are set and not used."""
        if options.names and "columns" not in self.options:
            yield "columns", " ".join(options.names)
        for role, column in options.roles.items():
            if role not in self.roles:
                yield "columns", f"{role}={column}"
        if options.tags is not None and "tags" not in self.options:
            yield "tags", options.tags
        if options.label_separator is not None and "label_separator" not in self.options:
            yield "label_separator", options.label_separator
        if options.offsets != "characters" and "offsets" not in self.options:
            yield "offsets", options.offsets


def sentence_name(sentence: Sentence, number: int) -> str:
    """What messages call a sentence: where it was read, or its number among those written."""
    return str(sentence.source or f"sentence {number}")


def without_options(
    write: Callable[[Iterable[Sentence]], Iterator[str]],
) -> Callable[[Iterable[Sentence], WriteOptions], Iterator[str]]:
    """Return a writer for `Format.lines` that ignores its options."""
    return lambda sentences, options: write(sentences)
