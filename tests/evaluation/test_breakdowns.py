import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.data.schemes import Span, spans_from_tags
from ner.data.sentence import Prediction, Sentence
from ner.evaluation.breakdowns import (
    Breakdowns,
    DocumentScores,
    GroupCounts,
    break_down,
    is_all_caps,
)
from ner.evaluation.scores import Scores
from ner.evaluation.span_metrics import f1
from ner.evaluation.surfaces import SurfaceCounts


def predicted(sentence, spans):
    return sentence.predicted(Prediction(spans, [0.5] * len(spans)))


def sentences(*rows):
    """Gold and predicted sentences of rows of tokens, gold spans, predicted spans and document."""
    gold = [Sentence(tokens.split(" "), spans=g, document=d) for tokens, g, _, d in rows]
    return gold, [predicted(s, p) for s, (_, _, p, _) in zip(gold, rows, strict=True)]


def counts(groups):
    """The groups that have spans, each as right, predicted and gold."""
    found = {name: (each.right, each.predicted, each.gold) for name, each in groups.items()}
    return {name: each for name, each in found.items() if any(each)}


TRAIN = [
    Sentence(["Washington"], spans=[Span(0, 1, "LOC")]),
    Sentence(["Ada", "Byron"], spans=[Span(0, 2, "PER")]),
]
# Washington is LOC in training: the gold PER has another label there, the predicted LOC the same.
ROWS = [
    (
        "Washington met Ada Byron",
        [Span(0, 1, "PER"), Span(2, 4, "PER")],
        [Span(0, 1, "LOC"), Span(2, 4, "PER")],
        "1",
    ),
    ("in Washington , Texas", [Span(1, 2, "LOC"), Span(3, 4, "LOC")], [Span(1, 2, "LOC")], "1"),
    (
        "ADA BYRON IN TEXAS",
        [Span(0, 2, "PER"), Span(3, 4, "LOC")],
        [Span(0, 1, "PER"), Span(3, 4, "LOC")],
        "2",
    ),
    ("nothing here", [], [], "3"),
]


def test_familiarity_is_that_of_each_spans_own_surface_and_label():
    found = break_down(*sentences(*ROWS), SurfaceCounts(TRAIN)).familiarity
    assert counts(found) == {
        # Ada Byron and one Washington are right; the other Washington is a wrong LOC.
        "same label": (2, 3, 2),
        "other label": (0, 0, 1),
        # Texas is missed; ADA BYRON has the wrong border; TEXAS is right. Case counts.
        "unseen": (1, 2, 3),
    }


def test_familiarity_is_left_out_without_the_training_data():
    assert break_down(*sentences(*ROWS)).familiarity is None


def test_length_is_that_of_each_span_and_of_its_sentence():
    found = break_down(*sentences(*ROWS))
    assert counts(found.span_length) == {"1": (2, 4, 4), "2": (1, 1, 2)}
    assert counts(found.sentence_length) == {"1-5": (3, 5, 6)}


@pytest.mark.parametrize(
    ("tokens", "group"),
    [(1, "1-5"), (5, "1-5"), (6, "6-10"), (20, "11-20"), (21, "21-40"), (40, "21-40"), (41, "41+")],
)
def test_lengths_at_the_borders_of_a_group(tokens, group):
    row = (" ".join("w" * tokens), [Span(0, min(tokens, 4), "X")], [], None)
    found = break_down(*sentences(row))
    assert counts(found.sentence_length) == {group: (0, 0, 1)}
    assert counts(found.span_length) == {"1" if tokens == 1 else "4+": (0, 0, 1)}


def test_sentences_of_capitals_stand_apart():
    found = break_down(*sentences(*ROWS))
    assert counts(found.case) == {"all caps": (1, 2, 2), "other": (2, 3, 4)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("U.S. 1996", True), ("ÄÖÜ", True), ("Berlin", False), ("1-0", False), ("北京", False)],
    ids=["initials", "umlauts", "mixed", "digits", "no case"],
)
def test_capitals_need_a_letter_that_has_cases(text, expected):
    assert is_all_caps(text.split()) is expected


def test_documents_have_a_mean_and_the_worst_are_named():
    found = break_down(*sentences(*ROWS)).documents
    # Document 1: 2 right of 3 predicted and 4 gold; document 2: 1 of 2 and 2; document 3: no spans.
    assert found == DocumentScores(
        documents=3,
        scored=2,
        mean=pytest.approx((4 / 7 + 1 / 2) / 2),
        lowest=0.5,
        highest=4 / 7,
        worst={"2": GroupCounts(1, 2, 2), "1": GroupCounts(2, 3, 4)},
    )
    assert list(found.worst) == ["2", "1"]
    assert str(found).splitlines() == [
        "By document: F1 53.57 on average, from 50.00 to 57.14, over 2 of 3 documents, which have "
        "spans. The worst:",
        "   precision  recall     F1  gold  predicted  right",
        "2      50.00   50.00  50.00     2          2      1",
        "1      66.67   50.00  57.14     4          3      2",
    ]


