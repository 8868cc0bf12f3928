import hashlib
import json
import random
import unicodedata
from typing import get_args

import pytest
from hypothesis import given

from ner.choices import TokenRules
from ner.data.token_patterns import PATTERNS
from ner.data.tokenizer import Tokenizer
from ner.errors import ConfigError, DataError
from tests.data.corpora import seconds, texts_with

# Those that find words.
WORDS = [rules for rules in PATTERNS if rules != "character"]
TOKENIZERS = {rules: Tokenizer(rules) for rules in PATTERNS}
tokenize = TOKENIZERS["conll"]

AWKWARD = ["a", "A.", "U.S.", "n't", "'s", "-", "--", "...", "a@b.c", "http://", "1,5", "$",
           " ", "\n", "\u00a0", "\u200b", "\u200d", "\ufe0f", "\u0301", "e\u0301", "\ud83d", "\0",
           "中", "ไทย", "👩\u200d🚀", "🇩🇪"]  # fmt: skip
ANY_TEXT = texts_with(AWKWARD)


# By what they show: a text, and its tokens with blanks between them.
ADDRESSES = {
    "address before Chinese": ("看https://t.cn/a1。北京", "看 https://t.cn/a1 。 北 京"),
    "address before Han alone": ("https://t.cn/a1北京", "https://t.cn/a1 北 京"),
    "address before Japanese": ("はhttp://t.co/aです", "は http://t.co/a で す"),
    "address before Thai": ("ดูwww.x.org/aไทย", "ดู www.x.org/a ไ ท ย"),
    "address in Korean": ("보기https://t.co/a를", "보기 https://t.co/a 를"),
    "wide punctuation": ("（https://t.cn/a，www.b.cn！）", "（ https://t.cn/a ， www.b.cn ！ ）"),
    "Chinese quotes": ("「http://a.jp/b」と《www.c.cn》", "「 http://a.jp/b 」 と 《 www.c.cn 》"),
    "Chinese host": ("http://例え.jp/a。", "http://例え.jp/a 。"),
    "curly quotes": ("“http://a.b/LY” ‘www.c.d’", "“ http://a.b/LY ” ‘ www.c.d ’"),
    "straight quotes": ("'http://a.b/L' \"www.c.d\"", "' http://a.b/L ' \" www.c.d \""),
    "angle quotes": ("«http://a.b/c» „www.d.e“", "« http://a.b/c » „ www.d.e “"),
    "clitic of an address": ("https://a.b's www.c.d’s", "https://a.b 's www.c.d ’s"),
    "apostrophe inside": ("https://a.b/o'neill_'x'/y", "https://a.b/o'neill_'x'/y"),
    "brackets inside": (
        "(https://a.b/C_(d)), [www.e.f/[g]]",
        "( https://a.b/C_(d) ) , [ www.e.f/[g] ]",
    ),
    "link in Markdown": ("[a](https://b.c/d)e", "[ a ] ( https://b.c/d ) e"),
    "emphasis around": ("**http://a.b/c** `www.d.e`", "** http://a.b/c ** ` www.d.e `"),
    "emoji after": ("http://a.b/c😀 www.d.e🇩🇪", "http://a.b/c 😀 www.d.e 🇩🇪"),
    "shortened": ("http://a.b/c… www.d.e...", "http://a.b/c … www.d.e ..."),
    "invisible after": ("http://a.b/c\u200bd www.e.f\u202c", "http://a.b/c d www.e.f"),
    "escaped inside": ("http://a.b/?c=1&amp;d=2&e", "http://a.b/?c=1&amp;d=2&e"),
    "escaped quotes around": ("&quot;http://a.b/c&quot;", "&quot; http://a.b/c &quot;"),
    "escaped brackets around": ("&lt;www.a.b/c&gt;", "&lt; www.a.b/c &gt;"),
    "Arabic and Cyrillic inside": ("http://a.b/Москва/عربي", "http://a.b/Москва/عربي"),
    "mail before Chinese": (
        "请写ada@x.cn。好，或bo@y.cn好",
        "请 写 ada@x.cn 。 好 ， 或 bo@y.cn 好",
    ),
    "mail in Korean": ("문의ada@x.org로", "문의 ada@x.org 로"),
    "shortened mail": ("ad...@x.org", "ad...@x.org"),
    "mention after a period": ("Check .@ada's rant", "Check . @ada 's rant"),
    "mention after signs": ("-@ada +@bo ..@cy %@di", "- @ada + @bo .. @cy % @di"),
    "mention after a word": ("via.@ada RT:@bo “@cy”", "via . @ada RT : @bo “ @cy ”"),
    "mention before Chinese": ("@ada：你好@bo，@cy你", "@ada ： 你 好 @bo ， @cy 你"),
    "mention in Korean": ("안녕@ada가 @서울 말", "안녕 @ada 가 @서울 말"),
    "hash tag before Chinese": ("#tag。#AI时代", "#tag 。 #AI 时 代"),
}

