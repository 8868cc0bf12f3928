"""Limits, keys and bad bodies: each gets its answer, and no memory beyond its limit."""

import asyncio
import inspect
import json
import logging

import pytest

pytest.importorskip("fastapi")

from fastapi.routing import APIRoute

from ner.errors import ConfigError
from ner.service.api_keys import ApiKeys
from tests.service.running import TEXT, client_of, make_service

KEY, OTHER_KEY = "a-key-of-the-service", "another-key-of-the-service"
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def client():
    with client_of({"en": "en"}) as client:
        yield client


BAD_BODIES = [
    pytest.param(b"", 400, "invalid_json", id="nothing"),
    pytest.param(b"{", 400, "invalid_json", id="half an object"),
    pytest.param(b"NaN", 422, "invalid_value", id="NaN alone"),
    pytest.param(b'{"texts":["a"],"min_score":NaN}', 422, "invalid_value", id="NaN"),
    pytest.param(b'{"texts":["a"],"min_score":1e999}', 422, "invalid_value", id="infinity"),
    pytest.param(b"[" * 200_000, 400, "invalid_json", id="deep lists"),
    pytest.param(b'{"texts":' * 100_000, 400, "invalid_json", id="deep objects"),
    pytest.param(b'{"texts":["\xff\xfe"]}', 400, "invalid_json", id="no UTF-8"),
    pytest.param(b'{"texts":["\\ud800"]}', 400, "invalid_json", id="lone surrogate"),
    pytest.param(b'{"texts":["\xed\xa0\x80"]}', 400, "invalid_json", id="surrogate in UTF-8"),
    pytest.param(b'{"texts":"a"}', 422, "invalid_value", id="text in place of a list"),
    pytest.param(b'{"texts":[1]}', 422, "invalid_value", id="number in place of a text"),
    pytest.param(b'{"texts":[]}', 422, "invalid_value", id="no texts"),
    pytest.param(b"{}", 422, "invalid_value", id="no field"),
    pytest.param(b"[]", 422, "invalid_value", id="list"),
    pytest.param(b"null", 422, "invalid_value", id="null"),
    pytest.param(b'{"texts":["a"],"x":1}', 422, "unknown_field", id="unknown field"),
    pytest.param(b'{"texts":["a"],"nbest":"2"}', 422, "invalid_value", id="number as a string"),
    pytest.param(b'{"texts":["a"],"nbest":0}', 422, "invalid_value", id="zero taggings"),
    pytest.param(b'{"texts":["a"],"nbest":true}', 422, "invalid_value", id="true as a number"),
    pytest.param(b'{"texts":["a"],"offsets":"x"}', 422, "invalid_value", id="unknown unit"),
    pytest.param(
        b'{"texts":["a"],"nbest":' + b"9" * 100_000 + b"}", None, None, id="endless number"
    ),
    pytest.param(b"\xef\xbb\xbf{}", 400, "invalid_json", id="byte order mark"),
]


@pytest.mark.parametrize("route", ["tag", "classify"])
@pytest.mark.parametrize(("body", "status", "code"), BAD_BODIES)
def test_a_bad_body_is_refused_with_a_stable_code(client, route, body, status, code):
    if route == "classify" and b'["a"]' in body and status == 422:
        status, code = 422, "unknown_field"
    response = client.post(f"/v1/{route}", content=body, headers=JSON)
    error = response.json()["error"]
    if status is None:
        assert response.status_code in (400, 422)
    else:
        assert (response.status_code, error["code"]) == (status, code)
    assert set(error) == {"code", "message"}
    assert len(error["message"]) < 300 and "\n" not in error["message"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "code"),
    [
        pytest.param("GET", "/nowhere", {}, 404, "not_found", id="unknown path"),
        pytest.param("DELETE", "/v1/tag", {}, 405, "method_not_allowed", id="wrong method"),
        pytest.param(
            "POST",
            "/v1/tag",
            {"content-type": "text/plain"},
            415,
            "unsupported_media_type",
            id="wrong type",
        ),
        pytest.param(
            "POST",
            "/v1/tag",
            {**JSON, "content-encoding": "gzip"},
            415,
            "unsupported_media_type",
            id="packed",
        ),
    ],
)
def test_other_mistakes_are_json_too(client, method, path, headers, status, code):
    content = b"{}" if method == "POST" else None
    response = client.request(method, path, content=content, headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)


