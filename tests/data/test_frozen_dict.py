import copy
import json
import pickle

import pytest

from ner.data.frozen_dict import FrozenDict, plain
from ner.data.schemes import Span

CHANGES = {
    "an item": lambda d: d.__setitem__("a", 2),
    "del": lambda d: d.__delitem__("a"),
    "update": lambda d: d.update(a=2),
    "in place": lambda d: d.__ior__({"a": 2}),
    "setdefault": lambda d: d.setdefault("b", 2),
    "pop": lambda d: d.pop("a"),
    "popitem": lambda d: d.popitem(),
    "clear": lambda d: d.clear(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_it_cannot_be_changed(change):
    frozen = FrozenDict(a=1)
    with pytest.raises(TypeError, match="a result must not be changed"):
        change(frozen)
    assert frozen == {"a": 1}


def test_equal_ones_have_equal_hashes_in_any_order():
    assert hash(FrozenDict(a=1, b=2)) == hash(FrozenDict(b=2, a=1))
    assert len({FrozenDict(a=1), FrozenDict(a=1), FrozenDict(a=2), FrozenDict()}) == 3


@pytest.mark.parametrize(
    "travel",
    [copy.copy, copy.deepcopy, lambda d: pickle.loads(pickle.dumps(d))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_a_copy_is_equal_and_frozen(travel):
    frozen = FrozenDict(upos=("NOUN", "VERB"))
    assert travel(frozen) == frozen
    assert type(travel(frozen)) is FrozenDict


def test_plain_values_come_back_from_json_as_they_were():
    value = {"spans": (Span(0, 1, "PER"),), "columns": FrozenDict(upos=("X",)), "none": None}
    expected = {"spans": [[0, 1, "PER"]], "columns": {"upos": ["X"]}, "none": None}
    assert plain(value) == json.loads(json.dumps(value)) == expected
    assert type(plain(value)["columns"]) is dict
