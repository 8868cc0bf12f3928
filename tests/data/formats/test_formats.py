"""Every format: what is written is read again, and what cannot be held is said."""

import importlib.util
import itertools
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ner.data.formats.base import (
    BLANK_TOKENS,
    DOCUMENTS,
    IDS,
    LABELS,
    PARTIAL,
    SCORES,
    SPACING,
    SPANS,
    TOKENS,
)
from ner.data.formats.blank_tokens import without_blank_tokens
from ner.data.formats.detection import detect_format, format_to_write
from ner.data.formats.read import read_sentences, stream_sentences
from ner.data.formats.registry import FORMATS, find_format
from ner.data.formats.write import write_sentences
from ner.data.lines import read_lines
from ner.data.schemes import SCHEME_SPELLINGS, Span
from ner.data.sentence import Prediction, Sentence
from ner.data.spans import Notes
from ner.data.tokenizer import Tokenizer
from ner.errors import ConfigError, DataError
from tests.data.corpora import error_line, loaded_modules, write

tokenize = Tokenizer()
HAS_SPACY = importlib.util.find_spec("spacy") is not None
WRITABLE = sorted(
    name
    for name, one in FORMATS.items()
    if (one.lines or one.save) and (HAS_SPACY or name != "spacy")
)
# Formats in which a lone half of a UTF-16 pair can be escaped.
ESCAPING = {"jsonl", "json", "doccano", "prodigy", "lighttag", "label-studio", "spacy-json"}
# Emoji, repeated blanks, right-to-left text, combining marks, what separates fields and lines.
PIECES = ["Ada", "e\u0301", "👩\u200d👩\u200d👧", "🇩🇪", "  ", "\u00a0", "\u2028", "中", "שלום",
          "\u202e", "مرحبا", ". ", "x ", '"', "'", ",", ";", "\\", "#", "[", "{", "-DOCSTART- ",
          "1\u20441", "=", "|", "_", "\ufeff", "\u200b", "\x85"]  # fmt: skip
LINE_BREAKS = ["\n", "\r", "\r\n", "\t"]
# In these, neither text nor label can go over the end of a line or a field.
ON_ONE_LINE = {"labels", "tsv", "tsv-long", "conll", "conllu", "csv-long"}


def texts(name):
    pieces = PIECES + ([] if name in ON_ONE_LINE else LINE_BREAKS)
    pieces += ["\ud83d", "\ude00"] if name in ESCAPING else []
    return st.lists(st.sampled_from(pieces) | st.characters(exclude_categories=["Cs", "Cc"])).map(
        "".join
    )


@st.composite
def sentences_for(draw, name):
    """Draw sentences that hold whatever the format can hold."""
    one = FORMATS[name]
    ids = itertools.count()
    drawn = []
    # A file of labels has one for each text; others may be annotated or not, but in a table all.
    is_annotated = draw(st.booleans()) or not one.is_table
    for _ in range(draw(st.integers(1, 4))):
        text = draw(texts(name))
        # Two halves that meet would be written as one character.
        text = text.replace("\ud83d\ude00", "\ud83d.")
        tokens, offsets = tokenize(text)
        known = {}
        if IDS in one.holds and draw(st.booleans()):
            known["id"] = f"n {next(ids)}"
        if SPANS in one.holds and (draw(st.booleans()) or one.is_table) and is_annotated:
            bounds = sorted(draw(st.sets(st.integers(0, len(tokens))))) if tokens else []
            label = st.sampled_from(["X", "Ä-1"])
            known["spans"] = [
                (start, end, draw(label))
                for start, end in zip(bounds[::2], bounds[1::2], strict=False)
            ]
        if LABELS in one.holds and (name == "labels" or not known.get("spans")):
            labels = draw(st.lists(st.sampled_from(["a", "b_1", "0"]), max_size=2, unique=True))
            known["labels"] = ["0"] if name == "labels" else labels or None
            if name == "doccano" and labels:
                known.pop("spans", None)
            if name == "label-studio" and labels:
                known.pop("spans", None)
        if one.columns is None:
            known["columns"] = {"pos": tuple("N" for _ in tokens)}
        if SPACING in one.holds:
            known |= {"text": text, "offsets": offsets}
        drawn.append(Sentence(tokens, **known))
    drawn = [sentence for sentence in drawn if is_held(sentence, name)]
    if DOCUMENTS in one.holds:
        # A column file holds where documents begin, and numbers them itself.
        number = -1
        for i, sentence in enumerate(drawn):
            number += draw(st.booleans())
            drawn[i] = sentence.replace(document=str(number) if number >= 0 else None)
    return drawn


def is_held(sentence, name):
    """Whether a format has a place for a sentence without tokens, or without text."""
    if name == "labels":
        return bool(sentence.text.strip())
    if name == "conll" and sentence.spans is None and sentence.text.startswith("#"):
        return False  # without tags, it would be read as a comment, and is refused
    return bool(sentence.tokens) or name in ESCAPING | {"brat", "csv", "tsv", "spacy"}


@pytest.mark.parametrize("name", WRITABLE)
@settings(suppress_health_check=list(HealthCheck), max_examples=40)
@given(data=st.data())
def test_what_is_written_is_read_again(tmp_path_factory, name, data):
    sentences = data.draw(sentences_for(name))
    path = path_of(name, tmp_path_factory.mktemp("out"))
    columns = ["token", "pos", "ner"] if name == "conll" and is_tagged(sentences) else None
    columns = ["token", "pos"] if name == "conll" and columns is None else columns
    written = write_sentences(sentences, path, FORMATS[name])
    assert written.sentences == len(sentences)
    assert not written.lost, name
    # Tokens may be digits alone, of which a note warns.
    again = list(stream_sentences(path, format=name, columns=columns, notes=Notes()))
    if name == "brat":  # in the order of their names
        by_name = dict(zip(brat_names(sentences), sentences, strict=True))
        sentences = [by_name[s.id] for s in again]
    for read, one in zip(again, sentences, strict=True):
        ours = (
            "ner",
            "lemma",
            "upos",
            "xpos",
            "feats",
            "head",
            "deprel",
            "deps",
            "misc",
            "ner_tags",
        )
        kept = {n: v for n, v in read.columns.items() if n not in ours}
        expected = one
        if name == "brat":
            expected = one.replace(id=read.id)
        if name == "doccano" and one.spans == ():  # its empty list says there is nothing at all
            expected = one.replace(labels=())
        assert read.replace(source=None, columns=kept) == expected


def path_of(name, folder):
    endings = {"brat": "", "hub": ".parquet", "spacy": ".spacy"}
    return folder / f"out{endings.get(name, '.x.gz')}"


def brat_names(sentences):
    return [s.id or f"{number:06}" for number, s in enumerate(sentences, 1)]


def is_tagged(sentences):
    return not sentences or sentences[0].spans is not None


# Tokens that no tokenizer gave: with blanks and whatever else inside.
ODD_TOKENS = st.text(
    st.sampled_from("a\u00a0 \t\n\r\u2028\ufeff\"',|_#=\\\u0301中😀")
    | st.characters(codec="utf-8"),
    min_size=1,
    max_size=4,
)
GAPS = st.sampled_from(["", " ", "  ", "\n", "\u00a0", " \t", "|", "\\"])


@st.composite
def odd_sentence(draw, name):
    tokens = draw(st.lists(ODD_TOKENS, min_size=1, max_size=4))
    text, offsets = draw(GAPS), []
    for token in tokens:
        offsets.append((len(text), len(text) + len(token)))
        text += token + draw(GAPS)
    spans = [(i, i + 1, "X") for i in range(len(tokens)) if draw(st.booleans())]
    place = {"text": text, "offsets": offsets} if SPACING in FORMATS[name].holds else {}
    return Sentence(tokens, spans=spans, **place)


@pytest.mark.parametrize("name", [n for n in WRITABLE if TOKENS in FORMATS[n].holds])
@settings(suppress_health_check=list(HealthCheck), max_examples=60)
@given(data=st.data())
def test_tokens_of_any_kind_are_kept_or_refused(tmp_path_factory, name, data):
    sentence = data.draw(odd_sentence(name))
    path = path_of(name, tmp_path_factory.mktemp("out"))
    try:
        write_sentences([sentence], path, FORMATS[name])
    except DataError as error:
        assert "\n" not in str(error)
        assert not path.exists()
        return
    if BLANK_TOKENS not in FORMATS[name].holds:
        sentence = without_blank_tokens(sentence)
        if SPACING not in FORMATS[name].holds:
            sentence = Sentence(sentence.tokens, spans=sentence.spans)
    found = [
        again.replace(source=None, columns={})
        for again in stream_sentences(path, format=name, notes=Notes())
    ]
    assert found == ([sentence] if sentence.tokens else [])


@pytest.mark.parametrize("scheme", SCHEME_SPELLINGS)
@pytest.mark.parametrize("name", ["conll", "conllu", "csv-long", "tsv-long", "hub"])
def test_every_scheme_is_read_as_the_same_spans(tmp_path, scheme, name):
    spans = ((0, 1, "A"), (1, 3, "A"), (4, 7, "B"))
    path = path_of(name, tmp_path)
    write_sentences([Sentence(["abcdefg"] * 7, spans=spans)], path, FORMATS[name], scheme=scheme)
    assert read_sentences(path, format=name)[0].spans == spans


def test_bilou_and_bmes_have_their_own_letters(tmp_path):
    sentence = Sentence(list("abcd"), spans=[(0, 3, "X"), (3, 4, "Y")])
    tags = {}
    for scheme in ("BILOU", "BMES", "IOB2"):
        write_sentences([sentence], tmp_path / scheme, FORMATS["conll"], scheme=scheme)
        rows = (tmp_path / scheme).read_text().split()
        tags[scheme] = rows[1::2]
    assert tags == {
        "BILOU": ["B-X", "I-X", "L-X", "U-Y"],
        "BMES": ["B-X", "M-X", "E-X", "S-Y"],
        "IOB2": ["B-X", "I-X", "I-X", "B-Y"],
    }


FULL = Sentence(
    ["Ada", "left"],
    text="Ada  left",
    offsets=[(0, 3), (5, 9)],
    spans=[(0, 1, "PER")],
    labels=["news"],
    columns={"color": ("red", "blue")},
    id="a",
    document="d",
)


def without(sentence, kind):
    changes = {
        SPANS: {"spans": None, "prediction": None},
        LABELS: {"labels": None},
        PARTIAL: {"allowed": None},
        "columns": {"columns": {}},
    }
    return sentence.replace(**changes[kind])


def not_held():
    for name in WRITABLE:
        one = FORMATS[name]
        yield from ((name, kind) for kind in (SPANS, LABELS, PARTIAL) if kind not in one.holds)
        if one.columns is not None:
            yield name, "columns"


@pytest.mark.parametrize(("name", "kind"), list(not_held()))
def test_annotation_that_a_format_cannot_hold_is_refused_or_dropped(tmp_path, name, kind):
    one = FORMATS[name]
    sentence = FULL.replace(spans=None, allowed=[("S-X",), ()]) if kind == PARTIAL else FULL
    for other in {SPANS, LABELS, PARTIAL, "columns"} - {kind}:
        if name != "labels" or other != LABELS:
            sentence = sentence if other == PARTIAL == kind else without(sentence, other)
    path = path_of(name, tmp_path)
    lost = "column 'color'" if kind == "columns" else kind
    message = error_line(lambda: write_sentences([sentence], path, one))
    assert message.startswith(f"sentence 1: {name} cannot hold {lost}. Drop it, or")
    assert not path.exists() or not list(path.iterdir())
    assert write_sentences([sentence], path, one, drop=True).lost[lost] == 1
    assert list(stream_sentences(path, format=name))


@pytest.mark.parametrize("name", WRITABLE)
def test_other_losses_are_counted(tmp_path, name):
    one = FORMATS[name]
    prediction = Prediction((Span(0, 1, "PER"),), (0.9,))
    sentence = FULL.replace(columns={}, labels=["news"] if name == "labels" else None)
    sentence = sentence.replace(spans=None, prediction=prediction if SPANS in one.holds else None)
    if name == "labels":
        sentence = sentence.replace(prediction=None)
    written = write_sentences(
        [sentence], path_of(name, tmp_path), one, tokenize=lambda text: ([text], [(0, len(text))])
    )
    kinds = {TOKENS, SPACING, IDS, DOCUMENTS} | ({SCORES} if sentence.prediction else set())
    lost = {*(kinds - one.holds), *(one.loses(sentence) if one.loses else ())}
    assert dict(written.lost) == dict.fromkeys(lost, 1)


def test_sentences_without_tokens_are_counted_where_they_cannot_be(tmp_path):
    sentences = [Sentence([]), Sentence(["a"], spans=[])]
    written = write_sentences(sentences, tmp_path / "x", FORMATS["conll"])
    assert (written.sentences, dict(written.lost)) == (1, {"sentences without tokens": 1})


def test_a_column_of_the_tags_themselves_is_no_loss(tmp_path):
    path = write(tmp_path / "a.conll", "Ada B-PER\n")
    (sentence,) = read_sentences(path)
    assert not write_sentences([sentence], tmp_path / "x", FORMATS["doccano"]).lost
    other = sentence.replace(columns={"ner": ("B-LOC",)})
    with pytest.raises(DataError, match=r"a\.conll:1: doccano cannot hold column 'ner'"):
        write_sentences([other], tmp_path / "x", FORMATS["doccano"])


def test_sentences_that_nobody_annotated_are_unknown_in_a_table(tmp_path):
    sentences = [Sentence(["a"], spans=[]), Sentence(["b"])]
    write_sentences(sentences, tmp_path / "x.conll", FORMATS["conll"])
    assert (tmp_path / "x.conll").read_text() == "a\tO\n\nb\t?\n\n"
    with pytest.raises(DataError, match=r"sentences: must have tags, as the first"):
        write_sentences(sentences, tmp_path / "x.parquet", FORMATS["hub"])


def test_all_sentences_of_a_table_have_the_columns_of_the_first(tmp_path):
    plain, tagged = Sentence(["a"]), Sentence(["b"], spans=[(0, 1, "X")])
    with pytest.raises(DataError, match=r"columns of the first one\. Got spans, which it"):
        write_sentences([plain, tagged], tmp_path / "x", FORMATS["conll"])
    assert write_sentences([plain, tagged], tmp_path / "x", FORMATS["conll"], drop=True).lost
    more = Sentence(["b"], columns={"pos": ("N",)})
    with pytest.raises(DataError, match=r"columns of the first one\. Got column 'pos', which it"):
        write_sentences([plain, more], tmp_path / "x", FORMATS["conll"])


@pytest.mark.parametrize("name", [name for name, one in FORMATS.items() if one.is_table])
def test_a_sentence_that_lacks_a_column_of_a_table_is_refused(tmp_path, name):
    sentences = [Sentence(["b"], columns={"pos": ("N",)}), Sentence(["a"])]
    with pytest.raises(DataError, match=r"^sentence 2: has no column 'pos', which others have\.$"):
        write_sentences(sentences, tmp_path / "x", FORMATS[name])
    assert not (tmp_path / "x").exists()


def test_the_target_column_is_written_last(tmp_path):
    sentence = Sentence(["a"], columns={"upos": ("N",), "lemma": ("b",)})
    write_sentences([sentence], tmp_path / "x.conll", FORMATS["conll"], target="upos")
    assert (tmp_path / "x.conll").read_text() == "a\tb\tN\n\n"
    (again,) = read_sentences(tmp_path / "x.conll", target="upos")
    assert (again.columns["upos"], again.spans) == (("N",), None)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-16-be", "utf-8-sig", "cp1252"])
def test_files_are_written_in_the_encoding_asked_for(tmp_path, encoding):
    path = tmp_path / "x.conll"
    write_sentences([Sentence(["café"], spans=[])], path, FORMATS["conll"], encoding=encoding)
    assert path.read_bytes() == "café\tO\n\n".encode(encoding)
    assert read_sentences(path, encoding=encoding)[0].tokens == ("café",)


def test_what_an_encoding_cannot_hold_is_refused(tmp_path):
    sentences = [Sentence(["a"], spans=[]), Sentence(["Łódź"], spans=[])]
    conll = FORMATS["conll"]
    message = error_line(
        lambda: write_sentences(sentences, tmp_path / "x", conll, encoding="latin-1"), tmp_path
    )
    assert message == "x:3: iso8859-1 cannot hold 'Ł'. Got 'Łódź\\tO'."
    assert not list(tmp_path.iterdir())


def test_a_mark_that_begins_a_text_is_kept(tmp_path):
    for encoding in ("utf-8", "utf-16", "utf-32-be"):
        write_sentences([Sentence(["\ufeffa"], spans=[])], tmp_path / "x", FORMATS["conll"],
                        encoding=encoding)  # fmt: skip
        assert read_sentences(tmp_path / "x", encoding=encoding)[0].tokens == ("\ufeffa",)


def test_lone_surrogates_are_replaced_and_counted(tmp_path):
    written = write_sentences([Sentence(["a\ud83d"], spans=[])], tmp_path / "x.csv", FORMATS["csv"])
    assert dict(written.lost) == {"lone surrogates": 1}
    assert next(stream_sentences(tmp_path / "x.csv")).text == "a\ufffd"


@pytest.mark.parametrize("name", ["brat", "hub"])
def test_what_is_no_stream_cannot_be_written_to_standard_output(name):
    with pytest.raises(ConfigError, match=f"OUT: must be a file or a folder for {name}"):
        write_sentences([], "-", FORMATS[name])


def test_a_corpus_without_a_name_is_refused():
    with pytest.raises(DataError, match=r"^FILE: must be a name\. Got ''\.$"):
        list(stream_sentences(""))


def test_tags_are_sought_only_where_they_are(tmp_path):
    path = write(tmp_path / "a.conll", "Ada NNP B-PER\n")
    with pytest.raises(ConfigError, match=r"^tags: .* \(token pos ner\)\. Got 'nre'\.$"):
        list(stream_sentences(path, columns=["token", "pos", "ner"], tags="nre"))
    path = write(tmp_path / "a.csv", "sentence,word,Gold\n1,Ada,B-PER\n")
    assert [s.spans for s in stream_sentences(path, tags="Gold")] == [((0, 1, "PER"),)]
    with pytest.raises(
        DataError, match=r"a\.csv:1: the header must have the column of tags 'gld'\. Got \["
    ):
        list(stream_sentences(path, tags="gld"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("jsonl", '{"text": "a", "labels": []}', id="jsonl, labels"),
        pytest.param("jsonl", '{"text": "a", "label": []}', id="jsonl, label"),
        pytest.param("csv", "text,label\na,[]", id="csv"),
        pytest.param("spacy-json", '[["a", {"cats": {"x": 0.1, "y": 0.0}}]]', id="spaCy"),
    ],
)
def test_no_label_of_several_is_another_thing_than_no_annotation(tmp_path, name, content):
    path, again = write(tmp_path / "a", content), tmp_path / "b.csv"
    (sentence,) = stream_sentences(path, format=name)
    assert sentence.labels == ()
    write_sentences([sentence], again, FORMATS["csv"])
    assert [s.labels for s in stream_sentences(again)] == [()]


def test_an_unknown_format_is_refused_with_a_hint():
    with pytest.raises(
        ConfigError, match=r"format: must be one of conll .*Got 'docano'\. Did you mean 'doc"
    ):
        find_format("docano")


CONLLU_ROW = "1\tAda\t_\t_\t_\t_\t_\t_\t_\t_\n"
TEXTS_WITH_LABELS = "0 one long string .\n1 a stirring , funny re-imagining\n0 no\n1 yes yes\n"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        pytest.param("a.txt", "Ada B-PER\nleft O\n\nParis B-LOC\n", "conll", id="conll in txt"),
        pytest.param("a.tsv", "Ada\tB-PER\nleft\tO\n", "conll", id="conll in tsv"),
        pytest.param("eng.testa", TEXTS_WITH_LABELS, "conll", id="conll in testa"),
        pytest.param("a", "[ O\n( O\n{ O\n", "conll", id="conll of brackets"),
        pytest.param("a", "{ O\n( O\n", "conll", id="conll of braces"),
        pytest.param("a", "", "conll", id="conll if empty"),
        pytest.param(
            "a.txt", "# newdoc\n# text = Ada\n" + CONLLU_ROW, "conllu", id="conllu with comments"
        ),
        pytest.param(
            "a", CONLLU_ROW.replace("1\t", "1-2\t"), "conllu", id="conllu with a multi-word token"
        ),
        pytest.param("a.conllu", "", "conllu", id="conllu if empty"),
        pytest.param("a.txt", TEXTS_WITH_LABELS, "labels", id="labels"),
        pytest.param("a.csv", "text,label\nx,y\n", "csv", id="csv"),
        pytest.param(
            "a.csv", '\ufeff"Text",label\r\nx,y\r\n', "csv", id="csv with byte order mark"
        ),
        pytest.param("a.csv", "0,x\n", "csv", id="csv without header"),
        pytest.param("a.txt", "text\tlabel\nx\ty\n", "tsv", id="tsv in txt"),
        pytest.param(
            "ner.csv",
            "Sentence #,Word,POS,Tag\nSentence: 1,Ada,N,B-PER\n",
            "csv-long",
            id="csv-long",
        ),
        pytest.param("a.tsv", "sentence\ttoken\tner\n1\tAda\tO\n", "tsv-long", id="tsv-long"),
        pytest.param("a.ndjson", "", "jsonl", id="jsonl if empty"),
        pytest.param("a.json", '{"text": "a"}\n{"text": "b"}\n', "jsonl", id="jsonl in json"),
        pytest.param("a.json", '[{"text": "a"}]', "json", id="json"),
        pytest.param("a.json", "[]", "json", id="json of nothing"),
        pytest.param("a.json", '[\n ["a", {"entities": []}]]', "spacy-json", id="spaCy, list"),
        pytest.param(
            "a.json",
            '{"classes": [], "annotations": [["a", {"entities": []}]]}',
            "spacy-json",
            id="spaCy, object",
        ),
        pytest.param(
            "a.json",
            '[{"id": 1, "data": {"text": "a"}, "annotations": []}]',
            "label-studio",
            id="Label Studio",
        ),
        pytest.param(
            "a.json", '{"id": "1", "examples": [{"content": "a"}]}', "lighttag", id="LightTag"
        ),
        pytest.param("a.json", '{"examples": []}', "lighttag", id="LightTag of nothing"),
        pytest.param("a.json", '{\n"text": "a"\n}', "json", id="json over several lines"),
        pytest.param("a.json", "", "json", id="json if empty"),
        pytest.param("a.spacy", "", "spacy", id="spacy"),
        pytest.param("a.parquet", "", "hub", id="hub"),
    ],
)
def test_a_format_is_told_by_its_name_or_how_it_begins(tmp_path, name, content, expected):
    path = write(tmp_path / name, content)
    assert detect_format(path).name == expected


