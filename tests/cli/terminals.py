"""Commands in this process, with their output on a terminal or elsewhere."""

import contextlib
import io
import os
import sys
import threading

import pytest

from ner.cli import main

pty = pytest.importorskip("pty", reason="needs pseudo-terminals")


class Terminal:
    """A pseudo-terminal; `theirs` is the end that programs write to."""

    def __init__(self):
        self.ours, self.theirs = pty.openpty()
        self.pieces = []
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        # Linux says with an error that nobody has the other end open.
        with contextlib.suppress(OSError):
            while piece := os.read(self.ours, 1 << 16):
                self.pieces.append(piece)

    def close(self):
        """Return all that was written."""
        if self.reader.is_alive():
            os.close(self.theirs)
            self.reader.join()
            os.close(self.ours)
        return b"".join(self.pieces).decode().replace("\r\n", "\n")


def call(words, stdout, stderr, code=0):
    """Run a command in this process with other files for its output."""
    streams = [
        io.TextIOWrapper(io.FileIO(os.dup(f), "w"), write_through=True) for f in (stdout, stderr)
    ]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as exit_:
        for name, stream in zip(("stdout", "stderr"), streams, strict=True):
            patch.setattr(sys, name, stream)
        main(words)
    for stream in streams:
        stream.close()
    assert exit_.value.code == code
