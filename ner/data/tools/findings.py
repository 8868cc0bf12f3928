"""What a check found: one finding for each kind of problem and file, with its places."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from ner.data.lines import replace_surrogates


class Severity(StrEnum):
    """How bad something is.

    An error is wrong under every reading; a warning is a likely mistake; a note is worth a look,
    and may well be right.
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
    """Where a problem is, as `file:line`, and what is there."""

    where: str
    example: str


@dataclass
class Finding:
    """All problems of one kind in one file.

    Args:
        kind: What they are.
        part: What the file is called.
        places: Each of them, in the order of the file.
        remark: What else there is to say about all of them.
    """

    kind: Kind
    part: str
    places: list[Place] = field(default_factory=list)
    remark: str = ""

    def to_dict(self, examples: int) -> dict[str, Any]:
        """Give what JSON output shows, with so many of the places; 0 shows all."""
        shown = self.places[: examples or None]
        return {
            "kind": self.kind.name,
            "severity": self.kind.severity.value,
            "file": self.part,
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
        """Yield what is printed, with so many of the places; 0 prints all."""
        remark = f" ({self.remark})" if self.remark else ""
        yield (
            f"{self.kind.severity.value:8}{self.kind.name}: {len(self.places)} in {self.part}: "
            f"{self.kind.about}{remark}."
        )
        shown = self.places[: examples or None]
        for place in shown:
            yield replace_surrogates(f"        {place.where}: {place.example}")
        if len(self.places) > len(shown):
            yield f"        ... and {len(self.places) - len(shown)} more"
        yield f"        Hint: {self.kind.hint}"


class Findings:
    """Collects what the checks find."""

    def __init__(self) -> None:
        self._by_key: dict[tuple[str, str], Finding] = {}

    def add(self, kind: Kind, part: str, where: str, example: str) -> None:
        """Add a problem to the finding of its kind and file."""
        finding = self._by_key.setdefault((kind.name, part), Finding(kind, part))
        finding.places.append(Place(where, example))

    def remark(self, kind: Kind, part: str, remark: str) -> None:
        """Say something about all problems of a kind in a file, if there are any."""
        if (kind.name, part) in self._by_key:
            self._by_key[kind.name, part].remark = remark

    def ordered(self) -> list[Finding]:
        """Give the findings, the worst first."""
        order = list(Severity)
        return sorted(self._by_key.values(), key=lambda found: order.index(found.kind.severity))


_FIXABLE = "It does no harm to reading here; --fix mends it for other programs."

# What cannot be read, or not as it stands.
RAGGED = Kind(
    "ragged-rows",
    Severity.ERROR,
    "rows with another number of columns than the first row",
    "A blank inside of a token, a missing tag or a lost separator; until it is mended, the "
    "sentence is not read.",
)

UNREADABLE = Kind(
    "unreadable",
    Severity.ERROR,
    "sentences that cannot be read",
    "Mend them, or leave them out with --on-error skip where they are used.",
)

SPANS = Kind(
    "unfitting-spans",
    Severity.ERROR,
    "spans that are blank, overlap, leave the text or do not meet token borders",
    "Mend their offsets, or choose with --misaligned and --overlapping of ner data convert.",
)

ILLEGAL = Kind(
    "illegal-tags",
    Severity.ERROR,
    "tags that may not follow the tag before them",
    "Mend them, or name the scheme with --scheme; --fix writes the spans, as they are read here, "
    "with legal tags.",
)

MIXED_SCHEMES = Kind(
    "mixed-schemes",
    Severity.ERROR,
    "sentences whose tags follow another scheme than the rest of the file",
    "Parts of the file come from different sources; --fix writes all spans, as they are read here, "
    "in one scheme.",
)

OTHER_SCHEME = Kind(
    "other-scheme",
    Severity.WARNING,
    "files with another scheme than the first one",
    "All schemes are read by one rule here; other programs need --scheme of ner data convert.",
)

# White space and characters.
BLANK_ENDS = Kind(
    "blank-ends", Severity.WARNING, "rows that begin or end with blanks or tabs", _FIXABLE
)

BLANK_LINES = Kind(
    "blank-lines",
    Severity.WARNING,
    "lines between sentences that hold blanks or tabs",
    _FIXABLE,
)

SEPARATORS = Kind(
    "mixed-separators", Severity.WARNING, "rows with tabs in a file separated by blanks", _FIXABLE
)

LINE_ENDS = Kind(
    "mixed-line-ends", Severity.WARNING, "lines that end otherwise than the first line", _FIXABLE
)

CARRIAGE_RETURNS = Kind(
    "carriage-returns",
    Severity.WARNING,
    "rows with a carriage return inside",
    "Where it ends lines alone, as on old Macs, put newlines: all of it is one row here.",
)

WHITE_TOKENS = Kind(
    "white-space-in-tokens",
    Severity.WARNING,
    "tokens that hold white space, such as a no-break space",
    "Cut them into tokens, or replace what should not be there.",
)

REPLACEMENT = Kind(
    "replacement-characters",
    Severity.WARNING,
    "tokens with U+FFFD, which stands for what could not be decoded",
    "The text was damaged before; take it from its source again, in the right encoding.",
)

MOJIBAKE = Kind(
    "mojibake",
    Severity.WARNING,
    "tokens whose UTF-8 was read as Latin-1 or Windows-1252",
    "The text was decoded wrongly before; take it from its source again, as UTF-8.",
)

CONTROL = Kind(
    "control-characters",
    Severity.WARNING,
    "tokens with control characters",
    "Delete them, or look whether the file has another encoding, such as cp1252.",
)

INVISIBLE = Kind(
    "invisible-characters",
    Severity.WARNING,
    "tokens with a byte order mark, a zero-width space, a word joiner or a soft hyphen",
    "Such a token looks like another word, and is none that vectors know; --fix deletes byte order "
    "marks.",
)

NORMAL_FORMS = Kind(
    "mixed-normal-forms",
    Severity.WARNING,
    "tokens with decomposed characters, while others are composed",
    "Equal words are different strings so; bring the file into one normal form, such as NFC.",
)

# Sentences that come again.
DUPLICATES = Kind(
    "duplicates",
    Severity.WARNING,
    "sentences that stand in the file before",
    "Repeated sentences weigh more in training, and make development results look better.",
)

CONTRADICTIONS = Kind(
    "contradictions",
    Severity.WARNING,
    "sentences that come before with another annotation",
    "One of the two is wrong.",
)

SHARED = Kind(
    "shared-sentences",
    Severity.WARNING,
    "sentences that stand in an earlier file, too",
    "Results on them say nothing about new text; take them out of one of the files.",
)

NEAR = Kind(
    "near-duplicates",
    Severity.NOTE,
    "sentences that are like an earlier one but for digits, case or punctuation",
    "Templates, or copies that somebody edited; look whether their annotation agrees.",
)

NEAR_SHARED = Kind(
    "near-shared-sentences",
    Severity.NOTE,
    "sentences that are like one in an earlier file but for digits, case or punctuation",
    "Results on them say little about new text.",
)

# Labels.
MISSPELT = Kind(
    "misspelt-labels",
    Severity.ERROR,
    "labels that look like a slip for a frequent one",
    "Put the frequent label, or rename it if it is meant.",
)

RARE = Kind(
    "rare-labels",
    Severity.NOTE,
    "labels that come so seldom that no model will learn them",
    "Merge them with another label, leave them out, or annotate more.",
)

UNKNOWN_LABELS = Kind(
    "unknown-labels",
    Severity.WARNING,
    "labels that the first file does not have",
    "A model trained on the first file can never predict them.",
)

CONFLICTS = Kind(
    "conflicting-labels",
    Severity.NOTE,
    "entities with another label than the same words have nearly always",
    "A slip, or a second meaning of the name; look at them.",
)

# Sizes.
EMPTY = Kind(
    "empty-documents",
    Severity.WARNING,
    "documents or texts without any token",
    "Delete them, or look what is missing.",
)

LONG_SENTENCES = Kind(
    "long-sentences",
    Severity.NOTE,
    "sentences that are far longer than all others",
    "A missing border of sentences, as a rule; they also cost memory in training.",
)

LONG_TOKENS = Kind(
    "long-tokens",
    Severity.NOTE,
    "tokens of more than 100 characters that are no addresses",
    "Text that was not tokenized, or rubbish.",
)

LONG_ENTITIES = Kind(
    "long-entities",
    Severity.NOTE,
    "entities that are far longer than all others",
    "A forgotten end of an entity, as a rule.",
)
