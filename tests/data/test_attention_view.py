import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.data.attention_view import (
    RESET,
    SHADES,
    shade_terminal,
    token_weights,
)
from ner.data.sentence import Prediction, Sentence
from ner.errors import ConfigError

TEXT = "  It\u2019s  <b>very</b>\n\tgood & \U0001f600 cheap!  "
ESCAPE = re.compile("\x1b\\[[0-9;]*m")


def cut(text):
    """Cut a text at runs of letters and at single other characters."""
    found = list(re.finditer(r"\w+|[^\w\s]", text))
    return Sentence([match[0] for match in found], text, [match.span() for match in found])


def even(sentence):
    return [1 / len(sentence)] * len(sentence)


@given(st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"]), max_size=30))
def test_all_of_a_text_is_shown(text):
    sentence = cut(text)
    weights = even(sentence) if len(sentence) else []
    assert ESCAPE.sub("", shade_terminal(sentence, weights)) == sentence.text


def test_a_range_that_two_words_share_is_shown_once():
    # As in treebanks, where "du" is the two words "de" and "le".
    sentence = Sentence(["de", "le", "pain"], "du pain", [(0, 2), (0, 2), (3, 7)])
    assert shade_terminal(sentence, [0.5, 0.25, 0.25], color=False) == "du[50][25] pain[25]"


def test_shades_grow_with_weights_and_the_heaviest_token_has_the_full_one():
    sentence = Sentence(["a", "b", "c", "d"])
    shown = shade_terminal(sentence, [0.4, 0.0, 0.2, 0.012])
    full, half = (f"\x1b[48;5;{SHADES[i]};38;5;16m" for i in (6, 3))
    assert shown == f"{full}a{RESET} b {half}c{RESET} d"


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


def test_without_weights_the_text_alone_is_shown():
    assert shade_terminal(cut(TEXT), None) == TEXT


def test_an_empty_text_gives_an_empty_view():
    assert shade_terminal(Sentence([]), []) == ""
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
