"""Lines of text files, exactly as they are: unpacked, split at newlines alone, strictly decoded."""

import codecs
import itertools
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from ner.data.compressed import opened
from ner.errors import ConfigError, DataError

BOM = codecs.BOM_UTF8

UTF8 = ("utf-8", "utf-8-sig")

# The marks that begin files of wider characters; that of UTF-32 begins like that of UTF-16.
WIDE = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}

CHUNK = 1 << 16

LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def read_lines(path: str | Path, encoding: str = "utf-8") -> Iterator[bytes]:
    """Yield the lines of a file, or of standard input for "-", in UTF-8.

    A file may be packed (.gz, .zst). What is stated to be UTF-8 is yielded as it is, and checked
    by `decode_lines`; but a byte order mark of UTF-16 or UTF-32 counts more than `encoding`.

    Raises:
        ConfigError: Python knows no such encoding.
        DataError: There is no such file, it is a directory, it may not be read, or is not in its
            encoding. A missing file is found at the call; the file is opened when the first line
            is asked for.
    """
    encoding = text_encoding(encoding)
    if str(path) == "-":
        lines = iter(sys.stdin.buffer)
        return lines if encoding in UTF8 else _recoded(lines, "stdin", encoding)
    path = Path(path)
    check_file(path)
    return _lines_of(path, encoding)


def read_head(path: Path, encoding: str = "utf-8", size: int = CHUNK) -> str:
    """Give the beginning of a file, which may be packed; what cannot be decoded is replaced."""
    check_file(path)
    with opened(path) as file:
        start = file.read(size)
    text = start.decode(_wide(start) or text_encoding(encoding), "replace")
    return text.removeprefix("\ufeff")


def text_encoding(name: str) -> str:
    """Give the name that Python has for an encoding.

    Raises:
        ConfigError: There is no such encoding of text.

    >>> text_encoding("Latin-1")
    'iso8859-1'
    """
    try:
        "".encode(name)  # refuses codecs that are not for text, such as base64
        return codecs.lookup(name).name
    except (LookupError, ValueError):
        raise ConfigError(
            f"encoding: a name that Python knows, such as utf-8 or latin-1. Got {name!r}."
        ) from None


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


def decode_lines(
    lines: Iterable[bytes], name: str, keep_ends: bool = False
) -> Iterator[tuple[int, str, DataError | None]]:
    """Yield the number of each line (from 1), its text, and what is wrong with its encoding.

    Args:
        lines: The lines of the file, in UTF-8.
        name: What messages call the file.
        keep_ends: Whether the text ends with the newline.
    """
    offset = 0
    for number, raw in enumerate(lines, 1):
        problem = None
        try:
            line = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            problem = _not_utf8(raw, number, name, offset, error)
            line = raw.decode("utf-8", "replace")
        if number == 1:
            line = line.removeprefix("\ufeff")
        yield number, line if keep_ends else line.removesuffix("\n").removesuffix("\r"), problem
        offset += len(raw)


def checked_lines(
    lines: Iterable[bytes], name: str, keep_ends: bool = False
) -> Iterator[tuple[int, str]]:
    """Yield the number and the text of each line; the arguments are those of `decode_lines`.

    Raises:
        DataError: A line is not in UTF-8.
    """
    for number, line, problem in decode_lines(lines, name, keep_ends):
        if problem is not None:
            raise problem
        yield number, line


def replace_surrogates(text: str) -> str:
    """Put U+FFFD for halves of UTF-16 pairs, which no file can hold; the length stays."""
    return LONE_SURROGATE.sub("\ufffd", text)


def short(value: object) -> str:
    """Show a value that a file holds in at most 60 characters of a message."""
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _lines_of(path: Path, encoding: str) -> Iterator[bytes]:
    with opened(path) as file:
        start = file.peek(4) if hasattr(file, "peek") else b""  # pyright: ignore[reportAttributeAccessIssue]
        encoding = _wide(start) or encoding
        if encoding in UTF8:
            yield from file
        else:
            yield from _recoded(iter(lambda: file.read(CHUNK), b""), str(path), encoding)


def _wide(start: bytes) -> str | None:
    return next((name for mark, name in WIDE.items() if start.startswith(mark)), None)


def _recoded(chunks: Iterable[bytes], name: str, encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    offset, lines, line = 0, 0, ""
    for chunk in itertools.chain(chunks, [b""]):
        waiting = len(decoder.getstate()[0])
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            place = offset - waiting + error.start
            before = ""
            with suppress(UnicodeError):  # decoders of whole files see no part of one
                before = decoder.decode(chunk[: max(0, error.start - waiting)])
            number = lines + 1 + before.count("\n")
            raise DataError(
                f"{name}:{number}: not {encoding}: byte 0x{error.object[error.start]:02x} "
                f"(byte {place} of the file): {error.reason}. Is it in another encoding?"
            ) from None
        except UnicodeError as error:  # a whole file that is not so, such as one without a mark
            raise DataError(
                f"{name}:{lines + 1}: not {encoding}: {error}. Is it in another encoding?"
            ) from None
        offset += len(chunk)
        *whole, line = (line + text).split("\n")
        lines += len(whole)
        for one in whole:
            yield f"{one}\n".encode("utf-8", "surrogatepass")
    if line:
        yield line.encode("utf-8", "surrogatepass")


def _not_utf8(
    raw: bytes, number: int, name: str, offset: int, error: UnicodeDecodeError
) -> DataError:
    before = raw[: error.start].decode("utf-8")
    column = len(before.removeprefix("\ufeff") if number == 1 else before) + 1
    place = f" (byte {offset + error.start} of the file)"
    return DataError(
        f"{name}:{number}: not UTF-8: byte 0x{raw[error.start]:02x} at column {column}{place}. "
        "If the file has another encoding, such as latin-1, name it."
    )
