import doctest
import io

import pytest

import ner.data.formats.webanno
from ner.data.formats.detection import detect_format
from ner.data.formats.read import read_sentences
from ner.data.formats.webanno import read_webanno
from ner.data.schemes import Span
from ner.data.spans import Notes, SpanRules
from ner.errors import ConfigError
from tests.data.corpora import error_line, write

LAYERS = "de.tudarmstadt.ukp.dkpro.core.api"
HEADER = (
    "#FORMAT=WebAnno TSV 3.3\n"
    f"#T_SP={LAYERS}.lexmorph.type.pos.POS|PosValue\n"
    f"#T_SP={LAYERS}.ner.type.NamedEntity|identifier|value\n"
    f"#T_RL=webanno.custom.Works|kind|BT_{LAYERS}.ner.type.NamedEntity\n\n\n"
)


def row(number, place, token, *values):
    return "\t".join([number, place, token, *values]) + "\t\n"


SENTENCES = (
    "#Text=Ada Byron works at\n"
    "#Text=\\t\U0001f600 Café GmbH.\n"
    + row("1-1", "0-3", "Ada", "NNP", "*[1]", "PER[1]", "_", "_")
    + row("1-2", "4-9", "Byron", "NNP", "*[1]", "PER[1]", "at", "1-5[3_1]")
    + row("1-3", "10-15", "works", "VBZ", "_", "_", "_", "_")
    + row("1-4", "16-18", "at", "IN", "_", "_", "_", "_")
    + row("1-5", "20-22", "\U0001f600", "SYM", "Q1", "*", "_", "_")
    + row("1-6", "23-27", "Café", "NNP", "*[3]", "ORG[3]", "_", "_")
    + row("1-7", "28-32", "GmbH", "NNP", "*[3]", "ORG[3]", "_", "_")
    + row("1-8", "32-33", ".", ".", "_", "_", "_", "_")
    + "\n#Sentence.id=2\n#Text=Bob.\n"
    + row("2-1", "34-37", "Bob", "NNP", "_", "_", "_", "_")
    + row("2-2", "37-38", ".", ".", "_", "_", "_", "_")
)
FILE = HEADER + SENTENCES


def read(text, rules=None, **options):
    return list(read_webanno(io.BytesIO(text.encode()), "x", rules or SpanRules(), **options))


def simple(values, layers="webanno.custom.Name|what", text="Ada left"):
    """Write a sentence of two tokens, of which the first has the values, and its last rows."""
    lines = [f"#FORMAT=WebAnno TSV 3.3\n#T_SP={layers}\n\n#Text={text}\n"]
    lines += [row("1-1", "0-3", "Ada", values), row("1-2", "4-8", "left", "_")]
    return "".join(lines)


def test_examples_in_docstrings():
    assert doctest.testmod(ner.data.formats.webanno).failed == 0


def test_spans_of_named_entities_are_read_and_the_rest_is_counted():
    notes = Notes()
    first, second = read(FILE, SpanRules(notes=notes))
    assert first.text == "Ada Byron works at\n\t\U0001f600 Café GmbH."
    assert first.tokens == ("Ada", "Byron", "works", "at", "\U0001f600", "Café", "GmbH", ".")
    assert [first.text[start:end] for start, end in first.offsets] == list(first.tokens)
    assert first.spans == (Span(0, 2, "PER"), Span(5, 7, "ORG"))
    assert (second.tokens, second.text, second.spans) == (("Bob", "."), "Bob.", ())
    assert [str(s.source) for s in (first, second)] == ["x:9", "x:20"]
    assert notes.ignored == {
        "values of POS.PosValue": 10,
        "values of NamedEntity.identifier": 1,
        "annotations without a value of NamedEntity.value": 1,
        "values of Works.kind": 1,
        "values of Works.BT_de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity": 1,
    }


@pytest.mark.parametrize(
    ("tags", "labels"),
    [
        pytest.param("POS", ["NNP", "."], id="a layer"),
        pytest.param("PosValue", ["NNP", "."], id="a feature"),
        pytest.param("NamedEntity.identifier", [], id="both"),
        pytest.param(None, [], id="the usual one"),
    ],
)
def test_another_layer_or_feature_is_read_by_its_name(tags, labels):
    assert [span.label for span in read(FILE, tags=tags)[1].spans] == labels


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        pytest.param("PER", ["PER"], id="a token"),
        pytest.param(r"a\|b\_\[1\]\-> c\\", ["a|b_[1]-> c\\"], id="escapes"),
        pytest.param(r"\*", ["*"], id="an escaped star"),
        pytest.param("_", [], id="nothing"),
        pytest.param("*", [], id="no value"),
    ],
)
def test_values_are_read_as_they_are_meant(values, labels):
    (sentence,) = read(simple(values))
    assert [span.label for span in sentence.spans] == labels


def test_a_layer_without_features_gives_its_name():
    (sentence,) = read(simple("*[1]", layers="webanno.custom.Name"))
    assert sentence.spans == (Span(0, 1, "Name"),)


def test_stacked_spans_and_parts_of_tokens_follow_the_rules():
    stacked = simple("PER[1]|LOC[2]").replace("\t_\t", "\tPER[1]\t")
    assert error_line(lambda: read(stacked)) == "x:5: spans [0, 3) and [0, 8) overlap."
    (sentence,) = read(stacked, SpanRules(overlapping="drop"))
    assert sentence.spans == (Span(0, 2, "PER"),)
    part = simple("_") + row("1-2.1", "6-8", "ft", "X")
    assert error_line(lambda: read(part)) == (
        "x:7: span [6, 8) 'ft' does not start and end at token borders."
    )
    (sentence,) = read(part, SpanRules(misaligned="snap"))
    assert (sentence.tokens, sentence.spans) == (("Ada", "left"), (Span(1, 2, "X"),))


def test_tokens_that_the_text_does_not_spell_are_joined_by_blanks():
    notes = Notes()
    (sentence,) = read(simple("PER", text="Ada ran"), SpanRules(notes=notes))
    assert (sentence.text, sentence.spans) == ("Ada left", (Span(0, 1, "PER"),))
    assert notes.ignored == {"texts that their tokens do not spell": 1}


def test_a_file_without_layers_of_spans_is_not_annotated():
    layers = f"{LAYERS}.lexmorph.type.pos.POS|PosValue"
    (sentence,) = read(simple("NNP", layers=layers))
    assert sentence.spans is None


@pytest.mark.parametrize(
    ("text", "tags", "error", "message"),
    [
        pytest.param(
            "#FORMAT=WebAnno TSV 2.0\n", None, ConfigError,
            "x:1: must be WebAnno TSV 3. Got '#FORMAT=WebAnno TSV 2.0'. Export it anew.",
            id="version",
        ),
        pytest.param(
            simple("_", layers="a.B|c\n#T_SP=a.D|e"), None, ConfigError,
            "x: tags must name the layer or feature of the entities, one of B.c D.e. Got none.",
            id="two layers",
        ),
        pytest.param(
            simple("_"), "NER", ConfigError,
            "x: tags must name the layer or feature of the entities, one of Name.what. Got NER.",
            id="another name",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read_at_all_is_refused(text, tags, error, message):
    assert error_line(lambda: read(text, tags=tags), error=error) == message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param("1-1\t0-3\tAda\n", "x:5: 3 columns, but the header names 4", id="too few"),
        pytest.param("1-1\t0-3\tAda\t_\t_\n", "x:5: 5 columns, but the header", id="too many"),
        pytest.param("Ada\t0-3\tAda\t_\n", "x:5: a row must begin with its number", id="no number"),
        pytest.param("1-1\tAda\tAda\t_\n", "x:5: a row must begin with its number", id="no place"),
    ],
)
def test_a_wrong_row_is_named_with_its_line(line, message):
    head, _, _ = simple("_").partition("1-1")
    problems = []
    assert read(head + line, problems=problems) == []
    assert [str(problem).startswith(message) for problem in problems] == [True]


@pytest.mark.parametrize("name", ["a.tsv", "a.conll", "a.txt"])
def test_such_a_file_is_recognized_by_its_first_line_whatever_its_name(tmp_path, name):
    path = write(tmp_path / name, FILE)
    assert detect_format(path).name == "webanno"
    assert [len(s.spans) for s in read_sentences(path)] == [2, 0]
