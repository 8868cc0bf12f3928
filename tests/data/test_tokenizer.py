import random
import unicodedata

import pytest
import tokenizers
from hypothesis import given

from ner.data.sentence import Sentence
from ner.data.token_patterns import PATTERNS
from ner.data.tokenizer import Tokenizer, agreement
from ner.errors import ConfigError, DataError
from tests.data.corpora import seconds, texts_with

TOKENIZERS = {rules: Tokenizer(rules) for rules in PATTERNS}
tokenize = TOKENIZERS["conll"]

AWKWARD = ["a", "A.", "U.S.", "n't", "'s", "-", "--", "...", "a@b.c", "http://", "1,5", "$",
           " ", "\n", "\u00a0", "\u200b", "\u200d", "\ufe0f", "\u0301", "e\u0301", "\ud83d", "\0",
           "中", "ไทย", "👩\u200d🚀", "🇩🇪"]  # fmt: skip
ANY_TEXT = texts_with(AWKWARD)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        pytest.param("The U.N. met.", "The U.N. met .", id="initials"),
        pytest.param("Foo Corp. and Bar Inc. said", "Foo Corp. and Bar Inc. said", id="companies"),
        pytest.param(
            "on Oct. 5, Mr. Smith (a Dr.)", "on Oct. 5 , Mr. Smith ( a Dr. )", id="dates and titles"
        ),
        pytest.param("by Foo Inc.", "by Foo Inc .", id="company at the end"),
        pytest.param("So do I.", "So do I .", id="I at the end"),
        pytest.param("J. K. Foo, A.B. Bar", "J. K. Foo , A.B. Bar", id="initials of names"),
        pytest.param("at 10 a.m. or 5 p.m.", "at 10 a.m. or 5 p.m.", id="times of day"),
        pytest.param(
            "U.S.-led, Franco-U.S. talks",
            "U.S.-led , Franco-U.S. talks",
            id="hyphens after initials",
        ),
        pytest.param("won 4-1 on 1996-08-22", "won 4-1 on 1996-08-22", id="scores and dates"),
        pytest.param("$1.2 and C$5 or US$ 3", "$ 1.2 and C$ 5 or US$ 3", id="currencies"),
        pytest.param("10,000 at 2:29.34, 3-1/2%", "10,000 at 2:29.34 , 3-1/2 %", id="numbers"),
        pytest.param("+44 -3.5 .500 (-2)", "+44 -3.5 .500 ( -2 )", id="signs"),
        pytest.param("in 1996. Then", "in 1996 . Then", id="year at the end"),
        pytest.param("1. Foo\n2. Bar", "1. Foo 2. Bar", id="list"),
        pytest.param("Ada's, THEIR'S, U.S.'s", "Ada 's , THEIR 'S , U.S. 's", id="clitics"),
        pytest.param("I don't, CAN'T, we’re", "I do n't , CA N'T , we ’re", id="negations"),
        pytest.param("O'Neill o'clock d’Arc", "O'Neill o'clock d’Arc", id="names with apostrophes"),
        pytest.param("the players' 'cup'", "the players ' ' cup '", id="single quotes"),
        pytest.param("a four-day co-op", "a four-day co-op", id="hyphens"),
        pytest.param("yes--no - or – so", "yes -- no - or – so", id="dashes"),
        pytest.param("well... wait.... …", "well ... wait .... …", id="dots"),
        pytest.param("AT&T, S&P and B & C", "AT&T , S&P and B & C", id="ampersands"),
        pytest.param('He said "no"!?', 'He said " no " !?', id="double quotes"),
        pytest.param("and/or 1/2", "and / or 1/2", id="slashes"),
        pytest.param(
            "wanna don't isnt cannot its", "wan na do n't is nt cannot its", id="contractions"
        ),
        pytest.param("it 's what they 've", "it 's what they 've", id="clitics apart"),
        pytest.param("why?! No!!! really.?", "why ?! No !!! really .?", id="ends of sentences"),
        pytest.param("good :-) or :( bad", "good :-) or :( bad", id="emoticons"),
        pytest.param("a <<b>> ==--== c $$ d", "a << b >> ==--== c $$ d", id="runs of signs"),
        pytest.param(
            "w/ milk, w/o b/c n/a", "w/ milk , w/o b/c n/a", id="abbreviations with slashes"
        ),
        pytest.param("Plan.DOC, .pdf, News.Com.", "Plan.DOC , .pdf , News.Com .", id="file names"),
        pytest.param(
            "of Foo Co... or etc...", "of Foo Co ... or etc ...", id="dots after abbreviations"
        ),
        pytest.param("me@here @me.org", "me@here @me.org", id="mentions"),
        pytest.param(
            "see https://x.org/a_b?c=1,2, or (www.x.org).",
            "see https://x.org/a_b?c=1,2 , or ( www.x.org ) .",
            id="addresses",
        ),
        pytest.param("to a.b-c+d@x.co.uk.", "to a.b-c+d@x.co.uk .", id="mail"),
        pytest.param("@ada #tag #1", "@ada #tag # 1", id="hash tags"),
        pytest.param("東京タワー ไทย 서울은", "東 京 タ ワ ー ไ ท ย 서울은", id="unspaced scripts"),
        pytest.param("Ab東c", "Ab 東 c", id="mixed scripts"),
        pytest.param("नमस्ते दुनिया", "नमस्ते दुनिया", id="Devanagari"),
        pytest.param(
            "cafe\u0301s co\u00adop می\u200cخواهم",
            "cafe\u0301s co\u00adop می\u200cخواهم",
            id="joiners",
        ),
        pytest.param("👩\u200d👩\u200d👧🇩🇪🇫🇷👍🏽", "👩\u200d👩\u200d👧 🇩🇪 🇫🇷 👍🏽", id="emoji"),
        pytest.param("❤\ufe0f1\ufe0f\u20e3", "❤\ufe0f 1\ufe0f\u20e3", id="keycap"),
        pytest.param(
            "a\u00a0b\u2028c\u3000d\u200be\ufefff", "a b c d e f", id="white space of all kinds"
        ),
    ],
)
def test_tokens_are_cut_as_conll_cuts_them(text, tokens):
    assert tokenize(text)[0] == tokens.split(" ")


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        pytest.param(
            "a two-day trip, state-of-the-art",
            "a two - day trip , state - of - the - art",
            id="hyphens",
        ),
        pytest.param(
            "e-mail, non-human and anti-war", "e-mail , non-human and anti-war", id="prefixes"
        ),
        pytest.param(
            "713-555-0100, 555-0100, 5-10 and 1969-1970",
            "713-555-0100 , 555-0100 , 5 - 10 and 1969 - 1970",
            id="numbers with hyphens",
        ),
        pytest.param("at 7:30pm, 35mm, $10k", "at 7:30 pm , 35 mm , $ 10 k", id="units"),
        pytest.param("the 1960's, Ada's", "the 1960's , Ada 's", id="clitics"),
        pytest.param(
            "I cannot, dont, gonna, CANT", "I can not , do nt , gon na , CA NT", id="contractions"
        ),
        pytest.param("its a shame; its name", "it s a shame ; its name", id="its"),
        pytest.param(
            "im sure thats alot", "i m sure that s a lot", id="contractions without apostrophe"
        ),
        pytest.param("1. Foo\n2. No. 5", "1 . Foo 2 . No. 5", id="list"),
        pytest.param("I don't. Mr. A. Foo", "I do n't . Mr. A. Foo", id="negation"),
        pytest.param("東京タワー Ab東c-d", "東 京 タ ワ ー Ab 東 c - d", id="unspaced scripts"),
    ],
)
def test_tokens_are_cut_as_universal_dependencies_cut_them(text, tokens):
    assert TOKENIZERS["ud"](text)[0] == tokens.split(" ")


