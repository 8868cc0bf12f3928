import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.data.sentence import Prediction, Sentence
from ner.errors import ConfigError
from ner.inference.attention_view import (
    RESET,
    SHADES,
    html_page,
    shade_html,
    shade_terminal,
    token_weights,
)

TEXT = "  It\u2019s  <b>very</b>\n\tgood & \U0001f600 cheap!  "
ESCAPE = re.compile("\x1b\\[[0-9;]*m")


def cut(text):
    """Cut a text at runs of letters and at single other characters."""
    found = list(re.finditer(r"\w+|[^\w\s]", text))
    return Sentence([match[0] for match in found], text, [match.span() for match in found])


def even(sentence):
    return [1 / len(sentence)] * len(sentence)


class Reader(HTMLParser):
    """Read a fragment or a page back: its tags, its text, and the text of each mark."""

    def __init__(self, content):
        super().__init__()
        self.tags, self.text, self.marks = [], "", []
        self.feed(content)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "mark":
            self.marks.append([dict(attrs), ""])

    def handle_endtag(self, tag):
        self.tags.append("/" + tag)

    def handle_data(self, data):
        self.text += data
        if self.tags[-1:] == ["mark"]:
            self.marks[-1][1] += data


@given(st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"]), max_size=30))
def test_all_of_a_text_is_shown_and_all_tokens_are_marked(text):
    sentence = cut(text)
    weights = even(sentence) if len(sentence) else []
    assert ESCAPE.sub("", shade_terminal(sentence, weights)) == sentence.text
    read = Reader(shade_html(sentence, weights))
    assert read.text == sentence.text
    assert tuple(shown for _, shown in read.marks) == sentence.tokens
    assert set(read.tags) <= {"p", "/p", "mark", "/mark"}


def test_shades_grow_with_weights_and_the_heaviest_token_has_the_full_one():
    sentence = Sentence(["a", "b", "c", "d"])
    shown = shade_terminal(sentence, [0.4, 0.0, 0.2, 0.012])
    full, half = (f"\x1b[48;5;{SHADES[i]};38;5;16m" for i in (6, 3))
    assert shown == f"{full}a{RESET} b {half}c{RESET} d"
    marks = Reader(shade_html(sentence, [0.4, 0.0, 0.2, 0.012])).marks
    assert [mark["title"] for mark, _ in marks] == ["0.4000", "0.0000", "0.2000", "0.0120"]
    strengths = [re.findall(r"[\d.]+", mark["style"])[-1] for mark, _ in marks]
    assert strengths == ["1.00", "0.00", "0.50", "0.03"]


def test_without_colours_weights_are_percentages_and_no_order_is_given():
    assert (
        shade_terminal(cut("So  good !"), [0.25, 0.7, 0.05], color=False) == "So[25]  good[70] ![5]"
    )


def test_weights_of_zero_shade_nothing():
    assert shade_terminal(cut("a b"), [0.0, 0.0]) == "a b"


@pytest.mark.parametrize("color", [True, False])
def test_a_text_cannot_give_the_terminal_orders(color):
    text = "a\x1b[2Jb\x07 \x9b31m\r c\n\td"
    shown = shade_terminal(Sentence(["a"], text, [(0, 1)]), [1.0], color)
    plain = ESCAPE.sub("", shown).replace("a[100]", "a")
    assert plain == r"a\u001b[2Jb\u0007 \u009b31m\u000d c" + "\n\td"


def test_html_holds_no_markup_of_the_text_and_no_half_characters():
    sentence = cut("<script>alert('x')</script> &amp; \ud83d \x00")
    shaded = shade_html(sentence, even(sentence), caption="<i>")
    page = "\n".join(html_page([shaded], title="</title><b>"))
    assert "<script" not in page and "<i>" not in page and "<b>" not in page
    page.encode("utf-8")
    read = Reader(page)
    shown = sentence.text.replace("\ud83d", r"\ud83d").replace("\x00", r"\u0000")
    assert shown in read.text


def test_a_page_is_whole_and_asks_for_nothing_from_elsewhere():
    shaded = [shade_html(cut(TEXT), even(cut(TEXT))), shade_html(cut("b"), [1.0], "Two")]
    page = "\n".join(html_page(shaded))
    read = Reader(page)
    assert page.startswith("<!DOCTYPE html>\n")
    assert read.tags.count("p") == read.tags.count("/p") == 2
    assert TEXT in read.text and "Two" in read.text
    assert not re.search(r"https?:|src=|url\(|<link|@import", page)


def test_without_weights_the_text_alone_is_shown():
    assert shade_terminal(cut(TEXT), None) == TEXT
    read = Reader(shade_html(cut(TEXT), None))
    assert (read.text, read.tags) == (TEXT, ["p", "/p"])


def test_an_empty_text_gives_an_empty_view():
    assert shade_terminal(Sentence([]), []) == ""
    assert shade_html(Sentence([]), ()) == "<p></p>"
    assert token_weights(Sentence([])) == ()


def test_as_many_weights_as_tokens_are_needed():
    with pytest.raises(ValueError, match=r"weights: must be one for each of 2 tokens\. Got 1\."):
        shade_terminal(cut("a b"), [1.0])


def test_one_head_is_shown_or_the_mean_of_all():
    prediction = Prediction(labels=("X",), attention=((0.5, 0.5), (0.0, 1.0)))
    sentence = Sentence(["a", "b"], prediction=prediction)
    assert token_weights(sentence) == (0.25, 0.75)
    assert token_weights(sentence, 1) == (0.0, 1.0)
    for head in (2, -1):
        with pytest.raises(ConfigError) as error:
            token_weights(sentence, head)
        assert str(error.value) == f"head: must be from 0 to 1. Got {head}."


@pytest.mark.parametrize(
    "prediction",
    [None, Prediction(labels=("X",))],
    ids=["no prediction", "a prediction without attention"],
)
def test_a_view_needs_attention(prediction):
    with pytest.raises(ConfigError) as error:
        token_weights(Sentence(["a"], prediction=prediction))
    assert str(error.value) == (
        "sentence: must have attention, which models have whose pooling.kinds include attention or "
        "structured. Got none."
    )
