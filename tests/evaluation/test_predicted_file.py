import json

import pytest
import seqeval.metrics  # noqa: F401  # so that no property counts the seconds of its import
from hypothesis import given
from hypothesis import strategies as st

from ner.errors import DataError
from ner.evaluation.predicted_file import infer_scheme, score_predictions

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
ROWS = st.lists(
    st.lists(st.tuples(st.sampled_from(TAGS), st.sampled_from(TAGS)), min_size=1), min_size=1
)


def as_lines(sentences):
    rows = (
        [*(f"w {gold} {predicted}\n".encode() for gold, predicted in sentence), b"\n"]
        for sentence in sentences
    )
    return [line for sentence in rows for line in sentence]


def conlleval(sentences):
    """Count as conlleval.pl does, row by row: (correct, predicted, gold) spans by label.

    Source: the Perl script of the CoNLL-2000 shared task, version 2004-01-26, written down anew.
    """

    def is_end(before, tag, type_before, type_):
        changes = {("B", "B"), ("B", "O"), ("I", "B"), ("I", "O")}
        return (before, tag) in changes or (before != "O" and type_before != type_)

    def is_start(before, tag, type_before, type_):
        changes = {("B", "B"), ("I", "B"), ("O", "B"), ("O", "I")}
        return (before, tag) in changes or (tag != "O" and type_before != type_)

    counts = {}

    def add(label, i):
        counts.setdefault(label, [0, 0, 0])[i] += 1

    before = [("O", ""), ("O", "")]
    in_correct = False
    for row in [row for sentence in sentences for row in [*sentence, ("O", "O")]]:
        now = [(tag[0], tag[2:]) for tag in row]
        ends = [is_end(b[0], n[0], b[1], n[1]) for b, n in zip(before, now, strict=True)]
        starts = [is_start(b[0], n[0], b[1], n[1]) for b, n in zip(before, now, strict=True)]
        if in_correct:
            if all(ends) and before[0][1] == before[1][1]:
                in_correct = False
                add(before[0][1], 0)
            elif ends[0] != ends[1] or now[0][1] != now[1][1]:
                in_correct = False
        if all(starts) and now[0][1] == now[1][1]:
            in_correct = True
        if starts[0]:
            add(now[0][1], 2)
        if starts[1]:
            add(now[1][1], 1)
        before = now
    return counts


@given(ROWS)
def test_default_mode_equals_conlleval_for_any_tags_legal_or_not(sentences):
    report = score_predictions(as_lines(sentences), "any").default
    counts = conlleval(sentences)
    total = [sum(column) for column in zip(*counts.values(), strict=True)] or [0, 0, 0]
    assert sorted(report.per_label) == sorted(counts)
    pairs = [*((report.per_label[label], counts[label]) for label in counts), (report.micro, total)]
    for scores, (correct, predicted, gold) in pairs:
        assert scores.support == gold
        assert scores.precision == pytest.approx(correct / max(predicted, 1))
        assert scores.recall == pytest.approx(correct / max(gold, 1))
        assert scores.f1 == pytest.approx(2 * correct / max(predicted + gold, 1))
    rows = [row for sentence in sentences for row in sentence]
    assert report.accuracy == sum(gold == predicted for gold, predicted in rows) / len(rows)


def test_default_mode_mends_what_strict_mode_refuses():
    report = score_predictions(as_lines([[("B-PER", "I-PER"), ("I-PER", "I-PER")]]), "file")
    assert (report.f1, report.default.f1, report.strict.f1) == (1.0, 1.0, 0.0)
    text = str(report)
    assert "seqeval in default mode (equal to conlleval); strict mode (scheme BIO) differs" in text
    assert "seqeval in strict mode (scheme BIO)" in text
    assert text.endswith("Scheme of strict mode: BIO, inferred from the gold tags.")


