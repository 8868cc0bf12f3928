"""Files and folders that appear whole or not at all, and whose later changes are noticed."""

import ctypes
import errno
import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError

from ner.errors import ModelFolderError
from ner.locks import locked

MANIFEST = "manifest.json"
Result = TypeVar("Result")

# How often a folder is read that others replace at the same time.
ATTEMPTS = 5

# Bytes of a JSON file at most: a vocabulary of ten million words has less.
MAX_JSON = 250_000_000

# Arrays with so many bytes stay mapped from their file; smaller ones are read into memory, so that
# nothing happens to them if the file is overwritten.
MAPPED_FROM = 64 << 20

# Bytes of another text in a model at most: its card, its configuration, its tokenizer.
MAX_TEXT = 10_000_000

# What no name of a file in a folder has on any system; letters of a name at most.
FORBIDDEN = re.compile(r'[\x00-\x1f\\:*?"<>|]')
LONGEST_NAME = 255
SHA256 = re.compile("[0-9a-f]{64}")

# Letters of the digest that stands for a name which is too long for an ending.
SHORT = 16

# What systems answer that cannot wait for a folder, as some on networks.
NO_FLUSH = {errno.EINVAL, errno.EBADF, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}

# AT_FDCWD: paths are relative to the current folder.
CURRENT_FOLDER = -100

# How safetensors, which is written in Rust, ends a message about a failed system call.
OS_ERROR = re.compile(r"\(os error (\d+)\)")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Replace a file in one step, so that a reader never meets half a file.

    Yields a path beside `path`, to which the new content is to be written. When the block ends, the
    new file is flushed to the disk and renamed to `path`. If the block fails, the new file is
    removed and `path` stays as it was.

    Raises:
        InUseError: Another process replaces the file at this moment.
        OSError: The file cannot be written; it names `path`.
    """
    place = path.resolve()  # what a link points to is replaced, not the link
    temporary, lock = _beside(place, "new"), _beside(place, "lock")
    with naming(path, temporary), locked(lock, path):
        try:
            yield temporary
            _flush(temporary)
            temporary.replace(place)
        finally:
            remove(temporary)


@contextmanager
def making(folder: Path) -> Iterator[None]:
    """Make a folder and those around it; if the block fails, remove those that are empty again.

    Raises:
        OSError: The folder cannot be made.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for path in missing:
            with suppress(OSError):
                path.rmdir()
        raise


@contextmanager
def together(folder: Path) -> Iterator[list[Path]]:
    """Make a folder for new files, of which all are written or none.

    Yields a list, to which the path of each file is added before it is written. If the block fails,
    these files are removed, and folders that were made and are empty again.

    Raises:
        OSError: The folder cannot be made.
    """
    files: list[Path] = []
    with making(folder):
        try:
            yield files
        except BaseException:
            for file in files:
                remove(file)
            raise


def write_folder(folder: Path, manifest: Mapping[str, Any], write: Callable[[Path], None]) -> None:
    """Replace a folder as a whole, with a manifest that has the digest of every file.

    The new folder is written beside the old one, flushed to the disk, and takes its place in one
    step. Where the system cannot exchange two folders, the old one is moved aside first: for a
    moment there is neither, and after a kill in this moment the next call brings the old one back.

    Args:
        folder: Where the folder goes. Parent folders are created.
        manifest: The facts to keep; digests are added to them.
        write: Writes the files into the empty folder whose path it gets.

    Raises:
        InUseError: Another process writes the folder at this moment.
        OSError: The folder cannot be written; it names `folder`. The old one is as it was.
    """
    place = folder.resolve()  # "." has no name, and what a link points to is replaced
    temporary, old, lock = (_beside(place, ending) for ending in ("new", "old", "lock"))
    with naming(folder, temporary), making(place.parent), locked(lock, folder):
        if old.exists() and not place.exists():
            old.rename(place)
        remove(old)
        remove(temporary)
        try:
            temporary.mkdir()
            write(temporary)
            _finish_folder(temporary, manifest)
            _take_place(temporary, place, old)
            remove(old)
        finally:
            remove(temporary)


def _take_place(new: Path, place: Path, old: Path) -> None:
    """Put a new folder in its place, and what was there aside; undo both if that fails."""
    with ExitStack() as undo:
        if not place.exists():
            new.rename(place)
            undo.callback(place.rename, new)
        elif _exchanged(new, place):
            undo.callback(_exchanged, new, place)
        else:
            place.rename(old)
            undo.callback(old.rename, place)
            new.rename(place)
            undo.callback(place.rename, new)
        _flush(place.parent)
        undo.pop_all()


