import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.display import fenced, markdown, one_line, visible

ORDERS = {
    "escape": ("\x1b[31m", r"\u001b[31m"),
    "eight bits": ("\x9b31m", r"\u009b31m"),
    "backspace": ("a\x08", r"a\u0008"),
    "delete": ("\x7f", r"\u007f"),
    "carriage return": ("a\rb", r"a\u000db"),
    "null": ("\x00", r"\u0000"),
    "override": ("\u202e", r"\u202e"),
    "isolate": ("\u2066", r"\u2066"),
    "mark": ("\u200f\u061c", r"\u200f\u061c"),
    "separator of lines": ("\u2028", r"\u2028"),
    "half a pair": ("\ud800", r"\ud800"),
}


@pytest.mark.parametrize(("text", "shown"), ORDERS.values(), ids=ORDERS.keys())
def test_orders_to_a_terminal_are_escapes(text, shown):
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text",
    ["naïve 東京", "a\tb\nc", "👩‍👩‍👧 🇫🇷", "می‌خواهم", "[red]x[/red]", "e\u0301"],
    ids=["letters", "white space", "emoji", "joiner", "markup of rich", "accent"],
)
def test_all_else_is_shown_as_it_is(text):
    assert visible(text) == text


def test_line_ends_of_windows_are_line_ends():
    assert visible("a\r\nb") == "a\nb"


def test_a_name_cannot_look_like_a_line_of_its_own():
    assert one_line("a\nWarning: all is well\r\n") == r"a\nWarning: all is well\n"


@given(st.text(max_size=40))
def test_what_is_shown_can_be_written_and_controls_nothing(text):
    shown = visible(text)
    shown.encode("utf-8")
    assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in shown if c not in "\n\t")
    assert visible(shown) == shown


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", "[x](http://e)", "![x](y)", "`a`", "a|b", "*b*", "$x$", "&lt;"],
    ids=["html", "link", "image", "code", "cell", "bold", "formula", "entity"],
)
def test_markup_is_shown_in_markdown(text):
    shown = markdown(text)
    assert shown.replace("\\", "") == text
    for mark in "<>[]`|*$&":
        assert shown.count(mark) == shown.count(f"\\{mark}")


def test_a_block_of_code_ends_at_its_own_end():
    text = "a\n```\n# A heading\n````"
    first, *inner, last = fenced(text).split("\n")
    assert first == last == "`````"
    assert "\n".join(inner) == text
