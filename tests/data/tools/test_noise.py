"""The errors of a teacher, counted on gold, and the weights of tags that follow from them."""

import numpy as np
import pytest

from ner.data.schemes import Span
from ner.data.tools.noise import (
    Channel,
    Compared,
    ScoreParts,
    chosen,
    measured_rates,
    soft_tags,
)
from ner.data.tools.suggestions import Opinion

LABELS = ["A", "B"]


def says(*spans, score=1.0, **more):
    return Opinion({Span(*span): score for span in spans}, **more)


def text(length, opinion, *gold):
    return Compared(length, opinion, [Span(*span) for span in gold])


def channel(compared, labels=LABELS):
    return Channel(labels, compared, [s for t in compared for s in t.opinion.spans.values()])


def test_weights_are_counted_shares_with_ten_observations_of_what_is_usual():
    found = channel(
        [text(1, says((0, 1, "A")), (0, 1, "A"))] * 70
        + [text(1, says(), (0, 1, "A"))] * 20
        + [text(1, says((0, 1, "B")), (0, 1, "A"))] * 10
    )
    # Of first tokens after O, 10 of 100 are missed usually; that counts for 10 of all labels, and
    # what holds for all labels counts for 10 of this one.
    common = (20 + 10 * 0.10) / 110
    assert found.weights(says(), 1)[0, 1] == pytest.approx((20 + 10 * common) / 110)
    (row,) = found.weights(says(), 1)
    assert dict(zip(found.tags, row, strict=True)).keys() == {"O", "B-A", "I-A", "B-B", "I-B"}
    # Nothing is known of B, so it is missed as often as all labels are.
    assert row[3] == pytest.approx(common)
    assert row[0] == pytest.approx(0.99)


def test_a_missed_entity_of_many_tokens_is_one_miss():
    found = channel(
        [text(4, says((0, 3, "A")), (0, 3, "A"))] * 80 + [text(4, says(), (0, 3, "A"))] * 20
    )
    table = found.weights(says(), 4)
    as_entity = table[[0, 1, 2, 3], [1, 2, 2, 0]].prod()
    assert as_entity / table[:, 0].prod() == pytest.approx(0.2, abs=0.05)


def test_a_wrong_label_of_many_tokens_is_one_confusion():
    found = channel(
        [text(3, says((0, 3, "A")), (0, 3, "A"))] * 90
        + [text(3, says((0, 3, "B")), (0, 3, "A"))] * 10
    )
    table = found.weights(says((0, 3, "B")), 3)
    assert table[[0, 1, 2], [1, 2, 2]].prod() == pytest.approx(0.1, abs=0.02)


def test_what_a_teacher_may_say_of_a_token_adds_up_to_one():
    random = np.random.default_rng(1)
    spans = [Span(0, 1, "A"), Span(0, 2, "B"), Span(1, 3, "A"), Span(2, 4, "B")]
    found = channel(
        [text(4, says(spans[random.integers(4)]), spans[random.integers(4)]) for _ in range(30)]
    )
    after_out = [says(), says((1, 2, "A")), says((1, 2, "B"))]
    after_span = [
        says((0, 1, "A")),
        says((0, 2, "A")),
        says((0, 1, "A"), (1, 2, "A")),
        says((0, 1, "A"), (1, 2, "B")),
    ]
    for opinions in (after_out, after_span):
        # Scores are all equal, so they change nothing.
        total = sum(found.weights(opinion, 2)[1] for opinion in opinions)
        np.testing.assert_allclose(total, 1.0, atol=1e-4)


def test_unread_tokens_have_equal_weights():
    table = channel([]).weights(says(unread=frozenset([1])), 2)
    assert (table[1] == 1).all()
    assert (table[0] < 1).all()


def test_labels_that_a_teacher_does_not_look_for_are_as_nothing_to_it():
    only_a = says(types=frozenset("A"))
    found = channel([text(1, only_a, (0, 1, "B"))] * 50)
    (row,) = found.weights(only_a, 1)
    assert row[3] == row[4] == row[0]
    assert row[1] < row[0]
    assert found.rates.entities == 0


def test_scores_tell_which_spans_are_right():
    found = channel(
        [text(1, says((0, 1, "A"), score=0.9), (0, 1, "A"))] * 60
        + [text(1, says((0, 1, "A"), score=0.6))] * 20
        + [text(1, says((0, 1, "A"), score=0.6), (0, 1, "A"))] * 10
    )

    def ratio(score):
        (row,) = found.weights(says((0, 1, "A"), score=score), 1)
        return row[1] / row[0]

    assert ratio(0.9) > 10 * ratio(0.6)


def test_parts_of_scores_are_as_often_right_as_counted_and_else_as_they_say():
    parts = ScoreParts([0.5] * 10 + [0.9] * 20)
    for _ in range(10):
        parts.count(0.5, is_right=False)
    assert parts.part(0.5) < parts.part(0.9)
    low, high = (10 * 0.5) / 20, 0.9
    mean = (low + 2 * high) / 3
    right, wrong = parts.factors(parts.part(0.9))
    assert right == pytest.approx(high / mean)
    assert wrong == pytest.approx((1 - high) / (1 - mean))


def test_equal_scores_say_nothing():
    parts = ScoreParts([1.0] * 9)
    assert parts.factors(parts.part(1.0)) == (1.0, 1.0)


def test_of_overlapping_spans_the_one_with_the_highest_score_is_chosen():
    spans = {Span(0, 2, "A"): 0.5, Span(1, 3, "A"): 0.8, Span(3, 4, "B"): 0.1}
    assert chosen(Opinion(spans)) == [Span(1, 3, "A"), Span(3, 4, "B")]


def test_rates_are_those_of_entities():
    found = measured_rates(
        [
            text(4, says((0, 1, "A"), (2, 3, "B")), (0, 1, "A"), (2, 3, "A")),
            text(4, says((0, 2, "A")), (0, 1, "A"), (3, 4, "B")),
            text(4, says((0, 1, "A"))),
            text(4, says(unread=frozenset([0])), (0, 1, "A")),
        ]
    )
    assert found.entities == 4
    assert (found.missed, found.wrong_label, found.wrong_borders) == (0.25, 0.25, 0.25)
    assert found.spurious == 0.25
    assert str(found).startswith("of 4 gold entities, 25.0% are missed")
    assert "usual errors are assumed" in str(measured_rates([]))


def test_soft_tags_multiply_what_teachers_say_and_leave_open_what_none_has_read():
    tables = [np.array([[1.0, 0.5], [1.0, 1.0]]), np.array([[0.2, 0.8], [1.0, 1.0]])]
    allowed, weights = soft_tags(["O", "B-A"], tables)
    assert allowed == (("O", "B-A"), ())
    assert weights == ((0.5, 1.0), ())
