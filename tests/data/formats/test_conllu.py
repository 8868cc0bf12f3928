import itertools

import pytest

from ner.data.formats.conllu import read_conllu, write_conllu
from ner.data.lines import read_lines
from ner.data.sentence import Sentence, Source
from ner.data.spans import Notes
from ner.errors import DataError
from tests.data.corpora import error_line


def row(number, form, misc="_", upos="X"):
    return f"{number}\t{form}\t_\t{upos}\t_\t_\t_\t_\t_\t{misc}\n"


def read(*lines, **options):
    raw = "".join(lines).encode().splitlines(keepends=True)
    return list(read_conllu(raw, "x", **options))


def test_words_have_their_true_places_in_the_text():
    (sentence,) = read(
        "# sent_id = s1\n",
        "# text = Don't  go.\n",
        row("1-2", "Don't"),
        row(1, "Do", upos="AUX"),
        row(2, "n't"),
        row(3, "go", "SpaceAfter=No"),
        row("3.1", "away"),
        row(4, "."),
    )
    assert sentence.tokens == ("Do", "n't", "go", ".")
    assert sentence.text == "Don't  go."
    assert sentence.offsets == ((0, 2), (2, 5), (7, 9), (9, 10))
    assert sentence.columns["upos"] == ("AUX", "X", "X", "X")
    assert sentence.columns["misc"] == ("_",) * 4
    assert (sentence.id, sentence.spans) == ("s1", None)
    assert sentence.source == Source("x", 4)


def test_words_that_do_not_spell_their_token_share_its_place():
    (sentence,) = read(
        row("1-2", "au"), row(1, "à"), row(2, "le"), row("3-4", "à", "SpaceAfter=No"), row(3, "a"),
        row(4, "a"), row(5, "!"),
    )  # fmt: skip
    assert sentence.text == "au à!"
    assert sentence.offsets == ((0, 2), (0, 2), (3, 4), (3, 4), (4, 5))
    again = read(*(f"{line}\n" for line in write_conllu([sentence])))
    assert again[0].replace(source=None) == sentence.replace(source=None)


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ([row(1, "a"), row(2, "b")], "a b"),
        ([row(1, "a", "SpaceAfter=No"), row(2, "b", "SpaceAfter=No")], "ab"),
        ([row(1, "a", r"SpacesAfter=\s\s\n"), row(2, "b", r"SpacesAfter=\t")], "a  \nb\t"),
        ([row(1, "a", r"SpacesBefore=\s|SpacesAfter=\p\\"), row(2, "b")], " a|\\b"),
        (["# text = a   b\n", row(1, "a"), row(2, "b")], "a   b"),
        (["# text = ab\n", row(1, "a"), row(2, "b")], "ab"),
        (["# text = a c\n", row(1, "a"), row(2, "b")], "a b"),
        (["# text = a b\n", row(1, "a", r"SpacesAfter=\n"), row(2, "b")], "a\nb"),
    ],
    ids=["blanks", "no blanks", "escapes", "more escapes", "text", "text before SpaceAfter",
         "text that does not fit", "SpacesAfter before text"],
)  # fmt: skip
def test_what_stands_between_words(lines, text):
    notes = Notes()
    (sentence,) = read(*lines, notes=notes)
    assert sentence.text == text
    assert [text[start:end] for start, end in sentence.offsets] == ["a", "b"]
    assert notes.ignored["texts that their words do not spell"] == ("# text = a c\n" in lines)


def test_entities_stand_under_a_key_of_misc():
    tagged = [row(1, "Ada", "NER=B-PER|Gloss=x"), row(2, "L", "Gloss=y|NER=I-PER"), row(3, "b")]
    (sentence,) = read(*tagged)
    assert sentence.spans == ((0, 2, "PER"),)
    assert sentence.columns["misc"] == ("Gloss=x", "Gloss=y", "_")
    assert read(*tagged, tags="ner")[0].spans == ((0, 2, "PER"),)
    other = [row(1, "x", "Entity=S-X"), "\n", *tagged]
    assert [s.spans for s in read(*other, tags="Entity")] == [((0, 1, "X"),), ()]
    with pytest.raises(
        DataError, match=r"^x: a word must have Entity= in its .* Got no such word\.$"
    ):
        read(*tagged, tags="Entity")
    assert read(row(1, "Ada", "Entity=S-X"), tags="entity")[0].spans == ((0, 1, "X"),)
    assert read(row(1, "a"))[0].spans is None
    assert read(row(1, "a", "NER=?"), row(2, "b", "NER=O"))[0].allowed == ((), ("O",))


