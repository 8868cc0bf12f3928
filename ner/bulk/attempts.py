"""What is known about a unit of work whose process ended, and what to do about it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from ner.bulk.units import Unit
from ner.bulk.work import Caution, Rows

# Ends of its process that a unit may cause before it fails, since a row was found that causes them.
MOST_ENDS = 5

# Ends of a process at a row alone after which the row has caused them.
ENDS_OF_KILLER = 2

# Called with a unit, and why it failed; None where its results are there.
Finish = Callable[[Unit, str | None], None]


@dataclass
class Attempts:
    """What is known about a unit whose process ended.

    Args:
        unit: The unit.
        alone: Rows that were tagged when a process ended, and are tagged one by one from then on.
        killers: Rows that end their process, with what happened.
        ends: How often a process ended, since the last one of these rows was found.
        ends_at: How often a process ended while it tagged certain rows.
    """

    unit: Unit
    alone: set[Rows] = field(default_factory=set)
    killers: dict[int, str] = field(default_factory=dict)
    ends: int = 0
    ends_at: Counter[Rows] = field(default_factory=Counter)

    def ended(self, rows: Rows | None, how: str) -> bool:
        """Note that a process ended; return whether the unit may be tried again.

        A process may have been ended from outside, so that its rows get a second try. From the
        second time on they are tagged one by one.

        Args:
            rows: The rows that it tagged; None if it did something else.
            how: What happened to it.
        """
        self.ends += 1
        if rows is not None:
            self.ends_at[rows] += 1
            start, stop = rows
            if stop - start > 1:
                self.alone.add(rows)
            elif self.ends_at[rows] >= ENDS_OF_KILLER:
                self.killers[start] = f"The text ended the process that tagged it: {how}."
                self.ends = 0
        return self.ends < MOST_ENDS

    @property
    def caution(self) -> Caution:
        """How to try it again."""
        return Caution(frozenset(self.alone), dict(self.killers))

    def after_end(self, rows: Rows | None, how: str) -> str | None:
        """Note that a process ended; return why the unit fails, or None if it is tried again."""
        if self.ended(rows, how):
            return None
        name = self.unit.source.name
        return f"{name}: must not end its process {MOST_ENDS} times. Got {how}."
