"""All that the command line writes on stdout.

What people read is made harmless wherever it goes. What programs read, such as JSON lines, goes to
a file or a pipe as it is; only on a terminal are its unsafe characters escapes. In JSON and TOML,
these escapes mean the same characters.
"""

import json
import sys
from collections.abc import Iterable
from typing import Any

from ner.display import one_line, visible


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


def print_output(lines: Iterable[str]) -> None:
    """Print lines that programs read, as they come.

    Halves of UTF-16 pairs, which no file can hold, are replaced.
    """
    from ner.data.lines import replace_surrogates

    is_terminal = sys.stdout.isatty()
    for line in lines:
        clean = replace_surrogates(line)
        sys.stdout.write((visible(clean) if is_terminal else clean) + "\n")
    sys.stdout.flush()


def print_shown(lines: Iterable[str]) -> None:
    """Print lines as they come that are harmless already, and may hold colours of our own."""
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _write(text: str, *, to_stderr: bool = False) -> None:
    stream = sys.stderr if to_stderr else sys.stdout
    stream.write(text)
    stream.flush()
