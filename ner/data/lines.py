"""Lines of text files, exactly as they are: split at newlines alone, strict UTF-8."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from ner.errors import DataError

BOM = b"\xef\xbb\xbf"
LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def read_lines(path: str | Path) -> Iterator[bytes]:
    """Yield the lines of a file, or of standard input for "-", undecoded.

    Raises:
        DataError: There is no such file, it is a directory, or it may not be read. A missing file
            is found at the call; the file is opened when the first line is asked for.
    """
    if str(path) == "-":
        return iter(sys.stdin.buffer)
    path = Path(path)
    check_file(path)
    return _lines_of(path)


def check_file(path: Path) -> None:
    """Refuse a path that is not an existing file."""
    if is_folder(path):
        raise DataError(f"{path}: a directory, but a file is expected.")
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a NUL in the name
        raise DataError(f"{path}: no such file.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read. {error.strerror}.") from None


def is_folder(path: Path) -> bool:
    """Whether there is a folder of that name, which may be any string."""
    try:
        return path.is_dir()
    except (OSError, ValueError):  # such as a name that is too long
        return False


def _lines_of(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from file
    except OSError as error:
        raise DataError(f"{path}: cannot be read. {error.strerror}.") from None


def decode_line(raw: bytes, number: int, name: str) -> str:
    """Decode line `number` (from 1) of `name` without its newline, and without a BOM in line 1.

    `str.splitlines` has no place here: it breaks tokens at U+2028, U+0085 and others.

    Raises:
        DataError: The line is not UTF-8.
    """
    if number == 1:
        raw = raw.removeprefix(BOM)
    raw = raw.removesuffix(b"\n").removesuffix(b"\r")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        column = len(raw[: error.start].decode("utf-8")) + 1
        raise DataError(
            f"{name}:{number}: not UTF-8: byte 0x{raw[error.start]:02x} at column {column}. "
            "Convert the file first, for example with: iconv -f LATIN1 -t UTF-8"
        ) from None


def replace_surrogates(text: str) -> str:
    """Put U+FFFD for halves of UTF-16 pairs, which no file can hold; the length stays."""
    return LONE_SURROGATE.sub("\ufffd", text)


def short(value: object) -> str:
    """Show a value that a file holds in at most 60 characters of a message."""
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
