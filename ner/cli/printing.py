"""All that the command line writes on stdout.

What people read is made harmless wherever it goes. What programs read, such as JSON lines, goes to
a file or a pipe as it is; only on a terminal are its unsafe characters escapes. In JSON and TOML,
these escapes mean the same characters.
"""

import json
import sys
from collections.abc import Iterable
from typing import Any, Protocol

from ner.display import one_line, visible

# Characters that are written at once.
WRITTEN = 1 << 20


def print_line(line: str) -> None:
    """Print a line that people read."""
    _write(one_line(line) + "\n")


def print_lines(lines: str | Iterable[str]) -> None:
    """Print lines that people read, given one by one or as a whole."""
    for line in lines.split("\n") if isinstance(lines, str) else lines:
        print_line(line)


def print_json(value: Any, *, indent: int | None = 1, to_stderr: bool = False) -> None:
    """Print a JSON object in ASCII, which no terminal obeys."""
    _write(json.dumps(value, indent=indent) + "\n", to_stderr=to_stderr)


class Found(Protocol):
    """What a command has found out."""

    def to_dict(self) -> dict[str, Any]:
        """Return all of it, as JSON can hold it."""
        ...


def print_found(found: Found, as_json: bool) -> None:
    """Print what a command has found out, as JSON or for people."""
    if as_json:
        print_json(found.to_dict())
    else:
        print_lines(str(found))


def print_output(lines: Iterable[str]) -> None:
    """Print lines that programs read, as they come.

    Halves of UTF-16 pairs, which no file can hold, are replaced.
    """
    from ner.data.lines import replace_surrogates

    is_terminal = sys.stdout.isatty()
    for line in lines:
        # A long line is encoded in parts, so that memory holds it once.
        for start in range(0, len(line), WRITTEN):
            clean = replace_surrogates(line[start : start + WRITTEN])
            sys.stdout.write(visible(clean) if is_terminal else clean)
        sys.stdout.write("\n")
    sys.stdout.flush()


def print_content(text: str, codec: str) -> None:
    """Print a part of a file in its encoding, without a newline."""
    if sys.stdout.isatty():
        sys.stdout.write(visible(text))
    else:
        sys.stdout.buffer.write(text.encode(codec))


def print_shown(lines: Iterable[str]) -> None:
    """Print lines as they come that are harmless already, and may hold colours of our own."""
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _write(text: str, *, to_stderr: bool = False) -> None:
    stream = sys.stderr if to_stderr else sys.stdout
    stream.write(text)
    stream.flush()
