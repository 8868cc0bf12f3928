import itertools
import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.data.schemes import Span
from ner.data.sentence import Prediction, Sentence, Source
from ner.errors import DataError
from ner.evaluation.errors import (
    ERROR_CLASSES,
    count_classes,
    disagreements,
    most_confident_first,
    span_errors,
)
from ner.evaluation.surfaces import SurfaceCounts

LENGTH = 8
FIELDS = ("gold", "predicted")
TOKENS = ["The", "Bank", "of", "New", "York", "met", "Ada", "Byron"]


def spans(text):
    """Read spans: "0-2 LOC, 4-5 PER"."""
    parts = (part.split() for part in text.split(", ") if part)
    return [Span(*map(int, borders.split("-")), label) for borders, label in parts]


def pair(gold, found, scores=None, **facts):
    """Build a gold sentence, and the same one with a prediction."""
    sentence = Sentence(TOKENS, spans=spans(gold), **facts)
    predicted = spans(found)
    scores = [0.5] * len(predicted) if scores is None else scores
    return sentence, sentence.predicted(Prediction(predicted, scores))


def errors_of(*pairs, **options):
    gold, predicted = zip(*pairs, strict=True)
    return span_errors(gold, predicted, **options)


@pytest.mark.parametrize(
    ("gold", "found", "classes"),
    [
        pytest.param("", "", [], id="nothing"),
        pytest.param("0-2 LOC", "0-2 LOC", [], id="all right"),
        pytest.param("0-2 LOC", "", ["missed"], id="missed"),
        pytest.param("", "0-2 LOC", ["spurious"], id="spurious"),
        pytest.param("0-2 LOC", "0-2 PER", ["type"], id="type"),
        pytest.param("0-2 LOC", "0-3 LOC", ["boundary"], id="longer"),
        pytest.param("0-3 LOC", "1-2 LOC", ["boundary"], id="inside"),
        pytest.param("0-2 LOC", "1-3 PER", ["boundary and type"], id="both"),
        pytest.param("0-4 LOC", "0-2 LOC, 2-4 LOC", ["split"], id="split"),
        pytest.param("0-4 LOC", "0-1 ORG, 3-4 LOC", ["split"], id="split with a gap"),
        pytest.param("0-2 LOC, 2-4 LOC", "0-4 LOC", ["merge"], id="merge"),
        pytest.param("0-2 LOC, 2-4 PER", "1-3 LOC", ["merge"], id="merge of two types"),
        pytest.param("0-2 LOC, 2-4 LOC", "0-1 LOC, 1-4 LOC", ["boundary"], id="moved border"),
        pytest.param(
            "0-2 LOC, 2-4 PER", "0-1 LOC, 1-4 LOC", ["boundary and type"], id="moved, other type"
        ),
        pytest.param("0-2 LOC", "2-4 LOC", ["missed", "spurious"], id="neighbours"),
        pytest.param("0-2 LOC, 2-4 LOC", "0-2 LOC, 2-4 PER", ["type"], id="half right"),
        pytest.param(
            "0-3 LOC, 3-6 LOC", "0-1 LOC, 1-2 LOC, 2-5 LOC", ["split"], id="chain of two and three"
        ),
        pytest.param(
            "0-1 LOC, 2-3 PER, 5-6 ORG", "2-3 ORG, 4-6 ORG", ["missed", "type", "boundary"],
            id="several",
        ),
    ],
)  # fmt: skip
def test_wrong_spans_are_sorted_into_classes(gold, found, classes):
    assert [each.error_class for each in disagreements(spans(gold), spans(found))] == classes


def test_an_error_holds_the_spans_in_question():
    found = disagreements(spans("0-2 LOC, 2-4 PER, 5-6 ORG"), spans("1-3 LOC, 5-6 ORG"))
    assert found == [("merge", tuple(spans("0-2 LOC, 2-4 PER")), tuple(spans("1-3 LOC")))]


def test_overlapping_predictions_are_counted_once_each():
    found = disagreements(spans("0-2 LOC"), spans("0-2 LOC, 0-3 PER, 1-2 LOC, 0-3 PER"))
    assert [(e.error_class, list(e.predicted)) for e in found] == [
        ("spurious", spans("0-3 PER")),
        ("spurious", spans("1-2 LOC")),
    ]


@st.composite
def some_spans(draw):
    """Draw spans that do not overlap, as a sentence has them."""
    borders = sorted(draw(st.sets(st.integers(0, LENGTH), max_size=LENGTH)))
    pairs = itertools.pairwise(borders)
    labels = draw(st.lists(st.sampled_from(["LOC", "PER", None]), min_size=LENGTH, max_size=LENGTH))
    return [Span(a, b, x) for (a, b), x in zip(pairs, labels, strict=False) if x]


@given(some_spans(), some_spans())
def test_errors_add_up_to_false_negatives_and_false_positives(gold, found):
    errors = disagreements(gold, found)
    missing, extra = (Counter(s for e in errors for s in getattr(e, side)) for side in FIELDS)
    assert missing == Counter(set(gold) - set(found))
    assert extra == Counter(set(found) - set(gold))
    assert errors == disagreements(reversed(gold), reversed(found))


