"""Services for a browser: one whose answers a test chooses, and what runs one in a thread."""

import contextlib
import socket
import threading

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from ner.service.page import add_page
from ner.service.schemas import ClassifyResponse, ModelsResponse, TagResponse


@contextlib.contextmanager
def running(app):
    """Run an application on a free port; yields its address."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join(30)


class FakeService:
    """A service with one model, which finds what a test says, in the shape of the real one.

    `find` gets the body of a request and returns the fields of its result. `refusals` are
    statuses, codes and headers with which the next requests are refused.
    """

    def __init__(self, task, labels, find):
        self.find, self.requests, self.refusals = find, [], []
        self.app = FastAPI()
        facts = {"name": "fake", "task": task, "labels": labels, "digest": "0" * 64}

        @self.app.get("/v1/models")
        async def models() -> ModelsResponse:
            return ModelsResponse(models=[{**facts, "default": True, "rules": []}])

        for path, kind in (("/v1/tag", TagResponse), ("/v1/classify", ClassifyResponse)):
            self.app.add_api_route(path, self._responder(kind), methods=["POST"])
        add_page(self.app)

    def _responder(self, kind):
        async def respond(request: Request):
            body = await request.json()
            self.requests.append((dict(request.headers), body))
            if self.refusals:
                status, code, headers = self.refusals.pop(0)
                error = {"code": code, "message": f"service: {code}."}
                return JSONResponse({"error": error}, status, headers)
            return kind(model="fake", results=[self.find(body)])

        return respond


def words(text):
    """Return the places of the words of a text, in UTF-16 units."""
    places, start = [], 0
    for word in text.split(" "):
        end = start + len(word.encode("utf-16-le")) // 2
        places.append({"start": start, "end": end, "text": word})
        start = end + 1
    return [each for each in places if each["text"]]


def found_words(body, scores):
    """Find each word that has a label and a score, in order, but for those that are forbidden.

    A word that is required has that label, and the score 1.
    """
    (text,) = body["texts"]
    required, forbidden = body["required"][0], body["forbidden"][0]
    entities = []
    for word in words(text):
        label, score = scores.get(word["text"], (None, 0.0))
        for each in required:
            if each["start"] == word["start"] and each["end"] == word["end"]:
                label, score = each["label"], 1.0
        if any(each["start"] == word["start"] and each["label"] == label for each in forbidden):
            label = None
        if label is not None:
            entities.append({**word, "label": label, "score": score})
    return {"entities": entities, "tokens": words(text)}
