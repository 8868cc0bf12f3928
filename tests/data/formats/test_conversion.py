"""A conversion from any format to any other keeps what a file says, lists a loss, or refuses."""

import importlib.util
import json

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ner.data.formats.base import (
    BLANK_TOKENS,
    DOCUMENTS,
    EMPTY,
    IDS,
    LABELS,
    PARTIAL,
    SPACING,
    SPANS,
    TOKENS,
)
from ner.data.formats.columns import TAG_NAMES
from ner.data.formats.options import ReadOptions
from ner.data.formats.read import stream_sentences
from ner.data.formats.registry import FORMATS
from ner.data.formats.write import write_sentences
from ner.data.sentence import Sentence
from ner.data.spans import Notes
from ner.errors import DataError

HAS_SPACY = importlib.util.find_spec("spacy") is not None
WRITABLE = [
    name
    for name, one in FORMATS.items()
    if (one.lines or one.save) and (HAS_SPACY or name != "spacy")
]
WORDS = ["Ada", "left", "\n", " ", "\n\n", "a b", "中", "😀", "e\u0301", '"', '"x"', "|", ",", "#",
         "\u00a0", "-DOCSTART-", "_", "O", "\ufeff", "__label__x", "[", "1"]  # fmt: skip
NAMES = ["PER", "Ä-1", "B-X", "a b", "x,y", 'q"', "O", "?", "[1]", "{}", "#", "\u4eba",
         "t\tb", "n\nl", " s ", "__label__z", "=", "_"]  # fmt: skip
GAPS = ["", " ", "  ", "\n", "\t", "\r\n", "\u2028"]


@st.composite
def sentences(draw):
    """Draw a sentence with whatever a corpus may hold."""
    tokens = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=5))
    text, offsets = draw(st.sampled_from(["", " "])), []
    for token in tokens:
        offsets.append((len(text), len(text) + len(token)))
        text += token + draw(st.sampled_from(GAPS))
    label = st.sampled_from(NAMES)
    known = {}
    match draw(st.sampled_from(["spans", "partial", "nothing", "no spans"])):
        case "spans":
            bounds = sorted(draw(st.sets(st.integers(0, len(tokens)))))
            pairs = zip(bounds[::2], bounds[1::2], strict=False)
            known["spans"] = [(start, end, draw(label)) for start, end in pairs]
        case "no spans":
            known["spans"] = []
        case "partial":
            tags = st.sampled_from([(), ("O",), ("S-X",), ("B-X", "O")])
            known["allowed"] = [draw(tags) for _ in tokens]
    if draw(st.booleans()):
        known["labels"] = draw(st.lists(label, max_size=2, unique=True))
    names = st.sampled_from([None, "7", "a/b", "x y", "n\nl"])
    known |= {"id": draw(names), "document": draw(names.filter(lambda name: name != "7"))}
    if draw(st.booleans()):
        known["columns"] = {"pos": tuple(draw(st.sampled_from(["N", "_", "a b"])) for _ in tokens)}
    if draw(st.booleans()):
        known |= {"text": text, "offsets": offsets}
    return Sentence(tokens, **known)


def read(path, name, columns=None):
    notes = Notes()
    options = ReadOptions(format=name, columns=columns, notes=notes, misaligned="split")
    return list(stream_sentences(path, options)), notes


def convert(found, folder, name):
    """Write sentences and read them again; None if they are refused.

    Returns:
        The sentences, and what was listed as lost or changed, in one text.
    """
    path = folder / (name + {"brat": "", "hub": ".parquet", "spacy": ".spacy"}.get(name, ".txt"))
    try:
        written = write_sentences(
            found, path, FORMATS[name], drop=True, tokenize=ReadOptions().tokenizer
        )
    except DataError as error:
        assert "\n" not in str(error)
        return None
    again, notes = read(path, name, written.columns)
    listed = [*written.lost, *notes.ignored, *notes.changes, *notes.guesses]
    if name == "brat":  # in the order of their names
        places = {s.id or f"{number:06}": number for number, s in enumerate(found, 1)}
        again.sort(key=lambda s: places.get(s.id, int(s.id) if s.id.isdigit() else 0))
    return again, listed


