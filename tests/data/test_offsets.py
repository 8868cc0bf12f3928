import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.data.offsets import character_at

COUNTS = {
    "characters": len,
    "utf16": lambda text: len(text.encode("utf-16-le")) // 2,
    "bytes": lambda text: len(text.encode("utf-8")),
}


@pytest.mark.parametrize("unit", COUNTS)
@given(text=st.text(st.sampled_from("aé中😀\n"), max_size=8))
def test_a_character_is_found_by_the_units_before_it(unit, text):
    count = COUNTS[unit]
    for i in range(len(text) + 1):
        assert character_at(text, count(text[:i]), unit) == i
    assert character_at(text, count(text) + 1, unit) is None
    assert character_at(text, -1, unit) is None


@given(text=st.text(st.sampled_from("ab\n"), max_size=8))
def test_line_breaks_count_as_they_do_in_a_file_that_has_others(text):
    for i in range(len(text) + 1):
        place = len(text[:i].replace("\n", "\r\n"))
        assert character_at(text, place, "crlf") == i


@given(text=st.text(st.sampled_from("ab\n"), max_size=8))
def test_line_breaks_count_as_one_character_in_a_file_with_returns(text):
    with_returns = text.replace("\n", "\r\n")
    for i in range(len(text) + 1):
        place = len(text[:i].replace("\n", "\r\n"))
        assert character_at(with_returns, i, "crlf") == place


def test_a_place_inside_a_character_is_none():
    assert [character_at("é", place, "bytes") for place in (0, 1, 2)] == [0, None, 1]
    assert character_at("😀", 1, "utf16") is None
