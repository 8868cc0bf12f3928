import io

import pytest

from ner.data.formats.conll2012 import read_conll2012
from ner.data.formats.detection import detect_format
from ner.data.formats.read import read_sentences
from ner.data.schemes import Span
from ner.data.spans import Notes, SpanRules
from tests.data.corpora import error_line, write

FILE = """\
#begin document (xx/made/01/up_0001); part 000
xx/made/01/up_0001 0 0     Ada NNP (TOP(S(NP* - - - Ann (PERSON* (ARG0* * (1
xx/made/01/up_0001 0 1   Byron NNP *) - - - Ann *) *) * 1)
xx/made/01/up_0001 0 2  writes VBZ (VP* write 01 1 Ann * (V*) * -
xx/made/01/up_0001 0 3  London NNP (NP*) - - - Ann (GPE) (ARG1*) * -
xx/made/01/up_0001 0 4      #1 . *)) - - - Ann * * * -

xx/made/01/up_0001 0 0     Yes UH (TOP*) - - - Bob * -

#end document
#begin document (xx/made/01/up_0001); part 001
xx/made/01/up_0001 1 0      No UH (TOP*) - - - Bob - -

#end document
"""


def read(text, rules=None, problems=None):
    lines = io.BytesIO(text.encode())
    return list(read_conll2012(lines, "x", rules or SpanRules(), problems))


def row(*entities):
    rows = (f"d 0 {i} w{i} NN * - - - - {value} -\n" for i, value in enumerate(entities))
    return "".join(rows) + "\n"


def test_entities_columns_and_documents_are_read_and_arguments_counted():
    notes = Notes()
    first, second, third = read(FILE, SpanRules(notes=notes))
    assert first.tokens == ("Ada", "Byron", "writes", "London", "#1")
    assert first.spans == (Span(0, 2, "PERSON"), Span(3, 4, "GPE"))
    assert first.text == "Ada Byron writes London #1"
    assert first.columns == {
        "pos": ("NNP", "NNP", "VBZ", "NNP", "."),
        "parse": ("(TOP(S(NP*", "*)", "(VP*", "(NP*)", "*))"),
        "lemma": ("-", "-", "write", "-", "-"),
        "frameset": ("-", "-", "01", "-", "-"),
        "sense": ("-", "-", "1", "-", "-"),
        "speaker": ("Ann",) * 5,
        "coref": ("(1", "1)", "-", "-", "-"),
    }
    assert (second.tokens, second.spans) == (("Yes",), ())
    assert (third.tokens, third.spans) == (("No",), None)
    assert [s.document for s in (first, second, third)] == [
        f"xx/made/01/up_0001; part {part}" for part in (0, 0, 1)
    ]
    assert [str(s.source) for s in (first, second, third)] == ["x:2", "x:8", "x:12"]
    assert notes.ignored == {"columns of the arguments of predicates": 2}


def test_entities_inside_others_follow_the_rules_for_overlaps():
    text = row("(ORG(GPE)*", "*", "(PER*))")
    message = error_line(lambda: read(text))
    assert message == "x:1: spans [0, 2) and [0, 8) overlap."
    notes = Notes()
    (sentence,) = read(text, SpanRules(overlapping="drop", notes=notes))
    assert sentence.spans == (Span(0, 3, "ORG"),)
    assert [change.partition(": ")[0] for change in notes.changes] == ["x:1", "x:3"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            row("(X*", "*"), "x:1: an entity begins that does not end. Got 'X'.", id="open"
        ),
        pytest.param(row("*", "*)"), "x:2: an entity ends that does not begin. Got", id="closed"),
        pytest.param(row("*", "B-X"), "x:2: an entity must be brackets and a star", id="a tag"),
        pytest.param("\nd 0 0 w\n", "x:2: 4 columns, but a row of CoNLL-2012 has at", id="4"),
        pytest.param(row("*")[:-1] + "d 0 0 w N * - - - - * * -\n", "x:2: 13 columns", id="13"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text, message):
    assert error_line(lambda: read(text)).startswith(message)
    problems = []
    assert [s.tokens for s in read(text + "\n" + row("*"), problems=problems)] == [("w0",)]
    assert len(problems) == 1


@pytest.mark.parametrize("name", ["a.conll", "a.v4_gold_conll", "a.txt", "a"])
def test_such_a_file_is_recognized_by_its_first_line_whatever_its_name(tmp_path, name):
    path = write(tmp_path / name, FILE)
    assert detect_format(path).name == "conll2012"
    assert len(read_sentences(path)) == 3
