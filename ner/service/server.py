"""Runs an application in this process until a signal ends it, and answers what is in flight."""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing import parent_process

from fastapi import FastAPI

from ner.errors import ConfigError
from ner.extras import require
from ner.service.app import reload

require("uvicorn", "ner.service", extra="serve")
require("httptools", "ner.service", extra="serve")

import uvicorn  # noqa: E402 - what is missing is told first

from ner.service.protocol import bounded_protocol  # noqa: E402

# Connections that wait until the process accepts them.
BACKLOG = 1024

# Seconds that a connection stays open without a request.
KEEP_ALIVE = 30

# Seconds after which the thread of a model lets the loop go on. Python's 5 ms pass anew at each
# piece of a request that is read or written, so a request that is refused would wait for long.
# Source: https://docs.python.org/3/library/sys.html#sys.setswitchinterval
SWITCH_SECONDS = 0.0005

ENDING = (signal.SIGTERM, signal.SIGINT)


class Server(uvicorn.Server):
    """A server that ends in steps: no longer ready, no new connections, all requests answered.

    Args:
        app: What answers requests.
        on_start: Called when requests are answered.
    """

    def __init__(self, app: FastAPI, on_start: Callable[[], None]) -> None:
        settings = app.state.settings
        app.state.is_only = lambda: len(self.server_state.tasks) == 1
        self._app, self._settings, self._on_start = app, settings, on_start
        self._protocol = bounded_protocol(settings.body_timeout)
        self._reloads: set[asyncio.Task[None]] = set()
        self.num_dropped = 0
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="on",
                ws="none",
                http=self._protocol,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=max(1, round(settings.shutdown_seconds)),
                server_header=False,
                proxy_headers=False,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Listen to signals while the server runs, and leave them as they were."""
        loop = asyncio.get_running_loop()
        actions: dict[int, Callable[[], None]] = dict.fromkeys(ENDING, self._drain)
        if hasattr(signal, "SIGHUP"):
            actions[signal.SIGHUP] = self._reload
        # Not loop.add_signal_handler(), which Windows lacks.
        old = {
            number: signal.signal(number, lambda *_, do=do: loop.call_soon_threadsafe(do))
            for number, do in actions.items()
        }
        mask_reloads(is_held=False)
        try:
            yield
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer requests."""
        await super().startup(sockets)
        parent = parent_process()
        if parent is not None and os.name == "posix":  # nobody else would end this process
            asyncio.get_running_loop().add_reader(parent.sentinel, self._lose_parent)
        # Python looks for cycles of unused objects while all threads wait. Among the 80,000 objects
        # that stay, mostly of libraries, it takes 40 ms on a free core, and nobody is answered.
        gc.collect()
        gc.freeze()
        self._on_start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what is in flight, and end."""
        running = set(self.server_state.tasks)
        await super().shutdown(sockets)
        running |= self.server_state.tasks
        # What took too long was cancelled, and its client was told so.
        self.num_dropped = sum(not task.done() or task.cancelling() > 0 for task in running)

    def _drain(self) -> None:
        if self._app.state.is_draining:  # the second signal
            self.should_exit = self.force_exit = True
            return
        self._app.state.is_draining = True
        self._protocol.is_ending = True
        loop = asyncio.get_running_loop()
        loop.call_later(self._settings.drain_seconds, partial(setattr, self, "should_exit", True))

    def _reload(self) -> None:
        task = asyncio.get_running_loop().create_task(reload(self._app))
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    def _lose_parent(self) -> None:
        parent = parent_process()
        if parent is not None:
            asyncio.get_running_loop().remove_reader(parent.sentinel)
        if not self._app.state.is_draining:
            self._drain()


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Hold SIGHUP back while a process starts, which it would end; also in one that it starts.

    It comes when a server can answer it.
    """
    mask_reloads(is_held=True)
    try:
        yield
    finally:
        mask_reloads(is_held=False)


def mask_reloads(*, is_held: bool) -> None:
    """Hold SIGHUP back, or let it come."""
    if hasattr(signal, "pthread_sigmask"):  # Windows has neither
        how = signal.SIG_BLOCK if is_held else signal.SIG_UNBLOCK
        signal.pthread_sigmask(how, {signal.SIGHUP})


def serve(app: FastAPI, listener: socket.socket, on_start: Callable[[], None]) -> int:
    """Answer requests until a signal ends it.

    Args:
        app: What answers requests.
        listener: A bound socket.
        on_start: Called when requests are answered.

    Returns:
        The exit code: 0 if all requests were answered, 1 if some took too long.
    """
    server = Server(app, on_start)
    usual = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        server.run([listener])
    finally:
        sys.setswitchinterval(usual)
    return 1 if server.num_dropped else 0


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to an address, and does not listen yet.

    Raises:
        ConfigError: There is no such address, or another process has it.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            if os.name == "posix":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(
            f"--host, --port: must be a free address. Got {host} and {port}: {reason}."
        ) from None
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the address of a bound socket as browsers write it."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
