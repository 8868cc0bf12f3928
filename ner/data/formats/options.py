"""The options of reading a corpus, whatever its format."""

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict, Unpack, get_args

from ner.choices import Misaligned, Overlapping
from ner.data.formats.records import Tokenize
from ner.data.lines import short
from ner.data.spans import Notes, SpanRules
from ner.data.tokenizer import Tokenizer
from ner.errors import ConfigError, DataError, suggestion

DEFAULT_TAGS = "ner"
# Options that tell nothing about other files of the same kind, or that no file can hold.
OF_ONE_FILE = ("encoding", "split", "target", "tokenize", "problems", "notes")
CHOICES = {"misaligned": get_args(Misaligned), "overlapping": get_args(Overlapping)}


class ReadKeywords(TypedDict, total=False):
    """The fields of `ReadOptions`, for functions that take them as keywords."""

    format: str | None
    encoding: str
    columns: Sequence[str] | None
    tags: str | None
    target: str | None
    misaligned: Misaligned
    overlapping: Overlapping
    split: str | None
    tokenize: Tokenize | None
    hub_tokens: str | None
    hub_tags: str | None
    problems: list[DataError] | None
    notes: Notes | None


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How a corpus is read.

    Args:
        format: The name of its format, such as "conll" or "jsonl" (`ner data convert` lists them);
            None detects it.
        encoding: The encoding of the file, by its Python name.
        columns: The names of the columns of a file without a header. One is "token", and "-"
            leaves a column out. None names the first "token" and the last "ner".
        tags: The column of entity tags, or their key in a CoNLL-U file; None means "ner".
        target: A column of labels to learn as they are, such as "upos". Every sentence must have
            it, the last of unnamed columns gets this name, and no column is read as entity tags.
        misaligned: What to do with spans that do not start and end at token boundaries: "refuse"
            the sentence, "snap" them outwards to the tokens that they touch, or "drop" them.
        overlapping: What to do with spans that overlap, nest or have gaps: "refuse" the sentence,
            or "drop" those with gaps and, of others, all but the longest.
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
    columns: Sequence[str] | None = None
    tags: str | None = None
    target: str | None = None
    misaligned: Misaligned = "refuse"
    overlapping: Overlapping = "refuse"
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
                    f"{name}: one of {' '.join(choices)}. Got {given!r}."
                    f"{suggestion(given, choices)}"
                )
        if isinstance(self.columns, str):
            raise ConfigError(f"columns: a list of names. Got {short(self.columns)}.")

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
    def tag_column(self) -> str | None:
        """The column that is read as entity tags; None where labels are learnt as they are."""
        return None if self.target else self.tags or DEFAULT_TAGS

    @property
    def tokenizer(self) -> Tokenize:
        """The function that cuts raw text."""
        return self.tokenize or _default_tokenizer()

    @property
    def rules(self) -> SpanRules:
        """What happens to spans that are not whole tokens, and where that is noted."""
        notes = Notes() if self.notes is None else self.notes
        return SpanRules(self.misaligned, self.overlapping, notes)


@functools.cache
def _default_tokenizer() -> Tokenizer:
    return Tokenizer()
