"""Files as other programs write them: shapes, oddities, mistakes."""

import json
import sys

import pytest

from ner.data.formats.base import WriteOptions
from ner.data.formats.options import ReadOptions
from ner.data.formats.read import read_sentences, stream_sentences
from ner.data.formats.registry import FORMATS
from ner.data.formats.write import write_sentences
from ner.data.sentence import Prediction, Sentence
from ner.data.spans import Notes
from ner.errors import DataError, MissingExtraError
from tests.data.corpora import error_line, write

TEXT = "Ada 😀 left  Paris."
SPANS = ((0, 1, "PER"), (3, 4, "LOC"))
PLACES = [(0, 3, "PER", "Ada"), (12, 17, "LOC", "Paris")]


def label_studio(*results, data=None, **annotation):
    results = results or [span(s, e, label, t) for s, e, label, t in PLACES]
    task = {"id": 3, "data": data or {"text": TEXT}}
    return [task | {"annotations": [{"id": 1, "result": list(results), **annotation}]}]


def span(start, end, *labels_and_text):
    *labels, text = labels_and_text
    value = {"start": start, "end": end, "text": text, "labels": labels}
    return {"value": value, "from_name": "label", "to_name": "text", "type": "labels"}


# Each with the name under which it is detected.
SHAPES = {
    "doccano, old": (
        "jsonl",
        {"id": 1, "text": TEXT, "label": [[s, e, x] for s, e, x, _ in PLACES]},
    ),
    "doccano, older": ("jsonl", {"data": TEXT, "labels": [[s, e, x] for s, e, x, _ in PLACES]}),
    "doccano, new": (
        "jsonl",
        {
            "id": 1,
            "text": TEXT,
            "entities": [
                {"id": 7, "label": x, "start_offset": s, "end_offset": e} for s, e, x, _ in PLACES
            ],
            "relations": [],
            "Comments": [],
        },
    ),
    "Prodigy": (
        "jsonl",
        {
            "text": TEXT,
            "tokens": [
                {"text": TEXT[s:e], "start": s, "end": e, "id": i}
                for i, (s, e) in enumerate([(0, 3), (4, 5), (6, 10), (12, 17), (17, 18)])
            ],
            "spans": [
                {"start": s, "end": e, "token_start": 0, "label": x} for s, e, x, _ in PLACES
            ],
            "answer": "accept",
            "_input_hash": 1,
        },
    ),
    "LightTag": (
        "lighttag",
        {
            "id": "5d1c",
            "examples": [
                {
                    "example_id": "6bc2",
                    "content": TEXT,
                    "metadata": {},
                    "annotations": [
                        {"start": s, "end": e, "tag": x, "tag_id": "9", "value": t, "correct": None}
                        for s, e, x, t in PLACES
                    ],
                    "classifications": [],
                }
            ],
            "schema": {"tags": []},
        },
    ),
    "Label Studio": ("label-studio", label_studio()),
    "Label Studio, old": (
        "label-studio",
        [{"data": {"text": TEXT}, "completions": label_studio()[0]["annotations"]}],
    ),
    "Label Studio, other key": ("label-studio", label_studio(data={"review": TEXT, "n": 1})),
    "Label Studio, counted in UTF-16 units": (
        "label-studio",
        label_studio(span(0, 3, "PER", "Ada"), span(13, 18, "LOC", "Paris")),
    ),
    "Label Studio, short": (
        "json",
        [
            {
                "id": 1,
                "text": TEXT,
                "label": [
                    {"start": s, "end": e, "text": t, "labels": [x]} for s, e, x, t in PLACES
                ],
            }
        ],
    ),
    "spaCy": ("spacy-json", [[TEXT, {"entities": [[s, e, x] for s, e, x, _ in PLACES]}]]),
    "spaCy, in an object": (
        "spacy-json",
        {"annotations": [[TEXT, {"entities": [[s, e, x] for s, e, x, _ in PLACES]}]]},
    ),
}


