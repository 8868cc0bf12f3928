"""HTTP on a connection: as uvicorn does it, but slow headers end it, and errors are JSON."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ner.service.errors import ServiceError, error_response


class BoundedProtocol(HttpToolsProtocol):
    """A connection on which the headers of a request must arrive within some seconds."""

    header_seconds = 10.0
    _waiting_for_headers: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first headers."""
        super().connection_made(transport)
        self._wait_for_headers()

    def data_received(self, data: bytes) -> None:
        """Read a piece of a request."""
        super().data_received(data)
        is_idle = self.cycle is None or self.cycle.response_complete
        if is_idle and self._waiting_for_headers is None and not self.transport.is_closing():
            self._wait_for_headers()

    def on_headers_complete(self) -> None:
        """Begin to answer a request."""
        self._stop_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_waiting()
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

    def _be_late(self) -> None:
        self._waiting_for_headers = None
        if not self.transport.is_closing():
            self._refuse(
                ServiceError(408, "slow_headers", "headers: must arrive sooner. Got a part.")
            )

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
