"""Worker processes on this machine: one unit each at a time, and another one for each that dies."""

import multiprocessing
import signal
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from ner.bulk.units import Unit
from ner.bulk.work import Caution, Job, Rows, tag_unit
from ner.errors import ConfigError, NerError
from ner.inference.rows import error_text

# Ends of its process that a unit may cause before it fails, since a row was found that causes them.
MOST_ENDS = 5

# Ends of a process at a row alone after which the row has caused them.
ENDS_OF_KILLER = 2

# Processes that may end before they are ready, one after the other.
MOST_FALSE_STARTS = 3

# Called with a unit, and why it failed; None where its results are there.
Done = Callable[[Unit, str | None], None]


@dataclass
class Attempts:
    """What is known about a unit whose process ended.

    Args:
        unit: The unit.
        alone: Rows that were tagged when a process ended, and are tagged one by one from then on.
        killers: Rows that end their process, with what happened.
        ends: How often a process ended, since the last one of these rows was found.
        ends_at: How often a process ended while it tagged certain rows.
    """

    unit: Unit
    alone: set[Rows] = field(default_factory=set)
    killers: dict[int, str] = field(default_factory=dict)
    ends: int = 0
    ends_at: Counter[Rows] = field(default_factory=Counter)

    def ended(self, rows: Rows | None, how: str) -> bool:
        """Note that a process ended; return whether the unit may be tried again.

        A process may have been ended from outside, so that its rows get a second try. From the
        second time on they are tagged one by one.

        Args:
            rows: The rows that it tagged; None if it did something else.
            how: What happened to it.
        """
        self.ends += 1
        if rows is not None:
            self.ends_at[rows] += 1
            start, stop = rows
            if stop - start > 1:
                self.alone.add(rows)
            elif self.ends_at[rows] >= ENDS_OF_KILLER:
                self.killers[start] = f"The text ended the process that tagged it: {how}."
                self.ends = 0
        return self.ends < MOST_ENDS

    @property
    def caution(self) -> Caution:
        """How to try it again."""
        return Caution(frozenset(self.alone), dict(self.killers))


def run_here(job: Job, units: Iterable[Unit], done: Done) -> None:
    """Tag units in this process, where a row that ends its process ends all."""
    for unit in units:
        done(unit, _attempt(unit, job, Caution(), lambda rows: None))


def run_processes(job: Job, units: Iterable[Unit], workers: int, done: Done) -> None:
    """Tag units in processes of their own.

    Args:
        job: What is the same for all units.
        units: The units.
        workers: The number of processes.
        done: Called for each unit.

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
                if not worker.hear(done):
                    false_starts = 0 if worker.is_ready else false_starts + 1
                    _after_end(worker, waiting, done)
                    crew.remove(worker)
                    if not any(other.is_ready for other in crew):
                        _check_starts(false_starts, worker)
                    if waiting:
                        crew.append(_Worker(job))
    finally:
        for worker in crew:
            worker.stop()


def _after_end(worker: "_Worker", waiting: deque[Attempts], done: Done) -> None:
    """Decide what happens to the unit of a process that ended."""
    attempts, how = worker.attempts, worker.ending()
    if attempts is None:
        return
    if attempts.ended(worker.rows, how):
        waiting.append(attempts)
    else:
        name = attempts.unit.source.name
        done(attempts.unit, f"{name}: must not end its process {MOST_ENDS} times. Got {how}.")


def _check_starts(false_starts: int, worker: "_Worker") -> None:
    if false_starts >= MOST_FALSE_STARTS:
        raise ConfigError(
            f"workers: must be processes that start. Got {worker.ending()}. A script that starts "
            "processes needs the line: if __name__ == '__main__':"
        )


class _Worker:
    """A process, as the one that started it sees it."""

    def __init__(self, job: Job) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.process = context.Process(target=_serve, args=(job, other), daemon=True)
        self.process.start()
        other.close()  # so that the end of the process is the end of the connection
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

    def hear(self, done: Done) -> bool:
        """Take a message of the process; return whether there is one, or it has ended."""
        try:
            kind, content = self.connection.recv()
        except (EOFError, OSError):
            return False
        if kind == "ready":
            self.is_ready = True
        elif kind == "rows":
            self.rows = content
        elif self.attempts is not None:
            unit, self.attempts, self.rows = self.attempts.unit, None, None
            done(unit, content)
        return True

    def ending(self) -> str:
        """Say how the process ended."""
        self.process.join(10)
        code = self.process.exitcode
        if code is None or code >= 0:
            return f"exit code {code}"
        try:
            return f"signal {signal.Signals(-code).name}"
        except ValueError:
            return f"signal {-code}"

    def stop(self) -> None:
        """End the process, and wait for it."""
        self.connection.close()
        self.process.terminate()
        self.process.join(10)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _serve(job: Job, connection: Connection) -> None:
    """Tag the units that come over a connection, as long as somebody is at its other end."""
    # Ctrl-C goes to all processes; the one that started this one decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def report(rows: Rows) -> None:
        connection.send(("rows", rows))

    try:
        job.open()
        connection.send(("ready", None))
        while True:
            unit, caution = connection.recv()
            connection.send(("done", _attempt(unit, job, caution, report)))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _attempt(unit: Unit, job: Job, caution: Caution, report: Callable[[Rows], Any]) -> str | None:
    """Tag a unit; return why it failed, or None."""
    try:
        tag_unit(unit, job, caution, report)
    except BrokenPipeError:
        raise
    except NerError as error:
        return str(error)
    except Exception as error:
        return f"{unit.source.name}: {error_text(error)}"
    return None
