"""PubTator and BioC in JSON."""

import json

import pytest

from ner.data.formats.detection import detect_format
from ner.data.formats.read import read_sentences, stream_sentences
from ner.data.spans import Notes
from tests.data.corpora import error_line, write

PUBTATOR = (
    "1234|t|Ada cured a cold.\n"
    "1234|a|It was in 😀 London.\n"
    "1234\t12\t16\tcold\tDisease\tD003139\n"
    "1234\t30\t36\tLondon\tPlace\n"
    "1234\tCID\tD1\tD2\n"
    "\n"
    "99|t|Nothing here\n"
    "99|a|\n"
)
ANNOTATIONS = [
    {
        "id": "1",
        "infons": {"type": "Disease", "identifier": "D003139"},
        "text": "cold",
        "locations": [{"offset": 12, "length": 4}],
    }
]
LATER = [{"infons": {"type": "Place"}, "locations": [{"offset": 28, "length": 6}]}]
PASSAGES = [
    {"offset": 0, "text": "Ada cured a cold.", "infons": {}, "annotations": ANNOTATIONS},
    {"offset": 18, "text": "It was in London.", "annotations": LATER, "relations": [{"id": "R"}]},
]
DOCUMENT = {"id": "7", "passages": PASSAGES, "relations": [{"id": "R1"}]}
IN_SENTENCES = {
    "id": "7",
    "passages": [
        {"offset": 0, "sentences": PASSAGES, "relations": [{"id": "R1"}], "annotations": []}
    ],
}


def read(path, **options):
    notes = Notes()
    return list(stream_sentences(path, notes=notes, **options)), notes


@pytest.mark.parametrize("name", ["a.pubtator", "a.txt"])
def test_titles_and_abstracts_of_pubtator_are_one_text(tmp_path, name):
    path = write(tmp_path / name, PUBTATOR)
    assert detect_format(path).name == "pubtator"
    (first, second), notes = read(path)
    assert first.text == "Ada cured a cold.\nIt was in 😀 London."
    assert [(e.text, e.label) for e in first.entities] == [("cold", "Disease"), ("London", "Place")]
    assert [first.id, second.id] == ["1234", "99"]
    assert (second.text, second.spans, second.source.line) == ("Nothing here\n", (), 7)
    assert notes.ignored == {"ids of entities": 1, "relations": 1}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1235\t0\t3\tAda\tPER", "x:2: must begin with 1234, as its title does. Got '1235\\t0"),
        (
            "1234\t0\t3\tAda",
            "x:2: an entity must have a number, a start, an end, a text and",
        ),
        ("1234\t0\t3\tBob\tPER", "x:2: span [0, 3) 'Ada': the file says that 'Bob' is there."),
        ("1234\t0\t2\tAd\tPER", "x:2: span [0, 2) 'Ad' does not start and end at token borders."),
    ],
)
def test_a_bad_line_of_pubtator_is_named(tmp_path, line, message):
    path = write(tmp_path / "x", f"1234|t|Ada left\n{line}\n")
    assert error_line(lambda: read(path, format="pubtator"), tmp_path).startswith(message)


def test_a_block_without_a_title_is_left_out_and_listed(tmp_path):
    path = write(tmp_path / "x", "12|a|Ada\n\n13|t|Bob\n")
    problems = []
    (sentence,), _ = read(path, format="pubtator", problems=problems)
    assert sentence.id == "13"
    assert [str(p).removeprefix(f"{tmp_path}/") for p in problems] == [
        "x:1: a block must begin with a title, as in 1234|t|Title. Got '12|a|Ada'."
    ]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(json.dumps({"source": "s", "documents": [DOCUMENT]}), id="a collection"),
        pytest.param(json.dumps([{"documents": [DOCUMENT]}], indent=1), id="collections"),
        pytest.param(json.dumps([DOCUMENT]), id="a list of documents"),
        pytest.param(json.dumps(DOCUMENT) + "\n", id="a document on each line"),
        pytest.param(json.dumps({"PubTator3": [DOCUMENT]}), id="PubTator 3"),
        pytest.param(json.dumps({"documents": [IN_SENTENCES]}), id="passages in sentences"),
    ],
)
def test_bioc_is_read_in_every_shape(tmp_path, content):
    path = write(tmp_path / "x.json", content)
    assert detect_format(path).name == "bioc"
    (first, second), notes = read(path)
    assert [(s.text, s.spans, s.document) for s in (first, second)] == [
        ("Ada cured a cold.", ((3, 4, "Disease"),), "7"),
        ("It was in London.", ((3, 4, "Place"),), "7"),
    ]
    assert notes.ignored["fields 'identifier' of spans"] == 1
    assert notes.ignored["relations"] >= 1


def test_a_bioc_entity_in_several_places_is_refused_or_dropped(tmp_path):
    places = [{"offset": 0, "length": 3}, {"offset": 10, "length": 1}]
    entity = {"infons": {"type": "X"}, "locations": places}
    passage = {**PASSAGES[0], "annotations": [entity]}
    path = write(tmp_path / "x", json.dumps([{"id": "7", "passages": [passage]}]))
    message = "x:1: span [0, 11) X has gaps, which no sequence of tags can hold."
    assert error_line(lambda: read(path), tmp_path) == message
    (sentence,), notes = read(path, overlapping="drop")
    assert (sentence.spans, len(notes.changes)) == ((), 1)


def test_bioc_passages_without_annotations_are_not_annotated(tmp_path):
    passage = {"offset": 0, "text": "Ada"}
    path = write(tmp_path / "x", json.dumps({"documents": [{"id": "7", "passages": [passage]}]}))
    assert read_sentences(path)[0].spans is None
    path = write(tmp_path / "y", '{"documents": [{"id": "7", "passages": [{"text": "a"}]}]}')
    assert error_line(lambda: read(path, format="bioc"), tmp_path).startswith(
        "y:1: a passage must have a text and a whole number as offset. Got"
    )


def test_offsets_of_bioc_may_count_bytes(tmp_path):
    entity = {"infons": {"type": "X"}, "locations": [{"offset": 13, "length": 3}]}
    passage = {"offset": 10, "text": "é Ada", "annotations": [entity]}
    path = write(tmp_path / "x", json.dumps([{"id": "7", "passages": [passage]}]))
    (sentence,) = read_sentences(path, format="bioc", offsets="bytes")
    assert sentence.spans == ((1, 2, "X"),)
