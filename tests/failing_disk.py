"""A disk on which one operation fails, for tests of everything that writes files."""

import builtins
import errno
import io
import os
from contextlib import contextmanager
from pathlib import Path

import pytest
from safetensors import SafetensorError

import ner.features.vectors
import ner.files
import ner.forecasting.forecaster
import ner.model_folder
import ner.training.checkpoint

FULL = errno.ENOSPC, os.strerror(errno.ENOSPC)
SAVE_ARRAYS = (
    ner.features.vectors,
    ner.forecasting.forecaster,
    ner.model_folder,
    ner.training.checkpoint,
)


class FailingDisk:
    """Counts operations on files in a folder: opening to write, writing, flushing, moving, making.

    Args:
        folder: The folder.
        fails: The number of the operation that fails, from 1 on; None for none.
    """

    def __init__(self, folder, fails=None):
        self.folder = str(folder)
        self.fails = fails
        self.count = 0

    def step(self, path=None):
        """Count an operation, and fail if it is the one."""
        if path is None or os.path.abspath(os.fsdecode(path)).startswith(self.folder):  # noqa: PTH100
            self.count += 1
            if self.count == self.fails:
                raise OSError(*FULL, *([] if path is None else [str(path)]))


class File:
    """An open file whose `write` counts."""

    def __init__(self, disk, file):
        self._disk, self._file = disk, file

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def __getattr__(self, name):
        return getattr(self._file, name)

    def write(self, content):
        self._disk.step()
        return self._file.write(content)


@contextmanager
def failing(disk):
    """Let an operation of the disk fail while this lasts."""

    def opened(path, mode="r", *others, **named):
        file = opening(path, mode, *others, **named)
        if not isinstance(path, str | Path) or not set(mode) & set("wax+"):
            return file
        file.close()
        disk.step(path)
        return File(disk, opening(path, mode, *others, **named))

    def counted(function):
        def call(path, *others, **named):
            disk.step(None if isinstance(path, int) else path)
            return function(path, *others, **named)

        return call

    def arrays(save):
        def call(tensors, path, **named):
            try:
                disk.step(path)
            except OSError as error:
                raise SafetensorError(f"I/O error: {error.strerror} (os error 28)") from None
            return save(tensors, path, **named)

        return call

    opening = io.open
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(io, "open", opened)
        patch.setattr(builtins, "open", opened)
        for name in ("fsync", "rename", "replace", "mkdir", "chmod"):
            patch.setattr(os, name, counted(getattr(os, name)))
        for module in SAVE_ARRAYS:
            patch.setattr(module, "save_file", arrays(module.save_file))
        yield


def contents(folder):
    """Return the content of each file under a folder, and None for each folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }
