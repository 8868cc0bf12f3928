import random
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.data.schemes import Span
from ner.data.sentence import Prediction, Sentence
from ner.data.sentence_splitter import (
    MARGIN,
    WINDOW,
    SentenceSplitter,
    cut_sentence,
    join_predictions,
    join_texts,
)
from ner.data.tokenizer import Tokenizer
from ner.errors import ConfigError, MissingExtraError
from tests.data.corpora import seconds, texts_with

find_starts = SentenceSplitter()
tokenize = Tokenizer()

AWKWARD = [
    "a", "A", "Ab cd. ", ".", "!", "?", "…", "...", " ", "\n", "\r\n", "\u2028",
    "\u00a0", '"', "“", "”", "«", "(", ")", "。", "」", "Mr. ", "U.S. ", "1. ",
    "\ud83d", "\0", "👩\u200d🚀", "e\u0301", "\u202e",
]  # fmt: skip
ANY_TEXT = texts_with(AWKWARD)


def pieces(text, starts):
    return [text[a:b] for a, b in zip([0, *starts], [*starts, len(text)], strict=True)]


def sentences(text, language="en", lines=True):
    return [s.strip() for s in pieces(text, SentenceSplitter(language, lines=lines)(text))]


def read(text, **known):
    tokens, offsets = tokenize(text)
    return Sentence(tokens, text, offsets, **known)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        pytest.param(
            "en",
            "Mr. Smith left. Did he?",
            ["Mr. Smith left.", "Did he?"],
            id="English abbreviation",
        ),
        pytest.param(
            "en",
            "The U.S. Army won. It did.",
            ["The U.S. Army won.", "It did."],
            id="English initials",
        ),
        pytest.param(
            "en",
            'He said "No way." Then left.',
            ['He said "No way."', "Then left."],
            id="English quotation",
        ),
        pytest.param(
            "en", "Well... what? Yes!!  No.", ["Well... what?", "Yes!!", "No."], id="English dots"
        ),
        pytest.param(
            "en",
            "Pi is 3.14. See www.x.org now.",
            ["Pi is 3.14.", "See www.x.org now."],
            id="English numbers and hosts",
        ),
        pytest.param("en", "no punctuation at all", ["no punctuation at all"], id="no punctuation"),
        pytest.param("en", "Heading\nA text\r\n\r\nEnd", ["Heading", "A text", "End"], id="lines"),
        pytest.param(
            "de",
            "Am 3. Oktober war Dr. Müller z.B. da. Ja.",
            ["Am 3. Oktober war Dr. Müller z.B. da.", "Ja."],
            id="German",
        ),
        pytest.param(
            "es",
            "¿Qué? El Sr. López vino. Sí.",
            ["¿Qué?", "El Sr. López vino.", "Sí."],
            id="Spanish",
        ),
        pytest.param("ru", "Г. Иванов пришёл. Нет.", ["Г. Иванов пришёл.", "Нет."], id="Russian"),
        pytest.param("hi", "यह है। वह था। क्या?", ["यह है।", "वह था।", "क्या?"], id="Hindi"),
        pytest.param("ar", "كيف حالك؟ أنا بخير.", ["كيف حالك؟", "أنا بخير."], id="Arabic"),
        pytest.param(
            "zh",
            "你好。我是李。真的吗？好！",
            ["你好。", "我是李。", "真的吗？", "好！"],
            id="Chinese",
        ),
        pytest.param(
            "ja",
            "こんにちは。元気ですか？はい！",
            ["こんにちは。", "元気ですか？", "はい！"],
            id="Japanese",
        ),
        pytest.param("en", "你好。我是李。", ["你好。", "我是李。"], id="Chinese as English"),
    ],
)
def test_sentences_end_as_their_language_ends_them(language, text, expected):
    assert sentences(text, language) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "The first\nline. A second\nline.",
            ["The first\nline.", "A second\nline."],
            id="two sentences",
        ),
        pytest.param(
            "One\n\ntwo\r\n\r\nthree\r\nfour",
            ["One", "two", "three\r\nfour"],
            id="line ends of both kinds",
        ),
        pytest.param("One\n \t\ntwo", ["One", "two"], id="a line of blanks"),
    ],
)
def test_lines_may_be_filled_so_that_blank_lines_alone_end_a_sentence(text, expected):
    assert sentences(text, lines=False) == expected