@pytest.mark.parametrize(
    ("shape", "indent"),
    # JSON lines have a record a line; all else may be indented.
    [
        (shape, indent)
        for shape in SHAPES
        for indent in (None, 2)
        if SHAPES[shape][0] != "jsonl" or not indent
    ],
)
def test_every_shape_is_detected_and_gives_the_same_spans(tmp_path, shape, indent):
    name, content = SHAPES[shape]
    path = write(
        tmp_path / ("x.jsonl" if name == "jsonl" else "x.json"), json.dumps(content, indent=indent)
    )
    from ner.data.formats.detection import detect_format

    assert detect_format(path).name == name
    (sentence,) = read_sentences(path)
    assert sentence.tokens == ("Ada", "😀", "left", "Paris", ".")
    assert (sentence.spans, sentence.labels) == (SPANS, None)


@pytest.mark.parametrize(
    ("name", "content", "labels"),
    [
        pytest.param("jsonl", {"text": "a", "label": ["x", "y"]}, ("x", "y"), id="several labels"),
        pytest.param("jsonl", {"text": "a", "label": 1}, ("1",), id="a number"),
        pytest.param("jsonl", {"text": "a", "labels": ["x"]}, ("x",), id="a field named labels"),
        pytest.param(
            "jsonl",
            {"text": "a", "accept": ["x"], "answer": "accept"},
            ("x",),
            id="an accepted choice of Prodigy",
        ),
        pytest.param(
            "spacy-json",
            [["a", {"cats": {"x": 0.9, "y": 0, "z": True}}]],
            ("x", "z"),
            id="categories of spaCy",
        ),
        pytest.param(
            "lighttag",
            [{"content": "a", "classifications": [{"classname": "x"}]}],
            ("x",),
            id="classes of LightTag",
        ),
        pytest.param(
            "label-studio",
            label_studio({"type": "choices", "value": {"choices": ["x"]}}, data={"text": "a"}),
            ("x",),
            id="choices of Label Studio",
        ),
    ],
)
def test_labels_of_texts_are_read(tmp_path, name, content, labels):
    path = write(tmp_path / "x", json.dumps(content))
    (sentence,) = read_sentences(path, format=name)
    assert (sentence.labels, sentence.spans) == (labels, None)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("jsonl", {"text": "a"}, id="jsonl"),
        pytest.param("spacy-json", [["a", {}]], id="spaCy"),
        pytest.param("lighttag", {"examples": [{"content": "a"}]}, id="LightTag"),
        pytest.param("label-studio", [{"data": {"text": "a"}}], id="Label Studio without a list"),
        pytest.param(
            "label-studio",
            [{"data": {"text": "a"}, "annotations": []}],
            id="Label Studio with an empty list",
        ),
        pytest.param(
            "label-studio",
            label_studio(data={"text": "a"}, was_cancelled=True),
            id="Label Studio with a cancelled one",
        ),
    ],
)
def test_what_nobody_annotated_is_not_annotated(tmp_path, name, content):
    path = write(tmp_path / "x", json.dumps(content))
    (sentence,) = read_sentences(path, format=name)
    assert (sentence.labels, sentence.spans) == (None, None)


def two_annotators(*spans, **second):
    (task,) = label_studio(span(0, 3, "PER", "Ada"))
    task["annotations"].append({"result": [span(*one) for one in spans], **second})
    return [task]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(two_annotators((0, 3, "PER", "Ada")), id="they agree"),
        pytest.param(
            two_annotators((0, 3, "LOC", "Ada"), was_cancelled=True), id="one is cancelled"
        ),
        pytest.param(
            two_annotators((0, 3, "PER", "Ada"), ground_truth=True), id="one is the ground truth"
        ),
    ],
)
def test_annotators_that_agree_are_one(tmp_path, content):
    path = write(tmp_path / "x.json", json.dumps(content))
    assert read_sentences(path)[0].spans == ((0, 1, "PER"),)


