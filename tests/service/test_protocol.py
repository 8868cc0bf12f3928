"""Clients that do not read what they asked for."""

import asyncio
import contextlib

import pytest

pytest.importorskip("uvicorn")

import uvicorn
from uvicorn.server import ServerState

from ner.service.protocol import BoundedProtocol

# More than a system keeps for a client that does not read.
ANSWER = bytes(16 << 20)
REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


class Impatient(BoundedProtocol):
    """Waits for a client, but not long."""

    reading_seconds = 0.5


async def answer(scope, receive, send):
    headers = [(b"content-length", str(len(ANSWER)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER})


def run(client):
    """Run a client, which gets a reader, a writer and the connections of the server."""

    async def call():
        config = uvicorn.Config(answer, http=Impatient, ws="none", log_config=None)
        config.load()
        state = ServerState()
        server = await asyncio.get_running_loop().create_server(
            lambda: Impatient(config=config, server_state=state, app_state={}), "127.0.0.1", 0
        )
        async with server, asyncio.timeout(60):
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                await client(reader, writer, state.connections)
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    asyncio.run(call())


def test_a_client_that_does_not_read_its_answer_loses_its_connection():
    async def client(reader, writer, connections):
        writer.write(REQUEST)
        while not connections:
            await asyncio.sleep(0.01)
        while connections:
            await asyncio.sleep(0.01)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(len(ANSWER))

    run(client)


def test_a_client_that_reads_goes_on():
    async def client(reader, writer, connections):
        for _ in range(2):
            writer.write(REQUEST)
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(len(ANSWER))
        await asyncio.sleep(2 * Impatient.reading_seconds)
        assert len(connections) == 1

    run(client)
