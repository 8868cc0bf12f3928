"""Standard streams that are closed, or that nobody reads any more."""

import io
import os
import sys
from typing import TextIO


class Commentary(io.TextIOWrapper):
    """Standard error: what cannot be written there is dropped, since no result depends on it."""

    def write(self, text: str, /) -> int:
        """Write a text, and return its length."""
        try:
            return super().write(text)
        except OSError:
            discard(self)
            return len(text)

    def flush(self) -> None:
        """Write what waits."""
        try:
            super().flush()
        except OSError:
            discard(self)


def complete_streams() -> None:
    """Replace streams that are closed by empty ones, and keep a lost standard error harmless.

    The system would give the number of a closed stream to the next file that is opened, and what a
    library prints would go there.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")
    if sys.stderr is sys.__stderr__ and isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr = Commentary(
            sys.stderr.buffer, encoding="utf-8", errors="replace", line_buffering=True
        )


def discard(stream: TextIO) -> None:
    """Throw away all that is written to a stream from now on, and what waits to be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
