"""What the page shows of hostile texts, other tasks and errors, in a real browser."""

import json

import pytest

from tests.browser import Browser, find_chromium
from tests.evaluation.test_error_report_browser import CONTRAST

pytest.importorskip("fastapi")

import ner
from ner.data.html_view import Hues
from ner.service.app import make_app
from ner.service.metrics import Metrics
from ner.service.models import Models
from ner.service.settings import Settings
from tests.service.page_driver import click, open_page, replace_text, settled
from tests.service.page_server import FakeService, found_words, running, words

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="needs Chromium"),
]
EVIL = "<img/src=x/onerror=alert(1)>"
TURNED = "\u202eREP\u0007"
SCORES = {"Ada": (EVIL, 0.9), EVIL: (TURNED, 0.6), "שלום": ("PER", 0.8), "e\u0301": ("PER", 0.7)}
STATUS = "document.getElementById('status').textContent"
PROBLEM = "document.getElementById('problem').textContent"


def find_labels(body):
    """Label the words of a text as one, and punctuation as another."""
    (text,) = body["texts"]
    labels = ["NOUN" if each["text"].isalpha() else "X" for each in words(text)]
    found = [
        {**each, "label": label, "score": 0.75}
        for each, label in zip(words(text), labels, strict=True)
    ]
    return {"entities": [], "labels": found}


def classify(body):
    """Say "who" or "what", by the first word; offsets count code points."""
    places, start = [], 0
    for word in body["texts"][0].split():
        places.append({"start": start, "end": start + len(word), "weight": 0.5 if start else 0.2})
        start += len(word) + 1
    probabilities = {"what": 0.25, "who": 0.75}
    return {"labels": ["who"], "probabilities": probabilities, "attention": places}


def served(task, labels, find):
    service = FakeService(task, labels, find)
    with running(service.app) as service.address:
        yield service


@pytest.fixture(scope="module")
def hostile():
    yield from served("ner", [EVIL, TURNED, "PER"], lambda body: found_words(body, SCORES))


@pytest.fixture(scope="module")
def tagger():
    yield from served("tag", ["NOUN", "X"], find_labels)


@pytest.fixture(scope="module")
def classifier():
    yield from served("classify", ["what", "who"], classify)


@pytest.fixture(scope="module")
def browser():
    with Browser(find_chromium()) as opened:
        yield opened


def copied(browser, name):
    """Return what a button copies."""
    browser.evaluate(
        "window.copied = null; navigator.clipboard.writeText = async (text) => { copied = text; }"
    )
    click(browser, f"[data-format={name}]")
    browser.wait_until("window.copied !== null")
    return browser.evaluate("copied")


def test_texts_and_labels_are_never_html(browser, hostile):
    text = f"Ada {EVIL} \u202eשלום e\u0301 \U0001f6b2"
    open_page(browser, hostile, text)
    assert browser.evaluate("document.querySelectorAll('img').length") == 0
    assert browser.evaluate("document.getElementById('result').textContent") == text
    labels = browser.evaluate("[...document.querySelectorAll('mark')].map(m => m.dataset.label)")
    assert labels == [EVIL, "\\u202eREP\\u0007", "PER"]
    browser.evaluate("document.querySelectorAll('mark')[1].focus()")
    browser.evaluate("document.getElementById('forbid').click()")
    browser.wait_until("document.querySelectorAll('#chips li').length === 1")
    settled(browser, text)
    assert browser.evaluate("document.querySelectorAll('img').length") == 0
    assert browser.complaints == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param(
            "html",
            f'<p><mark title="{EVIL} 0.9000">Ada<sub>{EVIL}</sub></mark> &amp; &lt;b&gt;</p>\n',
            id="html",
        ),
        pytest.param("bio", f"Ada\tB-{EVIL}\n&\tO\n<b>\tO\n", id="bio"),
    ],
)
def test_a_text_is_copied(browser, hostile, name, expected):
    open_page(browser, hostile, "Ada & <b>")
    if name == "html":
        expected = expected.replace(EVIL, "&lt;img/src=x/onerror=alert(1)&gt;")
    assert copied(browser, name) == expected


def test_json_counts_code_points(browser, hostile):
    open_page(browser, hostile, "\U0001f6b2 Ada")
    assert json.loads(copied(browser, "json")) == {
        "model": "fake",
        "text": "\U0001f6b2 Ada",
        "entities": [{"start": 2, "end": 5, "label": EVIL, "score": 0.9, "text": "Ada"}],
    }
    assert browser.evaluate(STATUS) == "Copied as JSON."


