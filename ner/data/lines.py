"""Lines of text files, exactly as they are: unpacked, split only at newlines, strictly decoded.

A file that begins with carriage returns and no newline, as on old Macs, is split at those.
"""

import codecs
import io
import itertools
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from ner.choices import MAX_LINE
from ner.data.compressed import check_unpacked, opened
from ner.data.stdin import StandardInput, opened_stream, standard_input
from ner.errors import ConfigError, DataError

# The byte order mark: its bytes in UTF-8, and its character.
BOM = codecs.BOM_UTF8
MARK = "\ufeff"
UTF8 = ("utf-8", "utf-8-sig")

# The marks at the start of files in UTF-16 and UTF-32. Those of UTF-32 come first, because one of
# them begins like a mark of UTF-16.
WIDE_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}

CHUNK = 1 << 16

# How much of a file shows its encoding and the ends of its lines.
PEEKED = 1 << 12

# What a path may name besides files and folders, for messages.
SPECIAL_FILES = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class BinaryFile(Protocol):
    """An open file of bytes. It also has `read1` or `read`, and perhaps `peek`."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield the lines."""
        ...


def read_lines(
    path: str | Path,
    encoding: str = "utf-8",
    *,
    keep_returns: bool = False,
    max_line: int = MAX_LINE,
) -> Iterator[bytes]:
    """Yield the lines of a file, or of standard input for "-", in UTF-8.

    A file may be packed (.gz, .bz2, .xz, .zst). A file in UTF-8 is yielded as it is, and
    `decode_lines` checks it. A byte order mark of UTF-16 or UTF-32 takes precedence over
    `encoding`. Lines that end in carriage returns alone are yielded with newlines instead.

    Args:
        path: The file.
        encoding: The encoding of the file.
        keep_returns: Whether carriage returns stay as they are, and end no line by themselves.
        max_line: The number of bytes that a line may have.

    Raises:
        ConfigError: Python does not know the encoding.
        DataError: The file does not exist, is a folder or a pipe, cannot be read, is an archive, is
            in another encoding, or has a longer line. A missing file is an error of the call; the
            file is opened for the first line.
    """
    encoding = text_encoding(encoding)
    stream = standard_input() if str(path) == "-" else opened_stream(path)
    if stream is not None:
        return decoded_lines(stream, input_name(path), encoding, keep_returns, max_line)
    path = Path(path)
    check_file(path)
    return _lines_of(path, encoding, keep_returns, max_line)


def decoded_lines(
    file: BinaryFile,
    name: str,
    encoding: str,
    keep_returns: bool = False,
    max_line: int = MAX_LINE,
) -> Iterator[bytes]:
    """Yield the lines of an open file in UTF-8; `text_encoding` returns the encoding."""
    start = _peek(file)
    encoding = _wide_encoding(start) or encoding
    has_returns = ends_in_returns(start) and not keep_returns
    if encoding not in UTF8 or has_returns:
        yield from _recoded(_chunks(file), name, encoding, has_returns, max_line)
    elif isinstance(file, StandardInput):
        file.watch(LineCheck(name, max_line))
        yield from file
    else:
        yield from _bounded_lines(file, LineCheck(name, max_line))


class LineCheck:
    """Counts the bytes of lines as they come, so that no line is kept that is too long.

    Args:
        name: What messages call the file.
        most: The number of bytes that a line may have.
        first: The number of the first line.
    """

    def __init__(self, name: str, most: int, first: int = 1) -> None:
        self._name, self._most = name, most
        self._number, self._length = first, 0

    def __call__(self, content: bytes) -> None:
        """Count the next bytes.

        Raises:
            DataError: A line is too long.
        """
        first = content.find(b"\n")
        if first >= 0 and self._length + first <= self._most and len(content) <= self._most:
            # Lines that begin and end here are short enough.
            self._number += content.count(b"\n")
            self._length = len(content) - 1 - content.rindex(b"\n")
            return
        for i, part in enumerate(content.split(b"\n")):
            if i:
                self._number, self._length = self._number + 1, 0
            self._length += len(part)
            if self._length > self._most:
                raise line_error(self._name, self._number, self._most)


def line_error(name: str, number: int, most: int) -> DataError:
    """Return the error for a line that is too long."""
    return DataError(
        f"{name}:{number}: a line must have at most {most} bytes. Got more. If the file is as it "
        "should be, allow longer lines: --max-line, or data.max_line in a configuration."
    )


def lines_of_part(file: BinaryFile, name: str, first: int) -> Iterator[bytes]:
    """Yield the lines of a part of a file in UTF-8 that begins at the start of a line.

    Args:
        file: What holds the part alone.
        name: What messages call the file.
        first: The number of the first line, from 1.
    """
    return _bounded_lines(file, LineCheck(name, MAX_LINE, first))