SCRIPTS = {
    "Han": "東京",
    "Hiragana": "ひら",
    "Katakana": "カタ",
    "Thai": "ไทย",
    "Lao": "ລາວ",
    "Khmer": "ខ្មែរ",
}


@pytest.mark.parametrize("rules", PATTERNS)
@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize(
    "around",
    ["{}", "Ab{}c", "1{}2", "a-{}-b", "({})", "don't{}", "http://a.b {}"],
    ids=["alone", "letters", "digits", "hyphens", "brackets", "clitic", "address"],
)
def test_unspaced_scripts_have_one_character_a_token(rules, script, around):
    word = SCRIPTS[script]
    text = around.format(word)
    place = around.index("{")
    inside = [o for o in TOKENIZERS[rules](text)[1] if place <= o[0] < place + len(word)]
    # A mark that combines belongs to the character before it.
    begins = [i for i, c in enumerate(word, place) if not unicodedata.category(c).startswith("M")]
    assert [start for start, _ in inside] == begins
    assert inside[-1][1] == place + len(word)


@pytest.mark.parametrize(
    "text",
    ["", " ", "\n\t \u00a0\u2028", "\u200b\ufeff\0"],
    ids=["empty", "blank", "white space", "invisible"],
)
def test_text_without_visible_characters_has_no_tokens(text):
    assert tokenize(text) == ([], [])


