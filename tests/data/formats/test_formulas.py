"""Cells that a spreadsheet would run are made harmless, where that is asked for."""

import csv
import io

import pytest

from ner.data.formats.registry import FORMATS
from ner.data.formats.write import write_sentences
from ner.data.sentence import Sentence
from ner.display import without_formula
from ner.errors import ConfigError


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+1-800", "-a", "@SUM(A1)", "\t=1", "\r=1", "-", "＝1", "=", "-1+cmd|' /C calc'!A0"],
    ids=["equal", "phone", "minus", "at", "tab", "return", "dash", "wide", "sign", "command"],
)
def test_a_formula_gets_an_apostrophe(cell):
    assert without_formula(cell) == f"'{cell}"


@pytest.mark.parametrize(
    "cell", ["", "-5", "+1.5", "-0,5", "a=b", "'=1", "[[0, 1]]"],
    ids=["empty", "minus", "plus", "comma", "inside", "quoted", "list"],
)  # fmt: skip
def test_other_cells_stay_as_they_are(cell):
    assert without_formula(cell) == cell


EVIL = Sentence(["=1", "a"], labels=["@x"], columns={"pos": ["+N", "-5"]}, id="=2")


@pytest.mark.parametrize("name", ["csv", "tsv", "csv-long", "tsv-long"])
def test_tables_have_no_formulas_if_asked_for(tmp_path, name):
    delimiter = "," if name.startswith("csv") else "\t"
    cells = {}
    for formulas in (True, False):
        path = tmp_path / f"{formulas}.txt"
        write_sentences([EVIL], path, FORMATS[name], drop=True, formulas=formulas)
        rows = csv.reader(io.StringIO(path.read_text(), newline=""), delimiter=delimiter)
        cells[formulas] = [cell for row in rows for cell in row]
    assert any(cell.startswith("=") for cell in cells[True])
    assert cells[False] == [without_formula(cell) for cell in cells[True]]
    assert not any(cell.startswith(("=", "+", "@")) for cell in cells[False])


def test_formats_that_are_no_tables_refuse_the_option(tmp_path):
    with pytest.raises(ConfigError, match=r"^--no-formulas: is for CSV and TSV files\. Got jsonl"):
        write_sentences([EVIL], tmp_path / "a.jsonl", FORMATS["jsonl"], formulas=False)


def test_results_have_no_formulas_if_asked_for(run, tiny_model):
    words = ("tag", "=1", "--model", tiny_model, "--output")
    assert run(*words, "tsv", "--no-formulas")[0] == 0
    code, out, err = run(*words, "jsonl", "--no-formulas")
    assert (code, out, err) == (2, "", "--no-formulas: needs --output tsv. Got jsonl.\n")


def test_rows_of_results_are_cells_too():
    from ner.cli.outputs import Result, class_lines
    from ner.data.sentence import Prediction

    prediction = Prediction(labels=("=x",), probabilities={"=x": 0.5})
    result = Result(Sentence(["+a", "b"], prediction=prediction), None)
    for formulas, row in ((True, "1\t=x\t0.500000\t+a b"), (False, "1\t'=x\t0.500000\t'+a b")):
        places = {"has_sources": False, "has_rows": False}
        *_, line = class_lines([result], "tsv", formulas=formulas, **places)
        assert line == row
