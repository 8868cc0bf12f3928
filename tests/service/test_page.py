"""How the page is served: its files, and what a browser may do with them."""

import re
from importlib.resources import files

import pytest

pytest.importorskip("fastapi")

from fastapi import FastAPI
from fastapi.testclient import TestClient

from ner.service.page import add_page

FILES = files("ner.service").joinpath("page_files")
SCRIPTS = [each for each in FILES.iterdir() if each.name.endswith(".js")]
SOURCES = {each.name: each.read_text(encoding="utf-8") for each in FILES.iterdir()}


@pytest.fixture(scope="module")
def client():
    app = FastAPI()
    add_page(app)
    return TestClient(app)


def test_the_page_and_all_that_it_names_is_served(client):
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    named = re.findall(r'(?:src|href)="([^#"]+)"', page.text)
    named += [f"page/{name}" for s in SOURCES.values() for name in re.findall(r'"\./(.+?)"', s)]
    assert len(named) >= 4
    assert [name for name in named if client.get(f"/{name}").status_code != 200] == []


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        pytest.param("page.js", "text/javascript; charset=utf-8", id="script"),
        pytest.param("page.css", "text/css; charset=utf-8", id="style"),
        pytest.param("icon.svg", "image/svg+xml", id="picture"),
    ],
)
def test_a_file_has_its_type(client, name, media_type):
    answer = client.get(f"/page/{name}")
    assert answer.headers["content-type"] == media_type
    assert answer.content == FILES.joinpath(name).read_bytes()


@pytest.mark.parametrize(
    "address", ["/", "/page/page.js", "/page/icon.svg"], ids=["page", "script", "picture"]
)
def test_a_browser_is_allowed_nothing_but_our_own_files(client, address):
    headers = client.get(address).headers
    policy = dict(each.split(" ", 1) for each in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "name",
    ["../page.py", "%2e%2e/page.py", "index.html", "", "none.js"],
    ids=["above", "above, encoded", "page", "folder", "unknown"],
)
def test_nothing_else_is_served(client, name):
    assert client.get(f"/page/{name}").status_code == 404


def test_the_page_is_no_part_of_the_described_interface(client):
    assert client.get("/openapi.json").json()["paths"] == {}


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_no_file_names_another_server(name):
    addresses = re.findall(r"(?:https?:)?//[\w.-]+\.\w+", SOURCES[name])
    assert [each for each in addresses if each != "http://www.w3.org"] == []


@pytest.mark.parametrize("name", sorted(each.name for each in SCRIPTS))
def test_no_script_writes_html(name):
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function"
    assert re.findall(forbidden, SOURCES[name]) == []


def test_the_page_has_nothing_inline():
    page = SOURCES["index.html"]
    assert "<style" not in page
    assert re.findall(r"\s(?:style|on\w+)=", page) == []
    assert re.findall(r"<script(?![^>]*\ssrc=)", page) == []