def test_copies_lack_entities_below_the_lowest_score(browser, hostile):
    open_page(browser, hostile, "Ada e\u0301", hash_="#least=0.8")
    assert copied(browser, "bio") == f"Ada\tB-{EVIL}\ne\u0301\tO\n"


def test_labels_of_tokens_are_shown_and_copied(browser, tagger):
    open_page(browser, tagger, "Old clocks !")
    assert browser.evaluate("[...document.querySelectorAll('ruby')].map(r => r.innerText)") == [
        "Old\nNOUN",
        "clocks\nNOUN",
        "!\nX",
    ]
    assert copied(browser, "bio") == "Old\tNOUN\nclocks\tNOUN\n!\tX\n"
    assert copied(browser, "html").endswith(
        '<ruby title="X 0.7500">!<rt>X</rt></ruby></p>\n',
    )
    assert "required" not in tagger.requests[-1][1]
    assert not browser.evaluate("document.getElementById('threshold').checkVisibility()")


def test_classes_and_attention_are_shown_and_copied(browser, classifier):
    open_page(browser, classifier, "\U0001f6b2 who rides")
    bars = "[...document.querySelectorAll('#classes li')].map(e => e.innerText.split('\\n').join())"
    assert [bar.split(",")[0] for bar in browser.evaluate(bars)] == ["who", "what"]
    shades = "[...document.querySelectorAll('#result i')].map(e => [e.textContent, e.title])"
    assert browser.evaluate(shades) == [["\U0001f6b2", "20 %"], ["who", "50 %"], ["rides", "50 %"]]
    assert json.loads(copied(browser, "json"))["attention"][1] == {
        "start": 2,
        "end": 5,
        "weight": 0.5,
    }
    assert copied(browser, "html").startswith("<p><b>who</b> 0.7500</p>\n<p><span title=")
    assert not browser.evaluate("document.querySelector('[data-format=bio]').checkVisibility()")


def test_a_request_that_is_shed_is_sent_again(browser, hostile):
    open_page(browser, hostile, "Ada")
    hostile.refusals += [(429, "queue_full", {"Retry-After": "1"})] * 2
    count = len(hostile.requests)
    replace_text(browser, "Ada again")
    browser.wait_until(f"{STATUS}.includes('Trying again')")
    settled(browser, "Ada again")
    assert len(hostile.requests) == count + 3


def test_an_error_of_the_service_is_told_and_forgotten(browser, hostile):
    open_page(browser, hostile, "Ada")
    hostile.refusals += [(422, "invalid_spans", {})]
    replace_text(browser, "Ada or so")
    browser.wait_until(f"{PROBLEM}.startsWith('No reading of this text')")
    replace_text(browser, "Ada")
    settled(browser, "Ada")
    assert not browser.evaluate("document.getElementById('problem').checkVisibility()")


def test_a_key_is_asked_for_and_kept_out_of_the_address(browser, hostile):
    open_page(browser, hostile, "Ada")
    hostile.refusals += [(401, "unauthorized", {})]
    replace_text(browser, "Ada too")
    browser.wait_until("document.getElementById('key-form').checkVisibility()")
    browser.evaluate("document.getElementById('key').focus()")
    browser.write("secret")
    click(browser, "#key-form button")
    settled(browser, "Ada too")
    assert hostile.requests[-1][0]["authorization"] == "Bearer secret"
    stored = "[location.href, localStorage.length, sessionStorage.length, document.cookie]"
    assert browser.evaluate(stored) == [hostile.address, 0, 0, ""]


def test_a_server_that_is_gone_is_told(browser):
    service = FakeService("ner", ["PER"], lambda body: found_words(body, {}))
    with running(service.app) as service.address:
        open_page(browser, service, "Ada")
    replace_text(browser, "Nobody answers")
    browser.wait_until(f"{STATUS} === 'The server does not answer. Trying again …'")


