"""Standard input as it comes: what is there can be looked at, and answered before more comes.

So can other pipes, such as `<(zcat texts.gz)` in a shell, for commands that read them once.
"""

import os
import select
import stat
import sys
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TextIO

CHUNK = 1 << 16

# Seconds to wait for more of a pipe before what has come so far is answered. A program that writes
# a large file into a pipe needs less than this for its next lines, which then share a batch.
PATIENCE = 0.005


class StandardInput:
    """The bytes of a stream: an open file, as far as `ner.data.lines` needs one.

    Args:
        stream: The stream, such as `sys.stdin`, or an open file of bytes.
    """

    def __init__(self, stream: TextIO | BinaryIO) -> None:
        self.stream = stream
        self._check: Callable[[bytes], None] | None = None
        self._file: Any = getattr(stream, "buffer", stream)
        # Whole lines that have come, and the pieces of one that has no end yet.
        self._lines: deque[bytes] = deque()
        self._pieces: list[bytes] = []
        self._has_ended = False
        try:
            self._is_pipe = not stat.S_ISREG(os.fstat(self._file.fileno()).st_mode)
        except (OSError, ValueError):  # no file of the system: everything is there
            self._is_pipe = False

    def watch(self, check: Callable[[bytes], None]) -> None:
        """Call a function with all bytes that are there, and that come; it may refuse them."""
        check(b"".join([*self._lines, *self._pieces]))
        self._check = check

    def __iter__(self) -> Iterator[bytes]:
        """Yield the lines; wait for one only if none is there."""
        while self._lines or not self._has_ended:
            if self._lines:
                yield self._lines.popleft()
            else:
                self._fill()

    def peek(self, size: int = CHUNK) -> bytes:
        """Return what has come so far, at most `size` bytes, and leave it there."""
        if not (self._lines or self._pieces or self._has_ended):
            self._fill()
        return b"".join([*self._lines, *self._pieces])[:size]

    def read1(self, size: int = CHUNK) -> bytes:
        """Return what has come since the last call, whatever its size; nothing at the end."""
        if not (self._lines or self._pieces or self._has_ended):
            self._fill()
        content = b"".join([*self._lines, *self._pieces])
        self._lines.clear()
        self._pieces.clear()
        return content

    def has_line(self, *, blank: bool | None = None) -> bool:
        """Whether the next line is there, or the end: nobody waits for it.

        Args:
            blank: Whether a blank line must be there, or one that is not; None takes any.
        """
        if not self._is_pipe:
            return True
        if not self._is_there(blank) and self._is_readable():
            self._fill()
        return self._has_ended or self._is_there(blank)

    def _is_there(self, blank: bool | None) -> bool:
        return any(blank is None or blank == (not line.strip()) for line in self._lines)

    def _is_readable(self) -> bool:
        try:
            return bool(select.select([self._file], [], [], PATIENCE)[0])
        except (OSError, ValueError):  # Windows can only ask sockets
            return False

    def _fill(self) -> None:
        """Read what there is; wait if there is nothing."""
        chunk = self._file.read1(CHUNK)
        if self._check is not None:
            self._check(chunk)
        *ends, rest = chunk.split(b"\n")
        if ends:
            ends[0] = b"".join([*self._pieces, ends[0]])
            self._pieces.clear()
            self._lines.extend(line + b"\n" for line in ends)
        if rest:
            self._pieces.append(rest)
        if not chunk:
            self._has_ended = True
            self._lines.extend([b"".join(self._pieces)] if self._pieces else [])
            self._pieces.clear()
            if self.stream is not sys.stdin:
                self._file.close()


_known: list[StandardInput] = []
_opened: dict[str, StandardInput] = {}


def open_stream(path: str | Path) -> bool:
    """Open a pipe or a terminal, for a command that reads it once; whether the path names one.

    Everybody who reads this path afterwards shares it, as with standard input.

    Raises:
        OSError: It cannot be opened.
    """
    mode = Path(path).stat().st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
        return False
    known = _opened.get(str(path))
    if known is None or known.stream.closed:
        file = Path(path).open("rb")  # noqa: SIM115 - it stays open as long as the process runs
        _opened[str(path)] = StandardInput(file)
    return True


def opened_stream(path: str | Path) -> StandardInput | None:
    """Return what `open_stream` opened; None for any other path."""
    return _opened.get(str(path))


def standard_input() -> StandardInput:
    """Return standard input. All readers share it, so that none loses what another looked at."""
    if not _known or _known[0].stream is not sys.stdin:
        _known[:] = [StandardInput(sys.stdin)]
    return _known[0]
