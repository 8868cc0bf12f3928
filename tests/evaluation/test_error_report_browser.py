"""The error report in a real browser, which needs Chromium, such as the package of Debian."""

import json

import pytest

from tests.browser import Browser, find_chromium
from tests.evaluation.error_pages import whole_page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="needs Chromium"),
]
SHOWN = "[...document.querySelectorAll('#list > li')].filter(e => e.checkVisibility())"
NUMBERS = f"{SHOWN}.map(e => Number(e.dataset.number))"
# What the page does after an event is done by then.
LATER = "new Promise(done => setTimeout(done, 50)).then(() => null)"
# All errors, the most confident ones first: those of the sentences of PAIRS, counted from 1.
ALL = [7, 1, 5, 2, 4, 3, 6]


@pytest.fixture(scope="module")
def browser():
    with Browser(find_chromium()) as opened:
        yield opened


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(whole_page(), encoding="utf-8")
    return path


def fill(name, value, event="input"):
    """Write what enters a value into a field of the form."""
    field = f"document.forms[0].elements[{json.dumps(name)}]"
    change = f"{field}.value = {json.dumps(value)}"
    return f"{change}; {field}.dispatchEvent(new Event({json.dumps(event)}, {{bubbles: true}}))"


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        pytest.param("", ALL, id="none"),
        pytest.param("#class=missed", [6], id="class"),
        pytest.param("#class=boundary+and+type", [3], id="class of several words"),
        pytest.param("#type=PER", [1, 5, 6], id="type"),
        pytest.param("#type=PER&class=missed", [6], id="type and class"),
        pytest.param("#confusion=LOC+as+PER", [1], id="confusion"),
        pytest.param("#score=0.7", [7, 1, 5, 2], id="score"),
        pytest.param("#text=11", [2], id="place"),
        pytest.param("#text=2+loc,+1+org", [1, 4, 3], id="training"),
        pytest.param("#sort=place", sorted(ALL), id="order"),
        pytest.param("#type=ORG&sort=place", [2, 3, 4], id="type and order"),
        pytest.param("#class=nothing", ALL, id="unknown value"),
        pytest.param("#figures", ALL, id="section"),
    ],
)
def test_the_address_filters_the_list(browser, report, filters, numbers):
    browser.open(report, filters)
    assert browser.evaluate(NUMBERS) == numbers
    count = browser.evaluate("document.getElementById('count').textContent")
    assert count == f"{len(numbers)} of 7 errors"
    assert browser.complaints == []


def test_fields_filter_the_list_and_the_address_follows(browser, report):
    browser.open(report)
    browser.evaluate(fill("type", "ORG"))
    browser.evaluate(fill("score", "0.5"))
    assert browser.evaluate(NUMBERS) == [2, 4]
    assert browser.evaluate("location.hash") == "#type=ORG&score=0.5"
    browser.evaluate(fill("text", "BANK OF"))
    assert browser.evaluate(NUMBERS) == [2, 4]
    browser.evaluate(fill("text", "nothing"))
    assert browser.evaluate(NUMBERS) == []
    browser.evaluate("document.querySelector('button').click()")
    browser.evaluate(LATER)
    assert browser.evaluate(NUMBERS) == ALL


def test_a_count_is_a_link_to_its_errors(browser, report):
    browser.open(report)
    browser.evaluate("document.querySelector('.map a').click()")
    browser.evaluate(LATER)
    assert browser.evaluate(NUMBERS) == [1]
    assert browser.evaluate("document.forms[0].elements.confusion.value") == "LOC as PER"


def test_without_scripts_the_list_is_whole_and_has_no_form(browser, report):
    browser.open(report, "#class=missed", scripts=False)
    assert browser.evaluate(NUMBERS) == ALL
    assert not browser.evaluate("document.forms[0].checkVisibility()")
    assert browser.evaluate("document.querySelector('noscript p').checkVisibility()")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_page_fits_narrow_and_wide_screens(browser, report, width, scheme):
    browser.open(report, width=width, scheme=scheme)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width


# Composes the colours behind a text, and compares them as WCAG 2 does.
CONTRAST = """
(() => {
  const rgba = (text) => {
    const parts = text.match(/[\\d.]+/g).map(Number);
    return parts.length === 3 ? [...parts, 1] : parts;
  };
  const over = (top, below) => below.map((c, i) => i < 3 ? top[i] * top[3] + c * (1 - top[3]) : 1);
  const ground = (e) => {
    const own = rgba(getComputedStyle(e).backgroundColor);
    return own[3] === 1 || !e.parentElement ? own : over(own, ground(e.parentElement));
  };
  const light = (colour) => colour.slice(0, 3).reduce((sum, c, i) => {
    const share = c / 255;
    const linear = share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    return sum + [0.2126, 0.7152, 0.0722][i] * linear;
  }, 0);
  let least = 21;
  for (const e of document.body.querySelectorAll("*")) {
    const text = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!text || !e.checkVisibility() || e.closest("svg, script, noscript")) continue;
    const pair = [rgba(getComputedStyle(e).color), ground(e)].map(light).sort((a, b) => b - a);
    least = Math.min(least, (pair[0] + 0.05) / (pair[1] + 0.05));
  }
  return least;
})()
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_enough_contrast(browser, report, scheme):
    browser.open(report, scheme=scheme)
    assert browser.evaluate(CONTRAST) >= 4.5
