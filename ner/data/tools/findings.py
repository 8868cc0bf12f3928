"""What a check finds: a finding for each kind of problem and each file, with its places."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from ner.data.lines import replace_surrogates


class Severity(StrEnum):
    """How bad a problem is.

    An error is always wrong. A warning is probably a mistake. A note is worth a look, and may be
    right.
    """

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Kind:
    """A kind of problem: its name, how bad it is, what it is, and what to do about it."""

    name: str
    severity: Severity
    about: str
    hint: str


class Place(NamedTuple):
    """Where a problem is, as `file:line`, and an example of it."""

    where: str
    example: str


@dataclass
class Finding:
    """All problems of one kind in one file.

    Args:
        kind: The kind of the problems.
        file: The name of the file.
        places: The place of each problem, in the order of the file.
        remark: A remark on all of them.
    """

    kind: Kind
    file: str
    places: list[Place] = field(default_factory=list)
    remark: str = ""

    def to_dict(self, examples: int) -> dict[str, Any]:
        """Return the finding for JSON, with this number of places; 0 means all."""
        shown = self.places[: examples or None]
        return {
            "kind": self.kind.name,
            "severity": self.kind.severity.value,
            "file": self.file,
            "about": self.kind.about,
            "count": len(self.places),
            "remark": self.remark,
            "hint": self.kind.hint,
            "places": [
                {"where": place.where, "example": replace_surrogates(place.example)}
                for place in shown
            ],
        }

    def lines(self, examples: int) -> Iterator[str]:
        """Yield the lines to print, with this number of places; 0 means all."""
        remark = f" ({self.remark})" if self.remark else ""
        yield (
            f"{self.kind.severity.value:8}{self.kind.name}: {len(self.places)} in {self.file}: "
            f"{self.kind.about}{remark}."
        )
        shown = self.places[: examples or None]
        for place in shown:
            yield replace_surrogates(f"        {place.where}: {place.example}")
        if len(self.places) > len(shown):
            yield f"        ... and {len(self.places) - len(shown)} more"
        yield f"        Hint: {self.kind.hint}"


class Findings:
    """Collects the problems that the checks find."""

    def __init__(self) -> None:
        self._by_key: dict[tuple[str, str], Finding] = {}

    def add(self, kind: Kind, file: str, where: str, example: str) -> None:
        """Add a problem to the finding of its kind and file."""
        finding = self._by_key.setdefault((kind.name, file), Finding(kind, file))
        finding.places.append(Place(where, example))

    def has(self, kind: Kind, file: str) -> bool:
        """Whether a file has problems of a kind."""
        return (kind.name, file) in self._by_key

    def remark(self, kind: Kind, file: str, remark: str) -> None:
        """Set the remark on all problems of a kind in a file, if there are any."""
        if self.has(kind, file):
            self._by_key[kind.name, file].remark = remark

    def ordered(self) -> list[Finding]:
        """Return the findings, the worst first."""
        order = list(Severity)
        return sorted(self._by_key.values(), key=lambda finding: order.index(finding.kind.severity))


FIXABLE = "Reading is not affected here, but other programs may fail. --fix repairs it."

# What cannot be read, or not as it is.
RAGGED_ROWS = Kind(
    "ragged-rows",
    Severity.ERROR,
    "rows with another number of columns than the first row",
    "Look for a blank inside a token, a missing tag or a lost separator. The sentence is not read "
    "until the row is repaired.",
)

UNREADABLE = Kind(
    "unreadable",
    Severity.ERROR,
    "sentences that cannot be read",
    "Repair them, or use --on-error skip to leave them out.",
)

UNFITTING_SPANS = Kind(
    "unfitting-spans",
    Severity.ERROR,
    "spans that are blank, overlap, exceed the text or do not meet token borders",
    "Repair their offsets, choose another --tokenizer, or use --misaligned and --overlapping of "
    "ner data convert.",
)

LEFT_OUT = Kind(
    "left-out",
    Severity.NOTE,
    "records that nobody annotated, or that an annotator rejected",
    "They are not read. Finish them, or leave them as they are.",
)

MISREAD_COLUMNS = Kind(
    "misread-columns",
    Severity.WARNING,
    "columns that do not hold what is read from them",
    "Separate columns by tabs or blanks, and name them with --columns where their order is not "
    "that of a token first and a tag last.",
)

ILLEGAL_TAGS = Kind(
    "illegal-tags",
    Severity.ERROR,
    "tags that must not follow the tag before them",
    "Repair them, or name the scheme with --scheme. --fix keeps the spans as they are read here, "
    "and writes legal tags.",
)

MIXED_SCHEMES = Kind(
    "mixed-schemes",
    Severity.ERROR,
    "sentences whose tags follow another scheme than the rest of the file",
    "The file probably has several sources. --fix keeps the spans as they are read here, and "
    "writes all tags in one scheme.",
)

OTHER_SCHEME = Kind(
    "other-scheme",
    Severity.WARNING,
    "files with another scheme than the first one",
    "All schemes are read by one rule here. Other programs need --scheme of ner data convert.",
)

ROW_LIKE_COMMENTS = Kind(
    "row-like-comments",
    Severity.NOTE,
    "comments with as many columns as the rows",
    "They are left out. If one is a row whose token is a # or begins with one, repair its tag.",
)

# White space and characters.
BLANK_ENDS = Kind(
    "blank-ends", Severity.WARNING, "rows that begin or end with blanks or tabs", FIXABLE
)

BLANK_LINES = Kind(
    "blank-lines",
    Severity.WARNING,
    "lines between sentences that hold blanks or tabs",
    FIXABLE,
)

MIXED_SEPARATORS = Kind(
    "mixed-separators", Severity.WARNING, "rows with tabs in a file separated by blanks", FIXABLE
)

MIXED_LINE_ENDS = Kind(
    "mixed-line-ends", Severity.WARNING, "lines with another end than the first line", FIXABLE
)

CARRIAGE_RETURNS = Kind(
    "carriage-returns",
    Severity.WARNING,
    "rows with a carriage return inside",
    "If it ends lines, as on old Macs, replace it with newlines: only newlines end rows here.",
)

WHITE_SPACE_IN_TOKENS = Kind(
    "white-space-in-tokens",
    Severity.WARNING,
    "tokens that hold white space, such as a no-break space",
    "Split the tokens, or replace the white space.",
)

REPLACEMENT_CHARACTERS = Kind(
    "replacement-characters",
    Severity.WARNING,
    "tokens with U+FFFD, which replaces what could not be decoded",
    "The text was damaged earlier. Take it from its source again, in the right encoding.",
)

MOJIBAKE = Kind(
    "mojibake",
    Severity.WARNING,
    "tokens whose UTF-8 was read as Latin-1 or Windows-1252",
    "The text was decoded wrongly earlier. Take it from its source again, as UTF-8.",
)

CONTROL_CHARACTERS = Kind(
    "control-characters",
    Severity.WARNING,
    "tokens with control characters",
    "Delete them, or try another encoding, such as cp1252.",
)

INVISIBLE_CHARACTERS = Kind(
    "invisible-characters",
    Severity.WARNING,
    "tokens with a byte order mark, a zero-width space, a word joiner or a soft hyphen",
    "Such a token looks like another word, and no word vectors know it. --fix deletes byte order "
    "marks.",
)

MIXED_NORMAL_FORMS = Kind(
    "mixed-normal-forms",
    Severity.WARNING,
    "tokens with decomposed characters, in a file with composed ones",
    "The same word becomes two different strings. Convert the file to one normal form, such as "
    "NFC.",
)

OTHER_TOKENS = Kind(
    "other-tokens",
    Severity.WARNING,
    "files whose tokens are not those into which raw text is cut",
    "A model that learns from such a file finds little in raw text. Give it tokens, in CoNLL files "
    "or with tag_tokens(), or repair the tokens.",
)

# Repeated sentences.
DUPLICATES = Kind(
    "duplicates",
    Severity.WARNING,
    "sentences repeated from earlier in the file",
    "Repeated sentences weigh more in training, and make development results look better.",
)

CONTRADICTIONS = Kind(
    "contradictions",
    Severity.WARNING,
    "repeated sentences with another annotation than before",
    "One of the two annotations is wrong.",
)

SHARED_SENTENCES = Kind(
    "shared-sentences",
    Severity.WARNING,
    "sentences repeated from an earlier file",
    "Results on them say nothing about new text. Remove them from one of the files.",
)

NEAR_DUPLICATES = Kind(
    "near-duplicates",
    Severity.NOTE,
    "sentences that differ from an earlier one only in digits, case or punctuation",
    "They are templates, or edited copies. Check that their annotation agrees.",
)

NEAR_SHARED_SENTENCES = Kind(
    "near-shared-sentences",
    Severity.NOTE,
    "sentences that differ from one in an earlier file only in digits, case or punctuation",
    "Results on them say little about new text.",
)

# Labels.
MISSPELT_LABELS = Kind(
    "misspelt-labels",
    Severity.ERROR,
    "labels that look like a misspelt frequent label",
    "Use the frequent label, or give this one another name if it is meant.",
)

RARE_LABELS = Kind(
    "rare-labels",
    Severity.NOTE,
    "labels that are too rare for a model to learn",
    "Merge them with another label, leave them out, or annotate more.",
)

UNKNOWN_LABELS = Kind(
    "unknown-labels",
    Severity.WARNING,
    "labels that the first file does not have",
    "A model trained on the first file can never predict them.",
)

CONFLICTING_LABELS = Kind(
    "conflicting-labels",
    Severity.NOTE,
    "entities with another label than the same words nearly always have",
    "Look at them: this is a mistake, or another meaning of the name.",
)

# Sizes.
EMPTY_DOCUMENTS = Kind(
    "empty-documents",
    Severity.WARNING,
    "documents or texts without tokens",
    "Delete them, or find out what is missing.",
)

LONG_SENTENCES = Kind(
    "long-sentences",
    Severity.NOTE,
    "sentences that are far longer than all others",
    "Usually the end of a sentence is missing. Long sentences also need memory in training.",
)

LONG_TOKENS = Kind(
    "long-tokens",
    Severity.NOTE,
    "tokens of more than 100 characters that are not addresses",
    "Usually the text was not tokenized, or is not text.",
)

LONG_ENTITIES = Kind(
    "long-entities",
    Severity.NOTE,
    "entities that are far longer than all others",
    "Usually the end of the entity is missing.",
)
