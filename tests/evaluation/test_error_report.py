import base64
import hashlib
import re

import pytest

from ner.data.schemes import Span
from ner.data.sentence import Sentence, Source
from ner.evaluation.error_report import error_list
from ner.evaluation.error_report.page import error_page
from ner.evaluation.error_report.write import write_errors
from ner.evaluation.errors import CLASS_MEANINGS, ERROR_CLASSES, span_errors
from ner.evaluation.span_metrics import evaluate_sentences
from ner.evaluation.surfaces import SurfaceCounts
from tests.evaluation.error_pages import PAIRS, Page, page_of, pair, whole_page

# The gold and the predicted spans in the errors of each class.
CLASS_COUNTS = [
    ("type", "1", "1"),
    ("boundary", "1", "1"),
    ("boundary and type", "1", "1"),
    ("split", "1", "2"),
    ("merge", "2", "1"),
    ("missed", "1", "0"),
    ("spurious", "0", "1"),
]
BAD = "</script><script>alert('x')</script>\"><img src=x onerror='y'>"


def test_a_page_needs_nothing_from_elsewhere_and_runs_its_own_script_alone():
    content = whole_page()
    page = Page(content)
    assert not re.search(r"https?:|src=|url\(|<link|@import", content)
    assert [attrs["href"][0] for attrs in page.all("a")] == ["#"] * len(page.all("a"))
    (script,) = page.said("script")
    (source,) = re.findall(r"<script>(.*?)</script>", content, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
    (policy,) = (attrs["content"] for attrs in page.all("meta") if "http-equiv" in attrs)
    assert policy == (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    )
    assert script


def test_the_most_confident_errors_come_first():
    items = Page(whole_page()).all("li", "error")
    assert [item["data-class"] for item in items] == [
        "spurious",
        "type",
        "merge",
        "boundary",
        "split",
        "boundary and type",
        "missed",
    ]
    assert items[1] == {
        "class": "error",
        "data-number": "1",
        "data-class": "type",
        "data-types": '["LOC", "PER"]',
        "data-score": "0.9000",
        "data-confusion": "LOC as PER",
    }
    assert (items[-1]["data-score"], items[-1]["data-confusion"]) == ("", "")


def test_an_error_shows_both_sides_its_place_and_what_training_says():
    second = Page(whole_page()).said("li", "error")[1]
    assert second == (
        "type score 0.900 x.conll:1 Gold The Bank of New YorkLOC met Ada Byron "
        "Predicted The Bank of New YorkPER met Ada Byron "
        "Known New York: 2 LOC, 1 ORG in training"
    )
    assert "Known" not in Page(page_of(PAIRS)).said("li", "error")[1]


def test_places_are_the_names_of_files_not_of_folders():
    source = Source("/home/somebody/x.conll", 7)
    content = page_of([pair([(0, 1, "PER")], [], source=source, document="d")])
    assert "missed x.conll:7, document d Gold" in Page(content).said("li", "error")[0]
    assert "somebody" not in content


def test_classes_are_counted_and_link_to_their_errors():
    page = Page(whole_page())
    assert page.rows("Errors by class, with the spans in them") == [
        ["Class", "Errors", "Gold spans", "Predicted spans", "Meaning"],
        *([name, "1", *counts, CLASS_MEANINGS[name]] for name, *counts in CLASS_COUNTS),
        ["all", "7", "7", "7", ""],
    ]
    links = [attrs["href"] for attrs in page.all("a")]
    assert {f"#class={name.replace(' ', '+')}" for name in ERROR_CLASSES} <= set(links)
    assert "#class=type&confusion=LOC+as+PER" in links


def test_confusions_are_a_map():
    page = Page(whole_page())
    assert page.rows(
        "Spans by gold label (row) and predicted label of exactly the same tokens"
    ) == [
        ["Gold", "LOC", "MISC", "ORG", "PER", "(missed)"],
        ["LOC", "0", "0", "0", "1", "0"],
        ["ORG", "0", "0", "0", "0", "3"],
        ["PER", "0", "0", "0", "1", "3"],
        ["(spurious)", "2", "1", "2", "1", ""],
    ]
    # One of four gold spans of persons is found with its borders: the root of 1 / 4.
    assert [attrs["style"] for attrs in page.all("td", "right")] == ["--weight: 0.50"]
    assert len(page.all("td", "wrong")) == 7


def test_no_errors_and_no_spans_are_a_page_too():
    for pairs in ([pair([(0, 1, "PER")], [(0, 1, "PER")])], [pair([], [])]):
        page = Page(page_of(pairs))
        assert "There are no errors." in page.said("p")
        assert page.all("form") == []


def test_predictions_without_scores_have_no_filter_for_scores():
    page = Page(page_of([pair([(0, 1, "PER")], [(0, 1, "LOC")], [])]))
    assert "score" not in {attrs.get("name") for attrs in page.all("input")}
    assert not any("confident" in said for said in page.said("p") + page.said("option"))
    assert "score" not in page.said("li", "error")[0]


def test_a_long_list_is_cut_and_says_so(monkeypatch):
    monkeypatch.setattr(error_list, "MOST_SHOWN", 2)
    page = Page(whole_page())
    assert [item["data-class"] for item in page.all("li", "error")] == ["spurious", "type"]
    assert any("first 2 of 7 errors" in said for said in page.said("p"))


def test_no_text_no_label_and_no_name_becomes_markup():
    gold, predicted = pair(
        [(0, 1, BAD)],
        [(0, 1, BAD + " "), (1, 2, "a\tb")],
        tokens=[BAD, BAD],
        source=Source(f"{BAD}.txt", 1),
        document=BAD,
    )
    report = evaluate_sentences([gold], [predicted], BAD)
    training = SurfaceCounts([Sentence([BAD], spans=[Span(0, 1, BAD)])])
    content = "\n".join(error_page(report, span_errors([gold], [predicted]), training))
    page = Page(content)
    assert len(page.all("script")) == 1
    assert page.all("img") == []
    names = {name for element in page.elements for name in element["attrs"]}
    assert not {name for name in names if name.startswith("on")}
    assert page.said("mark")[0] == BAD + BAD


def test_a_long_span_is_shortened_in_the_middle():
    tokens = [f"w{i}" for i in range(200)]
    mark, *_ = Page(page_of([pair([(0, 200, "X")], [], tokens=tokens)])).said("mark")
    assert mark.startswith("w0 w1 ") and mark.endswith(" w199X") and "\u2026" in mark
    assert len(mark.split()) == 2 * error_list.LONG + 1


def test_errors_are_written_as_a_page_and_as_lines(tmp_path):
    gold, predicted = map(list, zip(*PAIRS, strict=True))
    report, errors = evaluate_sentences(gold, predicted, "x"), span_errors(gold, predicted)
    html, lines = tmp_path / "x.html", tmp_path / "x.jsonl"
    write_errors(report, errors, html=html)
    assert not lines.exists()
    write_errors(report, errors, errors=lines)
    assert html.read_text(encoding="utf-8").endswith("</html>\n")
    assert len(lines.read_text(encoding="utf-8").splitlines()) == len(errors)


@pytest.mark.parametrize("kind", ["caption", "scope", "label"])
def test_tables_and_fields_have_names(kind):
    page = Page(whole_page())
    if kind == "caption":
        assert all(attrs["aria-label"] for attrs in page.all("table"))
        assert len(page.all("figcaption")) >= len(page.all("table"))
    elif kind == "scope":
        assert {attrs["scope"] for attrs in page.all("th")} == {"col", "row"}
    else:
        fields = len(page.all("select")) + len(page.all("input"))
        assert len(page.all("label")) == fields == 6
