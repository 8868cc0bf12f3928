"""Worker processes on this machine: one unit each at a time, and another one for each that dies."""

import signal
from collections import deque
from collections.abc import Iterable
from multiprocessing.connection import Connection, wait

from ner.bulk.attempts import Attempts, Finish
from ner.bulk.units import Unit
from ner.bulk.work import Caution, Done, Job, Rows, attempt
from ner.errors import ConfigError
from ner.processes import Child

READY = "ready"

# Processes that may end before they are ready, one after the other.
MOST_FALSE_STARTS = 3


def run_here(job: Job, units: Iterable[Unit], finish: Finish) -> None:
    """Tag units in this process, where a row that ends its process ends all."""
    for unit in units:
        for message in attempt(unit, job, Caution()):
            if isinstance(message, Done):
                finish(unit, message.failure)


def run_processes(job: Job, units: Iterable[Unit], workers: int, finish: Finish) -> None:
    """Tag units in processes of their own.

    Args:
        job: What is the same for all units.
        units: The units.
        workers: The number of processes.
        finish: Called for each unit.

    Raises:
        ConfigError: No process starts.
    """
    waiting = deque(map(Attempts, units))
    crew = [_Worker(job) for _ in range(min(workers, len(waiting)))]
    false_starts = 0
    try:
        while waiting or any(worker.attempts for worker in crew):
            for worker in crew:
                if worker.is_ready and worker.attempts is None and waiting:
                    worker.start_unit(waiting.popleft())
            heard = wait([worker.connection for worker in crew])
            for worker in [worker for worker in crew if worker.connection in heard]:
                if not worker.hear(finish):
                    false_starts = 0 if worker.is_ready else false_starts + 1
                    _after_end(worker, waiting, finish)
                    crew.remove(worker)
                    if not any(other.is_ready for other in crew):
                        _check_starts(false_starts, worker)
                    if waiting:
                        crew.append(_Worker(job))
    finally:
        for worker in crew:
            worker.stop()


def _after_end(worker: "_Worker", waiting: deque[Attempts], finish: Finish) -> None:
    """Decide what happens to the unit of a process that ended."""
    if worker.attempts is None:
        return
    failure = worker.attempts.after_end(worker.rows, worker.ending())
    if failure is None:
        waiting.append(worker.attempts)
    else:
        finish(worker.attempts.unit, failure)


def _check_starts(false_starts: int, worker: "_Worker") -> None:
    if false_starts >= MOST_FALSE_STARTS:
        raise ConfigError(
            f"workers: must be processes that start. Got {worker.ending()}. A script that starts "
            "processes needs the line: if __name__ == '__main__':"
        )


class _Worker(Child):
    """A process that tags units, as the one that started it sees it."""

    def __init__(self, job: Job) -> None:
        super().__init__(_serve, job)
        self.is_ready = False
        self.attempts: Attempts | None = None
        self.rows: Rows | None = None

    def start_unit(self, attempts: Attempts) -> None:
        """Send a unit. If the process has ended meanwhile, `hear` notices."""
        self.attempts, self.rows = attempts, None
        try:
            self.connection.send((attempts.unit, attempts.caution))
        except OSError:
            return

    def hear(self, finish: Finish) -> bool:
        """Take a message of the process; return whether there is one, or it has ended."""
        try:
            message = self.connection.recv()
        except (EOFError, OSError):
            return False
        if message == READY:
            self.is_ready = True
        elif not isinstance(message, Done):
            self.rows = message
        elif self.attempts is not None:
            unit, self.attempts, self.rows = self.attempts.unit, None, None
            finish(unit, message.failure)
        return True


def _serve(job: Job, connection: Connection) -> None:
    """Tag the units that come over a connection, as long as somebody is at its other end."""
    # Ctrl-C goes to all processes; the one that started this one decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        job.open()
        connection.send(READY)
        while True:
            unit, caution = connection.recv()
            for message in attempt(unit, job, caution):
                connection.send(message)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