def test_a_declared_scheme_is_used_and_named():
    lines = as_lines([[("I-PER", "I-PER"), ("I-PER", "I-PER")]])
    report = score_predictions(lines, "file", scheme="IOB1")
    assert report.strict.f1 == 1.0
    assert str(report).endswith("Scheme of strict mode: IOB1, as declared.")
    assert score_predictions(lines, "file", scheme="BIO").strict.f1 == 0.0


def test_columns_are_chosen_by_index():
    lines = [b"B-X w O I-X\n"]
    assert score_predictions(lines, "file", gold=3, predicted=2).default.micro.support == 1
    assert score_predictions(lines, "file", gold=-2, predicted=-1).default.micro.support == 0


def test_spellings_of_the_same_tags_count_as_equal():
    lines = as_lines([[("B-X", "B-X"), ("M-X", "I-X"), ("E-X", "L-X"), ("S-X", "U-X")]])
    report = score_predictions(lines, "file")
    assert (report.scheme, report.default.f1, report.strict.f1) == ("BIOES", 1.0, 1.0)
    assert report.default.accuracy == 1.0


def test_tags_that_the_scheme_lacks_are_counted_and_named():
    report = score_predictions(as_lines([[("B-X", "B-X"), ("I-X", "E-X")]]), "file")
    assert (report.default.f1, report.strict.f1, report.foreign_tags) == (1.0, 0.0, 1)
    assert str(report).endswith(" 1 tags have a prefix that it lacks and count as O there.")


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        pytest.param([["O"]], "BIO", id="O alone"),
        pytest.param([["B-X", "I-X", "O"]], "BIO", id="BIO"),
        pytest.param([["I-X", "I-X", "B-X"]], "IOB1", id="IOB1"),
        pytest.param([["B-X", "O"], ["B-X", "O"], ["I-X"]], "BIO", id="mostly BIO"),
        pytest.param([["S-X", "O"]], "BIOES", id="BIOES"),
    ],
)
def test_the_scheme_is_the_one_that_fits_the_gold_tags_best(tags, scheme):
    assert infer_scheme(tags) == scheme


def test_a_report_on_predictions_can_be_written_as_json():
    report = score_predictions(as_lines([[("B-X", "B-X")]]), "file")
    restored = json.loads(json.dumps(report.to_dict()))
    assert (restored["default"]["f1"], restored["strict"]["mode"]) == (1.0, "strict")
    assert restored["scheme_inferred"] is True


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        pytest.param(
            [b"a O O\n", b"b O\n"],
            "p.txt:2: 2 columns, but the line before has 3.",
            id="a column too few",
        ),
        pytest.param(
            [b"a O O\n", b"b O PER\n"],
            "p.txt:2: a tag must be O or a prefix",
            id="a predicted tag without prefix",
        ),
        pytest.param([b"a O O\n", b"b PER O\n"], "Got 'PER'.", id="a gold tag without prefix"),
        pytest.param(
            [b"\n", b"a\n"], "p.txt:2: a row holds a token and the tags; column -2", id="one column"
        ),
        pytest.param(
            [b"a O\n"],
            "p.txt:1: a row holds a token and the tags; column -2 is not there. Got 2",
            id="two columns",
        ),
        pytest.param(
            [],
            "p.txt: a token, a gold tag and a predicted tag in each row. Got no rows.",
            id="empty",
        ),
        pytest.param([b"a O \xe9\n"], "p.txt:1: not UTF-8", id="latin-1"),
    ],
)
def test_a_file_that_is_no_prediction_file_is_an_error_with_its_line(lines, message):
    with pytest.raises(DataError) as error:
        score_predictions(lines, "p.txt")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_columns_in_two_schemes_are_noted():
    rows = [b"a I-X B-X\n", b"b I-X I-X\n", b"c O O\n"]
    text = str(score_predictions(rows, "x.conll"))
    assert "The predicted tags are not in it, so the strict scores say little" in text
    assert "say little" not in str(score_predictions([b"a B-X B-X\n"], "x.conll"))