def error_of(tmp_path, name, content, **options):
    text = content if isinstance(content, str) else json.dumps(content, indent=1)
    path = write(tmp_path / "x", text)
    return error_line(lambda: read_sentences(path, format=name, **options), tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param(
            "label-studio",
            two_annotators((0, 3, "LOC", "Ada")),
            "x:2: annotations of a task must agree, or one must be ma",
            id="Label Studio, annotators differ",
        ),
        pytest.param(
            "label-studio",
            label_studio(span(0, 3, "A", "B", "Ada")),
            "x:2: spans [0, 3) and [0, 3)",
            id="Label Studio, spans overlap",
        ),
        pytest.param(
            "label-studio",
            [{"text": "a"}],
            "x:2: a task must be an object with 'data'. Got {'text': 'a'",
            id="Label Studio, no data",
        ),
        pytest.param(
            "label-studio",
            [{"data": {"a": 1}}],
            "x:2: data: must hold a 'text', or exactly one string.",
            id="Label Studio, no text",
        ),
        pytest.param(
            "label-studio",
            label_studio(span("0", 3, "A", "x")),
            "x:2: spans: each span must have whole number",
            id="Label Studio, a start that is a string",
        ),
        pytest.param(
            "label-studio",
            '[{"data": {"text": "a"}},\n{"data" 1}]',
            "x:2: not JSON: Expecting ':'",
            id="Label Studio, no colon",
        ),
        pytest.param(
            "label-studio",
            '[{"data": {"text": "a"}}',
            "x:1: not JSON: ',' is missing. Got the end o",
            id="Label Studio, a list without end",
        ),
        pytest.param(
            "label-studio",
            "",
            "x:1: must be a list. Got nothing.",
            id="Label Studio, an empty file",
        ),
        pytest.param(
            "label-studio", "{}", "x:1: must be a list. Got {.", id="Label Studio, an object"
        ),
        pytest.param(
            "lighttag",
            {"a": [1]},
            "x: must be an object with a list 'examples'. Got no such key.",
            id="LightTag, no examples",
        ),
        pytest.param(
            "lighttag",
            '{"examples": 1}',
            "x:1: must be a list, or an object with a list 'examples'. Got 1",
            id="LightTag, examples that are no list",
        ),
        pytest.param(
            "lighttag",
            {"examples": [{"content": 1}]},
            "x:3: content: must be a string. Got 1.",
            id="LightTag, content that is a number",
        ),
        pytest.param(
            "lighttag",
            [{"content": "", "annotations": {}}],
            "x:2: annotations: must be a list of objects.",
            id="LightTag, annotations that are no list",
        ),
        pytest.param(
            "lighttag",
            '{"examples": [' + "[" * 100_000,
            "x:1: not JSON that can be read: ",
            id="LightTag, nested too deep",
        ),
        pytest.param(
            "spacy-json",
            [["a"]],
            "x:2: an item must be a text and an object. Got ['a'].",
            id="spaCy, a text alone",
        ),
        pytest.param(
            "spacy-json",
            [["a", {"entities": [[0, 1]]}]],
            "x:2: entities: must be a list of [start, end, la",
            id="spaCy, an entity without label",
        ),
        pytest.param(
            "spacy-json",
            [["a", {"cats": []}]],
            "x:2: cats: must be an object of numbers. Got [].",
            id="spaCy, categories that are no object",
        ),
        pytest.param(
            "json", "[1]", "x:1: a record must be a JSON object. Got 1.", id="json, a number"
        ),
        pytest.param(
            "jsonl",
            '{"text": "a", "label": [1.5]}',
            "x:1: label: must be a label or a list of labels. Got [",
            id="jsonl, a label that is a fraction",
        ),
        pytest.param(
            "jsonl",
            '{"text": "a", "tokens": [[0, 1]], "words": []}',
            "x:1: words: must be a string for e",
            id="jsonl, fewer words than tokens",
        ),
        pytest.param(
            "labels",
            "a\n",
            "x:1: a line must be a label, a blank or a tab, and a text. Got 'a'.",
            id="labels, no text",
        ),
        pytest.param(
            "labels",
            "0 a\n b c\n",
            "x:2: a line must be a label, a blank or a tab, and a text. Got ' b c'.",
            id="labels, no label",
        ),
        pytest.param(
            "csv",
            "a,b\n1,2\n",
            "x:1: the header must have a column 'text' or 'token', separated by com",
            id="csv, no column of text",
        ),
        pytest.param(
            "csv",
            "text,label,Text\na,b,c\n",
            "x:1: no name of a column may be repeated. Got ['text'].",
            id="csv, a name twice",
        ),
        pytest.param(
            "csv",
            'text,label\na,b\n"a',
            "x:3: not CSV: unexpected end of data.",
            id="csv, a quote without end",
        ),
        pytest.param(
            "csv",
            "text,label\na\n",
            "x:2: 1 column, but the header has 2.",
            id="csv, a column too few",
        ),
        pytest.param(
            "csv",
            "text,spans\na,b\n",
            "x:2: spans: must be a JSON list of spans. Got 'b'.",
            id="csv, spans that are no JSON",
        ),
        pytest.param(
            "csv",
            "token,ner\na,O\n",
            "x:1: the header must have a column 'sentence' that numbers the sentences",
            id="csv, no column of sentences",
        ),
        pytest.param(
            "csv",
            "sentence,token,ner\n1,a,O\n1,b\n",
            "x:3: 2 columns, but the header has 3.",
            id="csv, a short row",
        ),
        pytest.param(
            "csv",
            "sentence,token,ner\n1,a,O\n1,b,X\n",
            "x:3: a tag must be O or a prefix",
            id="csv, a tag without prefix",
        ),
        pytest.param(
            "csv",
            "sentence,token,ner\n1,,O\n",
            "x:2: a token must not be empty.",
            id="csv, an empty token",
        ),
        pytest.param(
            "conllu",
            "1\ta\n",
            "x:1: 2 columns, but CoNLL-U has 10, separated by single tabs.",
            id="conllu, two columns",
        ),
        pytest.param(
            "conllu",
            "2\ta" + "\t_" * 8,
            "x:1: words must be counted from 1. Got '2' instead of 1.",
            id="conllu, words counted from 2",
        ),
        pytest.param(
            "conllu",
            "x\ta" + "\t_" * 8,
            "x:1: words must be counted from 1. Got 'x' instead of 1.",
            id="conllu, a number that is none",
        ),
        pytest.param(
            "conllu",
            "2-3\ta" + "\t_" * 8,
            "x:1: a multi-word token must start at the next word, 1. Got",
            id="conllu, a multi-word token too early",
        ),
        pytest.param(
            "conllu",
            "1-2\tab" + "\t_" * 8 + "\n1\ta" + "\t_" * 8,
            "x:2: the last multi-word token",
            id="conllu, a multi-word token cut off",
        ),
        pytest.param(
            "conllu",
            "1\t" + "\t_" * 8,
            "x:1: a form must not be empty.",
            id="conllu, an empty form",
        ),
        pytest.param(
            "conllu",
            "1\ta" + "\t_" * 7 + "\tNER=PER",
            "x:1: a tag must be O or a prefix",
            id="conllu, a tag without prefix",
        ),
    ],
)
def test_a_mistake_is_one_line_with_its_place(tmp_path, name, content, message):
    assert error_of(tmp_path, name, content).startswith(message)