def line_starts(chunks: Iterable[bytes], step: int) -> Iterator[tuple[int, int]]:
    r"""Find places to cut a file: starts of lines, at least so many bytes after each other.

    Args:
        chunks: The content of the file.
        step: The number of bytes between two places.

    Yields:
        The number of bytes and of lines before each place.

    >>> list(line_starts([b"a\nb", b"b\nc\n"], 3))
    [(5, 2)]
    """
    before = lines = 0
    least = step
    for chunk in chunks:
        begin = 0
        while end := chunk.find(b"\n", max(begin, least - before - 1)) + 1:
            lines += chunk.count(b"\n", begin, end)
            yield before + end, lines
            begin, least = end, before + end + step
        lines += chunk.count(b"\n", begin)
        before += len(chunk)


def is_cut_anywhere(start: bytes) -> bool:
    """Whether a file that begins like this can be cut at any newline."""
    return _wide_encoding(start) is None and not ends_in_returns(start)


def _bounded_lines(file: BinaryFile, check: LineCheck) -> Iterator[bytes]:
    """Yield the lines of a file, whose bytes are checked before they are kept."""
    pieces: list[bytes] = []
    for chunk in _chunks(file):
        check(chunk)
        end = chunk.rfind(b"\n") + 1
        if end:
            yield from io.BytesIO(b"".join([*pieces, chunk[:end]]))
            pieces.clear()
        pieces.append(chunk[end:])
    yield from io.BytesIO(b"".join(pieces))


def input_name(path: str | Path) -> str:
    """What messages call a file: its path, or "stdin" for "-"."""
    return "stdin" if str(path) == "-" else str(path)


def read_head(path: Path, encoding: str = "utf-8", size: int = CHUNK) -> str:
    """Return the start of a file, which may be packed. Undecodable bytes are replaced."""
    stream = opened_stream(path)
    if stream is not None:
        return decode_head(stream.peek(size), encoding)
    check_file(path)
    with opened(path) as file:
        start = file.read(size)
    return decode_head(start, encoding)


def decode_head(start: bytes, encoding: str = "utf-8") -> str:
    """Decode the start of a file. Undecodable bytes are replaced."""
    text = start.decode(_wide_encoding(start) or text_encoding(encoding), "replace")
    text = text.removeprefix(MARK)
    return text.replace("\r", "\n") if ends_in_returns(start[:PEEKED]) else text


def text_encoding(name: str) -> str:
    """Return Python's name of an encoding.

    Raises:
        ConfigError: It is not an encoding of text.

    >>> text_encoding("Latin-1")
    'iso8859-1'
    """
    try:
        "".encode(name)  # refuses codecs that are not for text, such as base64
        return codecs.lookup(name).name
    except (LookupError, ValueError):
        raise ConfigError(
            f"encoding: must be a name that Python knows, such as utf-8 or latin-1. Got {name!r}."
        ) from None


def check_file(path: Path) -> None:
    """Refuse a path that is not an existing file, without opening it."""
    if is_folder(path):
        raise DataError(f"{path}: a directory, but a file is expected.")
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a NUL in the name
        raise DataError(f"{path}: no such file.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read. {error.strerror}.") from None
    found = next((kind for is_kind, kind in SPECIAL_FILES if is_kind(mode)), None)
    if found is not None:
        raise DataError(
            f"{path}: must be a file that can be read more than once. Got {found}. "
            "Save the content as a file first."
        )


def is_folder(path: Path) -> bool:
    """Whether a folder has this name, which may be any string."""
    try:
        return path.is_dir()
    except (OSError, ValueError):  # such as a name that is too long
        return False


def decode_lines(
    lines: Iterable[bytes], name: str, keep_ends: bool = False, first: int = 1, offset: int = 0
) -> Iterator[tuple[int, str, DataError | None]]:
    """Yield the number of each line (from 1), its text, and what is wrong with its encoding.

    Args:
        lines: The lines of the file, in UTF-8.
        name: What messages call the file.
        keep_ends: Whether the text ends with the newline.
        first: The number of the first of these lines in the file.
        offset: The number of bytes before it.
    """
    for number, raw in enumerate(lines, first):
        problem = None
        try:
            line = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            problem = _not_utf8(raw, number, name, offset, error)
            line = raw.decode("utf-8", "replace")
        if number == 1:
            line = line.removeprefix(MARK)
        yield number, line if keep_ends else line.removesuffix("\n").removesuffix("\r"), problem
        offset += len(raw)


def checked_lines(
    lines: Iterable[bytes], name: str, keep_ends: bool = False
) -> Iterator[tuple[int, str]]:
    """Yield the number and the text of each line. The arguments are those of `decode_lines`.

    Raises:
        DataError: A line is not in UTF-8.
    """
    for number, line, problem in decode_lines(lines, name, keep_ends):
        if problem is not None:
            raise problem
        yield number, line


