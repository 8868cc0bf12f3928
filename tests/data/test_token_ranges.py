"""The ranges of the tokens of long texts are compact, and equal those of others."""

from ner.data.sentence import Sentence
from ner.data.token_ranges import MANY_TOKENS, TokenRanges
from ner.data.tokenizer import LONG, Tokenizer


def test_the_tokens_of_a_long_text_have_compact_ranges():
    text = "Ada met Bob. " * (LONG // 12)
    tokens, ranges = Tokenizer()(text)
    assert type(ranges) is TokenRanges
    assert tokens == ["Ada", "met", "Bob", "."] * (LONG // 12)
    assert [text[start:end] for start, end in ranges] == tokens


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
