import re

import pytest
import seqeval.metrics  # noqa: F401  # so that no property counts the seconds of its import
from hypothesis import given
from hypothesis import strategies as st

from ner.evaluation.predicted_file import score_predictions
from tests.evaluation.references import Conlleval

PREFIXES = "BIESMLU"
TAG = st.just("O") | st.builds("{}-{}".format, st.sampled_from(PREFIXES), st.sampled_from("XY"))
ROWS = st.lists(
    st.tuples(st.sampled_from(["token", "end", "-DOCSTART-"]), TAG, TAG), min_size=1, max_size=20
)


def as_lines(rows):
    """Write rows as a file; "end" is a blank line, and so are both neighbours of a document row."""
    lines = [b"first O O"]
    for kind, gold, predicted in rows:
        row = f"{kind} {gold} {predicted}".encode()
        lines += {"token": [row], "end": [b""]}.get(kind, [b"", row, b""])
    return [line + b"\n" for line in lines]


def figures(scores):
    return scores.precision, scores.recall, scores.f1


@given(ROWS)
def test_a_report_says_equal_to_conlleval_only_if_it_is(rows):
    lines = as_lines(rows)
    report = score_predictions(lines, "any")
    counts = Conlleval(line.strip() for line in lines)
    assert report.default.tokens == counts.tokens
    is_equal = "(equal to conlleval)" in str(report)
    assert is_equal == (report.default.conlleval is None)
    said = report.default.micro if is_equal else report.default.conlleval
    assert figures(said) == pytest.approx(counts.scores)
    assert said.support == counts.gold


@given(ROWS)
def test_tags_without_other_prefixes_are_counted_as_by_conlleval(rows):
    lines = [line.translate(bytes.maketrans(b"ESMLU", b"IBIIB")) for line in as_lines(rows)]
    lines = [line.replace(b"-DOCBTART-", b"-DOCSTART-") for line in lines]
    report = score_predictions(lines, "any")
    counts = Conlleval(line.strip() for line in lines)
    assert report.default.conlleval is None
    assert figures(report.default.micro) == pytest.approx(counts.scores)
    assert report.default.accuracy == pytest.approx(counts.right_tags / counts.tokens)


def test_neighbours_that_conlleval_joins_are_named():
    report = score_predictions([b"a S-X S-X\n", b"b S-X O\n"], "file")
    assert figures(report.default.micro) == (1.0, 0.5, pytest.approx(2 / 3))
    assert report.default.conlleval.support == 1
    assert (
        "conlleval differs: precision 0.00, recall 0.00, F1 0.00, of 1 gold spans, because it "
        "knows no prefixes but B, I and E" in str(report)
    )
    assert report.to_dict()["default"]["conlleval"]["support"] == 1


def test_rows_that_begin_a_document_count_as_tokens_if_they_have_tags():
    lines = b"-DOCSTART- -X- O B-X\n\na N B-X B-X\n\n-DOCSTART- -X- O O\n".splitlines(True)
    report = score_predictions(lines, "file")
    assert (report.default.sentences, report.default.tokens, report.documents) == (1, 3, 2)
    assert figures(report.default.micro) == (0.5, 1.0, pytest.approx(2 / 3))
    assert str(report).endswith(" 2 -DOCSTART- rows count as tokens, as in conlleval.")
    alone = score_predictions([b"-DOCSTART-\n", b"\n", b"a B-X B-X\n"], "file")
    assert (alone.default.tokens, alone.documents) == (1, 0)
    assert not re.search("DOCSTART", str(alone))
