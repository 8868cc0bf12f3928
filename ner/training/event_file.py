"""The metrics of a run for TensorBoard, which shows them as curves."""

import itertools
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event, SessionLog  # pyright: ignore[reportAttributeAccessIssue]
from tensorboard.compat.proto.summary_pb2 import Summary  # pyright: ignore[reportAttributeAccessIssue]
from tensorboard.summary.writer.record_writer import RecordWriter

from ner.files import naming

# Runs of one process that begin in the same second have files of their own.
_numbers = itertools.count()


class EventFile:
    """A file of metrics by epoch.

    The writer of TensorBoard itself has a thread, which cannot say that a disk is full, and takes
    no name that is not UTF-8.

    Args:
        folder: The folder of such files; it is made.
        first: The first epoch of this file. TensorBoard forgets later ones of older files.

    Raises:
        OSError: The file cannot be written; it names the file.
    """

    def __init__(self, folder: Path, first: int) -> None:
        names = int(time.time()), socket.gethostname(), os.getpid(), next(_numbers)
        self.path = folder / "events.out.tfevents.{:010}.{}.{}.{}".format(*names)
        folder.mkdir(exist_ok=True)
        self._write(file_version="brain.Event:2")
        self._write(step=first, session_log=SessionLog(status=SessionLog.START))

    def append(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Add the metrics of an epoch, by their names."""
        values = [Summary.Value(tag=name, simple_value=value) for name, value in metrics.items()]
        self._write(step=epoch, summary=Summary(value=values))

    def _write(self, **facts: Any) -> None:
        event = Event(wall_time=time.time(), **facts)
        with naming(self.path), self.path.open("ab") as file:
            RecordWriter(file).write(event.SerializeToString())