ENTITIES = {
    "ampersand": ("Tom&amp;Jerry &amp; AT&amp;T", "Tom &amp; Jerry &amp; AT &amp; T"),
    "quotes": ("&quot;Yes&quot;, &#8220;no&#8221;", "&quot; Yes &quot; , &#8220; no &#8221;"),
    "tags": ("&lt;b&gt;a&lt;/b&gt;", "&lt; b &gt; a &lt; / b &gt;"),
    "spaces and dashes": ("a&nbsp;b&mdash;c &#160;d", "a &nbsp; b &mdash; c &#160; d"),
    "hexadecimal": ("&#x201C;a&#X201d;", "&#x201C; a &#X201d;"),
    "clitics": ("it&#39;s they&rsquo;re Ada&apos;s", "it &#39;s they &rsquo;re Ada &apos;s"),
    "negation": ("do&#39;nt don&#039;t", "do&#39;nt do n&#039;t"),
    "apostrophe in a name": ("O&#x27;Neill &#39;x&#39;", "O&#x27;Neill &#39; x &#39;"),
    "letters": ("caf&eacute;s &Eacute;cole Beyonc&#233;", "caf&eacute;s &Eacute;cole Beyonc&#233;"),
    "letters alone": ("&#1052;&#1080;&#1088; &#xe9;", "&#1052;&#1080;&#1088; &#xe9;"),
    "hexadecimal letters": ("S&atilde;o Pa&#x16B;lo", "S&atilde;o Pa&#x16B;lo"),
    "Chinese": ("&#20013;&#x56FD;", "&#20013; &#x56FD;"),
    "no entities": ("R&D; S&P; a&b;", "R&D ; S&P ; a&b ;"),
}

