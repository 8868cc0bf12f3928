"""A service in several processes that accept connections from one socket."""

import multiprocessing
import os
import signal
import socket
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any

from prometheus_client.multiprocess import mark_process_dead

from ner.cores import count_cores
from ner.messages import shown, tell
from ner.service.app import make_app
from ner.service.metrics import Metrics
from ner.service.models import Load, Models
from ner.service.server import held_back, serve, url_of
from ner.service.settings import Settings

# Where the library for metrics looks for the folder that all processes share.
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"

SIGNALS = [
    getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name)
]
START = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Service:
    """What a process serves. It pickles.

    Args:
        sources: What to load for each name of a model.
        load: Loads a model.
        settings: The limits.
    """

    sources: Mapping[str, str]
    load: Load
    settings: Settings

    def run(self, listener: socket.socket, on_start: Callable[[], None]) -> int:
        """Serve in this process; returns the exit code, see `ner.service.server.serve`.

        Raises:
            NerError: A model or a file of keys cannot be read.
        """
        with held_back():
            metrics = Metrics(os.environ.get(METRICS_FOLDER))
            models = Models(self.sources, self.load, self.settings, metrics)
            return serve(make_app(models, self.settings, metrics), listener, on_start)


def run_service(service: Service, listener: socket.socket, workers: int) -> int:
    """Serve in one process or in several, and say where.

    Args:
        service: What to serve.
        listener: A bound socket.
        workers: Number of processes.

    Returns:
        The exit code: 0 if all requests were answered.
    """
    if workers == 1:
        return service.run(listener, lambda: tell(f"Serving on {url_of(listener)}."))
    with tempfile.TemporaryDirectory() as folder:
        os.environ[METRICS_FOLDER] = folder
        try:
            return Processes(service, listener, workers, folder).run()
        finally:
            del os.environ[METRICS_FOLDER]


def threads_of(workers: int) -> int | None:
    """Return the threads of a model in each of some processes; None for the default in one."""
    return None if workers == 1 else max(1, count_cores() // workers)


class Processes:
    """Starts processes, passes signals on to them, and replaces those that crash.

    Args:
        service: What each of them serves.
        listener: The socket from which all of them accept connections.
        workers: Number of processes.
        metrics: The folder of their metrics.
    """

    def __init__(
        self, service: Service, listener: socket.socket, workers: int, metrics: str
    ) -> None:
        self._service, self._listener, self._workers = service, listener, workers
        self._metrics = metrics
        self._running: dict[Any, BaseProcess] = {}
        self._ready: set[int] = set()
        self._has_served = self._is_ending = False
        self._code = 0
        # What wakes this process: the number of one that answers requests, or 0 when all shall end.
        self._news, self._tell = START.Pipe(duplex=False)

    def run(self) -> int:
        """Serve until a signal ends it; returns the worst of the exit codes."""
        old = {number: signal.signal(number, self._pass_on) for number in SIGNALS}
        try:
            for _ in range(self._workers):
                self._start()
            while self._running:
                happened = wait([*self._running, self._news])
                while self._news.poll():
                    self._handle_news(self._news.recv())
                for sentinel in self._running.keys() & set(happened):
                    self._handle_end(self._running.pop(sentinel))
        finally:
            for process in self._running.values():
                process.terminate()
            for number, handler in old.items():
                signal.signal(number, handler)
        return self._code

    def _start(self) -> None:
        process = START.Process(target=work, args=(self._service, self._listener, self._tell))
        with held_back():
            process.start()
        self._running[process.sentinel] = process
        if self._is_ending:  # the signal came meanwhile
            process.terminate()

    def _handle_news(self, number: int) -> None:
        if number == 0:
            # The others accept connections as long as they have to; this process never does.
            self._listener.close()
            return
        self._ready.add(number)
        if len(self._ready) == self._workers and not self._has_served:
            self._has_served = True
            tell(f"Serving on {url_of(self._listener)} in {self._workers} processes.")

    def _handle_end(self, process: BaseProcess) -> None:
        process.join()
        mark_process_dead(process.pid, self._metrics)
        code, was_ready = process.exitcode or 0, process.pid in self._ready
        self._ready.discard(process.pid or 0)
        if self._is_ending:
            # Before it is ready, a process ends by the signal itself, and loses no request.
            self._code = max(self._code, abs(code) if was_ready else 0)
        elif was_ready:
            tell(f"Warning: process {process.pid} ended with {code}. Another one takes its place.")
            self._start()
        else:  # it would fail again
            self._code = abs(code) or 1
            self._end()

    def _end(self) -> None:
        self._is_ending = True
        for process in self._running.values():
            process.terminate()

    def _pass_on(self, number: int, _: FrameType | None) -> None:
        """Pass a signal on; from the keyboard, the others get it from the terminal, too."""
        if number != getattr(signal, "SIGHUP", None):
            self._is_ending = True
            self._tell.send(0)
        for process in self._running.values():
            if process.pid is not None and process.is_alive():
                os.kill(process.pid, signal.SIGTERM if number == signal.SIGINT else number)


def work(service: Service, listener: socket.socket, to_first: Connection) -> None:
    """Serve in a process of its own.

    Args:
        service: What to serve.
        listener: The socket that it shares.
        to_first: Gets the number of this process when requests are answered.
    """
    from ner.errors import NerError
    from ner.messages import logger

    # A keyboard sends this to all processes of a terminal; the first one decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with shown(on_stderr=True):
        try:
            code = service.run(listener, partial(to_first.send, os.getpid()))
        except NerError as error:
            logger.error("%s", error)
            code = 1
    raise SystemExit(code)
