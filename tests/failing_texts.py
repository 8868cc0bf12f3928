"""Splitters of sentences that fail on a text with a mark; other processes can import them."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

MARK = "@fails@"
FAILS = f"A text with {MARK}."


def raise_on_mark(text):
    """Split nothing; raise an error on a text with the mark."""
    if MARK in text:
        raise RuntimeError("a text with the mark")
    return []


def kill_on_mark(text):
    """Split nothing; kill the process on a text with the mark."""
    if MARK in text:
        os.kill(os.getpid(), signal.SIGKILL)
    return []


@dataclass(frozen=True)
class KillOnce:
    """Splits nothing; kills the process on the first text with the mark.

    Args:
        file: A file that is made when it has happened.
    """

    file: Path

    def __call__(self, text):
        if MARK in text and not self.file.exists():
            self.file.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return []
