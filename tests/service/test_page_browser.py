"""The page in a real browser, which needs Chromium, such as the package of Debian."""

import pytest

from tests.browser import Browser, find_chromium

pytest.importorskip("fastapi")

from tests.service.page_driver import click, open_page, settled
from tests.service.page_server import FakeService, found_words, running

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="needs Chromium"),
]
LABELS = ["LOC", "ORG", "PER"]
SCORES = {"Ada": ("PER", 0.9), "Paris": ("LOC", 0.6), "Acme": ("ORG", 0.4)}
TEXT = "Ada saw Paris and Acme"
OTHERS = [{"start": 8, "end": 13, "label": "PER", "score": 0.3, "text": "Paris"}]
# What is shown: the text, the label and the kind of each mark.
MARKS = "[...document.querySelectorAll('mark')].map(m => [m.textContent, m.dataset.label])"
COUNT = "document.querySelectorAll('mark').length"
CHIPS = "[...document.querySelectorAll('#chips li')].map(e => e.innerText.replace(/\\s+/g, ' '))"
KEYS = {"Enter": 13, "Escape": 27, "ArrowRight": 39, "ArrowLeft": 37, "Delete": 46, "Tab": 9}


def find(body):
    """Find what SCORES says; Paris may be a person, and perhaps is nothing."""
    found = found_words(body, SCORES)
    if body.get("nbest"):
        best = found["entities"]
        rest = [each for each in best if each["text"] != "Paris"]
        found["nbest"] = [
            {"probability": 0.6, "entities": best},
            {"probability": 0.3, "entities": rest + OTHERS},
            {"probability": 0.1, "entities": rest},
        ]
    return found


@pytest.fixture(scope="module")
def browser():
    with Browser(find_chromium()) as opened:
        yield opened


@pytest.fixture(scope="module")
def fake():
    service = FakeService("ner", LABELS, find)
    with running(service.app) as service.address:
        yield service


@pytest.fixture
def page(browser, fake):
    open_page(browser, fake, TEXT)
    return browser


def focus(browser, number):
    browser.evaluate(f"document.querySelectorAll('mark')[{number}].focus()")
    browser.wait_until("!document.getElementById('card').hidden")


def press(browser, key):
    browser.press(key, number=KEYS.get(key, ord(key[0].upper())))


def select(browser, start, end):
    browser.evaluate(
        f"document.getElementById('text').focus(), "
        f"document.getElementById('text').setSelectionRange({start}, {end})"
    )
    browser.wait_until("!document.getElementById('picker').hidden")


def test_entities_are_shown_as_the_text_is_typed(page):
    assert page.evaluate(MARKS) == [["Ada", "PER"], ["Paris", "LOC"], ["Acme", "ORG"]]
    page.write(" Ada")
    page.wait_until(f"{COUNT} === 4")
    assert page.evaluate("document.getElementById('status').textContent").startswith("4 entities")
    assert page.complaints == []


def test_offsets_are_those_of_javascript(page, fake):
    assert {body["offsets"] for _, body in fake.requests} == {"utf16"}
    text = "\U0001f6b2\U0001f468\u200d\U0001f469 Ada saw e\u0301 Paris"
    open_page(page, fake, text)
    assert page.evaluate(MARKS) == [["Ada", "PER"], ["Paris", "LOC"]]


def test_an_edit_keeps_marks_until_the_answer_is_there(page, fake):
    moved = page.evaluate(
        "(() => { const field = document.getElementById('text'); field.value = 'So ' + field.value;"
        f"field.dispatchEvent(new Event('input')); return {MARKS}; }})()"
    )
    assert moved == [["Ada", "PER"], ["Paris", "LOC"], ["Acme", "ORG"]]


def test_the_card_of_an_entity_shows_its_score_and_other_readings(page):
    focus(page, 1)
    page.wait_until("!document.getElementById('others').hidden")
    card = page.evaluate("document.getElementById('card').innerText").split()
    assert card == [
        "LOC",
        "Paris",
        "60",
        "%",
        "Keep",
        "Forbid",
        "Other",
        "readings",
        "PER",
        "Paris",
        "30",
        "%",
        "no",
        "entity",
        "10",
        "%",
    ]


def test_the_pointer_opens_the_card(page):
    x, y = page.evaluate(
        "(() => { const r = document.querySelector('mark').getBoundingClientRect();"
        "return [r.left + 5, r.top + 5]; })()"
    )
    page.move_pointer(x, y)
    page.wait_until("!document.getElementById('card').hidden")
    page.move_pointer(2, 2)
    page.wait_until("document.getElementById('card').hidden")
    page.move_pointer(x, y, click=True)
    page.wait_until("!document.getElementById('card').hidden")
    page.move_pointer(2, 2)


def test_a_forbidden_entity_is_gone_until_its_chip_is_removed(page, fake):
    focus(page, 1)
    click(page, "#forbid")
    page.wait_until(f"{COUNT} === 2")
    assert fake.requests[-1][1]["forbidden"] == [[{"start": 8, "end": 13, "label": "LOC"}]]
    assert page.evaluate(CHIPS) == ["Paris is not LOC ×"]
    click(page, "#chips button")
    page.wait_until(f"{COUNT} === 3")
    assert page.evaluate(CHIPS) == []


