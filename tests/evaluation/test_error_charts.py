import math

import pytest

from ner.data.html_view import Hues
from ner.evaluation.conventions import count_conventions
from ner.evaluation.error_report.charts import (
    ABOVE,
    LEFT,
    SIZE,
    Axes,
    precision_recall_curves,
    reliability_diagram,
)
from ner.evaluation.error_report.comparisons import convention_table
from ner.evaluation.precision_recall import Curve, Point
from ner.evaluation.report import SpanReport
from ner.evaluation.scores import Scores
from ner.evaluation.span_calibration import Bin, Reliability
from tests.evaluation.error_pages import PAIRS, Page, page_of, pair, whole_page


def test_axes_place_numbers_in_the_square():
    axes = Axes("x", "y", low_y=0.5)
    assert (axes.right(0), axes.right(1)) == (LEFT, LEFT + SIZE)
    assert (axes.down(1), axes.down(0.5), axes.down(0.75)) == (
        ABOVE,
        ABOVE + SIZE,
        ABOVE + SIZE / 2,
    )


def test_a_reliability_diagram_has_a_bar_for_each_bin():
    bins = (Bin(0.0, 0.5, 0.25, 0.5, 2), Bin(0.5, 1.0, 1.0, 1.0, 4))
    drawn = reliability_diagram(Reliability(6, 0.75, 5 / 6, 0.125, 0.25, bins), "spans")
    page = Page(drawn)
    half = SIZE / 2
    sides = ("x", "y", "width", "height")
    assert [[float(bar[side]) for side in sides] for bar in page.all("rect")] == [
        [LEFT, ABOVE + half, half, half],
        [LEFT + half, ABOVE, half, SIZE],
    ]
    assert [float(dot["cx"]) for dot in page.all("circle")] == [LEFT + SIZE / 4, LEFT + SIZE]
    assert page.said("figcaption")[0].endswith(
        "Calibration error (ECE) 0.1250, Brier score 0.2500."
    )
    assert page.rows("Reliability of scores of spans") == [
        ["Score", "Predictions", "Mean score", "Share right"],
        ["0.00 to 0.50", "2", "0.2500", "0.5000"],
        ["0.50 to 1.00", "4", "1.0000", "1.0000"],
    ]


def test_curves_have_a_colour_for_each_label_and_begin_below_the_lowest_precision():
    whole = Curve(4, 0.7, (Point(0.9, 1.0, 0.25), Point(0.5, 0.75, 0.75)))
    named = Curve(2, None, (Point(0.9, 1.0, 0.5),))
    page = Page(precision_recall_curves(whole, {"PER": named, "<b>": Curve(2, 0.0, ())}, Hues()))
    first, last = page.all("polyline")
    assert first["style"] == "--hue: 210" and last["class"] == "curve whole"
    points = [tuple(map(float, each.split(","))) for each in last["points"].split()]
    # The axis of precision goes from 0.7 to 1.
    middle = ABOVE + SIZE * 0.25 / 0.3
    assert points[0] == (LEFT + SIZE / 4, ABOVE)
    assert math.isclose(points[1][1], middle, abs_tol=0.1)
    assert page.said("li") == ["all", "PER"]
    assert page.rows("Area under the curves")[1:] == [["all", "4", "0.7000"], ["PER", "2", "-"]]


def test_nothing_is_drawn_where_nothing_is_predicted():
    assert reliability_diagram(Reliability(0, None, None, None, None), "spans") == ""
    assert precision_recall_curves(Curve(3, 0.0, ()), {}, Hues()) == ""
    assert Page(page_of([pair([(0, 1, "PER")], [])])).all("svg") == []


def test_predictions_without_scores_have_no_charts():
    page = Page(page_of([pair([(0, 1, "PER")], [(0, 1, "LOC")], [])]))
    assert page.all("svg") == []
    assert "Scores of spans" not in page.said("h2")


