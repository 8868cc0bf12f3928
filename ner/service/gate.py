"""What each request passes before a route sees it: its key, and the limits of its body.

A body is read here, in pieces, and given up as soon as it is too large or too slow. The routes get
whole bodies that are within the limits.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any

from ner.service.api_keys import ApiKeys
from ner.service.errors import ServiceError, busy, error_response, log_failure, queue_full
from ner.service.metrics import Metrics
from ner.service.settings import Settings

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Bytes of a refused body that are still read, and thrown away, so that its sender can read why; and
# the seconds that this may take.
IGNORED_BODY, IGNORED_SECONDS = 64 << 20, 5.0

# Bytes of a body that has usually come with its headers: whoever sends no more keeps its connection
# when the queue is full.
SHORT_BODY = 64 << 10

# The path in metrics of all requests that no route answers, so that their number is bounded.
OTHER = "other"


class Disconnected(Exception):  # noqa: N818 - no error
    """The client has gone."""


class Gate:
    """An application around another one.

    Args:
        app: The other one.
        settings: The limits.
        keys: The keys of which a request has one.
        metrics: Counts requests.
        paths: The paths that metrics name.
        is_full: Whether the queue of each model is full, so that no request with a body can be
            answered.
    """

    def __init__(
        self,
        app: App,
        settings: Settings,
        keys: ApiKeys,
        metrics: Metrics,
        paths: Collection[str],
        is_full: Callable[[], bool],
    ) -> None:
        self._app, self._settings, self._keys, self._metrics = app, settings, keys, metrics
        self._paths, self._is_full = paths, is_full
        self._buffered = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin, answer, body = time.perf_counter(), Answer(send), Incoming(receive)
        self._metrics.begin_request()
        try:
            await self._pass(scope, body, answer)
        except Disconnected:
            pass
        except ServiceError as error:
            await answer.refuse(error, scope, body)
        except asyncio.CancelledError:  # the service ends, and this request took too long
            await answer.refuse(_ending(), scope, None)
        except Exception as error:
            log_failure(scope["path"], error)
            await answer.refuse(_unexpected(), scope, body)
        finally:
            path = scope["path"] if scope["path"] in self._paths else OTHER
            self._metrics.end_request(path, answer.status, time.perf_counter() - begin)

    async def _pass(self, scope: Scope, incoming: "Incoming", answer: "Answer") -> None:
        if not self._keys.accept(scope["path"], scope["headers"]):
            raise ServiceError(
                401,
                "unauthorized",
                "authorization: must be Bearer and a key of the service. Got another one or none.",
                {"WWW-Authenticate": 'Bearer realm="ner"'},
            )
        headers = dict(scope["headers"])
        if b"content-length" not in headers and b"transfer-encoding" not in headers:
            await self._app(scope, incoming.receive, answer.send)
            return
        self._check_headers(headers)
        if self._is_full() and not _comes_at_once(headers):
            raise queue_full()
        body = bytearray()
        try:
            await self._read(incoming, body)
            if self._is_full():  # before anybody reads what the body says
                raise queue_full()
            await self._app(scope, replay(bytes(body), incoming.receive), answer.send)
        finally:
            self._buffered -= len(body)

    def _check_headers(self, headers: dict[bytes, bytes]) -> None:
        """Refuse a body by what its headers say.

        Raises:
            ServiceError: It is too large, compressed, or no JSON.
        """
        if int(headers.get(b"content-length", b"0")) > self._settings.max_body:
            raise self._too_large()
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        encoding = headers.get(b"content-encoding", b"identity").strip().lower()
        if headers.get(b"content-length") != b"0" and kind != b"application/json":
            raise ServiceError(
                415,
                "unsupported_media_type",
                "content-type: must be application/json. Got another one or none.",
            )
        if encoding != b"identity":
            raise ServiceError(
                415,
                "unsupported_media_type",
                "content-encoding: must be identity: the body is not compressed. Got another one.",
            )

    async def _read(self, incoming: "Incoming", body: bytearray) -> None:
        """Read a whole body.

        Raises:
            ServiceError: It is too large or too slow, or too many others are read at once.
            Disconnected: The client has gone.
        """
        try:
            async with asyncio.timeout(self._settings.body_timeout):
                while not incoming.is_whole:
                    message = await incoming.receive()
                    if message["type"] == "http.disconnect":
                        raise Disconnected
                    piece = message.get("body", b"")
                    if len(body) + len(piece) > self._settings.max_body:
                        raise self._too_large()
                    if self._buffered + len(piece) > self._settings.max_buffered:
                        raise busy(429, "too_many_bodies", "service: too many bodies are read now.")
                    body += piece
                    self._buffered += len(piece)
        except TimeoutError:
            raise ServiceError(
                408,
                "slow_body",
                f"body: must arrive within {self._settings.body_timeout:g} seconds. Got a part.",
            ) from None

    def _too_large(self) -> ServiceError:
        most = self._settings.max_body
        return ServiceError(
            413, "body_too_large", f"body: must have at most {most} bytes. Got more."
        )


class Incoming:
    """A body that comes in pieces.

    Args:
        receive: Returns the next piece.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.is_whole = False

    async def receive(self) -> Message:
        """Return the next piece, or that the client has gone."""
        message = await self._receive()
        self.is_whole = not message.get("more_body", False)
        return message

    async def ignore(self) -> None:
        """Read the rest, up to some bytes and seconds, and throw it away."""
        size = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(IGNORED_SECONDS):
                while not self.is_whole and size < IGNORED_BODY:
                    size += len((await self.receive()).get("body", b""))


class Answer:
    """Sends an answer, and keeps its status.

    Args:
        send: Sends a part of it.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0  # none was sent
        self._is_whole = False

    async def send(self, message: Message) -> None:
        """Send a part of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif not message.get("more_body", False):
            self._is_whole = True
        await self._send(message)

    async def refuse(self, error: ServiceError, scope: Scope, body: Incoming | None) -> None:
        """Answer with an error, and read what the client still sends, within bounds."""
        if self.status:  # too late: what was sent cannot be taken back, and the connection ends
            return
        response = error_response(error)
        headers = response.raw_headers
        if body is None or not body.is_whole:
            headers = [*headers, (b"connection", b"close")]
        await self.send({"type": "http.response.start", "status": error.status, "headers": headers})
        await self.send(
            {"type": "http.response.body", "body": bytes(response.body), "more_body": True}
        )
        if body is not None and not any(name == b"expect" for name, _ in scope["headers"]):
            await body.ignore()
        await self.send({"type": "http.response.body", "body": b"", "more_body": False})


def replay(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that was read, and then what still comes."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return receive_again


def _comes_at_once(headers: dict[bytes, bytes]) -> bool:
    """Whether a body is short, and sent before anybody asks for it."""
    return b"expect" not in headers and 0 < int(headers.get(b"content-length", b"0")) <= SHORT_BODY


def _ending() -> ServiceError:
    return busy(503, "ending", "service: ended before this request was answered. Try later.")


def _unexpected() -> ServiceError:
    return ServiceError(500, "internal_error", "service: this request failed, and was logged.")
