"""The options of reading a corpus, whatever its format."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict, Unpack, get_args

from ner.choices import MAX_LINE, Misaligned, OffsetUnit, Overlapping
from ner.data.lines import short
from ner.data.spans import Notes, SpanRules
from ner.data.tokenizer import Tokenize, Tokenizer
from ner.errors import ConfigError, DataError, suggestion

DEFAULT_TAGS = "ner"
# Options that tell nothing about other files of the same kind, or that no file can hold.
OF_ONE_FILE = ("encoding", "max_line", "split", "target", "tokenize", "problems", "notes")
CHOICES = {
    "misaligned": get_args(Misaligned),
    "overlapping": get_args(Overlapping),
    "offsets": get_args(OffsetUnit),
}

# What a column of a table, or a field of a record, may be said to hold.
ROLES = ("text", "token", "tokens", "tags", "spans", "label", "sentence", "id", "document")


class ReadKeywords(TypedDict, total=False):
    """The fields of `ReadOptions`, for functions that take them as keywords."""

    format: str | None
    encoding: str
    max_line: int
    columns: Sequence[str] | None
    tags: str | None
    target: str | None
    misaligned: Misaligned
    overlapping: Overlapping
    offsets: OffsetUnit
    label_separator: str | None
    split: str | None
    tokenize: Tokenize | None
    hub_tokens: str | None
    hub_tags: str | None
    problems: list[DataError] | None
    notes: Notes | None


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    r"""How a corpus is read.

    Args:
        format: The name of its format, such as "conll" or "jsonl" (`ner data convert` lists them);
            None detects it.
        encoding: The encoding of the file, by its Python name.
        max_line: The number of bytes that a line of a file may have; a longer one is refused before
            it fills the memory.
        columns: The names of the columns of a file without a header. One is "token", and "-"
            leaves a column out. None names the first "token" and the last "ner". For files with
            named columns or fields (CSV, JSON, data sets of Hugging Face), what some of them hold,
            as in "text=review" and "label=stars"; None takes usual names.
        tags: The column of entity tags, or their key in a CoNLL-U file; None means "ner".
        target: A column of labels to learn as they are, such as "upos". Every sentence must have
            it, the last of unnamed columns gets this name, and no column is read as entity tags.
        misaligned: What to do with spans that do not start and end at token boundaries: "refuse"
            the sentence, "snap" them outwards to the tokens that they touch, "split" the tokens
            that they cut, or "drop" them.
        overlapping: What to do with spans that overlap, nest or have gaps: "refuse" the sentence,
            or "drop" those with gaps and, of others, all but the longest.
        offsets: What the offsets of spans in the file count: "characters"; "utf16" for units of
            UTF-16, as in JavaScript and Java; "bytes" for bytes of UTF-8; or "crlf" for characters
            counted with other line breaks: "\n" as two, or "\r\n" as one.
        label_separator: What separates several labels in one cell of a CSV or TSV file, such as
            "|"; None reads a cell as one label.
        split: The split of a data set of Hugging Face where the source does not name it; None
            means "train".
        tokenize: The function that cuts raw text into tokens and their offsets; None means
            `Tokenizer()`.
        hub_tokens: The column of tokens, or of texts, in a data set of Hugging Face; None tries the
            usual names.
        hub_tags: The column of tags, or of labels of texts, in a data set of Hugging Face; None
            tries the usual names.
        problems: A list that gets the errors of sentences that cannot be read, which are then left
            out; None raises the first one.
        notes: The list of what was changed or left out; None sums it up in a warning.

    Raises:
        ConfigError: An option has a value that it cannot have.
    """

    format: str | None = None
    encoding: str = "utf-8"
    max_line: int = MAX_LINE
    columns: Sequence[str] | None = None
    tags: str | None = None
    target: str | None = None
    misaligned: Misaligned = "refuse"
    overlapping: Overlapping = "refuse"
    offsets: OffsetUnit = "characters"
    label_separator: str | None = None
    split: str | None = None
    tokenize: Tokenize | None = None
    hub_tokens: str | None = None
    hub_tags: str | None = None
    problems: list[DataError] | None = field(default=None, compare=False)
    notes: Notes | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            given = getattr(self, name)
            if given not in choices:
                raise ConfigError(
                    f"{name}: must be one of {' '.join(choices)}. Got {given!r}."
                    f"{suggestion(given, choices)}"
                )
        if isinstance(self.columns, str):
            raise ConfigError(f"columns: must be a list of names. Got {short(self.columns)}.")
        if self.max_line < 1:
            raise ConfigError(f"max_line: must be at least 1 byte. Got {self.max_line}.")
        if self.label_separator == "":
            raise ConfigError("label_separator: must not be empty. Got ''.")
        self._check_roles()

    def _check_roles(self) -> None:
        pairs = [column.partition("=") for column in self.columns or ()]
        if not any(is_role for _, is_role, _ in pairs):
            return
        given = " ".join(self.columns or ())
        if not all(role and name for role, _, name in pairs) or len(self.roles) < len(pairs):
            raise ConfigError(
                "columns: must be names alone, or each be what a column holds with its name, as "
                f"in text=review label=stars. Got {given!r}."
            )
        for role in self.roles:
            if role not in ROLES:
                raise ConfigError(
                    f"columns: a column holds one of {' '.join(ROLES)}. Got {role!r}."
                    f"{suggestion(role, ROLES)}"
                )

    def updated(self, **changes: Unpack[ReadKeywords]) -> "ReadOptions":
        """Return options in which some fields have other values.

        Raises:
            ConfigError: There is no such option, or it cannot have this value.
        """
        known = ReadKeywords.__annotations__
        for name in changes:
            if name not in known:
                raise ConfigError(f"{name}: unknown option.{suggestion(name, known)}")
        return dataclasses.replace(self, **changes)

    def filled(self, **defaults: Unpack[ReadKeywords]) -> "ReadOptions":
        """Return options in which fields that are None have other values."""
        missing: Any = {name: v for name, v in defaults.items() if getattr(self, name) is None}
        return self.updated(**missing)

    def to_dict(self) -> dict[str, Any]:
        """Return what describes a kind of file, as JSON can hold it: the format, and other options.

        Options are left out that have their defaults, or that differ from file to file, such as the
        encoding, which the content of a file shows.
        """
        described = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in OF_ONE_FILE and getattr(self, field.name) != field.default
        }
        return {n: list(v) if isinstance(v, tuple) else v for n, v in described.items()}

    @property
    def names(self) -> Sequence[str] | None:
        """The names of the columns of a file without a header, in order."""
        return None if self.roles else self.columns

    @functools.cached_property
    def roles(self) -> Mapping[str, str]:
        """The names of columns or fields by what they hold, as far as the caller said it."""
        pairs = (column.partition("=") for column in self.columns or ())
        return {role: name for role, separator, name in pairs if separator}

    @property
    def tag_column(self) -> str | None:
        """The column that is read as entity tags; None where labels are learnt as they are."""
        return None if self.target else self.tags or DEFAULT_TAGS

    @property
    def tokenizer(self) -> Tokenize:
        """The function that cuts raw text."""
        return self.tokenize or _default_tokenizer()

    @functools.cached_property
    def rules(self) -> SpanRules:
        """What happens to spans that are not whole tokens, and where that is noted."""
        notes = Notes() if self.notes is None else self.notes
        return SpanRules(self.misaligned, self.overlapping, notes, self.offsets)


@functools.cache
def _default_tokenizer() -> Tokenizer:
    return Tokenizer()
