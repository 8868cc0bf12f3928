"""Files and folders wherever they are: paths, and the URLs that pyarrow and fsspec know."""

import io
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ner.data.lines import replace_surrogates
from ner.errors import DataError, reason
from ner.extras import require
from ner.files import naming, remove

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")

# What pyarrow reads and writes itself; fsspec does the rest.
# Source: https://arrow.apache.org/docs/python/generated/pyarrow.fs.FileSystem.html
OF_PYARROW = ("file", "s3", "gs", "gcs", "hdfs", "viewfs", "abfs", "abfss")

PURPOSE, EXTRA = "Tagging many files", "bulk"


@dataclass(frozen=True)
class Place:
    """A file or a folder.

    Args:
        name: Its URL or its absolute path, by which any process finds it again.
        system: A file system of pyarrow.
        path: The path on that file system.
    """

    name: str
    system: Any
    path: str

    @classmethod
    def find(cls, name: str | Path) -> "Place":
        """Find the file system of a URL or a path.

        Raises:
            DataError: No library knows such a URL, or the library cannot be imported; or the name
                of a file is not in UTF-8, which pyarrow needs.
            MissingExtraError: pyarrow or fsspec is not installed.
        """
        fs = require("pyarrow.fs", PURPOSE, EXTRA)
        found = URL.match(str(name))
        if found is None:
            path = Path(name).absolute().as_posix()
            if replace_surrogates(path) != path:
                raise DataError(f"{path}: must have a name in UTF-8. Got other bytes.")
            return cls(path, fs.LocalFileSystem(), path)
        name = str(name)
        try:
            if found[0][:-3].lower() in OF_PYARROW:
                system, path = fs.FileSystem.from_uri(name)
            else:
                system, path = require("fsspec", PURPOSE, EXTRA).core.url_to_fs(name)
                system = fs.PyFileSystem(fs.FSSpecHandler(system))
        except (OSError, ValueError, ImportError, TypeError) as error:
            raise DataError(f"{name}: must be a URL that can be read. {reason(error)}.") from None
        return cls(name, system, path)

    def within(self, path: str) -> "Place":
        """Return a place inside of this folder by its path on the file system."""
        base, mark, options = (
            self.name.partition("?") if URL.match(self.name) else (self.name, "", "")
        )
        below = path[len(self.path.rstrip("/")) :].lstrip("/")
        return Place(f"{base.rstrip('/')}/{below}{mark}{options}", self.system, path)

    def __truediv__(self, name: str) -> "Place":
        """Return a place inside of this folder by its name."""
        return self.within(f"{self.path.rstrip('/')}/{name}")

    @property
    def is_local(self) -> bool:
        """Whether it is on a disk of this machine, where files can be renamed."""
        return self.system.type_name == "local"

    def info(self) -> Any:
        """Return what pyarrow knows of it: `type`, `size`, `mtime_ns`."""
        with self._named():
            return self.system.get_file_info(self.path)

    def files(self, *, is_deep: bool) -> list[Any]:
        """List what is in this folder, in the order of names; nothing where there is no folder."""
        fs = require("pyarrow.fs", PURPOSE, EXTRA)
        chosen = fs.FileSelector(self.path, recursive=is_deep, allow_not_found=True)
        with self._named():
            found = self.system.get_file_info(chosen)
        return sorted((f for f in found if f.is_file), key=lambda file: file.path)

    def read(self) -> bytes | None:
        """Return the content of a small file; None where there is no such file."""
        with self._named():
            try:
                with self.system.open_input_stream(self.path) as file:
                    return file.read()
            except FileNotFoundError:
                return None

    def write(self, content: bytes) -> None:
        """Write a small file, which appears whole or not at all."""
        with self.appearing() as file:
            file.write(content)

    def remove(self) -> None:
        """Remove a file, if it is there."""
        with self._named():
            try:
                self.system.delete_file(self.path)
            except FileNotFoundError:
                return

    @contextmanager
    def appearing(self) -> Iterator[IO[bytes]]:
        """Yield a file to write, which appears whole when the block ends, and not if it fails.

        On a disk it has another name until then, which no other attempt has. Elsewhere its content
        waits in memory and is put there at once.

        Raises:
            OSError: The file cannot be written; it names the place.
        """
        with self._named():
            if self.is_local:
                with self._renamed() as file:
                    yield file
            else:
                buffer = io.BytesIO()
                yield buffer
                self._put(buffer.getvalue())

    @contextmanager
    def _renamed(self) -> Iterator[IO[bytes]]:
        path = Path(self.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            with naming(path, temporary), temporary.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            with naming(path, temporary):
                _rename(temporary, path)
        finally:
            remove(temporary)

    def _put(self, content: bytes) -> None:
        handler = getattr(self.system, "handler", None)
        if handler is not None:  # a file of fsspec may appear as soon as it is opened
            handler.fs.pipe_file(self.path, content)
            return
        with self.system.open_output_stream(self.path) as stream:
            stream.write(content)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Name the place in errors of its file system."""
        try:
            yield
        except OSError as error:
            if error.filename is not None or isinstance(error, FileNotFoundError):
                raise
            raise OSError(error.errno or 5, error.strerror or reason(error), self.name) from error


def _rename(temporary: Path, path: Path) -> None:
    try:
        temporary.replace(path)
    except FileNotFoundError:
        # Another attempt at the same file was faster, and removed what seemed to be left over.
        if not path.exists():
            raise
