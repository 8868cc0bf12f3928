import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.schema import (
    Nullable,
    Schema,
    SchemaError,
    Table,
    flag,
    number,
    one_of,
    strings,
    text,
    whole,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
ROOM = Table(
    {"size": whole(1, 9), "share": number(0, 1), "kind": one_of(("a", "b")), "open": flag},
    required=("size",),
)
HOUSE = Table(
    {"name": text, "rooms": Table(others=ROOM), "owner": Nullable(ROOM), "words": strings()}
)


def refusal(value, schema: Schema = HOUSE):
    with pytest.raises(SchemaError) as error:
        schema.check(value, "house.json: ")
    return str(error.value)


def test_what_fits_passes():
    room = {"size": 3, "share": 1, "kind": "a", "open": False}
    house = {"name": "x", "rooms": {"one": room, "two": {"size": 1}}, "owner": None, "words": []}
    HOUSE.check(house, "house.json: ")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "house.json must be settings by name. Got []."),
        ({"nose": 1}, "house.json: 'nose': unknown key. Upgrade."),
        ({"name": 1}, "house.json: name must be a text. Got 1."),
        ({"rooms": {"a": {}}}, "house.json: rooms.'a'.size must be there. Got no such key."),
        (
            {"rooms": {"a": {"size": True}}},
            "house.json: rooms.'a'.size must be a whole number from 1 to 9. Got True.",
        ),
        (
            {"owner": {"size": 10}},
            "house.json: owner.size must be a whole number from 1 to 9. Got 10.",
        ),
        (
            {"owner": {"size": 1, "share": float("nan")}},
            "house.json: owner.share must be a finite number from 0 to 1. Got nan.",
        ),
        (
            {"owner": {"size": 1, "kind": ["a"]}},
            "house.json: owner.kind must be one of a, b. Got ['a'].",
        ),
        (
            {"words": ["a", "a"]},
            "house.json: words must be a list of distinct strings. Got ['a', 'a'].",
        ),
    ],
    ids=["list", "unknown", "type", "lacking", "true", "range", "nan", "choice", "twice"],
)
def test_what_does_not_fit_is_named(value, words):
    assert refusal(value) == words


@pytest.mark.parametrize("value", [10**400, -(10**400)], ids=["huge", "negative"])
def test_whole_numbers_beyond_all_floats_are_no_numbers(value):
    assert "must be a finite number" in refusal({"size": 1, "share": value}, ROOM)


@given(VALUES)
def test_any_value_passes_or_is_refused_in_a_line(value):
    for schema in (HOUSE, ROOM, Nullable(ROOM), whole(0), number(), flag, text, strings()):
        try:
            schema.check(value, "place")
        except SchemaError as error:
            assert "\n" not in str(error)
        else:
            json.dumps(value)
