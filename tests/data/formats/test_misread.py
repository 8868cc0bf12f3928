import doctest
import io

import pytest

import ner.data.formats.misread
from ner.data.formats.conll import annotate_conll, read_conll
from ner.data.formats.misread import PROBED
from ner.data.formats.read import read_sentences
from ner.data.spans import Notes
from tests.data.corpora import write

COUNTED = "1\tAnn\tB-PER\tO\n2\tsang\tO\tO\n\n"


def warnings_of(text, columns=None):
    notes = Notes()
    list(read_conll(io.BytesIO(text.encode()), "x.conll", columns, None, notes=notes))
    return notes.warnings


def test_examples_in_docstrings():
    assert doctest.testmod(ner.data.formats.misread).failed == 0


@pytest.mark.parametrize(
    ("text", "columns", "what", "hint"),
    [
        pytest.param(COUNTED, None, "count 1, 2, 3", "'- token ner -'", id="row numbers"),
        pytest.param(COUNTED * 99, None, "count 1, 2, 3", "'- token ner -'", id="a long file"),
        pytest.param(
            "0 a b O\n1 c d O\n\n0 e f B-X\n", None, "count 1, 2, 3", "'- token - ner'", id="from 0"
        ),
        pytest.param(
            "1-2 du B-X\n1 de O\n2 le O\n2.1 x O\n", None, "count 1, 2, 3", "'- token ner'",
            id="ranges and empty nodes",
        ),
        pytest.param(
            "1 7 a NN\n2 8 b VB\n", None, "count 1, 2, 3", "'- - token -'", id="two numbers"
        ),
        pytest.param("17 a O\n18 b O\n\n19 c O\n", None, "are whole numbers only",
                     "'- token -'", id="other numbers"),
    ],
)  # fmt: skip
def test_numbers_that_are_read_as_tokens_are_told_with_a_way_out(text, columns, what, hint):
    (warning,) = warnings_of(text, columns)
    assert warning.startswith(f"x.conll:1: the tokens {what}")
    assert warning.endswith(f"name the columns, such as --columns {hint}.")


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        pytest.param("17\n4\n", None, id="one column"),
        pytest.param("Ann 1 O\nsang 2 O\n", ["-", "token", "ner"], id="a wrong name"),
    ],
)
def test_numbers_without_words_beside_them_are_told(text, columns):
    (warning,) = warnings_of(text, columns)
    assert warning.endswith("name another column 'token' with --columns.")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "Ann,B-PER\nsang,O\n", "a whole row is read as the token, such as 'Ann,B-", id="commas"
        ),
        pytest.param('# 1\n"a";"O"\n"b";"O"\n', "a whole row is read as the token", id="quotes"),
        pytest.param("Ann|B-PER\n||O\n", "not by '|'.", id="a token that is the separator"),
        pytest.param("Ann/NNP\nsang/VBD\n", "not by '/'.", id="slash"),
        pytest.param(
            "Ann, B-PER\nsang, O\n",
            "every token ends with ',', such as 'Ann,'",
            id="commas and blanks",
        ),
    ],
)
def test_columns_with_other_separators_are_told(text, message):
    (warning,) = warnings_of(text)
    assert message in warning


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("1 O\n\n2 O\nb O\n", id="some numbers"),
        pytest.param("1,000 O\n2,000 O\n", id="commas inside"),
        pytest.param("a,b\nc\n", id="a comma"),
        pytest.param(",\n,\n", id="commas alone"),
        pytest.param("7\n", id="one token"),
        pytest.param("a O\n\n" * PROBED + "1 O\n2 O\n", id="numbers far below"),
        pytest.param("", id="nothing"),
    ],
)
def test_what_is_right_is_not_warned_of(text):
    assert warnings_of(text) == []


def test_the_warning_comes_before_the_file_ends_and_no_sentence_waits_for_it():
    rows = iter((COUNTED * PROBED).encode().splitlines(keepends=True))
    notes = Notes()
    sentences = read_conll(rows, "x.conll", notes=notes)
    assert next(sentences).tokens == ("1", "2")
    assert not notes.warnings and next(rows) == b"1\tAnn\tB-PER\tO\n"
    assert len(list(sentences)) == PROBED - 1
    assert len(notes.warnings) == 1


def test_tagging_and_reading_from_python_warn_as_well(tmp_path):
    notes = Notes()
    list(annotate_conll(io.BytesIO(COUNTED.encode()), list, "x.conll", notes=notes))
    assert notes.warnings[0].startswith("x.conll:1: the tokens count")
    path = write(tmp_path / "a.conll", COUNTED)
    with pytest.warns(UserWarning, match=r"a\.conll:1: the tokens count 1, 2, 3"):
        read_sentences(path)
