"""Files of word vectors: unpacked, found inside their archive, and refused by name if unknown."""

import io
import itertools
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from ner.data.compressed import is_tar, opened
from ner.data.lines import PEEKED, decoded_lines, is_wide
from ner.errors import DataError

# Bytes that are read at a time, and lines that are parsed at a time.
CHUNK, LINES = 1 << 22, 1 << 12

ZIP = b"PK\x03\x04"

# Files of an archive that are not the vectors.
NO_VECTORS = re.compile(r"\.|__MACOSX$|readme|licen[sc]e|changelog", re.IGNORECASE)

# Bytes that no text begins with.
CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1f]")

# The header of binary files of word2vec: the number of words, and of dimensions.
WORD2VEC_HEADER = re.compile(rb"[0-9]+ [0-9]+\r?\n")

# How other files begin, what they are, and what to do.
TO_TEXT = "Save it as text, such as with save_word2vec_format of gensim."
KNOWN_BINARIES = (
    (
        b"\xba\x16\x4f\x2f",
        "fastText's binary format (.bin). Its text file (.vec) has the same vectors.",
    ),
    (b"\x80", f"a pickle, which is never opened. {TO_TEXT}"),
    (b"\x93NUMPY", f"an array of numpy. {TO_TEXT}"),
    (b"\x89HDF", f"an HDF5 file. {TO_TEXT}"),
    (b"SQLite format 3", f"a database, such as one of Magnitude. {TO_TEXT}"),
    (b"PAR1", f"a Parquet file. {TO_TEXT}"),
    (ZIP, "an archive inside an archive. Unpack it first."),
)


@contextmanager
def opened_vectors(path: Path) -> Iterator[io.BufferedReader]:
    """Open a file of vectors to read its unpacked content.

    Of an archive (zip or tar), this is the first file that is not hidden, a readme or a license.

    Raises:
        DataError: The file cannot be read, is damaged, or is an archive without files.
        MissingExtraError: It is packed with Zstandard, and the package for it is not installed.
    """
    import tarfile  # where vectors are read for training: models load without archives
    import zipfile

    try:
        with opened(path) as file, ExitStack() as stack:
            # A buffer splits lines in C, where the readers of packed files do so in Python.
            content = io.BufferedReader(file, CHUNK)  # pyright: ignore[reportArgumentType]
            inside = _inside(file, content, path, stack)
            yield content if inside is None else io.BufferedReader(inside, CHUNK)
    # RuntimeError is what an encrypted zip raises.
    except (RuntimeError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise DataError(f"{path}: must be readable to its end. Got: {error}.") from None


def is_word2vec(start: bytes) -> bool:
    """Whether content that begins like this is a binary file of word2vec."""
    header = WORD2VEC_HEADER.match(start)
    return header is not None and CONTROLS.search(start[header.end() :]) is not None


def check_is_text(start: bytes, path: Path) -> None:
    """Refuse content that begins as no text does, and say what it is.

    Raises:
        DataError: The content is not text.
    """
    if not CONTROLS.search(start) or is_wide(start):
        return
    found = "a binary file, or text in UTF-16 without its mark."
    found = next((what for mark, what in KNOWN_BINARIES if start.startswith(mark)), found)
    raise DataError(
        f"{path}: must be vectors as text, or in the binary format of word2vec. Got {found}"
    )


def line_batches(file: io.BufferedReader, start: bytes, path: Path) -> Iterator[list[bytes]]:
    """Yield lists of the lines of a text, in UTF-8."""
    lines = decoded_lines(file, str(path), "utf-8", keep_returns=not is_wide(start))
    yield from iter(lambda: list(itertools.islice(lines, LINES)), [])


def peeked(file: io.BufferedReader) -> bytes:
    """Return the first bytes of the content, which stay to be read."""
    return file.peek(PEEKED)[:PEEKED]


def _inside(file: IO[bytes], content: io.BufferedReader, path: Path, stack: ExitStack) -> Any:
    """Open the first file of an archive with vectors; None if the content is no archive."""
    import tarfile
    import zipfile

    start = peeked(content)
    if start.startswith(ZIP) and file.seekable():
        zipped = stack.enter_context(zipfile.ZipFile(file))
        named = [info for info in zipped.infolist() if not info.is_dir() and _may_be(info.filename)]
        if named:
            return stack.enter_context(zipped.open(named[0]))
    elif is_tar(start):
        archive = stack.enter_context(tarfile.TarFile.open(fileobj=content, mode="r|"))
        for member in archive:
            if member.isfile() and _may_be(member.name):
                return archive.extractfile(member)
    else:
        return None
    raise DataError(f"{path}: must be an archive with a file of vectors. Got none inside.")


def _may_be(name: str) -> bool:
    """Whether a file of an archive may be vectors, by its name."""
    return not any(NO_VECTORS.match(part) for part in PurePosixPath(name).parts)
