"""HTTP on a connection: as uvicorn does it, but with bounds, and errors are JSON.

What ends a connection are headers that are slow or long, and a client that does not read its
answer.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ner.service.errors import ServiceError, error_response

# Bytes of the address and the headers of a request, which are read before an application sees them.
LONGEST_HEADERS = 64 << 10


class BoundedProtocol(HttpToolsProtocol):
    """A connection with bounds."""

    # Seconds in which the headers of a request arrive, and in which a client reads a part of an
    # answer.
    header_seconds, reading_seconds = 10.0, 30.0
    # Whether no further request should come on a connection, because the service ends.
    is_ending = False
    _waiting_for_headers: asyncio.TimerHandle | None = None
    _waiting_for_reader: asyncio.TimerHandle | None = None
    _is_in_headers, _header_size = False, 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first headers."""
        super().connection_made(transport)
        self._wait_for_headers()

    def data_received(self, data: bytes) -> None:
        """Read a piece of a request."""
        super().data_received(data)
        if self._is_in_headers:
            self._check_size(len(data))
        is_idle = self.cycle is None or self.cycle.response_complete
        if is_idle and self._waiting_for_headers is None and not self.transport.is_closing():
            self._wait_for_headers()

    def on_message_begin(self) -> None:
        """Begin to read headers."""
        self._is_in_headers, self._header_size = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin to answer a request."""
        self._is_in_headers = False
        self._stop_waiting()
        super().on_headers_complete()
        self.cycle.keep_alive = self.cycle.keep_alive and not self.is_ending

    def on_response_complete(self) -> None:
        """Wait until the client has read its answer."""
        super().on_response_complete()
        self._stop_waiting_for_reader()
        self._wait_for_reader(self.transport.get_write_buffer_size())

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_waiting()
        self._stop_waiting_for_reader()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._refuse(
            ServiceError(400, "invalid_http", "request: must be HTTP/1.1. Got something else.")
        )

    def _wait_for_headers(self) -> None:
        self._waiting_for_headers = self.loop.call_later(self.header_seconds, self._be_late)

    def _stop_waiting(self) -> None:
        if self._waiting_for_headers is not None:
            self._waiting_for_headers.cancel()
            self._waiting_for_headers = None

    def _check_size(self, size: int) -> None:
        self._header_size += size
        if self._header_size > LONGEST_HEADERS and not self.transport.is_closing():
            most = f"headers: must have at most {LONGEST_HEADERS} bytes. Got more."
            self._refuse(ServiceError(431, "headers_too_large", most))

    def _stop_waiting_for_reader(self) -> None:
        if self._waiting_for_reader is not None:
            self._waiting_for_reader.cancel()
            self._waiting_for_reader = None

    def _wait_for_reader(self, unread: int) -> None:
        if unread:
            self._waiting_for_reader = self.loop.call_later(
                self.reading_seconds, self._check_reader, unread
            )

    def _check_reader(self, before: int) -> None:
        self._waiting_for_reader = None
        unread = self.transport.get_write_buffer_size()
        if unread and unread == before:
            self.transport.abort()
        else:
            self._wait_for_reader(unread)

    def _be_late(self) -> None:
        self._waiting_for_headers = None
        if not self.transport.is_closing():
            soon = f"headers: must arrive within {self.header_seconds:g} seconds. Got a part."
            self._refuse(ServiceError(408, "slow_headers", soon))

    def _refuse(self, error: ServiceError) -> None:
        """Answer without an application, and end the connection."""
        response = error_response(error)
        lines = [
            f"HTTP/1.1 {error.status} {error.code}".encode(),
            *(b"%s: %s" % header for header in response.raw_headers),
            b"connection: close",
        ]
        self.transport.write(b"\r\n".join([*lines, b"", bytes(response.body)]))
        self.transport.close()


def bounded_protocol(seconds: float) -> type[BoundedProtocol]:
    """Return the protocol with another time for headers."""
    return type("Protocol", (BoundedProtocol,), {"header_seconds": seconds})