@pytest.mark.parametrize("rules", PATTERNS)
@given(text=ANY_TEXT)
def test_offsets_hold_for_any_text(rules, text):
    tokens, offsets = TOKENIZERS[rules](text)
    end_before = 0
    for token, (start, end) in zip(tokens, offsets, strict=True):
        assert end_before <= start < end <= len(text)
        assert (
            "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text[start:end]) == token
        )
        assert not any(c.isspace() for c in token)
        token.encode("utf-8")
        end_before = end


@pytest.mark.parametrize("rules", PATTERNS)
@given(text=ANY_TEXT)
def test_nothing_visible_is_lost(rules, text):
    covered = {i for start, end in TOKENIZERS[rules](text)[1] for i in range(start, end)}
    for i, c in enumerate(text):
        # What has no width, no place and no meaning of its own may stand between tokens.
        invisible = c.isspace() or unicodedata.category(c) in ("Cc", "Cf")
        assert i in covered or invisible


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("👩\u200d👩\u200d👧 👍🏽🇩🇪", id="emoji"),
        pytest.param("e\u0301a\u0323\u0302 נִקּוּד", id="combining marks"),
        pytest.param("\u202eאבג\u202c abc \u2067x\u2069", id="directions"),
        pytest.param("a\u00a0b\u202fc", id="no-break spaces"),
        pytest.param("\ud83d a \udc69b", id="lone surrogates"),
        pytest.param("x\u200by\ufeffz", id="zero-width spaces"),
    ],
)
def test_offsets_count_characters_of_python(text):
    for token, (start, end) in zip(*tokenize(text), strict=True):
        assert len(token) == end - start
        assert token == text[start:end] or "\ufffd" in token


def test_json_keeps_the_rules_and_is_read_by_hugging_face():
    text = "Ada's U.S. visit, 東京"
    again = Tokenizer.from_json(tokenize.to_json())
    assert again(text) == tokenize(text)
    assert again.to_json() == tokenize.to_json()
    foreign = tokenizers.Tokenizer.from_str(tokenize.to_json())
    pieces = foreign.pre_tokenizer.pre_tokenize_str(text)
    assert [offsets for _, offsets in pieces] == tokenize(text)[1]


@pytest.mark.parametrize("rules", PATTERNS)
def test_rules_have_their_name_again_when_read(rules):
    assert Tokenizer.from_json(Tokenizer(rules).to_json()).rules == rules


def test_a_tokenizer_of_somebody_else_is_read_too():
    foreign = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0}, unk_token="a"))
    foreign.pre_tokenizer = tokenizers.pre_tokenizers.Split(
        tokenizers.Regex(r"\d"), "removed", True
    )
    read = Tokenizer.from_json(foreign.to_str())
    assert (read.rules, read("a12")[0]) == ("custom", ["1", "2"])
    foreign.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    assert Tokenizer.from_json(foreign.to_str())("a b")[0] == ["a", "b"]


def test_unknown_rules_are_refused():
    with pytest.raises(ConfigError, match=r"^tokenizer: must be one of conll, ud\. Got 'un'\.$"):
        Tokenizer("un")


def test_agreement_is_the_f1_of_ranges():
    words = Sentence(["two", "-", "day", "trip"], "two-day trip", [(0, 3), (3, 4), (4, 7), (8, 12)])
    assert agreement(TOKENIZERS["ud"], [words]) == 1
    # One of two tokens is right, and one of four is found.
    assert agreement(tokenize, [words]) == pytest.approx(2 * (1 / 2) * (1 / 4) / (1 / 2 + 1 / 4))
    assert agreement(tokenize, []) == 1


