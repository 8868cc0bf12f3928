"""Long texts are cut block by block, just as they are cut as a whole."""

import random

import pytest

from ner.data import long_texts
from ner.data.long_texts import cut_long_text
from ner.data.sentence import Sentence
from ner.data.token_ranges import MANY_TOKENS, TokenRanges
from ner.data.tokenizer import Tokenizer

# Beginnings, ends and parts of all that a rule looks at from afar.
PIECES = (
    *("Ada", "met", "in", "London", "the", "don't", "cannot", "wanna", "it's the", "5pm", "No.  5"),
    *(
        "http://a.b/",
        "www.x.org/(a(b)c)",
        "a@b.co",
        "한국어http://x.y",
        "@me",
        "#tag",
        "x.com",
        "/",
    ),
    *("&amp;", "&#39;s", "U.S.", "Mr.", "1.", "3.", "No.", "...", "!!!", ":-)", "'", '"'),
    *("(", "["),
    *("生于北京", "\N{GRINNING FACE}", "\U0001f468\u200d\U0001f469", "e\u0301", "\u200b", "\x00"),
    *("\n", "\n\n", "   ", "\t", " " * 50, "a" * 700, "x" * 30 + "n't", "( " * 20, "a(b)." * 200),
)


@pytest.fixture(scope="module", params=["conll", "ud", "character"])
def tokenizer(request):
    return Tokenizer(request.param)


def make_text(seed, count):
    draw = random.Random(seed)
    return "".join(draw.choice(PIECES) + draw.choice(["", " ", " ", "\n"]) for _ in range(count))


@pytest.mark.parametrize("seed", range(8))
def test_blocks_give_the_tokens_of_the_whole(tokenizer, seed, monkeypatch):
    monkeypatch.setattr(long_texts, "MARGIN", 1500)
    monkeypatch.setattr(long_texts, "BEFORE", 32)
    text = make_text(seed, 300)
    expected = tokenizer._places(text)
    tokens, ranges = cut_long_text(text, tokenizer._places, block=2500)
    assert list(ranges) == expected
    assert tokens == [text[start:end] for start, end in expected]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a" * 200_000, id="word"),
        pytest.param("http://a.b/" + "c." * 50_000 + "d", id="address"),
        pytest.param("Ada" + " " * 200_000 + "left.", id="white space"),
        pytest.param("\u200b" * 80_000, id="nothing"),
        pytest.param("([" * 40_000, id="brackets"),
    ],
)
def test_what_is_longer_than_a_block_is_cut_as_a_whole(tokenizer, text):
    tokens, ranges = tokenizer(text)
    expected = tokenizer._places(text)
    assert list(ranges) == expected
    assert tokens == [text[start:end] for start, end in expected]


def test_a_long_text_is_cut_in_little_memory_and_time(tokenizer, monkeypatch):
    text = make_text(1, 12_000)
    lengths = []
    places = tokenizer._places

    def noted(part):
        lengths.append(len(part))
        return places(part)

    monkeypatch.setattr(tokenizer, "_places", noted)
    tokens, ranges = tokenizer(text)
    assert isinstance(ranges, TokenRanges)
    assert len(tokens) == len(ranges)
    assert max(lengths) < 2 * long_texts.BLOCK
    assert sum(lengths) < 1.2 * len(text)


def test_ranges_equal_the_tuple_of_the_same_pairs():
    pairs = ((0, 3), (4, 8), (8, 9))
    ranges = TokenRanges(pairs)
    assert ranges == pairs
    assert pairs == ranges
    assert ranges != pairs[:2]
    assert ranges != list(pairs)
    assert hash(ranges) == hash(pairs)
    assert (ranges[1], ranges[-1], ranges[:2]) == (pairs[1], pairs[-1], pairs[:2])
    assert repr(ranges) == repr(pairs)


def test_only_sentences_of_many_tokens_have_compact_ranges():
    short, long = (Sentence(["ab"] * count) for count in (MANY_TOKENS - 1, MANY_TOKENS))
    assert type(short.offsets) is tuple
    assert type(long.offsets) is TokenRanges
    assert long.offsets[-1] == (3 * MANY_TOKENS - 3, 3 * MANY_TOKENS - 1)
    given = Sentence(long.tokens, text=long.text, offsets=[list(pair) for pair in long.offsets])
    assert given == long
    assert Sentence.from_dict(long.to_dict()) == long