def test_a_kept_entity_is_sure_until_it_is_released(page, fake):
    focus(page, 2)
    click(page, "#keep")
    page.wait_until("document.querySelector('mark.required')")
    assert fake.requests[-1][1]["required"] == [[{"start": 18, "end": 22, "label": "ORG"}]]
    assert page.evaluate("document.querySelector('mark.required').ariaLabel") == (
        "Acme: ORG, 100 %, kept by you"
    )
    assert page.evaluate("document.activeElement.textContent") == "Acme"
    press(page, "Enter")
    click(page, "#release")
    page.wait_until("!document.querySelector('mark.required')")


def test_another_reading_can_be_chosen(page):
    focus(page, 1)
    page.wait_until("!document.getElementById('others').hidden")
    click(page, "#other-list button")
    page.wait_until("document.querySelector('mark.required')")
    assert page.evaluate(MARKS)[1] == ["Paris", "PER"]
    assert page.evaluate(CHIPS) == ["Paris is PER ×"]


def test_selected_words_get_a_label(page, fake):
    select(page, 5, 6)  # inside of "saw"
    names = page.evaluate(
        "[...document.querySelectorAll('#picker button')].map(e => e.innerText.split(/\\s/)[0])"
    )
    assert names == [*LABELS, "no"]
    click(page, "#picker button")
    page.wait_until(f"{COUNT} === 4")
    assert page.evaluate(MARKS)[1] == ["saw", "LOC"]
    assert fake.requests[-1][1]["required"] == [[{"start": 4, "end": 7, "label": "LOC"}]]


def test_selected_words_are_no_entity(page, fake):
    select(page, 0, 3)
    click(page, "#picker button:last-child")
    page.wait_until(f"{COUNT} === 2")
    forbidden = fake.requests[-1][1]["forbidden"][0]
    assert [each["label"] for each in forbidden] == LABELS
    assert page.evaluate(CHIPS) == ["Ada is not an entity ×"]


def test_words_are_selected_in_the_result(page):
    page.evaluate(
        "(() => { document.activeElement.blur(); const mark = document.querySelectorAll('mark')[1];"
        "getSelection().selectAllChildren(mark); })()"
    )
    page.wait_until("!document.getElementById('picker').hidden")
    assert page.evaluate("document.getElementById('picker-text').textContent") == "Paris"


def test_choices_move_with_the_text(page, fake):
    select(page, 4, 7)
    click(page, "#picker button")
    page.wait_until(f"{COUNT} === 4")
    page.evaluate("document.getElementById('text').setSelectionRange(0, 0)")
    page.write("So ")
    settled(page, f"So {TEXT}")
    page.wait_until(f"{COUNT} === 4")
    assert fake.requests[-1][1]["required"] == [[{"start": 7, "end": 10, "label": "LOC"}]]
    page.evaluate("document.getElementById('text').setSelectionRange(8, 8)")
    page.write("e")
    page.wait_until(f"{COUNT} === 3")
    assert page.evaluate(CHIPS) == []


def test_the_lowest_score_hides_entities(page, fake):
    before = len(fake.requests)
    page.evaluate(
        "(() => { const least = document.getElementById('least'); least.value = 0.5;"
        "least.dispatchEvent(new Event('input')); least.dispatchEvent(new Event('change')); })()"
    )
    assert page.evaluate(MARKS) == [["Ada", "PER"], ["Paris", "LOC"]]
    assert page.evaluate("document.querySelector('.faint').textContent") == "Acme"
    assert page.evaluate("location.hash") == "#least=0.5"
    assert len(fake.requests) == before


def test_the_address_says_the_lowest_score_and_nothing_of_the_text(browser, fake):
    open_page(browser, fake, TEXT, hash_="#least=0.7")
    assert browser.evaluate(MARKS) == [["Ada", "PER"]]
    assert browser.evaluate("location.href") == f"{fake.address}#least=0.7"


def test_all_is_done_by_keys(page):
    press(page, "Tab")  # out of the field, to the first example
    page.evaluate("document.querySelector('mark').focus()")
    press(page, "ArrowRight")
    assert page.evaluate("document.activeElement.textContent") == "Paris"
    page.wait_until("!document.getElementById('others').hidden")
    press(page, "Enter")
    assert page.evaluate("document.activeElement.id") == "keep"
    press(page, "Escape")
    assert page.evaluate("document.activeElement.textContent") == "Paris"
    press(page, "k")
    page.wait_until("document.querySelector('mark.required')")
    page.wait_until("document.activeElement.textContent === 'Paris'")
    press(page, "Delete")
    page.wait_until(f"{COUNT} === 2")
    assert page.evaluate(CHIPS) == ["Paris is not LOC ×"]
    select(page, 0, 3)
    page.press("2", code="Digit2", alt=True, number=50)
    page.wait_until("document.querySelector('mark.required')")
    assert page.evaluate(MARKS)[0] == ["Ada", "ORG"]


def test_everything_that_can_be_used_has_a_name(page):
    focus(page, 1)
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    roles = ("button", "slider", "combobox", "textbox", "link", "dialog", "group")
    unnamed = [
        node["role"]["value"]
        for node in nodes
        if not node["ignored"]
        and node.get("role", {}).get("value") in roles
        and not node.get("name", {}).get("value")
    ]
    assert unnamed == []
    assert page.evaluate("document.getElementById('status').getAttribute('role')") == "status"