def squeezed(text):
    return "".join(text.split())


def entities(sentence):
    """Return the entities without white space, in which tokens and spacing may differ."""
    found = sorted(sentence.entities, key=lambda entity: entity.start)
    return [(entity.label, squeezed(entity.text)) for entity in found]


def lost_in_silence(before, after, listed):
    """Yield what a sentence lost without a word about it."""

    def is_listed(*kinds):
        return any(kind in line for kind in kinds for line in listed)

    if after.text != before.text and not is_listed(SPACING):
        yield SPACING
    if after.tokens != before.tokens and not is_listed(TOKENS, BLANK_TOKENS):
        yield TOKENS
    is_annotated = before.spans is not None
    if is_annotated and entities(after) != entities(before) and not is_listed("span"):
        yield SPANS
    # In a table, a sentence that nobody annotated has tags that may be any.
    is_open = after.spans is None and not any(after.allowed or ())
    if before.spans is None and not any(before.allowed or ()):
        if not is_open:
            yield "that nobody annotated it"
    elif before.spans is None:
        is_certain = all(len(tags) == 1 for tags in before.allowed)
        is_kept = after.allowed == before.allowed or (is_certain and after.spans is not None)
        if not is_kept and not is_listed(PARTIAL, "span", BLANK_TOKENS):
            yield PARTIAL
    elif after.spans is None and not is_listed("span"):
        yield SPANS
    if before.labels and after.labels != before.labels and not is_listed(LABELS):
        yield LABELS
    if before.id not in (None, after.id) and not is_listed(IDS):
        yield IDS
    if before.document not in (None, after.document) and not is_listed(DOCUMENTS):
        yield DOCUMENTS
    for name, values in before.columns.items():
        # A column of tags says again what the spans are.
        is_kept = name in TAG_NAMES or after.columns.get(name) == values or set(values) == {"_"}
        if not is_kept and not is_listed(f"column {name!r}", BLANK_TOKENS):
            yield f"column {name!r}"


@pytest.mark.parametrize("source", WRITABLE)
@settings(
    suppress_health_check=list(HealthCheck),
    max_examples=10,
    phases=[Phase.explicit, Phase.generate],
)
@given(drawn=st.lists(sentences(), min_size=1, max_size=3))
def test_what_a_file_says_is_kept_or_listed_in_every_other_format(tmp_path_factory, source, drawn):
    folder = tmp_path_factory.mktemp("in")
    given_ = convert(drawn, folder, source)
    if given_ is None:
        return
    before = given_[0]
    for target in WRITABLE:
        result = convert(before, tmp_path_factory.mktemp("out"), target)
        if result is None:
            continue
        after, listed = result
        expected = before if EMPTY not in listed else [s for s in before if s.tokens]
        if len(after) != len(expected):
            assert BLANK_TOKENS in listed, target
            continue
        for one, other in zip(expected, after, strict=True):
            assert not list(lost_in_silence(one, other, listed)), target


def test_what_no_sentence_holds_is_listed_in_reading(tmp_path):
    span = {"start": 0, "end": 3, "label": "PER", "score": 0.5, "kb_id": "Q7259", "id": 3}
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"text": "Ada left", "spans": [span], "scores": {"pos": [1, 1]}}))
    (sentence,), notes = read(path, "jsonl")
    assert sentence.spans == ((0, 1, "PER"),)
    assert dict(notes.ignored) == {
        "fields 'score' of spans": 1,
        "fields 'kb_id' of spans": 1,
        "fields 'id' of spans": 1,
        "fields 'scores'": 1,
    }
    assert notes.guesses == [
        "Spans with scores are predictions of a model; they are read as annotation."
    ]