@pytest.mark.parametrize(
    "text",
    ["", " ", "\n\n", " \u2028 \n", "\n A \n", "  Ada left.  "],
    ids=["empty", "blank", "newlines", "line separator", "newlines around", "blanks around"],
)
def test_white_space_makes_no_sentence(text):
    assert find_starts(text) == []


@given(ANY_TEXT, st.booleans())
def test_starts_are_ascending_and_every_sentence_holds_something(text, lines):
    starts = SentenceSplitter(lines=lines)(text)
    assert starts == sorted(set(starts))
    assert "".join(pieces(text, starts)) == text
    if starts:
        assert all(piece.strip() for piece in pieces(text, starts))


@pytest.mark.parametrize(
    "text",
    ["Ab cd. ", "Mr. Smith left the U.S. yesterday! ", "你好。"],
    ids=["short", "abbreviations", "Chinese"],
)
def test_a_long_text_has_the_sentences_of_a_short_one(text):
    # Longer than many windows: their ends are in other places of the sentence each time.
    times = 20 * WINDOW // len(text)
    once = find_starts(text * 2)
    assert len(once) == 1
    assert find_starts(text * times) == [once[0] * i for i in range(1, times)]


def test_sentences_longer_than_a_window_end_where_they_do():
    long = "word " * WINDOW
    text = f"{long}end. {long}end. Last one."
    assert [len(piece) for piece in pieces(text, find_starts(text))] == [
        len(long) + 5, len(long) + 5, 9
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["a" * 300_000, "ab " * 100_000, "中" * 300_000], ids=["one word", "words", "Chinese"]
)
def test_300_000_characters_without_an_end_are_one_sentence(text):
    assert find_starts(text) == []


# An opening quote is what the library is slow on, if it sees many of them.
FRAGMENTS = [
    *AWKWARD,
    "a ",
    "A. ",
    "“Ab cd. ",
    "«",
    "「",
    "‘",
    "[1] ",
    "\n ",
    '"Ab." ',
    "ab. cd ef ",
]
random_ = random.Random(5)
MIXTURES = ["".join(random_.sample(FRAGMENTS, random_.randint(2, 4))) for _ in range(30)]
HOSTILE = {f"fragment {i}": fragment for i, fragment in enumerate(FRAGMENTS)}
HOSTILE |= {f"mixture {i}": mixture for i, mixture in enumerate(MIXTURES)}


