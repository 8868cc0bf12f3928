"""Requests to a service on this machine: on many connections, and what became of them.

A connection has one request at a time, as those of most clients. A closed loop sends the next
request when the one before is answered, so the service sets the pace. An open loop sends at a pace
of its own, as many independent clients do.
"""

import asyncio
import contextlib
import ipaddress
import itertools
import json
import socket
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httptools
import numpy as np

import ner

Address = tuple[str, int]

# In place of a status: the connection ended before an answer.
LOST = 0

# How often an open loop sends what is due, in seconds, and the connections that it may have.
TICK, MOST_CONNECTIONS = 0.002, 1000


class Connection(asyncio.Protocol):
    """A connection that has one request at a time, and stays open."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.is_open, self.may_come_back, self.body = True, False, bytearray()

    def ask(self, content: bytes) -> "asyncio.Future[int]":
        """Send a request, or a part of it; returns the status that comes."""
        self._status = asyncio.get_running_loop().create_future()
        self.may_come_back, self.body = False, bytearray()
        self.send(content)
        return self._status

    def send(self, content: bytes) -> None:
        """Send a further part of a request."""
        self._transport.write(content)

    def close(self) -> None:
        """End the connection."""
        self._transport.close()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Keep what sends."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Read a part of an answer."""
        self._parser.feed_data(data)

    def on_header(self, name: bytes, _: bytes) -> None:
        """Note whether the same request is welcome later."""
        self.may_come_back = self.may_come_back or name.lower() == b"retry-after"

    def on_body(self, body: bytes) -> None:
        """Keep a part of the content."""
        self.body += body

    def on_message_complete(self) -> None:
        """Hand over the status."""
        self.is_open = self._parser.should_keep_alive()
        if not self._status.done():
            self._status.set_result(self._parser.get_status_code())

    def connection_lost(self, exc: Exception | None) -> None:
        """Hand over that no answer comes."""
        self.is_open = False
        if not self._status.done():
            self._status.set_result(LOST)


async def connect(address: Address) -> Connection:
    """Open a connection."""
    _, connection = await asyncio.get_running_loop().create_connection(Connection, *address)
    return connection


@dataclass
class Load:
    """What requests got.

    Args:
        times: The seconds of all requests by their status.
        seconds: How long all of them took together.
        unsent: Requests that were due, and found no free connection.
        without_retry_after: Those with the status 429 that do not say when to come back.
    """

    times: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    seconds: float = 0.0
    unsent: int = 0
    without_retry_after: int = 0

    async def ask(self, connection: Connection, content: bytes) -> int:
        """Send a request, and note what it gets."""
        begin = time.perf_counter()
        status = await connection.ask(content)
        self.times[status].append(time.perf_counter() - begin)
        self.without_retry_after += status == 429 and not connection.may_come_back
        return status

    @property
    def rate(self) -> float:
        """Requests a second that were answered with 200."""
        return len(self.times[200]) / self.seconds

    def row(self) -> dict[str, Any]:
        """Return it as fields of JSON."""
        counts = count_statuses({status: len(found) for status, found in self.times.items()})
        return {
            "requests": sum(counts.values()),
            "seconds": round(self.seconds, 2),
            "requests_per_second": round(self.rate, 1),
            **percentiles(self.times[200]),
            "statuses": counts,
        }


def count_statuses(counts: Mapping[int, int]) -> dict[str, int]:
    """Return how often each status came, with names as in JSON."""
    return {str(status or "lost"): count for status, count in sorted(counts.items()) if count}


def percentiles(times: Sequence[float]) -> dict[str, float]:
    """Return the median, the 99th percentile and the longest of some times."""
    if not times:
        return {}
    p50, p99, longest = 1000 * np.percentile(times, [50, 99, 100])
    return {"p50_ms": round(p50, 2), "p99_ms": round(p99, 2), "max_ms": round(longest, 2)}


def make_requests(texts: int, count: int = 256) -> Iterator[bytes]:
    """Yield requests without end, each to tag so many texts of the sample corpus."""
    sentences = itertools.cycle(s.text for s in ner.read_sentences("sample:train"))
    made: list[bytes] = []
    for _ in range(count):
        body = json.dumps({"texts": list(itertools.islice(sentences, texts))}).encode()
        made.append(
            "POST /v1/tag HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n".encode()
            + body
        )
    return itertools.cycle(made)


async def closed_loop(
    address: Address,
    requests: Iterator[bytes],
    connections: int,
    seconds: float | None,
    count: int | None = None,
) -> Load:
    """Send a request on each connection as soon as the one before is answered."""
    result, begin = Load(), time.perf_counter()
    turns = iter(range(count)) if count is not None else itertools.count()

    async def keep_asking() -> None:
        connection = await connect(address)
        for _ in turns:
            if seconds is not None and time.perf_counter() - begin >= seconds:
                break
            if not connection.is_open:
                connection = await connect(address)
            await result.ask(connection, next(requests))
        connection.close()

    await asyncio.gather(*(keep_asking() for _ in range(connections)))
    result.seconds = time.perf_counter() - begin
    return result


async def open_loop(
    address: Address, requests: Iterator[bytes], rate: float, seconds: float
) -> Load:
    """Send so many requests a second, whether the ones before are answered or not."""
    result, begin = Load(), time.perf_counter()
    free: list[Connection] = []
    running: set[asyncio.Task[None]] = set()

    async def ask_once() -> None:
        connection = free.pop() if free else await connect(address)
        await result.ask(connection, next(requests))
        if connection.is_open:
            free.append(connection)

    sent = 0
    while (passed := time.perf_counter() - begin) < seconds:
        for _ in range(sent, int(passed * rate)):
            if len(running) >= MOST_CONNECTIONS:
                result.unsent += 1
            else:
                running.add(task := asyncio.create_task(ask_once()))
                task.add_done_callback(running.discard)
        sent = int(passed * rate)
        await asyncio.sleep(TICK)
    await asyncio.gather(*running)
    result.seconds = time.perf_counter() - begin
    for connection in free:
        connection.close()
    return result


def own_address(url: str) -> Address:
    """Return the address of a service on this machine.

    Raises:
        SystemExit: It is on another one.
    """
    with contextlib.suppress(OSError, ValueError):
        parts = urlsplit(url if "//" in url else f"//{url}")
        host, port = parts.hostname or "", parts.port or 80
        found = {entry[4][0] for entry in socket.getaddrinfo(host, port)}
        if host and all(ipaddress.ip_address(each).is_loopback for each in found):
            return host, port
    raise SystemExit(f"URL: must be of this machine, such as http://127.0.0.1:8000. Got {url!r}.")