class Sender:
    """What sends a request to an application in pieces, and keeps the answer."""

    def __init__(self, pieces, headers=(), path="/v1/tag", delay=0.0):
        self.pieces, self.delay, self.taken = iter(pieces), delay, 0
        self.sent = []
        own = [(b"content-type", b"application/json"), (b"transfer-encoding", b"chunked")]
        self.scope = {
            "type": "http", "method": "POST", "path": path, "raw_path": path.encode(),
            "query_string": b"", "headers": [*own, *headers], "http_version": "1.1",
            "scheme": "http", "root_path": "", "server": ("x", 80), "client": ("x", 1),
        }  # fmt: skip

    async def receive(self):
        await asyncio.sleep(self.delay)
        piece = next(self.pieces, None)
        if piece is None:
            return {"type": "http.request", "body": b"", "more_body": False}
        self.taken += len(piece)
        return {"type": "http.request", "body": piece, "more_body": True}

    async def send(self, message):
        self.sent.append(message)

    def answer(self):
        return self.sent[0]["status"], json.loads(b"".join(m.get("body", b"") for m in self.sent))


def send(app, *senders):
    async def call():
        await asyncio.gather(*(app(s.scope, s.receive, s.send) for s in senders))

    asyncio.run(call())
    return [s.answer() for s in senders]


def test_a_large_body_without_a_length_is_refused_before_it_is_read():
    app = make_service({"en": "en"})
    sender = Sender(iter([bytes(1 << 16)] * 320))
    seen = []

    async def note(message):
        seen.append((message["type"], sender.taken))
        sender.sent.append(message)

    sender.send = note
    ((status, body),) = send(app, sender)
    assert (status, body["error"]["code"]) == (413, "body_too_large")
    # It was answered after one piece too many; what follows is thrown away.
    assert seen[0][1] <= (1 << 20) + (1 << 16)
    assert sender.taken == 320 << 16


def test_an_endless_body_is_not_read_for_ever():
    def pieces():
        while True:
            yield bytes(1 << 20)

    sender = Sender(pieces())
    ((status, _),) = send(make_service({"en": "en"}), sender)
    assert status == 413
    assert sender.taken < 80 << 20


def test_a_slow_body_is_given_up():
    sender = Sender([b"{"] * 100, delay=0.02)
    ((status, body),) = send(make_service({"en": "en"}, body_timeout=0.1), sender)
    assert (status, body["error"]["code"]) == (408, "slow_body")


def test_bodies_of_all_requests_together_have_a_limit():
    app = make_service({"en": "en"}, max_buffered=150, max_body=100)
    bodies = [[b" " * 60, json.dumps({"texts": ["a"]}).encode()] for _ in range(4)]
    found = send(app, *(Sender(body, delay=0.01) for body in bodies))
    statuses = [status for status, _ in found]
    assert 429 in statuses and 200 in statuses
    # What was given back can be used again.
    assert send(app, Sender(bodies[0]))[0][0] == 200


def test_somebody_who_has_gone_gets_no_answer(caplog):
    async def receive():
        return {"type": "http.disconnect"}

    app, sender = make_service({"en": "en"}), Sender([])
    asyncio.run(app(sender.scope, receive, sender.send))
    assert sender.sent == [] and caplog.records == []


