"""A running service and clients that misbehave: what they send is refused, within bounds."""

import concurrent.futures
import http.client
import json
import select
import socket
import time
from pathlib import Path

import pytest

pytest.importorskip("fastapi")

from ner.service.protocol import LONGEST_HEADERS
from tests.service.running import TEXT, post, read_answer, served, with_settings

SECONDS = 1.5
SECRET = "Oxymandias"
# A request that takes the model long enough for others to come meanwhile.
LONG = " ".join(["Ada Lovelace met Charles Babbage in London."] * 2500)
LARGE = b"x" * (LONGEST_HEADERS + 1000)
CHUNKED = "transfer-encoding: chunked"
REQUEST = post(json.dumps({"texts": [TEXT]}).encode())


@pytest.fixture(scope="module")
def service():
    with served(with_settings({"en": "en"}, body_timeout=SECONDS, max_queue=2)) as service:
        yield service


def code_of(answer):
    status, content = answer
    return status, content["error"]["code"]


@pytest.mark.parametrize(
    ("start", "piece", "code"),
    [
        pytest.param(post(b" " * 1000)[:-1000], b" ", "slow_body", id="body"),
        pytest.param(post(b"", headers=[CHUNKED]), b"1\r\n \r\n", "slow_body", id="chunks"),
        pytest.param(b"GET / HTTP/1.1\r\nx: ", b"y", "slow_headers", id="headers"),
        pytest.param(b"GET /", b"x", "slow_headers", id="address"),
    ],
)
def test_a_request_that_trickles_is_given_up(service, start, piece, code):
    begin = time.monotonic()
    with service.send(start) as connection:
        # A piece arrives again and again, so only the whole time can end it.
        while not select.select([connection], [], [], SECONDS / 10)[0]:
            assert time.monotonic() - begin < 60
            connection.sendall(piece)
        assert code_of(read_answer(connection)) == (408, code)


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400, "invalid_http", id="TLS"),
        pytest.param(b"GET / HTTP/9.9\r\n\r\n", 400, "invalid_http", id="version"),
        pytest.param(b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n", 404, "not_found", id="star"),
        pytest.param(b"GET /\xff HTTP/1.1\r\nhost: x\r\n\r\n", 400, "invalid_http", id="address"),
        pytest.param(
            b"POST /v1/tag HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
            400,
            "invalid_http",
            id="negative length",
        ),
        pytest.param(
            post(b"2\r\n{}\r\n0\r\n\r\n", headers=[CHUNKED, "content-length: 2"]),
            400,
            "invalid_http",
            id="two lengths",
        ),
        pytest.param(post(b"zz\r\n", headers=[CHUNKED]), 400, "invalid_http", id="size of a chunk"),
        pytest.param(b"GET / HTTP/1.1\r\nx: " + LARGE, 431, "headers_too_large", id="long"),
        pytest.param(
            b"GET / HTTP/1.1" + b"\r\nx: y" * (len(LARGE) // 6),
            431,
            "headers_too_large",
            id="many",
        ),
        pytest.param(b"GET /" + LARGE, 431, "headers_too_large", id="long address"),
    ],
)
def test_what_is_no_request_is_refused(service, content, status, code):
    assert code_of(read_answer(service.send(content))) == (status, code)


def memory(service):
    """Return the memory of a service in bytes; 0 where the system does not tell."""
    file = Path(f"/proc/{service.process.pid}/status")
    lines = file.read_text().splitlines() if file.exists() else []
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)


def test_a_large_body_without_a_length_takes_no_memory(service):
    chunk = b"%x\r\n" % (1 << 16) + b" " * (1 << 16) + b"\r\n"
    before = memory(service)
    with service.send(post(chunk * 320 + b"0\r\n\r\n", headers=[CHUNKED])) as connection:
        assert code_of(read_answer(connection)) == (413, "body_too_large")
    assert memory(service) - before < 8 << 20


def test_a_client_that_waits_for_a_word_is_refused_before_it_sends(service):
    headers = ["expect: 100-continue", f"content-length: {20 << 20}"]
    start = post(b"", headers=[*headers, CHUNKED]).replace(f"{CHUNKED}\r\n".encode(), b"")
    assert code_of(read_answer(service.send(start))) == (413, "body_too_large")


def test_a_whole_body_that_is_refused_ends_its_connection_at_once(service):
    start = "POST /v1/tag HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}"
    with service.send(start.encode()) as connection:
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert (answer.status, answer.getheader("connection")) == (415, "close")
        answer.read()
        begin = time.monotonic()
        assert connection.recv(1) == b""
        assert time.monotonic() - begin < 4  # not only after the time for the rest of a body


def test_requests_beyond_the_queue_are_refused_while_the_model_works(service):
    order = []

    def ask():
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
        headers = {"content-type": "application/json"}
        connection.request("POST", "/v1/tag", json.dumps({"texts": [LONG]}), headers)
        answer = connection.getresponse()
        order.append((answer.status, answer.getheader("retry-after")))
        connection.close()

    with concurrent.futures.ThreadPoolExecutor(6) as threads:
        for asked in [threads.submit(ask) for _ in range(6)]:
            asked.result()
    # What is refused does not wait for the model.
    assert order[0] == (429, "1")
    assert set(order) == {(200, None), (429, "1")}
    assert service.request("POST", "/v1/tag", {"texts": [TEXT]})[0] == 200


def descriptors(service):
    folder = Path(f"/proc/{service.process.pid}/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


def test_clients_that_go_away_leave_nothing_behind(service):
    before = descriptors(service)
    for content in (b"", b"GET / HT", REQUEST[:-1], post(b"1\r\n", headers=[CHUNKED])):
        for connection in [service.send(content) for _ in range(10)]:
            connection.close()
    for connection in [service.send(REQUEST) for _ in range(10)]:
        # With an unread answer, or before it: a reset.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
    service.wait_until(lambda: service.metric("ner_requests_in_flight") == 1)
    service.wait_until(lambda: descriptors(service) <= before)


def test_no_text_is_logged(service):
    for body in (
        {"texts": [SECRET], "unknown": SECRET},
        {"texts": [SECRET], "model": SECRET},
        {"texts": [SECRET], "min_score": {SECRET: 1}},
        {"texts": [SECRET], "required": [[{"start": 0, "end": 1, "label": SECRET}]]},
        {"texts": [SECRET], "offsets": SECRET},
        {"texts": {SECRET: SECRET}},
    ):
        assert service.request("POST", "/v1/tag", body)[0] in (404, 422)
    assert service.request("POST", f"/{SECRET}", {"texts": [SECRET]})[0] == 404
    assert read_answer(service.send(post(b'{"texts":["' + SECRET.encode())))[0] == 400
    assert read_answer(service.send(f"{SECRET}\r\n\r\n".encode()))[0] == 400
    assert SECRET not in service.request("GET", "/metrics")[1]
    assert not any(SECRET in line or "Traceback" in line for line in service.lines)
