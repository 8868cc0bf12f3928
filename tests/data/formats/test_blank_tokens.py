import doctest
import json

import pytest

import ner.data.formats.blank_tokens
from ner.data.formats.blank_tokens import without_blank_tokens
from ner.data.formats.read import read_sentences
from ner.data.formats.registry import find_format
from ner.data.formats.write import write_sentences
from ner.data.schemes import Span
from ner.data.sentence import Prediction, Sentence
from ner.errors import DataError

# As Prodigy cuts a text: line breaks are tokens, and one of them is inside an entity.
TEXT = "Note:\nAda\nByron left\n\n"
TOKENS = ["Note", ":", "\n", "Ada", "\n", "Byron", "left", "\n\n"]
STARTS = [0, 4, 5, 6, 9, 10, 16, 20]
OFFSETS = [(start, start + len(token)) for start, token in zip(STARTS, TOKENS, strict=True)]
POS = ("NN", ".", "_", "NNP", "_", "NNP", "VBD", "_")


def noted(**fields):
    return Sentence(TOKENS, text=TEXT, offsets=OFFSETS, columns={"xpos": POS}, **fields)


def test_examples_in_docstrings():
    assert doctest.testmod(ner.data.formats.blank_tokens).failed == 0


def test_everything_of_a_token_goes_and_the_text_stays():
    spans = [Span(2, 6, "PER"), Span(7, 8, "X")]
    prediction = Prediction(
        spans,
        (0.5, 0.25),
        columns={"xpos": POS},
        column_scores={"xpos": tuple(map(float, range(8)))},
        attention=(tuple(map(float, range(8))),),
    )
    found = without_blank_tokens(noted(spans=spans, prediction=prediction))
    assert found.text == TEXT
    assert found.tokens == ("Note", ":", "Ada", "Byron", "left")
    assert [TEXT[start:end] for start, end in found.offsets] == list(found.tokens)
    assert found.columns["xpos"] == ("NN", ".", "NNP", "NNP", "VBD")
    assert found.spans == found.prediction.spans == (Span(2, 4, "PER"),)
    assert found.prediction.scores == (0.5,)
    assert found.prediction.columns == found.columns
    assert found.prediction.column_scores["xpos"] == (0.0, 1.0, 3.0, 5.0, 6.0)
    assert found.prediction.attention == ((0.0, 1.0, 3.0, 5.0, 6.0),)
    partial = without_blank_tokens(noted(allowed=[(tag,) for tag in POS]))
    assert partial.allowed == (("NN",), (".",), ("NNP",), ("NNP",), ("VBD",))


def test_other_white_space_stays():
    sentence = Sentence(["a", "\u3000", "b\nc"])
    assert without_blank_tokens(sentence) is sentence


@pytest.mark.parametrize(
    ("name", "loses"),
    [("conll", True), ("conllu", True), ("tsv-long", False), ("csv-long", False), ("jsonl", False)],
)
def test_files_without_such_tokens_lose_them_alone_and_say_so(tmp_path, name, loses):
    path = tmp_path / "a"
    written = write_sentences([noted(spans=[Span(3, 6, "PER")])], path, find_format(name))
    assert written.lost.get("tokens of white space", 0) == loses
    (again,) = read_sentences(path, format=name)
    assert (":" in again.tokens, "\n" in again.tokens) == (True, not loses)
    (span,) = again.spans
    assert [t for t in again.tokens[span.start : span.end] if t != "\n"] == ["Ada", "Byron"]


@pytest.mark.parametrize("name", ["conll", "conllu", "csv-long", "tsv-long"])
@pytest.mark.parametrize(
    "label", ["A|B", "A|B-C", "A|O", "|"], ids=["bar", "tag", "O", "bar alone"]
)
def test_a_label_that_would_be_read_as_partial_annotation_is_refused(tmp_path, name, label):
    sentence = Sentence(["a", "b"], spans=[Span(0, 1, label)])
    with pytest.raises(DataError, match=r"a label must not hold \|, which is between the tags"):
        write_sentences([sentence], tmp_path / "a", find_format(name))
    assert list(tmp_path.iterdir()) == []
    for other in ("jsonl", "csv", "brat"):
        write_sentences([sentence], tmp_path / other, find_format(other))
        (again,) = read_sentences(tmp_path / other, format=other)
        assert again.spans == sentence.spans


def test_partial_annotation_with_such_a_label_is_refused_in_json_lines(tmp_path):
    record = {"text": "a b", "spans": [[0, 1, "A|B-C"]], "partial": True}
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(record))
    (sentence,) = read_sentences(path)
    with pytest.raises(DataError, match=r"a\.jsonl:1: where annotation is written as tags"):
        write_sentences([sentence], tmp_path / "b.jsonl", find_format("jsonl"))
