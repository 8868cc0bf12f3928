"""Locks: one process at a time writes a folder or a file, and others learn which one that is."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ner.errors import InUseError

# What file systems answer that have no locks, as some on networks. Work goes on without one there.
NO_LOCKS = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK}
HOLDER = re.compile(rb"process \d+ on host [\w.-]+")


@contextmanager
def locked(lock: Path, target: Path, wait: float = 0) -> Iterator[None]:
    """Hold a lock, so that no other process writes the same file or folder.

    The lock ends with the process, however that ends; only its file stays after a kill, and the
    next one who asks takes it over.

    Args:
        lock: The file of the lock. It is made, and removed in the end.
        target: What is written, as messages name it.
        wait: Seconds to wait for another process that holds the lock.

    Raises:
        InUseError: Another process holds the lock.
        OSError: The lock cannot be made; it names `target`.
    """
    from filelock import FileLock, Timeout  # imported here, so that the command line starts sooner

    if not lock.parent.is_dir():  # the library would make the folder
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(target))
    held = FileLock(lock, timeout=wait, fallback_to_soft=False)
    try:
        held.acquire()
    except Timeout:
        raise InUseError(
            f"{target}: must not be in use by another process. Got {_holder(lock)}. Wait until "
            "it ends, or write elsewhere."
        ) from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise OSError(error.errno, error.strerror, str(target)) from error
    try:
        _sign(lock)
        yield
    finally:
        with suppress(OSError):  # where an open file stays, as on Windows, the release removes it
            lock.unlink()
        held.release()


def _sign(lock: Path) -> None:
    """Write who holds a lock. Windows lets nobody read the first byte of its file."""
    import socket  # where a lock is taken: models load without it

    host = re.sub(r"[^\w.-]", "-", socket.gethostname(), flags=re.ASCII)
    with suppress(OSError), lock.open("r+b") as file:  # on a full disk, it holds nevertheless
        file.seek(1)
        file.write(f"process {os.getpid()} on host {host}".encode())
        file.truncate()


def _holder(lock: Path) -> str:
    """Say who holds a lock, as far as that is written in its file."""
    content = b""
    with suppress(OSError), lock.open("rb", buffering=0) as file:
        file.seek(1)
        content = file.read(1000) or b""
    found = HOLDER.fullmatch(content)
    return found[0].decode() if found else "one that is unknown"