def read_skipping(path, name, **rules):
    notes, problems = Notes(), []
    found = list(FORMATS[name].read(path, ReadOptions(problems=problems, notes=notes, **rules)))
    return found, problems, notes


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("jsonl", '{"text": "a"}\n{"text": 1}\n{"text": "b"}\n', id="jsonl"),
        pytest.param("json", '[{"text": "a"},\n{"text": 1},\n{"text": "b"}]', id="json"),
        pytest.param(
            "lighttag", '[{"content": "a"},\n{"content": 1},\n{"content": "b"}]', id="LightTag"
        ),
        pytest.param(
            "label-studio",
            '[{"data": {"text": "a"}},\n{"data": {}},\n{"data": {"text": "b"}}]',
            id="Label Studio",
        ),
        pytest.param("spacy-json", '[["a", {}],\n[1, {}],\n["b", {}]]', id="spaCy"),
        pytest.param("labels", "0 a\n0\n0 b\n", id="labels"),
        pytest.param("csv", "0,text\n0\n", id="csv"),
        pytest.param(
            "conllu", "1\ta" + "\t_" * 8 + "\n\n2\ta\n3\tb\n\n1\tb" + "\t_" * 8, id="conllu"
        ),
    ],
)
def test_bad_records_are_left_out_and_listed(tmp_path, name, content):
    content = content if name != "csv" else "text,label\na,x\na\nb,x\n"
    path = write(tmp_path / "x", content)
    found, problems, _ = read_skipping(path, name)
    assert [sentence.text for sentence in found] == ["a", "b"]
    (problem,) = problems
    line = 3 if name in ("conllu", "csv") else 2
    assert str(problem).startswith(f"{path}:{line}: ")