@pytest.mark.parametrize("name", HOSTILE)
def test_time_grows_no_faster_than_the_text(name):
    fragment, size = HOSTILE[name], 4 * WINDOW
    short, long = (fragment * (n // len(fragment)) for n in (size, 4 * size))
    # Linear work takes 4 times as long, quadratic work 16 times. Time of others does not
    # count, but they slow this process down too: a busy machine is asked again.
    assert any(
        seconds(find_starts, long, 2) < 8 * seconds(find_starts, short, 2) + 0.001 for _ in range(5)
    )


def test_windows_overlap():
    assert 0 < MARGIN < WINDOW // 2


@pytest.mark.parametrize(
    "language",
    ["", "EN", "english", "e", "e1", "en-GB"],
    ids=["empty", "capitals", "a word", "one letter", "a digit", "a region"],
)
def test_a_language_that_is_no_code_is_refused(language):
    with pytest.raises(
        ConfigError, match=r"^language: must be two or three small letters, [^\n]+ Got '"
    ):
        SentenceSplitter(language)


def test_a_missing_library_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentencex", None)
    with pytest.raises(MissingExtraError, match=r"^Splitting sentences needs sentencex: pip in"):
        SentenceSplitter()


def test_a_text_is_cut_with_all_that_is_known_of_it():
    text = " Ada left.  Bob Roe stayed. "
    whole = read(
        text,
        columns={"n": tuple("0123456")},
        spans=[Span(0, 1, "PER"), Span(3, 5, "PER")],
        labels=["x"],
        id="7",
        document="d",
        prediction=Prediction((), ()),
    )
    one, two = cut_sentence(whole, [12])
    assert (one.tokens, two.tokens) == (("Ada", "left", "."), ("Bob", "Roe", "stayed", "."))
    assert (one.text, two.text) == ("Ada left.", "Bob Roe stayed.")
    assert [two.text[s:e] for s, e in two.offsets] == [*two.tokens]
    assert (one.columns["n"], two.columns["n"]) == (("0", "1", "2"), ("3", "4", "5", "6"))
    assert (one.spans, two.spans) == ((Span(0, 1, "PER"),), (Span(0, 2, "PER"),))
    for part in (one, two):
        assert (part.labels, part.prediction, part.id, part.document) == (None, None, "7", "d")


def test_partial_annotation_is_cut_too():
    whole = Sentence(["a", "b"], allowed=[("O",), ()])
    assert [part.allowed for part in cut_sentence(whole, [2])] == [(("O",),), ((),)]


@pytest.mark.parametrize(
    ("starts", "whole", "lengths"),
    [
        pytest.param([], [], [4], id="no starts"),
        pytest.param([0, 13], [], [4], id="ends of the text"),
        pytest.param([1], [], [4], id="inside a token"),
        pytest.param([3], [], [1, 3], id="before a token"),
        pytest.param([3, 4], [], [1, 3], id="twice the same"),
        pytest.param([7], [], [4], id="inside a gold span"),
        pytest.param([10], [], [3, 1], id="between spans"),
        pytest.param([10], [Span(2, 4, "X")], [4], id="inside a whole span"),
    ],
)
def test_no_token_and_no_span_is_cut(starts, whole, lengths):
    sentence = Sentence(["aaa", "bb", "cc", "ddd"], spans=[Span(1, 3, "X")])
    assert [len(part) for part in cut_sentence(sentence, starts, whole)] == lengths


@given(ANY_TEXT)
def test_every_token_is_in_one_part(text):
    sentence = read(text)
    parts = cut_sentence(sentence, find_starts(text))
    assert [token for part in parts for token in part.tokens] == [*sentence.tokens]
    assert all(part.tokens for part in parts) or len(parts) == 1


def tag_capitals(parts):
    for part in parts:
        found = [i for i, token in enumerate(part.tokens) if token[0].isupper()]
        spans = tuple(Span(i, i + 1, "UP") for i in found)
        yield part.predicted(Prediction(spans, tuple(i / 100 for i in found)))


def tag_in_sentences(texts):
    cut = [(text, cut_sentence(text, find_starts(text.text))) for text in texts]
    return join_texts(cut, tag_capitals(part for _, parts in cut for part in parts))


@given(st.lists(ANY_TEXT, max_size=4))
def test_what_is_found_in_sentences_is_found_in_the_text(texts):
    given_ = [read(text) for text in texts]
    tagged = tag_in_sentences(given_)
    assert [s.text for s in tagged] == texts
    for sentence, direct in zip(tagged, tag_capitals(given_), strict=True):
        assert [(e.start, e.end, e.text) for e in sentence.entities] == [
            (e.start, e.end, e.text) for e in direct.entities
        ]


def test_scores_come_from_the_sentence():
    (tagged,) = tag_in_sentences([read("Go. Do so, Bob.")])
    assert [(e.text, e.start, e.score) for e in tagged.entities] == [
        ("Go", 0, 0.0), ("Do", 4, 0.0), ("Bob", 11, 0.03)
    ]  # fmt: skip


def test_sentences_that_do_not_fit_are_refused():
    sentence = Sentence(["a", "b"])
    with pytest.raises(ValueError, match=r"^sentences: each must have a prediction\. Got one"):
        join_predictions(sentence, [sentence])
    with pytest.raises(ValueError, match=r"^sentences: must have 2 tokens in all\. Got 1\.$"):
        join_predictions(sentence, tag_capitals([Sentence(["a"])]))
