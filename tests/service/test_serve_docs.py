"""What the page about the service says is so."""

import ast
import json
import re
from pathlib import Path

import pytest

pytest.importorskip("fastapi")

import ner.service
from ner.service.settings import Settings
from tests.service.running import client_of

PAGE = (Path(__file__).parents[2] / "docs" / "serve.md").read_text(encoding="utf-8")
EXAMPLES = [json.loads(text) for text in re.findall(r"```json\n(.*?)\n```", PAGE, re.DOTALL)]


def test_examples_are_requests_and_their_answers():
    answer, request, error = EXAMPLES
    with client_of({"en": "en"}) as client:
        body = re.search(r"-d '(.*)'", PAGE)[1]
        found = client.post("/v1/tag", json=json.loads(body)).json()
        for result in found["results"]:
            for entity in result["entities"]:
                entity["score"] = round(entity["score"], 3)
        assert found == answer
        (result,) = client.post("/v1/tag", json=request).json()["results"]
        assert len(result["nbest"]) == 2
        assert client.post("/v1/tag", json={"texts": ["a"], "lang": "en"}).json() == error


def codes(source):
    """Yield the codes of calls that begin with a status and a code."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and len(node.args) >= 3:
            first, second = (getattr(each, "value", None) for each in node.args[:2])
            if isinstance(first, int) and isinstance(second, str):
                yield second


def test_all_codes_and_no_others_are_listed():
    (table,) = re.findall(r"\| status \| codes \|\n(.*?)\n\n", PAGE, re.DOTALL)
    listed = set(re.findall(r"`([a-z_]+)`", table))
    sources = [
        path.read_text(encoding="utf-8") for path in Path(ner.service.__path__[0]).glob("*.py")
    ]
    assert all(any(f'"{code}"' in source for source in sources) for code in listed)
    raised = {code for source in sources for code in codes(source)}
    assert len(raised) > 12
    assert raised <= listed


def test_numbers_are_the_defaults():
    settings = Settings()
    for number in (settings.max_queue, settings.max_texts, f"{settings.max_tokens:,}"):
        assert f"| {number} |" in PAGE
    assert f"{settings.batch_tokens:,} tokens" in PAGE
    assert f"arrive within {settings.body_timeout:g} seconds" in PAGE
    assert f"{settings.max_buffered >> 20} MiB of all bodies" in PAGE