# By convention.
CUTS = {
    "character": {
        "Chinese": ("生于1963年，MBA。", "生 于 1 9 6 3 年 ， M B A 。"),
        "words": ("a two-day visit", "a t w o - d a y v i s i t"),
        "address": ("http://a.b", "h t t p : / / a . b"),
        "marks that combine": ("e\u0301a ไทย\u0e48", "e\u0301 a ไ ท ย\u0e48"),
        "emoji": ("👩\u200d👧🇩🇪👍🏽", "👩\u200d👧 🇩🇪 👍🏽"),
        "white space of all kinds": ("a\u00a0b\u3000中\u200bd\t\n", "a b 中 d"),
    },
    "conll": {
        "initials": ("The U.N. met.", "The U.N. met ."),
        "companies": ("Foo Corp. and Bar Inc. said", "Foo Corp. and Bar Inc. said"),
        "dates and titles": ("on Oct. 5, Mr. Smith (a Dr.)", "on Oct. 5 , Mr. Smith ( a Dr. )"),
        "company at the end": ("by Foo Inc.", "by Foo Inc ."),
        "I at the end": ("So do I.", "So do I ."),
        "initials of names": ("J. K. Foo, A.B. Bar", "J. K. Foo , A.B. Bar"),
        "times of day": ("at 10 a.m. or 5 p.m.", "at 10 a.m. or 5 p.m."),
        "hyphens after initials": ("U.S.-led, Franco-U.S. talks", "U.S.-led , Franco-U.S. talks"),
        "scores and dates": ("won 4-1 on 1996-08-22", "won 4-1 on 1996-08-22"),
        "currencies": ("$1.2 and C$5 or US$ 3", "$ 1.2 and C$ 5 or US$ 3"),
        "numbers": ("10,000 at 2:29.34, 3-1/2%", "10,000 at 2:29.34 , 3-1/2 %"),
        "signs": ("+44 -3.5 .500 (-2)", "+44 -3.5 .500 ( -2 )"),
        "year at the end": ("in 1996. Then", "in 1996 . Then"),
        "list": ("1. Foo\n2. Bar", "1. Foo 2. Bar"),
        "clitics": ("Ada's, THEIR'S, U.S.'s", "Ada 's , THEIR 'S , U.S. 's"),
        "negations": ("I don't, CAN'T, we’re", "I do n't , CA N'T , we ’re"),
        "names with apostrophes": ("O'Neill o'clock d’Arc", "O'Neill o'clock d’Arc"),
        "single quotes": ("the players' 'cup'", "the players ' ' cup '"),
        "hyphens": ("a four-day co-op", "a four-day co-op"),
        "dashes": ("yes--no - or – so", "yes -- no - or – so"),
        "dots": ("well... wait.... …", "well ... wait .... …"),
        "ampersands": ("AT&T, S&P and B & C", "AT&T , S&P and B & C"),
        "double quotes": ('He said "no"!?', 'He said " no " !?'),
        "slashes": ("and/or 1/2", "and / or 1/2"),
        "contractions": ("wanna don't isnt cannot its", "wan na do n't is nt cannot its"),
        "clitics apart": ("it 's what they 've", "it 's what they 've"),
        "ends of sentences": ("why?! No!!! really.?", "why ?! No !!! really .?"),
        "emoticons": ("good :-) or :( bad", "good :-) or :( bad"),
        "runs of signs": ("a <<b>> ==--== c $$ d", "a << b >> ==--== c $$ d"),
        "abbreviations with slashes": ("w/ milk, w/o b/c n/a", "w/ milk , w/o b/c n/a"),
        "file names": ("Plan.DOC, .pdf, News.Com.", "Plan.DOC , .pdf , News.Com ."),
        "dots after abbreviations": ("of Foo Co... or etc...", "of Foo Co ... or etc ..."),
        "mentions": ("me@here @me.org", "me@here @me.org"),
        "addresses": (
            "see https://x.org/a_b?c=1,2, or (www.x.org).",
            "see https://x.org/a_b?c=1,2 , or ( www.x.org ) .",
        ),
        "mail": ("to a.b-c+d@x.co.uk.", "to a.b-c+d@x.co.uk ."),
        "hash tags": ("@ada #tag #1", "@ada #tag # 1"),
        "unspaced scripts": ("東京タワー ไทย 서울은", "東 京 タ ワ ー ไ ท ย 서울은"),
        "mixed scripts": ("Ab東c", "Ab 東 c"),
        "Devanagari": ("नमस्ते दुनिया", "नमस्ते दुनिया"),
        "joiners": ("cafe\u0301s co\u00adop می\u200cخواهم", "cafe\u0301s co\u00adop می\u200cخواهم"),
        "emoji": ("👩\u200d👩\u200d👧🇩🇪🇫🇷👍🏽", "👩\u200d👩\u200d👧 🇩🇪 🇫🇷 👍🏽"),
        "keycap": ("❤\ufe0f1\ufe0f\u20e3", "❤\ufe0f 1\ufe0f\u20e3"),
        "white space of all kinds": ("a\u00a0b\u2028c\u3000d\u200be\ufefff", "a b c d e f"),
        **ADDRESSES,
        **ENTITIES,
    },
    "ud": {
        "hyphens": (
            "a two-day trip, state-of-the-art",
            "a two - day trip , state - of - the - art",
        ),
        "prefixes": ("e-mail, non-human and anti-war", "e-mail , non-human and anti-war"),
        "numbers with hyphens": (
            "713-555-0100, 555-0100, 5-10 and 1969-1970",
            "713-555-0100 , 555-0100 , 5 - 10 and 1969 - 1970",
        ),
        "units": ("at 7:30pm, 35mm, $10k", "at 7:30 pm , 35 mm , $ 10 k"),
        "clitics": ("the 1960's, Ada's", "the 1960's , Ada 's"),
        "contractions": ("I cannot, dont, gonna, CANT", "I can not , do nt , gon na , CA NT"),
        "its": ("its a shame; its name", "it s a shame ; its name"),
        "contractions without apostrophe": ("im sure thats alot", "i m sure that s a lot"),
        "list": ("1. Foo\n2. No. 5", "1 . Foo 2 . No. 5"),
        "negation": ("I don't. Mr. A. Foo", "I do n't . Mr. A. Foo"),
        "unspaced scripts": ("東京タワー Ab東c-d", "東 京 タ ワ ー Ab 東 c - d"),
        **ADDRESSES,
        **ENTITIES,
    },
}


