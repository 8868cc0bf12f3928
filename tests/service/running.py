"""Services for tests: in this process, or `ner serve` in processes of its own."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from functools import partial

from fastapi.testclient import TestClient

import ner
from ner.service.app import make_app
from ner.service.metrics import Metrics
from ner.service.models import Models
from ner.service.settings import Settings

TEXT = "Ada Lovelace was born in London."


load = partial(ner.load, threads=1)


def make_service(sources, **settings):
    """Make the application of a service."""
    chosen, metrics = Settings(**settings), Metrics()
    return make_app(Models(sources, load, chosen, metrics), chosen, metrics)


@contextlib.contextmanager
def client_of(sources, **settings):
    """Yield a client of a service in this process."""
    with TestClient(make_service(sources, **settings)) as client:
        yield client


# Serves in a process of its own, with settings for which `ner serve` has no option.
WITH_SETTINGS = """
import sys, json
from functools import partial
import ner
from ner.messages import shown
from ner.service.processes import Service, run_service
from ner.service.server import bind
from ner.service.settings import Settings

sources, settings = json.loads(sys.argv[1])
service = Service(sources, partial(ner.load, threads=1), Settings(**settings))
with shown(on_stderr=True), bind("127.0.0.1", 0) as listener:
    sys.exit(run_service(service, listener, 1))
"""


def ner_serve(*arguments):
    """Return the words that start `ner serve` with some arguments, on a free port."""
    return ["-m", "ner", "serve", *map(str, arguments), "--port", "0"]


def with_settings(sources, **settings):
    """Return the words that start a service with some settings."""
    return ["-c", WITH_SETTINGS, json.dumps([sources, settings])]


class Served:
    """A service in a process of its own.

    Args:
        words: What Python runs.
    """

    def __init__(self, words):
        self.process = subprocess.Popen(
            [sys.executable, *words],
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "error"},
        )
        self.lines = []
        self.changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()
        found = re.search(r"http://127.0.0.1:(\d+)", self.wait_for("Serving on"))
        self.port = int(found[1])

    def _read(self):
        for line in self.process.stderr:
            with self.changed:
                self.lines.append(line)
                self.changed.notify_all()
        with self.changed:
            self.lines.append("")
            self.changed.notify_all()

    def wait_for(self, words, seconds=60):
        """Return the first line with some words."""
        with self.changed:
            came = self.changed.wait_for(lambda: any(words in x for x in self.lines), seconds)
            assert came, f"{words!r} is not in {self.lines}"
            return next(line for line in self.lines if words in line)

    def request(self, method, path, body=None):
        """Return the status and the content of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            headers = {"content-type": "application/json"}
            content = None if body is None else json.dumps(body).encode()
            connection.request(method, path, content, headers)
            response = connection.getresponse()
            return response.status, response.read().decode()

    def is_ready(self):
        """Whether it answers; processes accept connections one by one."""
        with contextlib.suppress(OSError):
            return self.request("GET", "/readyz")[0] == 200
        return False

    def send(self, content):
        """Open a connection, and send the first bytes."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        connection.sendall(content)
        return connection

    def metric(self, name):
        """Return a number of `/metrics`."""
        lines = self.request("GET", "/metrics")[1].splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))

    def wait_until(self, condition):
        """Wait until something about the service holds."""
        end = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.02)

    def hold(self, count, **body):
        """Send all of some requests but their end; returns the connections, once all have begun."""
        content = post(json.dumps(body).encode())
        connections = [self.send(content[:-1]) for _ in range(count)]
        # The request for the number is one of them.
        self.wait_until(lambda: self.metric("ner_requests_in_flight") == count + 1)
        return connections

    def is_closed(self):
        """Whether it accepts no connection any more."""
        try:
            self.send(b"").close()
        except ConnectionRefusedError:
            return True
        return False

    def end(self, number=signal.SIGTERM):
        """End it by a signal; returns its exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)


@contextlib.contextmanager
def served(words):
    """Yield a running service, and end it."""
    service = Served(words)
    try:
        service.wait_until(service.is_ready)
        yield service
    finally:
        if service.process.poll() is None:
            service.process.kill()
        service.process.wait()
        service.process.stderr.close()


def post(content, path="/v1/tag", headers=()):
    """Return the bytes of a request."""
    lines = [f"POST {path} HTTP/1.1", "host: x", "content-type: application/json", *headers]
    if not any(line.startswith("transfer-encoding") for line in headers):
        lines.append(f"content-length: {len(content)}")
    return "\r\n".join([*lines, "", ""]).encode() + content


def read_answer(connection):
    """Return the status and the content of the answer on a connection, and close it."""
    with connection:
        response = http.client.HTTPResponse(connection)
        response.begin()
        return response.status, json.loads(response.read())
