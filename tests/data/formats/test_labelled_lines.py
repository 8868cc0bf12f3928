"""Texts with labels, one on each line."""

import pytest

from ner.data.formats.detection import detect_format
from ner.data.formats.read import read_sentences, stream_sentences
from ner.data.formats.registry import FORMATS
from ner.data.formats.write import write_sentences
from ner.data.sentence import Sentence
from ner.data.spans import Notes
from tests.data.corpora import error_line, write


def read(tmp_path, content, **options):
    path = write(tmp_path / "x", content)
    found = stream_sentences(path, format="labels", **options)
    return [(sentence.text, sentence.labels) for sentence in found]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(
            "joy\tWhat a day\nfear\tWho is there\njoy\tYes\n",
            [("What a day", ("joy",)), ("Who is there", ("fear",)), ("Yes", ("joy",))],
            id="label, tab, text",
        ),
        pytest.param(
            "What a day\tjoy\nWho is there\tfear\nYes\tjoy\n",
            [("What a day", ("joy",)), ("Who is there", ("fear",)), ("Yes", ("joy",))],
            id="text, tab, label",
        ),
        pytest.param(
            "What a day\tjoy\n", [("What a day", ("joy",))], id="the label is the one word"
        ),
        pytest.param(
            "Night falls\tscience fiction\nA ship lands\tscience fiction\nHe wept\tlove story\n",
            [
                ("Night falls", ("science fiction",)),
                ("A ship lands", ("science fiction",)),
                ("He wept", ("love story",)),
            ],
            id="labels of several words",
        ),
        pytest.param("joy What a day\n", [("What a day", ("joy",))], id="label, blank, text"),
        pytest.param(
            "__label__joy What a day\n__label__joy __label__love Yes\n",
            [("What a day", ("joy",)), ("Yes", ("joy", "love"))],
            id="fastText",
        ),
        pytest.param(
            "What a day\t__label__joy\nYes __label__joy __label__love\n",
            [("What a day", ("joy",)), ("Yes", ("joy", "love"))],
            id="fastText, labels at the end",
        ),
    ],
)
def test_every_layout_gives_the_same_labels(tmp_path, content, expected):
    assert read(tmp_path, content) == expected
    path = tmp_path / "x"
    assert detect_format(path, is_labelled=True).name == "labels"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("joy\tyes\n", "x: it must show which of two columns holds the labels. Got "
                     "'joy\\tyes'. Add --format tsv --columns 'label text', or 'text label'.",
                     id="two single words"),
        pytest.param("1\tWhat a day\tjoy\n2\tYes\tjoy\n",
                     "x: must have two columns, of labels and texts. Got 3 columns, which --format "
                     "tsv reads if --columns names them, such as 'label - text'.",
                     id="three columns"),
        pytest.param("joy\tWhat a day\nfear\tOh no\nnothing\n",
                     "x:3: a line must be a label, a blank or a tab, and a text. Got 'nothing'.",
                     id="a line without a tab"),
        pytest.param("__label__joy\n",
                     "x:1: a line must be a label, a blank or a tab, and a text. "
                     "Got '__label__joy'.", id="fastText, no text"),
    ],
)  # fmt: skip
def test_lines_that_do_not_show_their_labels_are_refused(tmp_path, content, message):
    assert error_line(lambda: read(tmp_path, content), tmp_path) == message


@pytest.mark.parametrize(
    "header", ["text\tlabel", "Tweet\tlbl", "comment\tstars"], ids=["plain", "text", "both"]
)
def test_a_header_is_not_a_text(tmp_path, header):
    notes = Notes()
    texts = read(tmp_path, f"{header}\nWhat a day\tjoy\nOh no\tfear\nYes yes\tjoy\n", notes=notes)
    assert [labels for _, labels in texts] == [("joy",), ("fear",), ("joy",)]
    assert notes.guesses == [f"the first line, {header!r}, is read as a header."]


def test_two_columns_with_texts_are_no_tokens_with_tags(tmp_path):
    path = write(tmp_path / "x.tsv", "Who goes there now\tfear\nAll is well\tjoy\n")
    assert detect_format(path).name == "labels"
    path = write(tmp_path / "y.tsv", "Who\tO\nAda\tB-PER\n")
    assert detect_format(path).name == "conll"


def test_the_columns_of_such_a_file_can_be_named_as_those_of_a_table(tmp_path):
    path = write(tmp_path / "x", "joy\tyes\nfear\tno\n")
    found = read_sentences(path, format="tsv", columns=["text", "label"])
    assert [(s.text, s.labels) for s in found] == [("joy", ("yes",)), ("fear", ("no",))]


def test_several_labels_are_written_as_fasttext_reads_them(tmp_path):
    sentences = [Sentence(["a", "b"], labels=["x", "y"]), Sentence(["c"], labels=["__label__z"])]
    write_sentences(sentences, tmp_path / "x", FORMATS["labels"])
    assert (tmp_path / "x").read_text() == ("__label__x __label__y a b\n__label____label__z c\n")
    again = read_sentences(tmp_path / "x", format="labels")
    assert [s.labels for s in again] == [("x", "y"), ("__label__z",)]