def test_what_annotators_threw_away_is_left_out_and_listed(tmp_path):
    records = [{"text": "a", "answer": answer} for answer in ("accept", "reject", "ignore")]
    path = write(tmp_path / "x", "\n".join(map(json.dumps, records)))
    found, _, notes = read_skipping(path, "jsonl")
    assert len(found) == 1
    assert notes.changes == [
        f"{path}:2: left out: its answer is 'reject'.",
        f"{path}:3: left out: its answer is 'ignore'.",
    ]
    write(path, '[null, ["a", {}]]')
    found, _, notes = read_skipping(path, "spacy-json")
    assert (len(found), notes.changes) == (
        1,
        [f"{path}:1: left out: null, which is not annotated."],
    )
    annotation = {"start": 0, "end": 1, "tag": "X", "value": "a", "correct": False}
    write(path, json.dumps([{"content": "a", "annotations": [annotation]}]))
    (sentence,), _, notes = read_skipping(path, "lighttag")
    assert sentence.spans == ()
    assert notes.changes == [f"{path}:1: left out: 'a' was reviewed as not correct."]


def test_what_is_no_part_of_a_sentence_is_counted(tmp_path):
    path = write(tmp_path / "x", '{"text": "a", "entities": [], "relations": [{"id": 0}]}')
    assert read_skipping(path, "jsonl")[2].ignored == {"relations": 1}
    write(path, json.dumps(label_studio({"type": "rating", "value": {"rating": 3}})))
    assert read_skipping(path, "label-studio")[2].ignored == {"results of type rating": 1}


def brat(folder, text, *annotation, name="a"):
    folder.mkdir(exist_ok=True)
    write(folder / f"{name}.txt", text)
    if annotation:
        write(folder / f"{name}.ann", "\n".join(annotation))
    return folder


def test_brat_files_are_read_from_a_folder_or_as_a_pair(tmp_path):
    folder = brat(tmp_path / "set", "😀 Ada\r\nleft\n", "T1\tPER 2 5\tAda", "")
    brat(folder, "b", name="b")
    first, second = read_sentences(folder)
    assert (first.id, first.text, first.spans) == ("a", "😀 Ada\r\nleft\n", ((1, 2, "PER"),))
    assert (second.id, second.spans) == ("b", None)
    for name in ("a.txt", "a.ann"):
        assert read_sentences(folder / name) == [first]


def test_a_brat_span_over_the_end_of_a_line_is_one_span(tmp_path):
    folder = brat(tmp_path / "set", "New\nYork", "T1\tLOC 0 3;4 8\tNew York")
    assert read_sentences(folder)[0].spans == ((0, 2, "LOC"),)


def test_brat_spans_with_gaps_are_refused_or_listed(tmp_path):
    folder = brat(tmp_path / "set", "North and South", "T1\tLOC 0 5;10 15\tNorth South")
    message = "a.ann:1: span '0 5;10 15' LOC has gaps, which no sequence of tags can hold."
    assert error_line(lambda: read_sentences(folder), folder) == message
    (sentence,), _, notes = read_skipping(folder, "brat", overlapping="drop")
    assert sentence.spans == ()
    assert notes.changes == [f"{folder}/{message}".replace("ann:1: ", "ann:1: dropped: ")]