def test_a_page_of_spans_has_charts_with_names():
    page = Page(whole_page())
    assert len(page.all("svg")) == 2
    assert all(drawing["role"] == "img" and drawing["aria-label"] for drawing in page.all("svg"))
    links = [link["href"].removeprefix("#") for link in page.all("a")[:4]]
    assert links == [section["id"] for section in page.all("section")]


def test_scores_have_intervals():
    # All documents are the same, so all samples of them are.
    pairs = [
        pair([(0, 1, "micro")], [(0, 1, "micro"), (2, 3, "LOC")], document=f"d{i}")
        for i in range(3)
    ]
    page = Page(page_of(pairs))
    assert page.said("dd")[0] == "66.67 95 % 66.67 to 66.67"
    assert page.rows("Scores by label, in percent") == [
        ["", "Precision", "Recall", "F1", "F1, 95 % from", "to", "Support"],
        ["LOC", "0.00", "0.00", "0.00", "0.00", "0.00", "0"],
        ["micro", "100.00", "100.00", "100.00", "100.00", "100.00", "3"],
        ["micro", "50.00", "100.00", "66.67", "66.67", "66.67", "3"],
        ["macro", "50.00", "50.00", "50.00", "50.00", "50.00", "3"],
        ["weighted", "100.00", "100.00", "100.00", "", "", "3"],
    ]
    assert any("over 3 documents, 10000 samples" in said for said in page.said("p"))


def test_conventions_stand_side_by_side():
    page = Page(page_of(PAIRS))
    rows = page.rows("Scores by convention, in percent, and counts of spans")
    by_name = {row[0].partition(":")[0]: row[1:] for row in rows}
    # One of eight gold spans and of eight predicted ones is right.
    assert by_name["seqeval, default mode, equal to conlleval"] == ["12.50"] * 3 + [""] * 5
    assert by_name["seqeval, strict mode (BIO)"] == ["12.50"] * 3 + [""] * 5
    assert by_name["MUC strict"][:4] == ["12.50", "12.50", "12.50", "1"]
    # In another three, the tokens or the label are right; the split and the merge have a pair each.
    assert by_name["MUC exact"][3] == "2"
    assert by_name["MUC type"][3] == "4"


def test_conlleval_has_a_row_where_it_differs():
    some, other = Scores(0.5, 0.5, 0.5, 2), Scores(0.25, 0.25, 0.25, 2)
    fields = {"name": "", "sentences": 1, "tokens": 2, "per_label": {}, "confusion": {}}
    report = SpanReport(
        **fields,
        micro=some,
        macro=some,
        weighted=some,
        accuracy=1.0,
        scheme="BIOES",
        mode="default",
        strict=some,
        conlleval=other,
    )
    page = Page(convention_table(report, count_conventions([], [])))
    names = [row[:2] for row in page.rows(page.all("table")[0]["aria-label"])[1:4]]
    assert names == [
        ["seqeval, default mode", "50.00"],
        ["conlleval", "25.00"],
        ["seqeval, strict mode (BIOES)", "50.00"],
    ]


def test_groups_of_spans_have_tables():
    content = whole_page()
    page = Page(content)
    assert page.rows("By what training says of the surface")[1:] == [
        # New York is a place in training: gold once, predicted twice.
        ["same label", "0.00", "0.00", "0.00", "1", "2"],
        ["other label", "0.00", "0.00", "0.00", "0", "1"],
        ["unseen", "20.00", "14.29", "16.67", "7", "5"],
    ]
    assert "over 2 documents" in content
    assert {"By tokens of the span", "By case of the sentence"} <= set(page.said("figcaption"))


@pytest.mark.parametrize("scored", [True, False], ids=["scores", "no scores"])
def test_charts_need_a_score_for_each_span(scored):
    page = page_of([pair([(0, 1, "PER")], [(0, 1, "PER")], [0.5] if scored else [])])
    assert ("<svg" in page) == scored
