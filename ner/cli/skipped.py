"""The rows that a command leaves out, however many there are."""

from collections import deque
from collections.abc import Sequence

from ner.errors import DataError
from ner.messages import tell

# Rows that are listed; all others are counted.
MOST_LISTED = 100


class SkippedRows(list[DataError]):
    """The errors of the first rows that are left out, and the number of all.

    Args:
        become_rows: Whether all errors wait in `waiting`, until somebody takes them.
    """

    def __init__(self, *, become_rows: bool = False) -> None:
        super().__init__()
        self.become_rows = become_rows
        self.total = 0
        self.waiting: deque[DataError] = deque()

    def append(self, problem: DataError) -> None:
        """Count an error, and keep it if it is among the first."""
        self.total += 1
        plain = DataError(str(problem))  # without a traceback, which keeps much in memory
        if len(self) < MOST_LISTED:
            super().append(plain)
        if self.become_rows:
            self.waiting.append(plain)


def list_skipped(problems: Sequence[DataError] | None) -> None:
    """Tell what `--on-error skip` left out."""
    problems = problems or ()
    total = problems.total if isinstance(problems, SkippedRows) else len(problems)
    for problem in problems:
        tell(f"skipped: {problem}")
    if total > len(problems):
        tell(f"skipped: {total - len(problems):,} more")
    if total:
        tell(f"Skipped {total} in total.")