@pytest.mark.parametrize(
    ("content", "alone", "labelled"),
    [
        pytest.param("A one\nB two\n", "conll", "labels", id="two lines"),
        pytest.param("A one\n\nB two three\n", "conll", "labels", id="two lines and a blank one"),
        pytest.param("Ada B-PER\nmet O\n\n. O\n", "conll", "conll", id="tags"),
        pytest.param("Ada\n\nmet\n", "conll", "conll", id="single words"),
        pytest.param('{"text": "a"}\n', "jsonl", "jsonl", id="jsonl"),
    ],
)
def test_where_texts_have_labels_few_lines_tell_enough(tmp_path, content, alone, labelled):
    path = write(tmp_path / "a.txt", content)
    assert detect_format(path).name == alone
    assert detect_format(path, is_labelled=True).name == labelled
    with pytest.MonkeyPatch.context() as patch, path.open(encoding="utf-8") as stdin:
        patch.setattr("sys.stdin", stdin)
        assert detect_format("-").name == alone
        assert detect_format("-", is_labelled=True).name == labelled
        assert list(read_lines("-")) == path.read_bytes().splitlines(keepends=True)


def test_folders_pairs_and_names_are_told_apart(tmp_path):
    (tmp_path / "set").mkdir()
    assert detect_format(tmp_path / "set").name == "hub"
    (tmp_path / "set" / "a.ann").touch()
    (tmp_path / "set" / "a.txt").touch()
    for source in (tmp_path / "set", tmp_path / "set" / "a.txt", tmp_path / "set" / "a.ann"):
        assert detect_format(source).name == "brat"
    names = {"sample:train": "conll", "hub:a/b:dev": "hub"}
    assert {name: detect_format(name).name for name in names} == names


@pytest.mark.parametrize("name", WRITABLE)
def test_what_was_written_is_detected(tmp_path, name):
    """Of the formats that share an ending, the shape tells; doccano and Prodigy are JSON lines."""
    read_as = {"doccano": "jsonl", "prodigy": "jsonl"}.get(name, name)
    labels = {"labels": ["0"]}
    texts = ["a b c d", "b", "c d", "d e f"]
    sentences = [
        Sentence(t.split(), **(labels if name == "labels" else {"spans": []})) for t in texts
    ]
    path = path_of(name, tmp_path)
    write_sentences(sentences, path, FORMATS[name])
    assert detect_format(path).name == read_as


def test_what_is_to_be_written_is_told_by_its_ending(tmp_path):
    endings = {"a.conll.zst": "conll", "a.jsonl": "jsonl", "a.csv": "csv", "x.tsv-long": "tsv-long",
               "a.spacy": "spacy", "a.parquet": "hub", "a.json": "json"}  # fmt: skip
    assert {name: format_to_write(tmp_path / name).name for name in endings} == endings
    assert format_to_write(tmp_path / "a.txt") is None


def test_a_stream_is_read_no_further_than_asked(tmp_path):
    for name in ("conll", "conllu", "jsonl", "csv", "csv-long", "labels", "tsv"):
        one = FORMATS[name]
        labels = ["0"] if name == "labels" else None
        good = [Sentence(["a"], labels=labels) for _ in range(3)]
        path = tmp_path / name
        write_sentences(good, path, one)
        with path.open("ab") as file:
            file.write(b"\xff\n")
        columns = ["token"] if name == "conll" else None
        assert (
            len(list(itertools.islice(stream_sentences(path, format=name, columns=columns), 2)))
            == 2
        )
        with pytest.raises(DataError, match=f"{name}:[0-9]+: "):
            list(stream_sentences(path, format=name, columns=columns))