@given(some_spans(), some_spans())
def test_classes_mean_what_they_say(gold, found):
    for name, expected, predicted in disagreements(gold, found):
        sizes = len(expected), len(predicted)
        assert (name == "missed") == (sizes == (1, 0))
        assert (name == "spurious") == (sizes == (0, 1))
        assert (name == "split") == (0 < sizes[0] < sizes[1])
        assert (name == "merge") == (sizes[0] > sizes[1] > 0)
        assert (name == "type") == ([s[:2] for s in expected] == [s[:2] for s in predicted])
        if name in ("boundary", "boundary and type"):
            assert sizes[0] == sizes[1]


@given(some_spans(), some_spans())
def test_exchanged_sides_exchange_the_classes(gold, found):
    other = {"split": "merge", "merge": "split", "missed": "spurious", "spurious": "missed"}
    expected = [(other.get(name, name), b, a) for name, a, b in disagreements(gold, found)]
    assert disagreements(found, gold) == expected


def test_errors_say_where_they_are():
    source = Source("x.conll", 12)
    first, second = errors_of(
        pair("", ""),
        pair("3-5 LOC, 6-8 PER", "1-5 ORG", [0.75], source=source, document="d1"),
        context=1,
    )
    assert (first.sentence, first.source, first.document) == (1, source, "d1")
    assert (first.tokens, first.first) == (tuple(TOKENS[:6]), 0)
    assert first.surfaces == ("New York", "Bank of New York")
    assert (first.scores, first.score) == ((0.75,), 0.75)
    assert (second.tokens, second.first, second.scores) == (("met", "Ada", "Byron"), 5, ())
    assert second.score is None


def test_scores_belong_to_their_spans():
    # The first prediction is right; its score is not that of the error.
    (error,) = errors_of(pair("0-1 PER, 2-5 ORG", "0-1 PER, 2-3 ORG, 4-5 LOC", [0.9, 0.25, 0.5]))
    assert (error.error_class, error.scores, error.score) == ("split", (0.25, 0.5), 0.5)


def test_predictions_without_scores_have_errors_without_scores():
    (error,) = errors_of(pair("", "0-1 PER", []))
    assert (error.scores, error.score, error.to_dict()["predicted"][0]["score"]) == ((), None, None)


def test_a_missed_span_has_the_probability_that_it_is_not_there():
    pairs = [pair("0-1 PER, 3-5 LOC", "0-1 PER"), pair("3-5 LOC", "3-5 ORG", [0.75])]
    gold, predicted = zip(*pairs, strict=True)
    missed, other = span_errors(gold, predicted, [(0.5, 0.25), (0.125,)])
    assert (missed.gold_scores, missed.score) == ((0.25,), 0.75)
    assert (other.gold_scores, other.score) == ((0.125,), 0.75)
    assert other.to_dict()["gold"][0]["score"] == 0.125
    assert most_confident_first([missed, other]) == [missed, other]


def test_the_most_confident_disagreements_come_first():
    errors = errors_of(
        pair("0-1 PER", "2-3 LOC", [0.5]), pair("", "2-3 LOC", [0.75]), pair("0-1 LOC", "")
    )
    assert [(e.sentence, e.score) for e in most_confident_first(errors)] == [
        (1, 0.75),
        (0, 0.5),
        (0, None),
        (2, None),
    ]


def test_all_classes_are_counted():
    errors = errors_of(pair("0-1 PER", "2-3 LOC"), pair("0-1 PER", ""))
    expected = dict.fromkeys(ERROR_CLASSES, 0) | {"missed": 2, "spurious": 1}
    assert count_classes(errors) == expected


def test_an_error_is_a_line_of_json():
    (error,) = errors_of(
        pair("3-5 LOC", "1-5 ORG", [0.75], source=Source("x.conll", 12)), context=1
    )
    training = SurfaceCounts([Sentence(["New", "York"], spans=[Span(0, 2, "LOC")])])
    assert json.loads(json.dumps(error.to_dict(training))) == {
        "class": "boundary and type",
        "sentence": 0,
        "source": {"path": "x.conll", "line": 12},
        "document": None,
        "score": 0.75,
        "gold": [{"text": "New York", "start": 3, "end": 5, "label": "LOC", "score": None}],
        "predicted": [
            {"text": "Bank of New York", "start": 1, "end": 5, "label": "ORG", "score": 0.75}
        ],
        "tokens": TOKENS[:6],
        "first": 0,
        "training": {
            "New York": {"labels": {"LOC": 1}, "outside": 0},
            "Bank of New York": {"labels": {}, "outside": 0},
        },
    }
    assert "training" not in error.to_dict()


def test_sentences_without_annotation_or_prediction_are_refused():
    gold, predicted = pair("", "")
    with pytest.raises(DataError, match=r"^x:1: gold spans are needed. Got none.$"):
        span_errors([Sentence(["a"], source=Source("x", 1))], [predicted])
    with pytest.raises(ValueError, match="the tokens of gold"):
        span_errors([gold], [gold])
