"""Processor time and memory of a command and of all processes that it starts. Linux alone.

A process is found by a variable of its environment, which it hands down, so that daemons count too.
"""

import os
import subprocess
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

PROC = Path("/proc")
MARK = "NER_BENCHMARK"

# Seconds between two looks at the processes: what one does after the last look is not counted.
INTERVAL = 0.1


@dataclass(frozen=True)
class Measured:
    """What a command took.

    Args:
        seconds: From start to end.
        cpu: Seconds of processors, of all processes.
        megabytes: The most memory that one of the processes held, without what others share of it
            being left out.
    """

    seconds: float
    cpu: float
    megabytes: float


def measure(command: Sequence[str | Path], stdout: Path) -> Measured:
    """Run a command.

    Args:
        command: The command.
        stdout: The file for its output.

    Raises:
        RuntimeError: It fails.
    """
    name = uuid.uuid4().hex
    environment = {**os.environ, MARK: name}
    seen: dict[int, tuple[float, float]] = {}
    is_over = Event()
    watcher = Thread(target=_watch, args=(f"{MARK}={name}".encode(), seen, is_over))
    began = time.perf_counter()
    with stdout.open("wb") as file:
        process = subprocess.Popen(list(map(str, command)), stdout=file, env=environment)
        watcher.start()
        code = process.wait()
    seconds = time.perf_counter() - began
    is_over.set()
    watcher.join()
    if code:
        raise RuntimeError(f"{command[0]}: must succeed. Got the code {code}.")
    cpu, megabytes = zip(*seen.values(), strict=True)
    return Measured(seconds, sum(cpu), max(megabytes))


def _watch(mark: bytes, seen: dict[int, tuple[float, float]], is_over: Event) -> None:
    known: dict[int, bool] = {}
    while not is_over.wait(INTERVAL):
        for folder in PROC.glob("[0-9]*"):
            number = int(folder.name)
            try:
                if not known.get(number):
                    # Between its fork and its start, a process still has the old environment.
                    known[number] = mark in (folder / "environ").read_bytes().split(b"\0")
                if known[number]:
                    seen[number] = _cpu(folder), _megabytes(folder)
            except (OSError, ValueError, IndexError):  # it has ended meanwhile
                continue


def _cpu(folder: Path) -> float:
    """Return the seconds of processors that a process has used."""
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _megabytes(folder: Path) -> float:
    """Return the most memory that a process has held."""
    status = (folder / "status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
