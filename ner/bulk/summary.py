"""What a run has done, and what it has not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

# Items of a kind that people are shown; the file of the summary has all.
MOST_LISTED = 20


@dataclass(frozen=True)
class Shard:
    """What a file of results holds.

    Args:
        source: The file that was tagged.
        part: The part of it, see `ner.bulk.units.Unit`; None for all of a file.
        rows: The number of rows.
        tokens: The number of tokens.
        errors: The number of rows with an error.
        killers: The rows that ended the process that tagged them.
    """

    source: str
    part: tuple[int, int] | None
    rows: int = 0
    tokens: int = 0
    errors: int = 0
    killers: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return all facts, as JSON can hold them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> "Shard":
        """Read what `to_dict` returned."""
        part, killers = facts["part"], tuple(facts["killers"])
        return replace(cls(**facts), part=part and tuple(part), killers=killers)


@dataclass(frozen=True)
class Summary:
    """What is in a folder of results, and what is missing there.

    Args:
        shards: The number of files of results.
        present: How many of them were there before.
        rows: The number of rows in all of them.
        tokens: The number of tokens.
        errors: The number of rows with an error.
        killers: The rows that ended the process that tagged them; they have an error.
        failed: Why a part of a source has no results, by the name of its file.
    """

    shards: int
    present: int
    rows: int
    tokens: int
    errors: int
    killers: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, shards: Iterable[Shard], present: int, failed: Mapping[str, str]) -> "Summary":
        """Add up files of results."""
        found = list(shards)
        return cls(
            shards=len(found),
            present=present,
            rows=sum(shard.rows for shard in found),
            tokens=sum(shard.tokens for shard in found),
            errors=sum(shard.errors for shard in found),
            killers=tuple(place for shard in found for place in shard.killers),
            failed=dict(failed),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return all facts, as JSON can hold them."""
        return asdict(self)

    def __str__(self) -> str:
        """Return lines for people."""
        lines = [
            f"{self.rows:,} rows, {self.tokens:,} tokens, {self.errors:,} rows with an error.",
            f"{self.shards:,} files of results, {self.present:,} of them from before.",
        ]
        lines += _first("ended its process", self.killers)
        lines += _first("failed", list(self.failed.values()))
        return "\n".join(lines)


def _first(kind: str, items: Sequence[str]) -> list[str]:
    """List the first items, and count the others."""
    lines = [f"{kind}: {item}" for item in items[:MOST_LISTED]]
    more = len(items) - len(lines)
    return [*lines, f"{kind}: {more:,} more"] if more else lines