def test_what_else_brat_holds_is_counted(tmp_path):
    others = ["R1\tx Arg1:T1 Arg2:T2", "E1\tx:T1", "A1\tx T1", "#1\tNote T1\tx", "*\tEquiv T1"]
    folder = brat(tmp_path / "set", "a", "T1\tX 0 1\ta", *others)
    (sentence,), _, notes = read_skipping(folder, "brat")
    assert sentence.spans == ((0, 1, "X"),)
    assert notes.ignored == {"relations": 2, "events": 1, "attributes": 1, "comments": 1}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param(
            "T1\tX 0\ta",
            "a.ann:1: a span must have a label, a blank, a start and an end "
            "(several are separated by ;).",
            id="no end",
        ),
        pytest.param(
            "T1\tX 0 9\ta",
            "a.ann:1: span [0, 9): must not be empty, and be within a text of 1 characters.",
            id="beyond the text",
        ),
        pytest.param(
            "T1\tX 0 1\tb",
            "a.ann:1: span [0, 1) 'a': the file says that 'b' is there.",
            id="another text",
        ),
        pytest.param(
            "T1", "a.ann:1: a span must have a label, a blank, a start", id="nothing but a name"
        ),
        pytest.param(
            "? x",
            "a.ann:1: an annotation must begin with one of T R * E A M N #. Got '? x'.",
            id="an unknown kind",
        ),
    ],
)
def test_a_bad_annotation_of_brat_is_one_line(tmp_path, line, message):
    folder = brat(tmp_path / "set", "a", line)
    assert error_line(lambda: read_sentences(folder), folder).startswith(message)


def test_an_annotation_without_its_text_is_an_error(tmp_path):
    folder = brat(tmp_path / "set", "a", "T1\tX 0 1\ta")
    (folder / "a.txt").unlink()
    with pytest.raises(DataError, match=r"set/a\.txt: no such file\.$"):
        read_sentences(folder)


def test_a_long_table_may_number_only_the_first_token(tmp_path):
    path = write(
        tmp_path / "ner.csv",
        b"Sentence #,Word,POS,Tag\r\nSentence: 1,Ada,NNP,B-per\r\n,caf\xe9,NN,O\r\n"
        b'Sentence: 2,",",.,O\r\n',
    )
    first, second = read_sentences(path, encoding="latin-1")
    assert (first.tokens, first.spans) == (("Ada", "café"), ((0, 1, "per"),))
    assert first.columns == {"pos": ("NNP", "NN"), "tag": ("B-per", "O")}
    assert (second.tokens, second.source.line) == ((",",), 4)


def test_a_table_without_header_has_the_columns_named(tmp_path):
    path = write(tmp_path / "x.csv", '3,"A title",A text\n')
    (sentence,) = read_sentences(path, columns=["label", "-", "text"])
    assert (sentence.text, sentence.labels) == ("A text", ("3",))


def test_texts_of_tables_may_be_long_and_hold_line_breaks(tmp_path):
    path = write(tmp_path / "x.csv", 'text,label\n"' + "a\n" * 200_000 + '",x\n')
    (sentence,) = stream_sentences(path)
    assert len(sentence) == 200_000


def test_cut_at_blanks_is_for_texts_that_were_cut_before(tmp_path):
    from ner.data.formats.records import cut_at_blanks

    path = write(tmp_path / "x", "0 ca n't U.S.-based\n")
    (sentence,) = read_sentences(path, format="labels", tokenize=cut_at_blanks)
    assert sentence.tokens == ("ca", "n't", "U.S.-based")


@pytest.mark.parametrize(("name", "count"), [("train", 6920), ("dev", 872)])
def test_sst2_has_its_stated_number_of_texts(shared_data, name, count):
    sentences = read_sentences(shared_data(f"sst2/stsa.binary.{name}"))
    assert len(sentences) == count
    assert {s.labels for s in sentences} == {("0",), ("1",)}


def test_a_file_that_is_no_docbin_is_one_line(tmp_path):
    pytest.importorskip("spacy")
    assert error_of(tmp_path, "spacy", "no").startswith("x: must be a DocBin of spaCy. ")