def test_documents_are_named_or_counted():
    lines = [
        row(1, "a"), "\n", "# newdoc id = d7\n", row(1, "b"), "\n", row(1, "c"), "\n",
        "# newdoc\n", row(1, "d"),
    ]  # fmt: skip
    assert [s.document for s in read(*lines)] == [None, "d7", "d7", "0"]


def test_what_is_not_kept_is_counted():
    notes = Notes()
    read("# newpar\n", row(1, "a"), row("1.1", "b"), row("1.2", "c"), notes=notes)
    assert notes.ignored == {"comments": 1, "empty nodes": 2}


def test_a_sentence_may_begin_with_an_empty_node():
    assert read(row("0.1", "b"), row(1, "a"))[0].tokens == ("a",)


def test_bad_sentences_are_left_out_whole_and_listed():
    problems = []
    lines = [row(1, "a"), "\n", row(1, "b"), "1\tc\n", row(3, "d"), "\n", row("1-2", "e"),
             row(1, "e"), "\n", row(1, "f")]  # fmt: skip
    assert [s.tokens for s in read(*lines, problems=problems)] == [("a",), ("f",)]
    assert [str(problem).partition(": ")[0] for problem in problems] == ["x:4", "x:8"]


def test_a_line_in_another_encoding_is_listed_with_its_sentence():
    problems = []
    raw = [row(1, "a").encode(), b"\n", row(1, "é").encode("latin-1"), b"\n", row(1, "b").encode()]
    sentences = list(read_conllu(raw, "x", problems=problems))
    assert [s.tokens for s in sentences] == [("a",), ("b",)]
    assert str(problems[0]).startswith(
        "x:3: not UTF-8: byte 0xe9 at column 3 (byte 23 of the file)"
    )


def test_sentences_are_read_as_they_are_asked_for():
    endless = itertools.cycle([row(1, "a").encode(), b"\n"])
    assert len(list(itertools.islice(read_conllu(endless, "x"), 5))) == 5


@pytest.mark.parametrize(
    ("sentence", "message"),
    [
        pytest.param(
            Sentence(["a\tb"]),
            "sentence 1: in a CoNLL-U file, words, labels and columns must not",
            id="a tab",
        ),
        pytest.param(
            Sentence(["a"], spans=[(0, 1, "x|y")]),
            "sentence 1: where annotation is written as tags, a label must not hold |,",
            id="a bar in a label",
        ),
        pytest.param(
            Sentence(["a"], id=" b"),
            "sentence 1: in a CoNLL-U file, the name of a sentence or document",
            id="a blank before an id",
        ),
        pytest.param(
            Sentence(["a"], text="b", offsets=[(0, 1)]),
            "sentence 1: in a CoNLL-U file, a word must equal the text at its place. "
            "Got 'a' for 'b'.",
            id="another text",
        ),
    ],
)
def test_what_a_file_cannot_hold_is_refused(sentence, message):
    assert error_line(lambda: list(write_conllu([sentence]))).startswith(message)


# Counts stated by the README of the development corpora; words by the treebank's own.
@pytest.mark.parametrize(
    ("split", "count", "words"), [("dev", 2001, 25_147), ("train", 12_544, None)]
)
def test_a_treebank_is_read_and_written_without_loss(shared_data, split, count, words):
    path = shared_data(f"ud_english_ewt/en_ewt-ud-{split}.conllu")
    notes = Notes()
    sentences = list(read_conllu(read_lines(path), "x", notes=notes))
    assert len(sentences) == count
    assert words in (None, sum(map(len, sentences)))
    assert len({tag for s in sentences for tag in s.columns["upos"]}) == 17
    assert not notes.ignored["texts that their words do not spell"]
    for s in sentences:
        assert tuple(s.text[start:end] for start, end in s.offsets) == s.tokens
    written = (f"{line}\n".encode() for line in write_conllu(sentences))
    for again, sentence in zip(read_conllu(written, "x"), sentences, strict=True):
        assert again.replace(source=None) == sentence.replace(source=None)