def _finish_folder(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest of a folder whose other files are there, and wait for the disk."""
    _remove_locks(folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    digests = {path.relative_to(folder).as_posix(): file_sha256(path) for path in files}
    content = {**manifest, "files": digests}
    write_json(folder / MANIFEST, {**content, "digest": _digest_of(content)})
    _remove_locks(folder)
    # Whoever may read the manifest may read all files; safetensors writes files that only their
    # owner may read.
    mode = (folder / MANIFEST).stat().st_mode
    for path in files:
        path.chmod(mode)
    for path in (*folder.rglob("*"), folder):
        _flush(path)


def _remove_locks(folder: Path) -> None:
    """Remove the locks of files in a new folder that stayed because their removal failed."""
    for path in folder.rglob(".*.lock"):
        remove(path)


def _exchanged(first: Path, second: Path) -> bool:
    """Exchange two folders in one step; return False where the system cannot.

    Source: rename(2) of Linux, RENAME_EXCHANGE; renamex_np(2) of macOS, RENAME_SWAP.
    """
    try:
        library = ctypes.CDLL(None)
        names = os.fsencode(first), os.fsencode(second)
        if sys.platform == "darwin":
            return library.renamex_np(*names, 2) == 0
        return library.renameat2(CURRENT_FOLDER, names[0], CURRENT_FOLDER, names[1], 2) == 0
    except (OSError, AttributeError, TypeError):  # no such function, as on Windows
        return False


def remove(path: Path) -> None:
    """Remove a file or a folder, as far as the system allows it."""
    import shutil  # where files are removed: models load without it

    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def remove_leftovers(path: Path) -> None:
    """Remove what a killed process left beside a file or folder that no other process writes."""
    old = _beside(path, "old")
    if old.exists() and not path.exists():
        old.rename(path)
    for ending in ("new", "old", "lock"):
        remove(_beside(path, ending))


@contextmanager
def naming(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """Name `path` in each failure to write it; or, for it, `temporary` or files in that."""
    try:
        yield
    except SafetensorError as error:
        found = OS_ERROR.search(str(error))
        if found is None:
            raise
        number = int(found[1])
        raise OSError(number, os.strerror(number), str(path)) from error
    except OSError as error:
        # An error while a file is written has no name, or a number; other files keep theirs.
        name = error.filename
        if isinstance(name, str) and not Path(name).is_relative_to(temporary or path):
            raise
        reason = error.strerror or str(error)
        raise OSError(error.errno or errno.EIO, reason, str(path)) from error


def _beside(path: Path, ending: str) -> Path:
    """Return a hidden name beside a file or folder, which is not longer than names may be."""
    name = path.name
    if len(os.fsencode(name)) > LONGEST_NAME - len("..lock"):
        name = sha256([os.fsencode(name)])[:SHORT]
    return path.with_name(f".{name}.{ending}")


@contextmanager
def utf8_path(folder: Path) -> Iterator[Path]:
    """Yield a path of a folder for libraries that take none whose name is not UTF-8."""
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        import tempfile  # for such names alone: models load without it

        with tempfile.TemporaryDirectory() as place:
            link = Path(place, "folder")
            link.symlink_to(folder.resolve(), target_is_directory=True)
            yield link
    else:
        yield folder


def read_manifest(folder: Path, newest_format: int) -> dict[str, Any]:
    """Read the manifest of a folder that `write_folder` wrote, and check every file in it.

    Args:
        folder: The folder.
        newest_format: The highest number under `format` that the caller can read.

    Raises:
        ModelFolderError: The folder or a file is missing, was changed, or has a newer format.
    """
    if not folder.exists():
        old = _beside(folder, "old")
        hint = f" Its last state is {old}: rename that." if old.exists() else ""
        raise ModelFolderError(f"{folder}: no such folder.{hint}")
    if not folder.is_dir():
        raise ModelFolderError(f"{folder}: a model is a folder. Got a file.")
    try:
        manifest = read_json(folder / MANIFEST)
        version, files, digest = manifest["format"], manifest["files"], manifest.pop("digest")
        if type(version) is not int:
            raise ValueError("format must be an integer")
    except FileNotFoundError:
        inside = sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))
        hint = f"Did you mean {inside[0]}?" if inside else "Is this a model?"
        raise ModelFolderError(f"{folder}: {MANIFEST} is missing. {hint}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ModelFolderError(f"{folder}: {MANIFEST} is damaged.") from None
    if version > newest_format:
        raise ModelFolderError(
            f"{folder}: format {version}, but this version reads up to {newest_format}. Upgrade."
        )
    if digest != _digest_of(manifest):
        raise ModelFolderError(f"{folder}: {MANIFEST} was changed after it was written.")
    if type(files) is not dict or not all(_is_entry(*entry) for entry in files.items()):
        raise ModelFolderError(f"{folder}: {MANIFEST} is damaged.")
    for name, expected in files.items():
        if not (folder / name).is_file():
            raise ModelFolderError(f"{folder}: {name} is missing.")
        if file_sha256(folder / name) != expected:
            raise ModelFolderError(f"{folder}: {name} was changed after it was written.")
    return manifest


def is_file_name(name: Any) -> bool:
    """Whether something is the name of a file within a folder, on any system."""
    if not isinstance(name, str) or FORBIDDEN.search(name):
        return False
    steps = name.split("/")
    return all(step not in ("", ".", "..") and len(step) <= LONGEST_NAME for step in steps)


def _is_entry(name: str, digest: Any) -> bool:
    """Whether a name is that of a file within a folder, and the digest a SHA-256."""
    is_digest = isinstance(digest, str) and SHA256.fullmatch(digest) is not None
    return is_digest and is_file_name(name)


def read_unchanged(folder: Path, read: Callable[[], Result]) -> Result:
    """Read a folder that `write_folder` may replace meanwhile, so that nothing mixes two of them.

    Args:
        folder: The folder.
        read: Reads it. It is called again if the folder was replaced while it ran.

    Raises:
        ModelFolderError: The folder was replaced at each of `ATTEMPTS`. Errors of `read` are passed
            on where it was not.
    """
    for _ in range(ATTEMPTS):
        before = _manifest_bytes(folder)
        try:
            result = read()
        except ModelFolderError:
            if _manifest_bytes(folder) == before:
                raise
        else:
            if _manifest_bytes(folder) == before:
                return result
    raise ModelFolderError(
        f"{folder}: must stay as it is while it is read. It was replaced {ATTEMPTS} times."
    )


def _manifest_bytes(folder: Path) -> bytes | None:
    path = folder / MANIFEST
    try:
        return path.read_bytes() if path.is_file() else None
    except OSError:
        return None


def write_json(path: Path, content: Any) -> None:
    """Write JSON in place of a file in one step."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write text in place of a file in one step."""
    with replacing(path) as temporary:
        # A file name or a token may hold half of a UTF-16 pair; it is kept as it is.
        temporary.write_text(text, encoding="utf-8", errors="surrogatepass")


def read_json(path: Path) -> Any:
    """Read a file that `write_json` wrote.

    Raises:
        FileNotFoundError: There is no such file, or it is no regular one.
        ValueError: It is no JSON, too large, nested too deeply, or has a key twice.
    """
    text = read_text(path, MAX_JSON)
    try:
        return json.loads(text, object_pairs_hook=distinct_keys)
    except RecursionError:
        raise ValueError(f"{path.name}: must not be nested so deeply") from None


def read_text(path: Path, most: int = MAX_TEXT) -> str:
    """Read a file that `write_text` wrote.

    Args:
        path: The file.
        most: The bytes that it may have.

    Raises:
        FileNotFoundError: There is no such file, or it is no regular one.
        ValueError: It is too large, or not in UTF-8.
    """
    if not path.is_file():  # a pipe, for example, would be waited for
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    if path.stat().st_size > most:
        raise ValueError(f"{path.name}: must have at most {most} bytes")
    return path.read_text(encoding="utf-8", errors="surrogatepass")


def distinct_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object of JSON.

    Raises:
        ValueError: A key comes twice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key must not occur twice")
    return found


def folder_size(folder: Path) -> int:
    """Add up the bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def file_sha256(path: Path) -> str:
    """Compute the SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256(chunks: Iterable[bytes]) -> str:
    """Compute the SHA-256 of bytes, chunk after chunk, in hexadecimal digits.

    >>> sha256([b"a", b"bc"]) == sha256([b"abc"])
    True
    """
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def _digest_of(content: Mapping[str, Any]) -> str:
    return sha256([json.dumps(content, sort_keys=True, ensure_ascii=True).encode()])


def _flush(path: Path) -> None:
    """Wait until a file is on the disk; or a folder, where the system can wait for one."""
    is_folder = path.is_dir()
    if is_folder and os.name == "nt":  # Windows cannot open a folder
        return
    # Windows flushes only what is opened to write.
    handle = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
    try:
        os.fsync(handle)
    except OSError as error:
        if not is_folder or error.errno not in NO_FLUSH:
            raise
    finally:
        os.close(handle)