def test_of_equal_documents_that_with_the_most_errors_is_the_worst():
    rows = [("a b", [Span(0, 1, "X")] * (name == "2"), [Span(1, 2, "X")], name) for name in "12"]
    rows += [("a", [Span(0, 1, "X")], [Span(0, 1, "X")], "3")]
    found = break_down(*sentences(*rows)).documents
    assert list(found.worst) == ["2", "1"]
    assert (found.lowest, found.highest) == (0.0, 1.0)


def test_sentences_before_the_first_document_are_counted_together():
    rows = [(tokens, [Span(0, 1, "X")], [], name) for tokens, name in [("a", None), ("b", "1")]]
    found = break_down(*sentences(*rows)).documents
    assert list(found.worst) == ["(none)", "1"]


def test_data_without_documents_have_no_such_breakdown():
    rows = [(*row[:3], None) for row in ROWS]
    found = break_down(*sentences(*rows))
    assert found.documents is None
    assert "document" not in str(found)


@pytest.mark.parametrize("rows", [[], [("a b", [], [], None)]], ids=["no sentences", "no spans"])
def test_no_spans_have_figures_of_zero_and_no_table(rows):
    found = break_down(*sentences(*rows), SurfaceCounts([]))
    assert str(found) == ""
    assert set(found.span_length.values()) == {GroupCounts(0, 0, 0)}
    assert found.span_length["1"].scores == Scores(0.0, 0.0, 0.0, 0)
    assert found.familiarity["unseen"].f1 == 0.0


def test_documents_without_spans_have_a_line():
    found = break_down(*sentences(("a b", [], [], "1")))
    assert str(found) == "By document: no document has spans"
    assert (found.documents.mean, found.documents.worst) == (0.0, {})


@pytest.mark.parametrize("surfaces", [None, SurfaceCounts(TRAIN)], ids=["without", "with surfaces"])
def test_the_way_through_json_and_back(surfaces):
    for rows in (ROWS, [(*row[:3], None) for row in ROWS]):
        found = break_down(*sentences(*rows), surfaces)
        again = Breakdowns.from_dict(json.loads(json.dumps(found.to_dict())))
        assert again == found
        assert str(again) == str(found)
        assert hash(again) == hash(found)


def test_the_tables_leave_out_groups_without_spans():
    text = str(break_down(*sentences(*ROWS), SurfaceCounts(TRAIN)))
    assert text.splitlines()[:9] == [
        "By what training says of the surface:",
        "             precision  recall     F1  gold  predicted  right",
        "same label       66.67  100.00  80.00     2          3      2",
        "other label       0.00    0.00   0.00     1          0      0",
        "unseen           50.00   33.33  40.00     3          2      1",
        "",
        "By tokens of the span:",
        "   precision  recall     F1  gold  predicted  right",
        "1      50.00   50.00  50.00     4          4      2",
    ]
    assert "3 " not in [line[:2] for line in text.splitlines()]


def test_sides_of_different_lengths_are_refused():
    gold, found = sentences(*ROWS)
    with pytest.raises(ValueError, match="zip"):
        break_down(gold, found[1:])


TAG = st.sampled_from(["O", "B-X", "I-X", "B-Y"])
ROW = st.lists(st.tuples(st.sampled_from(["a", "B"]), TAG, TAG), min_size=1, max_size=9)


@given(st.lists(st.tuples(ROW, st.sampled_from([None, "1", "2"])), max_size=5), st.lists(ROW))
def test_groups_add_up_to_all_spans(rows, train):
    def spans(row, side):
        return spans_from_tags([tags[side] for tags in row])

    gold = [Sentence([r[0] for r in row], spans=spans(row, 1), document=d) for row, d in rows]
    found = [predicted(s, spans(row, 2)) for s, (row, _) in zip(gold, rows, strict=True)]
    surfaces = SurfaceCounts([Sentence([r[0] for r in row], spans=spans(row, 1)) for row in train])
    parts = break_down(gold, found, surfaces)
    sides = [s.spans for s in gold], [s.prediction.spans for s in found]
    for groups in (parts.familiarity, parts.span_length, parts.sentence_length, parts.case):
        right, num_predicted, num_gold = (
            sum(getattr(each, kind) for each in groups.values())
            for kind in ("right", "predicted", "gold")
        )
        assert (num_gold, num_predicted) == tuple(sum(map(len, side)) for side in sides)
        assert 2 * right / max(num_gold + num_predicted, 1) == pytest.approx(f1(*sides))
        assert all(each.right <= min(each.predicted, each.gold) for each in groups.values())
