import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.suggesting.near_duplicates import SeenTexts

TEXT = "the minister met the press in Oslo on Monday ."


def has_like(text, *others):
    seen = SeenTexts()
    for other in others:
        seen.add(other.split())
    return seen.has_like(text.split())


def pairs(tokens):
    return set(itertools.pairwise(tokens)) or {tuple(tokens)}


@pytest.mark.parametrize(
    ("text", "is_like"),
    [
        (TEXT, True),
        (TEXT.upper(), True),
        (TEXT.replace("Oslo", "Rome"), True),
        ("the minister met a friend in Rome on Monday .", False),
        ("Monday .", False),
        ("a fine day", False),
    ],
    ids=["equal", "case", "one name", "two changes", "its end", "another"],
)
def test_texts_are_nearly_equal_that_share_half_of_their_pairs_of_tokens(text, is_like):
    assert has_like(text, "a third text", TEXT) is is_like


def test_numbers_make_no_difference():
    assert has_like("closed at 17.25 points", "closed at 9.5 points")


def test_texts_of_one_token_are_compared_whole():
    assert has_like("Oslo", "OSLO")
    assert not has_like("Oslo", "Rome")


words = st.lists(st.sampled_from("abcd"), min_size=1, max_size=8)


@given(st.lists(words, max_size=6), words)
def test_the_look_up_finds_what_a_comparison_with_all_texts_finds(others, text):
    seen = SeenTexts()
    for other in others:
        seen.add(other)
    expected = any(
        2 * len(pairs(text) & pairs(other)) >= len(pairs(text) | pairs(other)) for other in others
    )
    assert seen.has_like(text) is expected