def test_an_old_answer_does_not_replace_a_newer_one(browser, hostile):
    open_page(browser, hostile, "Ada")
    # The service holds the first answer back until the second one is there.
    browser.evaluate(
        "(() => { const real = fetch; let first = null; window.fetch = (path, options) => {"
        "const answer = real(path, { ...options, signal: undefined });"
        "if (first) return answer.finally(() => setTimeout(first, 50));"
        "return answer.then((found) => new Promise((done) => { first = () => done(found); }));"
        "}; })()"
    )
    replace_text(browser, "Nobody")
    browser.evaluate("new Promise((done) => setTimeout(done, 400))")
    replace_text(browser, "Ada Ada")
    settled(browser, "Ada Ada")
    browser.evaluate("new Promise((done) => setTimeout(done, 200))")
    assert browser.evaluate("document.querySelectorAll('mark').length") == 2


def test_the_page_asks_no_other_server(browser, hostile):
    browser.call("Network.enable")
    open_page(browser, hostile, "Ada")
    asked = [
        each["params"]["request"]["url"]
        for each in browser.events
        if each.get("method") == "Network.requestWillBeSent"
    ]
    assert len(asked) > 5
    assert [url for url in asked if not url.startswith(hostile.address)] == []
    browser.call("Network.disable")


# The colour of a label is that of generated content, of which the sum below knows nothing.
MARKS_CONTRAST = """
(() => {
  const light = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map(Number).reduce((sum, c, i) => {
    const share = c / 255;
    const linear = share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    return sum + [0.2126, 0.7152, 0.0722][i] * linear;
  }, 0);
  let least = 21;
  for (let hue = 0; hue < 360; hue += 10) {
    for (const mark of document.querySelectorAll("mark")) {
      mark.style.setProperty("--hue", hue);
      const ground = getComputedStyle(mark).backgroundColor;
      for (const top of [getComputedStyle(mark), getComputedStyle(mark, "::after")]) {
        const [a, b] = [light(top.color), light(ground)].sort((x, y) => y - x);
        least = Math.min(least, (a + 0.05) / (b + 0.05));
      }
    }
  }
  return least;
})()
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_page_fits_its_window_and_is_readable(browser, hostile, width, scheme):
    text = f"Ada {EVIL * 4} e\u0301 {'long' * 60}"
    open_page(browser, hostile, text, width=width, scheme=scheme, motion="reduce")
    browser.evaluate("document.querySelector('mark').focus()")
    browser.evaluate("document.querySelector('details').open = true")
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    box = browser.evaluate("document.getElementById('card').getBoundingClientRect().toJSON()")
    assert box["left"] >= 0
    assert box["right"] <= width
    assert browser.evaluate(CONTRAST) >= 4.5
    assert browser.evaluate(MARKS_CONTRAST) >= 4.5


def test_nothing_moves_for_those_who_want_that(browser, hostile):
    open_page(browser, hostile, "Ada", motion="reduce")
    moving = (
        "[...document.querySelectorAll('*')].map(e => getComputedStyle(e))"
        ".filter(s => s.animationName !== 'none' || s.transitionDuration !== '0s').length"
    )
    assert browser.evaluate(moving) == 0


def test_labels_have_the_colours_of_other_pages(browser, hostile):
    labels = ["PER", "ORG", "GPE", "LOC", "Wörk", "date", "time", "money", "art", "law", "x", "y"]
    hue = Hues()
    browser.visit(hostile.address)
    page = browser.evaluate(
        f"import('./page/colours.js').then(m => {json.dumps(labels)}.map(m.huesOf([])))"
    )
    assert page == [hue(label) for label in labels]


def test_the_page_works_with_a_real_service(browser):
    settings, metrics = Settings(), Metrics()
    models = Models({"en": "en"}, lambda name: ner.load(name, threads=1), settings, metrics)
    with running(make_app(models, settings, metrics)) as address:
        browser.visit(address)
        browser.wait_until("document.querySelector('#result[aria-busy=false] mark')")
        text = "\U0001f6b2 Ada Lovelace met the Bank of Norway."
        replace_text(browser, text)
        settled(browser, text)
        mark = "document.querySelector('mark[data-label=PER]')"
        assert browser.evaluate(f"{mark}.textContent") == "Ada Lovelace"
        browser.evaluate(f"{mark}.focus()")
        browser.wait_until("document.querySelector('#others:not([hidden]) button')")
        click(browser, "#forbid")
        browser.wait_until("document.querySelectorAll('#chips li').length === 1")
        settled(browser, text)
        assert browser.evaluate(f"{mark} === null")
        assert browser.complaints == []
    models.close()