def test_a_docbin_that_spacy_wrote_is_read_without_its_blank_tokens(tmp_path):
    spacy = pytest.importorskip("spacy")
    from spacy.tokens import DocBin

    document = spacy.blank("en")("Ada 😀 left  Paris.")
    document.set_ents([document.char_span(start, end, label) for start, end, label, _ in PLACES])
    document.cats = {"x": 1.0, "y": 0.1}
    path = tmp_path / "x.spacy"
    DocBin(docs=[document, spacy.blank("en")("a b")], store_user_data=True).to_disk(path)
    first, second = read_sentences(path)
    assert first.tokens == ("Ada", "😀", "left", "Paris", ".")
    assert (first.text, first.spans, first.labels) == ("Ada 😀 left  Paris.", SPANS, ("x",))
    assert (second.spans, second.columns) == (None, {})


def test_a_docbin_without_spacy_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "spacy", None)
    (tmp_path / "x.spacy").touch()
    with pytest.raises(
        MissingExtraError, match=r"A \.spacy file needs spacy: pip install .*\[spacy\]"
    ):
        read_sentences(tmp_path / "x.spacy")


def test_annotators_agree_though_one_of_them_repeats_the_text(tmp_path):
    one, other = span(0, 3, "PER", "Ada"), span(0, 3, "PER", "Ada")
    del other["value"]["text"]
    task = label_studio()[0] | {"annotations": [{"result": [one]}, {"result": [other]}]}
    path = write(tmp_path / "a.json", json.dumps([task]))
    (sentence,) = stream_sentences(path, format="label-studio")
    assert sentence.spans == ((0, 1, "PER"),)


PREDICTED = Sentence(["Ada", "left", "Bonn"], labels=["news"], id="n1").predicted(
    Prediction([(0, 1, "PER"), (2, 3, "LOC")], [0.75, 0.5])
)


def written(sentence, name):
    """Write a sentence in a format of lines; the content of the file."""
    return "\n".join(FORMATS[name].lines([sentence], WriteOptions()))


def test_predictions_are_tasks_of_label_studio_that_can_be_sorted_by_score():
    (task,) = json.loads(written(PREDICTED, "label-studio"))
    assert task["id"] == "n1" and task["data"] == {"text": "Ada left Bonn"}
    (prediction,) = task["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("lattice-ner", 0.5)
    assert prediction["result"][0] == {
        "id": "entity-1",
        "from_name": "label",
        "to_name": "text",
        "type": "labels",
        "score": 0.75,
        "value": {"start": 0, "end": 3, "text": "Ada", "labels": ["PER"]},
    }
    assert len({result["id"] for result in prediction["result"]}) == 2
    # What somebody annotated is no prediction.
    (annotation,) = task["annotations"]
    assert [result["value"] for result in annotation["result"]] == [{"choices": ["news"]}]


def test_a_prediction_of_nothing_has_no_score_and_is_no_annotation():
    nothing = Sentence(["Ada"]).predicted(Prediction((), ()))
    (task,) = json.loads(written(nothing, "label-studio"))
    assert task["predictions"] == [{"model_version": "lattice-ner", "result": []}]
    assert "annotations" not in task
    assert json.loads(written(nothing, "doccano")) == {"text": "Ada", "label": []}


def test_scores_are_metadata_in_doccano():
    assert json.loads(written(PREDICTED, "doccano")) == {
        "id": "n1",
        "text": "Ada left Bonn",
        "label": [[0, 3, "PER"], [9, 13, "LOC"]],
        "scores": [0.75, 0.5],
    }


def test_scores_are_notes_of_spans_in_brat(tmp_path):
    lost = write_sentences([PREDICTED], tmp_path, FORMATS["brat"], drop=True).lost
    assert (tmp_path / "n1.ann").read_text(encoding="utf-8").splitlines() == [
        "T1\tPER 0 3\tAda",
        "#1\tAnnotatorNotes T1\tscore 0.750000",
        "T2\tLOC 9 13\tBonn",
        "#2\tAnnotatorNotes T2\tscore 0.500000",
    ]
    assert dict(lost) == {"labels": 1}


@pytest.mark.parametrize("name", ["label-studio", "doccano", "brat"])
def test_a_loss_of_a_prediction_is_listed(tmp_path, name):
    lost = write_sentences([PREDICTED], tmp_path / "out", FORMATS[name], drop=True).lost
    expected = {"label-studio": {}, "doccano": {"labels beside spans": 1}, "brat": {"labels": 1}}
    assert dict(lost) == expected[name]