def test_changes_are_never_made_in_silence(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"text": "to Berlin", "label": [[3, 8, "LOC"]]}\n')
    with pytest.warns(
        UserWarning, match=r"a\.jsonl: 1 changes\. The first: .*a\.jsonl:1: snapped: "
    ):
        (sentence,) = read_sentences(path, misaligned="snap")
    assert sentence.spans == ((1, 2, "LOC"),)
    notes = Notes()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_sentences(path, misaligned="drop", notes=notes)
    assert notes.changes == [f"{path}:1: dropped: span [3, 8) 'Berli' is not whole tokens."]


def test_a_target_that_is_not_there_is_refused(tmp_path):
    path = write(tmp_path / "a.conll", "a N\n\nb V\n")
    assert [s.columns["upos"] for s in read_sentences(path, target="upos")] == [("N",), ("V",)]
    with pytest.raises(
        DataError, match=r"a\.conll:1: a column 'upos' is needed\. Got the columns pos"
    ):
        read_sentences(path, columns=["token", "pos"], target="upos")


def test_an_unknown_encoding_is_refused(tmp_path):
    (tmp_path / "a.conll").touch()
    for name in ("latin-15x", "base64"):
        with pytest.raises(
            ConfigError, match=f"encoding: must be a name that Python knows.* Got '{name}'"
        ):
            read_sentences(tmp_path / "a.conll", encoding=name)


def test_telling_and_reading_import_no_library_of_a_format():
    statement = "from ner.data.formats import detection, read, registry, write"
    assert not loaded_modules(statement, ("spacy", "datasets", "pyarrow", "zstandard"))


@pytest.mark.parametrize(
    ("name", "sentence", "message"),
    [
        pytest.param(
            "brat",
            Sentence(["a"], spans=[(0, 1, "x y")]),
            "sentence 1: in files of brat, a label must not hold",
            id="brat, a blank in a label",
        ),
        pytest.param(
            "labels",
            Sentence(["a"]),
            "sentence 1: a line must have a label. Got none.",
            id="labels, none",
        ),
        pytest.param(
            "labels",
            Sentence(["a"], labels=["x y"]),
            "sentence 1: a label must not hold a blank.",
            id="labels, a blank in a label",
        ),
        pytest.param(
            "labels",
            Sentence(["a\nb"], labels=["x"]),
            "sentence 1: a text must not be empty, hold a tab or a newl",
            id="labels, a newline in a text",
        ),
        pytest.param(
            "doccano",
            FULL.replace(columns={}),
            "sentence 1: doccano cannot hold labels beside spans. Drop it, or cho",
            id="doccano, spans and labels",
        ),
        pytest.param(
            "conll",
            Sentence(["-DOCSTART-"]),
            "sentence 1: in a column file, tokens and labels must not be",
            id="conll, DOCSTART",
        ),
    ],
)
def test_what_a_writer_cannot_hold_is_one_line_and_leaves_no_file(
    tmp_path, name, sentence, message
):
    path = path_of(name, tmp_path)
    found = error_line(lambda: write_sentences([sentence], path, FORMATS[name]))
    assert found.startswith(message)
    assert name == "brat" or not path.exists()


def test_brat_needs_a_new_folder_and_a_name_for_each_text(tmp_path):
    twice = [Sentence(["a"], spans=[], id="x"), Sentence(["b"], spans=[], id="X")]
    with pytest.raises(
        DataError, match=r"sentence 2: ids must differ, as they name files\. Got 'X' twice\."
    ):
        write_sentences(twice, tmp_path / "out", FORMATS["brat"])
    assert not (tmp_path / "out").exists()
    write_sentences(twice[:1], tmp_path / "out", FORMATS["brat"])
    with pytest.raises(DataError, match=r"out: must be a new or empty folder"):
        write_sentences(twice[:1], tmp_path / "out", FORMATS["brat"])
    odd = Sentence(["a"], spans=[(0, 1, "X")], id="../x")
    write_sentences([odd], tmp_path / "new", FORMATS["brat"])
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["000001.ann", "000001.txt"]
