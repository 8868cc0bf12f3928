import math

import numpy as np
import pytest

from ner.data.min_score import check_min_score, is_kept
from ner.errors import ConfigError


@pytest.mark.parametrize(
    ("min_score", "label", "score", "kept"),
    [
        pytest.param(0.5, "PER", 0.5, True, id="the lowest"),
        pytest.param(0.5, "PER", 0.49, False, id="less"),
        pytest.param({"PER": 0.5}, "PER", 0.49, False, id="less than that of the label"),
        pytest.param({"PER": 0.5}, "LOC", 0.0, True, id="another label"),
        pytest.param({"PER": None}, "PER", 1.0, False, id="none of the label"),
        pytest.param({}, "PER", 0.0, True, id="no label"),
    ],
)
def test_an_entity_is_kept_from_the_lowest_score_on(min_score, label, score, kept):
    assert is_kept(min_score, label, score) == kept


@pytest.mark.parametrize(
    "min_score",
    [0, 1, 0.5, np.float32(0.5), {"PER": 1, "LOC": None}],
    ids=["zero", "one", "a half", "a number of numpy", "labels"],
)
def test_scores_from_zero_to_one_are_taken(min_score):
    check_min_score(min_score, ["PER", "LOC"])


@pytest.mark.parametrize(
    ("min_score", "message"),
    [
        (1.5, "min_score: must be from 0 to 1. Got 1.5."),
        (math.nan, "min_score: must be from 0 to 1. Got nan."),
        ("0.5", "min_score: must be from 0 to 1. Got 0.5."),
        ({"PER": -1}, "min_score: PER: must be from 0 to 1. Got -1."),
        (
            {"PRE": 0.5},
            "min_score: must name labels of the model: PER, LOC. Got 'PRE'. Did you mean 'PER'?",
        ),
    ],
    ids=["large", "no number", "a text", "negative", "an unknown label"],
)
def test_anything_else_is_one_line(min_score, message):
    with pytest.raises(ConfigError) as error:
        check_min_score(min_score, ["PER", "LOC"])
    assert str(error.value) == message
