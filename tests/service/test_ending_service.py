"""What becomes of requests when a service ends or loads a model, in one process and in several."""

import http.client
import json
import os
import shutil
import signal
import threading
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("fastapi")

import ner
from ner.installed import model_folder
from tests.service.running import TEXT, ner_serve, post, read_answer, served, with_settings

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs the signals of POSIX")

REQUEST = post(json.dumps({"texts": [TEXT]}).encode())


@pytest.fixture(scope="module")
def ended():
    """End a service that has requests in flight, and drains; returns what was seen."""
    seen = SimpleNamespace()
    with served(with_settings({"en": "en"}, drain_seconds=2, body_timeout=60)) as service:
        held = service.hold(20, texts=[TEXT])
        service.process.send_signal(signal.SIGTERM)
        service.wait_until(lambda: service.request("GET", "/readyz")[0] == 503)
        seen.ready = service.request("GET", "/readyz")
        seen.alive = service.request("GET", "/livez")
        with service.send(REQUEST) as connection:
            seen.new = http.client.HTTPResponse(connection)
            seen.new.begin()
            seen.new.read()
        service.wait_until(service.is_closed)
        seen.held = finish(held)
        seen.code, seen.lines = service.process.wait(60), service.lines
    return seen


def finish(connections):
    """Send the end of requests; returns their statuses."""
    for connection in connections:
        connection.sendall(REQUEST[-1:])
    return [read_answer(connection)[0] for connection in connections]


def test_requests_in_flight_are_answered_before_a_service_ends(ended):
    assert ended.held == [200] * 20
    assert ended.code == 0


def test_a_service_that_ends_says_that_it_is_not_ready_and_still_answers(ended):
    status, content = ended.ready
    assert (status, json.loads(content)["error"]["code"]) == (503, "draining")
    assert ended.alive == (200, '{"status":"ok"}')
    assert ended.new.status == 200
    # Whoever comes again opens another connection, to another process.
    assert ended.new.getheader("connection") == "close"


def test_an_end_is_no_error_in_the_log(ended):
    assert [line for line in ended.lines if line and "Serving on" not in line] == []


def test_a_request_that_takes_too_long_is_told_so_when_the_service_ends():
    words = with_settings({"en": "en"}, shutdown_seconds=1, body_timeout=60)
    with served(words) as service:
        held = service.hold(2, texts=[TEXT])
        service.process.send_signal(signal.SIGTERM)
        answers = [read_answer(connection) for connection in held]
        assert [status for status, _ in answers] == [503] * 2
        assert [content["error"]["code"] for _, content in answers] == ["ending"] * 2
        assert service.process.wait(60) == 1
    assert not any("Traceback" in line for line in service.lines)


@pytest.fixture
def folder(tmp_path):
    """Return the folder of a model, and that of one with other labels."""
    old, new = tmp_path / "names", tmp_path / "new"
    shutil.copytree(model_folder("en"), old)
    ner.rename(old, {"PER": "HUMAN"}, new)
    return old, new


def replace(old, new):
    """Put a model in the place of another one, as `ner train` does."""
    old.rename(old.with_name("gone"))
    new.rename(old)


@contextmanager
def asking(service):
    """Ask a service all the time; yields the statuses, to which each request adds one."""
    statuses, is_over = [], threading.Event()

    def ask():
        while not is_over.is_set():
            statuses.append(service.request("POST", "/v1/tag", {"texts": [TEXT]})[0])

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield statuses
    finally:
        is_over.set()
        thread.join()


def labels(service):
    """Return the labels of the entities that a service finds."""
    answer = json.loads(service.request("POST", "/v1/tag", {"texts": [TEXT]})[1])
    return {entity["label"] for entity in answer["results"][0]["entities"]}


def test_a_watched_model_is_replaced_without_a_lost_request(folder):
    with served(ner_serve(folder[0], "--watch", "0.1")) as service:
        assert labels(service) == {"PER", "LOC"}
        with asking(service) as statuses:
            replace(*folder)
            service.wait_for("takes the place of")
            assert labels(service) == {"HUMAN", "LOC"}
        assert set(statuses) == {200}
        assert service.end() == 0


def workers(service):
    """Return the numbers of the processes that answer for a service, where Linux tells them."""
    parent = service.process.pid
    listed = Path(f"/proc/{parent}/task/{parent}/children")
    if not listed.exists():
        return []
    numbers = listed.read_text().split()
    return [int(n) for n in numbers if b"spawn_main" in Path(f"/proc/{n}/cmdline").read_bytes()]


def test_several_processes_are_one_service(folder):
    with served(ner_serve(folder[0], "--workers", "2")) as service:
        for _ in range(20):
            assert service.request("POST", "/v1/tag", {"texts": [TEXT, TEXT]})[0] == 200
        # Whichever process answers, it knows the numbers of both.
        name = 'ner_texts_total{model="names"}'
        assert {service.metric(name) for _ in range(10)} == {40}

        with asking(service) as statuses:
            replace(*folder)
            service.process.send_signal(signal.SIGHUP)
            service.wait_until(lambda: sum("takes the place" in x for x in service.lines) == 2)
            assert all(labels(service) == {"HUMAN", "LOC"} for _ in range(10))
        assert set(statuses) == {200}

        for worker in workers(service)[:1]:
            os.kill(worker, signal.SIGKILL)
            service.wait_for("Another one takes its place")

        held = service.hold(20, texts=[TEXT])
        service.process.send_signal(signal.SIGTERM)
        service.wait_until(service.is_closed)
        assert finish(held) == [200] * 20
        assert service.process.wait(60) == 0
    assert not any("Traceback" in line for line in service.lines)
