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