@pytest.mark.parametrize(
    ("rules", "text", "tokens"),
    [
        pytest.param(rules, *cut, id=f"{rules}: {name}")
        for rules, cuts in CUTS.items()
        for name, cut in cuts.items()
    ],
)
def test_texts_are_cut_by_the_convention(rules, text, tokens):
    assert TOKENIZERS[rules](text)[0] == tokens.split(" ")


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


@pytest.mark.parametrize("rules", PATTERNS)
def test_json_keeps_the_rules(rules):
    text = "Ada's U.S. visit, two-day, 東京"
    written = Tokenizer(rules).to_json()
    again = Tokenizer.from_json(written)
    assert again.rules == rules
    assert again(text) == Tokenizer(rules)(text)
    assert json.loads(written) == {"rules": rules, "version": 1}


def test_rules_are_those_that_settings_and_options_know():
    assert get_args(TokenRules) == tuple(PATTERNS)


def test_unknown_rules_are_refused():
    with pytest.raises(
        ConfigError, match=r"^tokenizer: must be one of conll, ud, character\. Got 'un'\.$"
    ):
        Tokenizer("un")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param("", "must be JSON. Got ''.", id="empty"),
        pytest.param("[" * 100_000, "must be JSON. Got '[[[", id="deep"),
        pytest.param("null", "must name rules and their version. Got 'null'.", id="null"),
        pytest.param(
            '{"pattern": "(a+)+b"}', "must name rules and their version. Got", id="a pattern"
        ),
        pytest.param(
            '{"rules": [], "version": 1}',
            "this version has the rules conll, ud, character, version 1. Got [], version 1.",
            id="a list",
        ),
        pytest.param(
            '{"rules": "conll", "version": 2}',
            "this version has the rules conll, ud, character, version 1. Got 'conll', version 2. "
            "Upgrade.",
            id="a newer version",
        ),
    ],
)
def test_json_that_names_no_known_rules_is_one_line(damage, message):
    with pytest.raises(DataError) as caught:
        Tokenizer.from_json(damage, "m/tokenizer.json")
    assert str(caught.value).startswith(f"m/tokenizer.json: {message}")
    assert "\n" not in str(caught.value)


FRAGMENTS = [
    "a", "a.", "A.", "-", "'", "a@", "a@b.", "a-", "a'", "n't", "nt", "1,", "1-",
    "http://", "http://a.", "www.", "_", ". ", "\u0301", "👩\u200d", "\u200d", "中",
    "$", "A$", "@a", "a.\n", "#", "Mr.", "A. ", "\n", "1. ", "a&", "a.b@", "' ",
    "-a.b.", "+", "%", "!", " ", "non-", "can", "wan", "w/", ":", ":)", "(", "<",
    "&", "&amp;", "&#", "&#39;", "&eacute;", "http://a(", "http://a[", "http://a&", "http://a'",
    "www.a", "http://\u4e2d.", "\ud55c", "\ud55ca@", ".@", "@a\ud55c", "a...@", "*", "http://a*",
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

# BLAKE2 of the offsets of 20,000 texts. The source is another engine of regular expressions,
# Oniguruma 6.9.8 in the package tokenizers 0.23.3, which read the same rules.
ANOTHER_ENGINE = {
    "conll": "50af117108633e39a3785f591591a9ed",
    "ud": "6dade1569644e2f9dc44cc2c80c2808a",
    "character": "c70fee0cdc3596890a82e8809df30344",
}


@pytest.mark.parametrize("rules", ANOTHER_ENGINE)
def test_tokens_are_those_that_another_engine_found(rules):
    choose = random.Random(11)
    words = [*FRAGMENTS, "Ada", "gonna ", "isnt", "two-day ", "Inc.", "U.S. ", "it's ", "1996. "]
    digest = hashlib.blake2b(digest_size=16)
    for _ in range(20_000):
        text = "".join(choose.choices(words, k=choose.randint(1, 12)))
        digest.update(json.dumps(TOKENIZERS[rules](text)[1]).encode())
    assert digest.hexdigest() == ANOTHER_ENGINE[rules]


def growth(rules, fragment, end, size=4_000):
    """How many times as long as a text one of four times its size takes."""
    short, long = (fragment * (n // len(fragment)) + end for n in (size, 4 * size))
    return seconds(TOKENIZERS[rules], long) / seconds(TOKENIZERS[rules], short)


@pytest.mark.parametrize("rules", WORDS)
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


@pytest.mark.parametrize("rules", WORDS)
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