@pytest.fixture
def key_file(tmp_path):
    file = tmp_path / "keys"
    file.write_text(f"# of a team\n{KEY}\n\n{OTHER_KEY}\n")
    return file


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 401, id="no key"),
        pytest.param({"authorization": f"Bearer {KEY}"}, 200, id="bearer"),
        pytest.param({"authorization": f"Bearer {OTHER_KEY}"}, 200, id="second key"),
        pytest.param({"authorization": f"bearer  {KEY} "}, 200, id="blanks"),
        pytest.param({"x-api-key": KEY}, 200, id="own header"),
        pytest.param({"authorization": "Bearer # of a team"}, 401, id="comment"),
        pytest.param({"authorization": f"Bearer {KEY[:-1]}"}, 401, id="start of a key"),
        pytest.param({"authorization": "Bearer "}, 401, id="empty key"),
        pytest.param({"authorization": "Basic %%%"}, 401, id="no base64"),
        pytest.param({"x-api-key": b"\xff\xff"}, 401, id="bytes"),
    ],
)
def test_requests_need_a_key_of_the_file(key_file, headers, status):
    with client_of({"en": "en"}, api_key_file=key_file) as client:
        response = client.post("/v1/tag", json={"texts": [TEXT]}, headers=headers)
        assert response.status_code == status
        if status == 401:
            assert response.json()["error"]["code"] == "unauthorized"
            assert "Bearer" in response.headers["www-authenticate"]


def test_a_key_can_be_a_password_and_health_needs_none(key_file):
    with client_of({"en": "en"}, api_key_file=key_file) as client:
        assert client.get("/v1/models", auth=("any", KEY)).status_code == 200
        assert client.get("/v1/models", auth=("any", "wrong")).status_code == 401
        assert client.get("/metrics").status_code == 401
        for path in ("/livez", "/readyz", "/openapi.json"):
            assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, "must be a file of keys", id="no file"),
        pytest.param(b"# none\n", "must have a key on a line. Got none.", id="no key"),
        pytest.param(b"short\n", "must have at least 16 characters. Got one of 5.", id="short"),
        pytest.param(b"\xff" * 20, "Got another encoding than ascii", id="bytes"),
    ],
)
def test_a_file_without_good_keys_is_refused(tmp_path, content, message):
    file = tmp_path / "keys"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        ApiKeys(file)


def test_keys_are_read_again_and_stay_where_that_fails(key_file):
    keys = ApiKeys(key_file)
    new = "a-new-key-of-the-service"
    key_file.write_text(new)
    keys.reload()
    assert keys.accept("/v1/tag", [(b"x-api-key", new.encode())])
    assert not keys.accept("/v1/tag", [(b"x-api-key", KEY.encode())])
    key_file.write_text("")
    with pytest.raises(ConfigError):
        keys.reload()
    assert keys.accept("/v1/tag", [(b"x-api-key", new.encode())])


def test_a_failing_model_spoils_no_other_request_and_no_text_is_logged(caplog, monkeypatch):
    app = make_service({"en": "en"})
    predictor = app.state.models["en"].predictor
    read = type(predictor).read

    def fail_on_secret(self, text):
        if "secret" in text:
            raise RuntimeError(f"cannot read {text}")
        return read(self, text)

    monkeypatch.setattr(type(predictor), "read", fail_on_secret)
    bodies = [json.dumps({"texts": [text]}).encode() for text in (TEXT, "A secret.", TEXT)]
    with caplog.at_level(logging.DEBUG):
        good, failed, other = send(app, *(Sender([body]) for body in bodies))
    assert good == other and good[0] == 200
    assert failed[0] == 500
    assert "secret" not in json.dumps(failed[1]) and "secret" not in caplog.text
    assert "RuntimeError at" in caplog.text


def test_nothing_of_an_application_runs_in_threads_of_its_framework():
    """There would be up to 40 of them, which take turns with the thread of the model."""
    app = make_service({"en": "en"})
    functions = [route.endpoint for route in app.routes if isinstance(route, APIRoute)]
    functions += app.exception_handlers.values()
    assert len(functions) > 10
    assert [f for f in functions if not inspect.iscoroutinefunction(f)] == []


def test_metrics_count_requests_by_their_routes(client):
    client.post("/v1/tag", json={"texts": [TEXT]})
    client.get("/some/unknown/path")
    text = client.get("/metrics").text
    assert 'ner_requests_total{path="/v1/tag",status="200"}' in text
    assert 'ner_requests_total{path="other",status="404"}' in text
    assert 'ner_tokens_total{model="en"}' in text
    assert "unknown" not in text
