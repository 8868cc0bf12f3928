"""What becomes of a request that finds the queues of all models full."""

import asyncio

import pytest

pytest.importorskip("fastapi")

from ner.service.api_keys import ApiKeys
from ner.service.gate import SHORT_BODY, Gate
from ner.service.metrics import Metrics
from ner.service.settings import Settings
from tests.service.running import make_service

JSON = (b"content-type", b"application/json")
CHUNKED = (b"transfer-encoding", b"chunked")


def length(size):
    return b"content-length", str(size).encode()


class Asked:
    """An application that is full, and notes who gets through, how far bodies were read, and why.

    Args:
        fills: Whether the queue is full from the start, or once a body was read.
    """

    def __init__(self, *, fills=False):
        self.reached, self.read, self.read_before_answer = False, 0, None
        self.sent = []
        full = (lambda: self.read > 0) if fills else (lambda: True)
        self.gate = Gate(self.app, Settings(), ApiKeys(None), Metrics(), ["/v1/tag"], full)

    async def app(self, scope, receive, send):
        self.reached = True

    async def receive(self):
        self.read += 1
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(self, message):
        if self.read_before_answer is None:
            self.read_before_answer = self.read
        self.sent.append(message)

    def ask(self, *headers):
        scope = {"type": "http", "path": "/v1/tag", "headers": list(headers)}
        asyncio.run(self.gate(scope, self.receive, self.send))
        return self

    @property
    def headers(self):
        return dict(self.sent[0]["headers"])


@pytest.mark.parametrize("fills", [pytest.param(False, id="full"), pytest.param(True, id="filled")])
def test_a_short_body_is_refused_unseen_and_its_connection_stays(fills):
    asked = Asked(fills=fills).ask(JSON, length(2))
    assert asked.sent[0]["status"] == 429 and b"queue_full" in asked.sent[1]["body"]
    assert asked.headers[b"retry-after"] == b"1" and b"connection" not in asked.headers
    assert (asked.reached, asked.read_before_answer) == (False, 1)
    assert asked.sent[-1]["more_body"] is False


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([length(SHORT_BODY + 1)], id="long"),
        pytest.param([CHUNKED], id="chunks"),
        pytest.param([length(2), (b"expect", b"100-continue")], id="asks first"),
    ],
)
def test_a_body_that_has_not_come_yet_is_refused_before_it_is_read(headers):
    asked = Asked().ask(JSON, *headers)
    assert asked.sent[0]["status"] == 429
    assert asked.headers[b"connection"] == b"close"
    assert (asked.reached, asked.read_before_answer) == (False, 0)


def test_a_request_without_a_body_is_answered():
    assert Asked().ask().reached


def test_a_service_is_full_once_all_of_its_models_are():
    models = make_service({"a": "en", "b": "en"}, max_queue=1).state.models
    for name in models:
        assert not models.are_full
        models[name].batches._waiting.append(None)
    assert models.are_full
