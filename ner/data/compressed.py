"""Read and write files that may be packed with gzip, bzip2, xz or Zstandard."""

import importlib
import io
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, cast

from ner.errors import DataError
from ner.extras import require
from ner.files import replacing

GZIP, XZ, ZSTD = b"\x1f\x8b", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"

# A text may begin with the first letters of bzip2. A block, or the end of the file, follows them.
BZIP2 = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")

# The endings of packed files, with which they are also written.
PACKED_ENDINGS = (".gz", ".bz2", ".xz", ".zst")

# How files begin that no reader of this package can unpack, and what they are.
OTHER_PACKINGS = {
    b"PK\x03\x04": "a zip archive or an office document",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a rar archive",
    b"\x1f\x9d": "a file of compress (.Z)",
    b"\x04\x22\x4d\x18": "an lz4 file",
}

# The number of packed bytes to unpack at once. It is small, because a byte may become 32,768.
PACKED_CHUNK = 1 << 9


def unpacked_name(name: str) -> str:
    """Return the name of a file without the ending that tells how it is packed.

    >>> unpacked_name("train.conll.gz")
    'train.conll'
    """
    return name[: -len(Path(name).suffix)] if name.endswith(PACKED_ENDINGS) else name


def is_tar(start: bytes) -> bool:
    """Whether content that begins like this is a tar archive."""
    return start[257:262] == b"ustar"


def check_unpacked(start: bytes, path: Path) -> None:
    """Refuse text that begins as an archive does, or as a file that is packed in an unknown way.

    Args:
        start: The first bytes of the content.
        path: The file.

    Raises:
        DataError: It must be unpacked first.
    """
    found = next((what for mark, what in OTHER_PACKINGS.items() if start.startswith(mark)), None)
    if is_tar(start):
        found = "a tar archive"
    if found is not None:
        raise DataError(
            f"{path}: must be a file of its own, plain or packed as {' '.join(PACKED_ENDINGS)}. "
            f"Got {found}. Unpack it first."
        )


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file to read its unpacked content. Its first bytes tell how it is packed.

    Raises:
        DataError: The file cannot be read, or its packed content is damaged or cut off. This may
            also occur while it is read inside the `with`.
        MissingExtraError: It is packed with Zstandard, and the package for it is not installed.
    """
    # Imported here, so that a tagger starts sooner.
    import gzip
    import zlib

    damaged: tuple[type[Exception], ...] = (EOFError, zlib.error, gzip.BadGzipFile)
    try:
        with ExitStack() as stack:
            file = stack.enter_context(path.open("rb"))
            start = file.peek(10)
            content: Any = file
            if start.startswith(GZIP):
                content = stack.enter_context(gzip.GzipFile(fileobj=file))
            elif BZIP2.match(start):
                import bz2

                content = stack.enter_context(bz2.BZ2File(file))
            elif start.startswith(XZ):
                import lzma

                damaged += (lzma.LZMAError,)
                content = stack.enter_context(lzma.LZMAFile(file))
            elif start.startswith(ZSTD):
                zstd = _zstd()
                damaged += (zstd.ZstdError,)
                content = stack.enter_context(_unpack_zstd(zstd, file))
            yield content
    except damaged as error:
        raise DataError(f"{path}: must be readable to its end. Got: {error}.") from None
    except OSError as error:
        if error.errno is None:  # what bz2 raises for damaged content
            raise DataError(f"{path}: must be readable to its end. Got: {error}.") from None
        raise DataError(f"{path}: cannot be read. {error.strerror or error}.") from None


@contextmanager
def created(path: Path) -> Iterator[IO[bytes]]:
    """Open a file to write. It appears when it is complete, and is packed as its name tells.

    Raises:
        DataError: The file cannot be written.
    """
    import gzip

    # A device or a pipe must not be replaced.
    is_regular = not path.exists() or path.is_file()
    try:
        with ExitStack() as stack:
            target = stack.enter_context(replacing(path)) if is_regular else path
            content: Any = stack.enter_context(target.open("wb"))
            if path.suffix == ".gz":
                # Without a time and a name, equal content becomes equal bytes.
                content = stack.enter_context(gzip.GzipFile("", "wb", fileobj=content, mtime=0))
            elif path.suffix == ".bz2":
                import bz2

                content = stack.enter_context(bz2.BZ2File(content, "w"))
            elif path.suffix == ".xz":
                import lzma

                content = stack.enter_context(lzma.LZMAFile(content, "w"))
            elif path.suffix == ".zst":
                content = stack.enter_context(_pack_zstd(_zstd(), content))
            yield content
    except OSError as error:
        raise DataError(f"{path}: cannot be written. {error.strerror or error}.") from None


def _zstd() -> Any:
    if sys.version_info >= (3, 14):
        return importlib.import_module("compression.zstd")
    return require("zstandard", "A .zst file", extra="zstd")


def _unpack_zstd(zstd: Any, file: IO[bytes]) -> Any:
    if sys.version_info >= (3, 14):
        return zstd.ZstdFile(file)
    return io.BufferedReader(_Frames(zstd, file))


def _pack_zstd(zstd: Any, file: IO[bytes]) -> Any:
    if sys.version_info >= (3, 14):
        return zstd.ZstdFile(file, "w")
    return zstd.ZstdCompressor().stream_writer(file, closefd=False)


class _Frames(io.RawIOBase):
    """The content of a file of Zstandard frames; `zstandard` itself ignores a cut-off end."""

    def __init__(self, zstd: Any, file: IO[bytes]) -> None:
        self._zstd, self._file = zstd, file
        self._frame = self._zstd.ZstdDecompressor().decompressobj()
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        """Return True: the content can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer`, and return the number of bytes."""
        while not self._ready:
            packed = self._frame.unused_data if self._frame.eof else b""
            packed = packed or self._file.read(PACKED_CHUNK)
            if not packed and self._frame.eof:
                return 0
            if not packed:
                raise EOFError("the file ends before the last of its frames does")
            if self._frame.eof:
                self._frame = self._zstd.ZstdDecompressor().decompressobj()
            self._ready = memoryview(cast("bytes", self._frame.decompress(packed)))
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size
