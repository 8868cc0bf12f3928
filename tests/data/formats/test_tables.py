"""CSV and TSV files: what their columns hold, how their fields are separated and quoted."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.data.formats.delimited import delimited_rows
from ner.data.formats.detection import detect_format
from ner.data.formats.read import read_sentences, stream_sentences
from ner.data.spans import Notes
from ner.errors import ConfigError
from tests.data.corpora import error_line, write


def read(path, **options):
    notes = Notes()
    return list(stream_sentences(path, notes=notes, **options)), notes


@pytest.mark.parametrize(
    ("name", "content", "guesses"),
    [
        pytest.param("a.csv", "review,stars\nGood,5\n", 1, id="usual names"),
        pytest.param("a.csv", "Review;Stars\nGood;5\n", 1, id="semicolons"),
        pytest.param("a.csv", "text\tlabel\nGood\t5\n", 0, id="tabs in a csv file"),
        pytest.param("a.tsv", "Tweet\tSentiment\nGood\t5\n", 1, id="tsv"),
        pytest.param(
            "a.csv", ",id,Review-Text,category\n0,x,Good,5\n", 1, id="the index of pandas"
        ),
        pytest.param("a.csv", "text,label\nGood,5\n", 0, id="names that are clear"),
    ],
)
def test_columns_with_usual_names_are_found_and_guesses_are_noted(tmp_path, name, content, guesses):
    path = write(tmp_path / name, content)
    assert detect_format(path).name in ("csv", "tsv")
    (sentence,), notes = read(path)
    assert (sentence.text, sentence.labels) == ("Good", ("5",))
    assert len(notes.guesses) == guesses
    assert not notes.changes


def test_a_guess_says_what_each_column_is_read_as(tmp_path):
    path = write(tmp_path / "a.csv", "review,stars\nGood,5\n")
    line = (
        "by their names, columns are read so: 'review' as text, 'stars' as label. "
        "--columns names others: label=NAME."
    )
    assert read(path)[1].guesses == [line]
    with pytest.warns(UserWarning, match=r"a\.csv: by their names, columns are read so: 'review'"):
        read_sentences(path)


def test_columns_are_named_by_what_they_hold(tmp_path):
    path = write(tmp_path / "a.csv", "Star Rating,Body,text\n5,Good,x\n")
    (sentence,), notes = read(path, columns=["text=body", "label=Star Rating"])
    assert (sentence.text, sentence.labels) == ("Good", ("5",))
    assert (notes.guesses, dict(notes.ignored)) == ([], {"fields 'text'": 1})
    path = write(tmp_path / "long.csv", "sentence_idx,words,gold\n1,Ada,B-PER\n2,left,O\n")
    sentences, notes = read(path, columns=["tags=gold", "token=words"])
    assert [s.spans for s in sentences] == [((0, 1, "PER"),), ()]


def test_a_column_that_is_not_read_as_a_label_is_never_dropped_in_silence(tmp_path):
    path = write(tmp_path / "a.csv", "text,mood\nGood,5\n")
    _, notes = read(path)
    assert notes.guesses == [
        "no column is read as annotation. Got ['mood'] besides the text. If one of them is, "
        "--columns must name it, as in label=NAME."
    ]
    assert notes.ignored == {"fields 'mood'": 1}


@pytest.mark.parametrize(
    "header", ["review,stars\n", "text,label\n", ""], ids=["usual names", "own names", "none"]
)
def test_a_header_is_no_text_even_if_columns_are_named_in_order(tmp_path, header):
    path = write(tmp_path / "a.csv", f"{header}Good,5\n")
    (sentence,), notes = read(path, columns=["text", "label"])
    assert (sentence.text, sentence.labels) == ("Good", ("5",))
    assert len(notes.guesses) == bool(header)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["text=body"], "a.csv:1: the header must have the column 'body', separated by commas. "
                        "Got ['words', 'mood']."),
        (None, "a.csv:1: the header must have a column 'sentence' that numbers the sentences, "
               "separated by commas, or --columns must name it, as in sentence=NAME. Got "
               "['words', 'mood']."),
    ],
    ids=["named", "needed"],
)  # fmt: skip
def test_a_column_that_is_missing_is_named(tmp_path, columns, message):
    path = write(tmp_path / "a.csv", "words,mood\nGood,5\n")
    assert error_line(lambda: read(path, columns=columns), tmp_path) == message


def test_options_for_the_other_kind_of_table_are_refused(tmp_path):
    path = write(tmp_path / "a.csv", "text,label\nGood,5\n")
    for options, words in (
        ({"tags": "label"}, "tags: must not be set for a table with a text per row. Got 'label'."),
        ({"columns": ["text=text", "tags=label"]}, "columns: a table with a text per row has"),
    ):
        assert error_line(lambda o=options: read(path, **o), error=ConfigError).startswith(words)


@pytest.mark.parametrize(
    ("cell", "labels"),
    [
        ("", None),
        ("  ", None),
        ("x", ("x",)),
        ("x|y", ("x|y",)),
        ('"[""x"", ""y""]"', ("x", "y")),
        ("\"['x', 'y']\"", ("x", "y")),
        ('"{""choices"": [""x"", ""y""]}"', ("x", "y")),
    ],
    ids=["empty", "blanks", "one", "no list", "JSON", "Python", "choices"],
)
def test_a_cell_is_one_label_a_list_or_none(tmp_path, cell, labels):
    path = write(tmp_path / "a.csv", f"text,label\nGood,{cell}\n")
    assert read(path)[0][0].labels == labels


def test_several_labels_in_a_cell_have_a_separator(tmp_path):
    path = write(tmp_path / "a.csv", "text,label\nGood,x | y|\nBad,\nOh,z\n")
    sentences, _ = read(path, label_separator="|")
    assert [s.labels for s in sentences] == [("x", "y"), None, ("z",)]


@pytest.mark.parametrize("delimiter", [",", "\t"], ids=["csv", "tsv"])
@pytest.mark.parametrize("dump", [json.dumps, str], ids=["JSON", "Python"])
def test_exports_of_label_studio_hold_spans_in_a_cell(tmp_path, delimiter, dump):
    # Offsets of Label Studio count UTF-16 units: the emoji is two.
    spans = [{"start": 3, "end": 6, "text": "Ada", "labels": ["PER"], "id": "a"}]
    table = io.StringIO()
    header = ["text", "id", "label", "lead_time"]
    cells = [["😀 Ada left", 7, dump(spans), 1.5], ["No", 8, "[]", 2]]
    csv.writer(table, delimiter=delimiter).writerows([header, *cells])
    path = write(tmp_path / "a.txt", table.getvalue())
    (first, second), notes = read(path)
    assert (first.spans, first.labels, first.id) == (((1, 2, "PER"),), None, "7")
    assert (second.spans, second.labels) == ((), ())
    assert notes.ignored["fields 'id' of spans"] == 1


def rows(text, delimiter="\t"):
    lines = text.encode().splitlines(keepends=True)
    return [fields for _, fields, _ in delimited_rows(lines, "x", delimiter)]


def tables_of(characters):
    field = st.text(st.sampled_from(characters), max_size=5)
    return st.lists(st.lists(field, min_size=3, max_size=3), min_size=1, max_size=4)


# With tabs and newlines in the fields, lines could be those of a file without quotes.
@given(st.one_of(tables_of("ab \t\"'|中"), tables_of("ab \n\"'|中")))
def test_tabs_with_the_quotes_of_pandas_and_excel_are_read(table):
    written = io.StringIO()
    csv.writer(written, delimiter="\t", lineterminator="\n").writerows([["a", "b", "c"], *table])
    assert rows(written.getvalue()) == [["a", "b", "c"], *table]


@pytest.mark.parametrize(
    "tokens",
    [['"'], ['"', "x", '"'], ["x", '"a'], ['"x" y', '"'], ["'"]],
    ids=["one", "two", "at the start", "both", "single"],
)
def test_quotes_are_characters_where_files_with_tabs_have_none(tokens):
    text = "".join(f"1\t{token}\tO\n" for token in tokens)
    assert rows("sentence\ttoken\tner\n" + text)[1:] == [["1", token, "O"] for token in tokens]


def test_rows_keep_their_lines():
    lines = [b"a,b\n", b'"x\n', b'y",z\n']
    found = list(delimited_rows(lines, "x", ","))
    assert [(line, raw) for line, _, raw in found] == [(1, "a,b\n"), (3, '"x\ny",z\n')]