@pytest.mark.parametrize(
    "damage",
    ["", "{}", "null", '{"version": "1.0"}'],
    ids=["empty", "an object", "null", "a version alone"],
)
def test_json_that_is_no_tokenizer_is_one_line(damage):
    with pytest.raises(DataError, match=r"^m/tokenizer\.json: must be a tokenizer\. [^\n]+\.$"):
        Tokenizer.from_json(damage, "m/tokenizer.json")


def test_json_without_rules_for_cutting_is_refused():
    bare = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0}, unk_token="a"))
    with pytest.raises(DataError, match=r"tokenizer\.json: must have a pre_tokenizer\. Got none\."):
        Tokenizer.from_json(bare.to_str())


FRAGMENTS = [
    "a", "a.", "A.", "-", "'", "a@", "a@b.", "a-", "a'", "n't", "nt", "1,", "1-",
    "http://", "http://a.", "www.", "_", ". ", "\u0301", "👩\u200d", "\u200d", "中",
    "$", "A$", "@a", "a.\n", "#", "Mr.", "A. ", "\n", "1. ", "a&", "a.b@", "' ",
    "-a.b.", "+", "%", "!", " ", "non-", "can", "wan", "w/", ":", ":)", "(", "<",
    "^_", ".doc", "1pm", "No. ", "\0", "\ud83d", "e\u0301", "🇩", "\u202e",
]  # fmt: skip
# Some of the ways to put them together, with something else at the end of the text.
random_ = random.Random(5)
MIXTURES = [
    ("".join(random_.sample(FRAGMENTS, random_.randint(2, 4))), random_.choice(FRAGMENTS))
    for _ in range(40)
]
HOSTILE = {f"fragment {i}": (fragment, "") for i, fragment in enumerate(FRAGMENTS)}
HOSTILE |= {f"mixture {i}": mixture for i, mixture in enumerate(MIXTURES)}


def growth(rules, fragment, end, size=4_000):
    """How many times as long as a text one of four times its size takes."""
    short, long = (fragment * (n // len(fragment)) + end for n in (size, 4 * size))
    return seconds(TOKENIZERS[rules], long) / seconds(TOKENIZERS[rules], short)


@pytest.mark.parametrize("rules", PATTERNS)
@pytest.mark.parametrize("text", HOSTILE)
def test_time_grows_no_faster_than_the_text(rules, text):
    # Linear work takes 4 times as long, quadratic work 16 times. Time of others does not
    # count, but they slow this process down too: a busy machine is asked again.
    assert any(growth(rules, *HOSTILE[text]) < 8 for _ in range(5))


@pytest.mark.parametrize("rules", PATTERNS)
@pytest.mark.parametrize(
    "fragment",
    ["a-", "a.", "1,", "http://a.", "👩\u200d", "a\u0301", "!", "-=", "a@", "non-", "'"],
    ids=[
        "hyphens",
        "dots",
        "commas",
        "addresses",
        "emoji",
        "combining marks",
        "exclamation marks",
        "signs",
        "at signs",
        "prefixes",
        "apostrophes",
    ],
)
def test_one_token_without_end_does_not_stop_the_tokenizer(rules, fragment):
    text = fragment * (1_000_000 // len(fragment))
    offsets = TOKENIZERS[rules](text)[1]
    assert offsets[0][0] == 0
    assert offsets[-1][1] >= len(text) - 1


@pytest.mark.parametrize("rules", PATTERNS)
@pytest.mark.parametrize(
    "letter",
    ["a", "é", "ا", "한", "𝔞", "1", "."],
    ids=["a", "e with accent", "Arabic", "Hangul", "beyond 16 bits", "digit", "dot"],
)
def test_a_word_of_300_000_characters_is_one_token(rules, letter):
    assert TOKENIZERS[rules](f"x {letter * 300_000} y")[1][1] == (2, 300_002)


def test_the_test_of_growth_sees_work_that_is_quadratic(monkeypatch):
    monkeypatch.setitem(TOKENIZERS, "slow", lambda text: [text.count(c) for c in text[::4]])
    assert growth("slow", "a", "") > 8
