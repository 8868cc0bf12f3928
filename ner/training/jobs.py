"""Several trainings at the same time, each in a process of its own."""

import _thread
import logging
import multiprocessing
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import Any

import torch

from ner.cores import count_cores
from ner.errors import NerError, TrainingError
from ner.messages import logger
from ner.training.train import run_training

# Signals that end a process. Those of a terminal and of a service manager reach all processes, so
# only the one that started the others heeds them, and asks the others to stop.
NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
CAN_BLOCK = hasattr(signal, "pthread_sigmask")  # Windows cannot

ERRORS = (NerError, OSError)


def train_in_processes(
    runs: Mapping[str, Mapping[str, Any]], jobs: int
) -> dict[str, NerError | OSError]:
    """Train several models, and log what each one tells with its name in front.

    After Ctrl-C or SIGTERM, and if this process is killed, each training saves a checkpoint.

    Args:
        runs: The arguments of `run_training` by the name of the run.
        jobs: How many processes train at the same time. Where `training.threads` is unset, they
            share the cores.

    Returns:
        The error of each training that failed, by the name of its run.

    Raises:
        KeyboardInterrupt: After Ctrl-C, when all processes have ended.
        SystemExit: Likewise, if a handler of signals raises it.
    """
    threads = min(torch.get_num_threads(), max(1, count_cores() // jobs))
    waiting = deque(runs.items())
    working: list[_Run] = []
    failed: dict[str, NerError | OSError] = {}
    try:
        while waiting or working:
            while waiting and len(working) < jobs:
                working.append(_Run(*waiting.popleft(), threads))
            heard = wait([run.connection for run in working])
            for run in [run for run in working if run.connection in heard]:
                if not run.hear():
                    working.remove(run)
                    if (error := run.error()) is not None:
                        failed[run.name] = error
    except BaseException as error:
        for run in working:
            run.ask_to_stop(error)
        for run in working:
            while run.hear():
                pass
        raise
    finally:
        for run in working:
            run.end()
    return failed


class _Run:
    """A training, as the process that started it sees it."""

    def __init__(self, name: str, arguments: Mapping[str, Any], threads: int) -> None:
        self.name = name
        self._error: NerError | OSError | None = None
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        level = logger.getEffectiveLevel()
        self._process = context.Process(target=_train, args=(other, level, threads, arguments))
        with _blocked_signals():
            self._process.start()
        other.close()  # so that the end of the process is the end of the connection

    def hear(self) -> bool:
        """Take what the process says; return whether it has more to say."""
        try:
            said = self.connection.recv()
        except (EOFError, OSError):
            return False
        if isinstance(said, Exception):
            assert isinstance(said, ERRORS)
            self._error = said
        else:
            level, text = said
            logger.log(level, "%s: %s", self.name, text)
        return True

    def error(self) -> NerError | OSError | None:
        """Return why the training failed; None if it did not. The process is at its end."""
        self._process.join()
        code = self._process.exitcode
        if self._error is None and code:
            how = f"exit code {code}" if code > 0 else signal.Signals(-code).name
            self._error = TrainingError(f"the process of a training must not end early. Got {how}.")
        return self._error

    def ask_to_stop(self, reason: BaseException) -> None:
        """Let the training save a checkpoint and end."""
        if isinstance(reason, KeyboardInterrupt) and not CAN_BLOCK:
            return  # the process was interrupted, too; a second time would end it at once
        with suppress(OSError):
            self.connection.send("stop")

    def end(self) -> None:
        """End the process, if it is still there."""
        self._process.kill()
        self._process.join()
        self.connection.close()


@contextmanager
def _blocked_signals() -> Iterator[None]:
    """Let a process that is started meanwhile heed no signal that asks it to end."""
    if not CAN_BLOCK:
        yield
        return
    numbers = {getattr(signal, name) for name in NAMES}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Sender(logging.Handler):
    """Sends records to the process that started this one."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record, if there is still somebody to read it."""
        with suppress(OSError):
            self._connection.send((record.levelno, record.getMessage()))


def _train(connection: Connection, level: int, threads: int, arguments: Mapping[str, Any]) -> None:
    """Train a model in this process, until somebody says stop or nobody listens any more."""
    logger.addHandler(_Sender(connection))
    logger.setLevel(level)
    # Not by the system, which would block it: by the thread that listens.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    threading.Thread(target=_stop_when_told, args=(connection,), daemon=True).start()
    torch.set_num_threads(threads)
    error: Exception | None = None
    try:
        run_training(**arguments, progress=False)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except ERRORS as found:
        error = found
    except Exception as found:
        for line in traceback.format_exc().splitlines():
            logger.error("%s", line)
        error = TrainingError(f"{type(found).__name__}: {found}")
    if error is not None:
        with suppress(OSError):
            connection.send(error)


def _stop_when_told(connection: Connection) -> None:
    with suppress(EOFError, OSError):
        connection.recv()
    _thread.interrupt_main(signal.SIGTERM)
