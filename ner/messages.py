"""What the package tells its user: records of the logger `ner`.

Warnings and errors name files, lines, labels and numbers, but never quote a text. Information may
quote one, such as a span that was dropped, and so may details for finding errors.
"""

import logging
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ner.display import one_line, visible

logger = logging.getLogger("ner")
logger.addHandler(logging.NullHandler())

# Takes a line for the user; a warning begins with "Warning: ".
Notify = Callable[[str], None]

WARNING = "Warning: "


def tell(line: str) -> None:
    """Log a line for the user: a warning if it begins so, else information."""
    text = line.removeprefix(WARNING)
    logger.log(logging.INFO if text == line else logging.WARNING, "%s", text)


def ignore(line: str) -> None:
    """Do nothing with a line for the user, where it was told before."""


class StderrHandler(logging.Handler):
    """Prints each record as a line on stderr, whatever stderr is at that time."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record. An error in writing is one of the program, as it is for `print`."""
        line = one_line(record.getMessage())
        if record.levelno in (logging.WARNING, logging.DEBUG):
            line = f"{record.levelname.capitalize()}: {line}"
        if record.exc_info:
            line += "\n" + visible("".join(traceback.format_exception(*record.exc_info))).rstrip()
        if sys.stderr is not None:
            sys.stderr.write(line + "\n")


@contextmanager
def shown(*, on_stderr: bool) -> Iterator[None]:
    """Let information be logged while this lasts, unless somebody chose a level for the logger.

    Inside of another one that prints, this does nothing.

    Args:
        on_stderr: Whether to print what is logged on stderr, beside other handlers.
    """
    if any(isinstance(handler, StderrHandler) for handler in logger.handlers):
        yield
        return
    handler, level = StderrHandler(), logger.level
    if on_stderr:
        logger.addHandler(handler)
    if level == logging.NOTSET:
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def is_handled() -> bool:
    """Whether the program has chosen handlers for what is logged."""
    handlers = (*logger.handlers, *logging.getLogger().handlers)
    return not all(isinstance(handler, logging.NullHandler) for handler in handlers)