def mark_and_codec(start: bytes, encoding: str) -> tuple[bytes, str]:
    r"""Return the byte order mark of a file, and the codec that writes what follows it.

    Args:
        start: How the file begins.
        encoding: Its encoding, unless a mark names another one.

    >>> mark_and_codec(b"\xff\xfea\x00", "utf-8")
    (b'\xff\xfe', 'utf-16-le')
    """
    order = "le" if sys.byteorder == "little" else "be"
    for mark, wide in WIDE_MARKS.items():
        if start.startswith(mark):
            little = mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF32_LE)
            return mark, f"{wide}-{'le' if little else 'be'}"
    name = text_encoding(encoding)
    if name in UTF8:
        return BOM if start.startswith(BOM) else b"", "utf-8"
    return b"", f"{name}-{order}" if name in WIDE_MARKS.values() else name


def is_wide(start: bytes) -> bool:
    """Whether content that begins like this is in UTF-16 or UTF-32."""
    return _wide_encoding(start) is not None


def replace_surrogates(text: str) -> str:
    """Replace halves of UTF-16 pairs, which no file can hold, by U+FFFD. The length stays."""
    return text if text.isascii() else LONE_SURROGATE.sub("\ufffd", text)


def keep_mark(text: str, encoding: str = "utf-8") -> str:
    """Return what to write at the start of a file so that `text` is read there.

    Reading removes a byte order mark from the start of a file, and a second one if it could be the
    mark of UTF-16. A mark that belongs to the text therefore needs others before it.
    """
    marks = MARK * (2 if encoding.endswith(("-le", "-be")) else 1)
    return marks + text if text.startswith(MARK) else text


def short(value: object) -> str:
    """Show a value of a file in at most 60 characters of a message."""
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def listed(names: Sequence[str], most: int = 5) -> str:
    """Show the first of some names in a message, and how many more there are.

    >>> listed(["a", "b", "c", "d"], 2)
    'a, b and 2 more'
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _lines_of(path: Path, encoding: str, keep_returns: bool, max_line: int) -> Iterator[bytes]:
    with opened(path) as file:
        check_unpacked(_peek(file), path)
        yield from decoded_lines(file, str(path), encoding, keep_returns, max_line)


def _peek(file: BinaryFile) -> bytes:
    """Return some bytes of a file without reading past them; none of a file that cannot do so."""
    return file.peek(PEEKED) if hasattr(file, "peek") else b""  # pyright: ignore[reportAttributeAccessIssue]


def _chunks(file: BinaryFile) -> Iterator[bytes]:
    """Yield the content as it comes: a pipe is not kept waiting for a full chunk."""
    whole: Any = file
    read: Callable[[int], bytes] = whole.read1 if hasattr(file, "read1") else whole.read
    return iter(lambda: read(CHUNK), b"")


def ends_in_returns(start: bytes) -> bool:
    """Whether the lines of a file end in carriage returns alone, by how it begins."""
    return b"\r" in start.rstrip(b"\r\0") and b"\n" not in start


def _wide_encoding(start: bytes) -> str | None:
    return next((name for mark, name in WIDE_MARKS.items() if start.startswith(mark)), None)


def _recoded(
    chunks: Iterable[bytes], name: str, encoding: str, has_returns: bool, max_line: int
) -> Iterator[bytes]:
    """Yield the lines of a text in UTF-8; carriage returns become newlines if `has_returns`."""
    decoder = codecs.getincrementaldecoder(encoding)()
    offset, lines, length = 0, 0, 0
    pieces: list[str] = []
    for chunk in itertools.chain(chunks, [b""]):
        waiting = len(decoder.getstate()[0])
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            place = offset - waiting + error.start
            before = ""
            with suppress(UnicodeError):  # decoders of whole files see no part of one
                before = decoder.decode(chunk[: max(0, error.start - waiting)])
            number = lines + 1 + before.count("\r" if has_returns else "\n")
            raise DataError(
                f"{name}:{number}: not {encoding}: byte 0x{error.object[error.start]:02x} "
                f"(byte {place} of the file): {error.reason}. Is it in another encoding?"
            ) from None
        except UnicodeError as error:  # about the whole file, such as one without a mark
            raise DataError(
                f"{name}:{lines + 1}: not {encoding}: {error}. Is it in another encoding?"
            ) from None
        offset += len(chunk)
        if has_returns:
            text = text.replace("\r", "\n")
        first, *others = text.split("\n")
        pieces.append(first)
        length += len(first)
        if others:
            whole_lines = ["".join(pieces), *others[:-1]]
            pieces, length = [others[-1]], len(others[-1])
            lines += len(whole_lines)
            for whole in whole_lines:
                yield f"{whole}\n".encode("utf-8", "surrogatepass")
        if length > max_line:
            raise line_error(name, lines + 1, max_line)
    if length:
        yield "".join(pieces).encode("utf-8", "surrogatepass")


def _not_utf8(
    raw: bytes, number: int, name: str, offset: int, error: UnicodeDecodeError
) -> DataError:
    before = raw[: error.start].decode("utf-8")
    column = len(before.removeprefix(MARK) if number == 1 else before) + 1
    place = f" (byte {offset + error.start} of the file)"
    return DataError(
        f"{name}:{number}: not UTF-8: byte 0x{raw[error.start]:02x} at column {column}{place}. "
        "If the file has another encoding, such as latin-1, name it."
    )
