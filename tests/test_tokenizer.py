import doctest
import time

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

import ner.data.tokenizer
from ner.data.conll import read_conll
from ner.data.lines import read_lines
from ner.data.tokenizer import Tokenizer
from ner.errors import DataError

tokenize = Tokenizer()

AWKWARD = ["a", "A.", "U.S.", "n't", "'s", "-", "--", "...", "a@b.c", "http://", "1,5", "$",
           " ", "\n", "\u00a0", "\u200b", "\u200d", "\ufe0f", "\u0301", "e\u0301", "\ud83d", "\0",
           "中", "ไทย", "👩\u200d🚀", "🇩🇪"]  # fmt: skip
ANY_TEXT = st.lists(st.sampled_from(AWKWARD) | st.text(st.characters(), max_size=3)).map("".join)


def test_examples_in_docstrings():
    assert doctest.testmod(ner.data.tokenizer).failed == 0


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The U.N. met.", "The U.N. met ."),
        ("Foo Corp. and Bar Inc. said", "Foo Corp. and Bar Inc. said"),
        ("on Oct. 5, Mr. Smith (a Dr.)", "on Oct. 5 , Mr. Smith ( a Dr. )"),
        ("by Foo Inc.", "by Foo Inc ."),
        ("So do I.", "So do I ."),
        ("J. K. Foo, A.B. Bar", "J. K. Foo , A.B. Bar"),
        ("at 10 a.m. or 5 p.m.", "at 10 a.m. or 5 p.m."),
        ("U.S.-led, Franco-U.S. talks", "U.S.-led , Franco-U.S. talks"),
        ("won 4-1 on 1996-08-22", "won 4-1 on 1996-08-22"),
        ("$1.2 and C$5 or US$ 3", "$ 1.2 and C$ 5 or US$ 3"),
        ("10,000 at 2:29.34, 3-1/2%", "10,000 at 2:29.34 , 3-1/2 %"),
        ("+44 -3.5 .500 (-2)", "+44 -3.5 .500 ( -2 )"),
        ("in 1996. Then", "in 1996 . Then"),
        ("1. Foo\n2. Bar", "1. Foo 2. Bar"),
        ("Ada's, THEIR'S, U.S.'s", "Ada 's , THEIR 'S , U.S. 's"),
        ("I don't, CAN'T, we’re", "I do n't , CA N'T , we ’re"),
        ("O'Neill o'clock d’Arc", "O'Neill o'clock d’Arc"),
        ("the players' 'cup'", "the players ' ' cup '"),
        ("a four-day co-op", "a four-day co-op"),
        ("yes--no - or – so", "yes -- no - or – so"),
        ("well... wait.... …", "well ... wait .... …"),
        ("AT&T, S&P and B & C", "AT&T , S&P and B & C"),
        ('He said "no"!?', 'He said " no " ! ?'),
        ("and/or 1/2", "and / or 1/2"),
        ("see https://x.org/a_b?c=1,2, or (www.x.org).",
         "see https://x.org/a_b?c=1,2 , or ( www.x.org ) ."),
        ("to a.b-c+d@x.co.uk.", "to a.b-c+d@x.co.uk ."),
        ("@ada #tag #1", "@ada #tag # 1"),
        ("東京タワー ไทย 서울은", "東 京 タ ワ ー ไ ท ย 서울은"),
        ("Ab東c", "Ab 東 c"),
        ("नमस्ते दुनिया", "नमस्ते दुनिया"),
        ("cafe\u0301s co\u00adop می\u200cخواهم", "cafe\u0301s co\u00adop می\u200cخواهم"),
        ("👩\u200d👩\u200d👧🇩🇪🇫🇷👍🏽", "👩\u200d👩\u200d👧 🇩🇪 🇫🇷 👍🏽"),
        ("❤\ufe0f1\ufe0f\u20e3", "❤\ufe0f 1\ufe0f\u20e3"),
        ("a\u00a0b\u2028c\u3000d\u200be\ufefff", "a b c d e f"),
    ],
)  # fmt: skip
def test_tokens_are_cut_as_conll_cuts_them(text, tokens):
    assert tokenize(text)[0] == tokens.split(" ")


@pytest.mark.parametrize("text", ["", " ", "\n\t \u00a0\u2028", "\u200b\ufeff\0"])
def test_text_without_visible_characters_has_no_tokens(text):
    assert tokenize(text) == ([], [])


@given(ANY_TEXT)
def test_offsets_hold_for_any_text(text):
    tokens, offsets = tokenize(text)
    end_before = 0
    for token, (start, end) in zip(tokens, offsets, strict=True):
        assert end_before <= start < end <= len(text)
        assert (
            "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text[start:end]) == token
        )
        assert not any(c.isspace() for c in token)
        token.encode("utf-8")
        end_before = end


@given(ANY_TEXT)
def test_no_letter_or_digit_is_lost(text):
    covered = {i for start, end in tokenize(text)[1] for i in range(start, end)}
    assert all(i in covered for i, c in enumerate(text) if c.isalnum())


def test_json_keeps_the_rules_and_is_read_by_hugging_face():
    text = "Ada's U.S. visit, 東京"
    again = Tokenizer.from_json(tokenize.to_json())
    assert again(text) == tokenize(text)
    assert again.to_json() == tokenize.to_json()
    foreign = tokenizers.Tokenizer.from_str(tokenize.to_json())
    pieces = foreign.pre_tokenizer.pre_tokenize_str(text)
    assert [offsets for _, offsets in pieces] == tokenize(text)[1]
    assert Tokenizer.from_json(Tokenizer(r"\d").to_json())("a12")[0] == ["1", "2"]


@pytest.mark.parametrize("damage", ["", "{}", "null", '{"version": "1.0"}'])
def test_json_that_is_no_tokenizer_is_one_line(damage):
    with pytest.raises(DataError, match=r"^m/tokenizer\.json: not a tokenizer\. [^\n]+\.$"):
        Tokenizer.from_json(damage, "m/tokenizer.json")


def test_json_without_rules_for_cutting_is_refused():
    bare = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0}, unk_token="a"))
    with pytest.raises(DataError, match=r"tokenizer\.json: a pre_tokenizer is needed\. Got none\."):
        Tokenizer.from_json(bare.to_str())


FRAGMENTS = ["a.", "A.", "-", "'", "a@", "a@b.", "a-", "a'", "n't", "1,", "http://", "http://a.",
             "www.", "_", ". ", "a.\n", "\u0301", "👩\u200d", "\u200d", "中", "$", "A$", "@a", "#",
             "Mr.", "A. ", " ", "\n", "1. ", "a&", "a.b@", "' ", "-a.b.", "+", "%", "!",
             "a"]  # fmt: skip


@pytest.mark.parametrize("fragment", FRAGMENTS)
def test_time_grows_no_faster_than_the_text(fragment):
    def seconds(size):
        text = fragment * (size // len(fragment))
        times = []
        for _ in range(3):
            start = time.perf_counter()
            tokenize(text)
            times.append(time.perf_counter() - start)
        return min(times)

    # Eight times the text: linear work takes 8 times as long, quadratic work 64 times.
    assert seconds(32_000) < 24 * seconds(4_000) + 0.02


@pytest.mark.parametrize("fragment", ["a-", "a.", "1,", "http://a.", "👩\u200d", "a\u0301"])
def test_one_token_without_end_does_not_stop_the_tokenizer(fragment):
    text = fragment * (2_000_000 // len(fragment))
    offsets = tokenize(text)[1]
    assert offsets[0][0] == 0
    assert offsets[-1][1] >= len(text) - 1


NO_BLANK_BEFORE = {".", ",", ";", ":", "?", "!", ")", "]", "%", "...", "n't"}


def detokenize(tokens):
    """Write tokens as running text: the twin of the rules above, in a few lines."""
    text, offsets, open_quote, glue = "", [], False, True
    for token in tokens:
        closes = open_quote if token == '"' else token[0] == "'" and len(token) > 1
        if not (glue or closes or token in NO_BLANK_BEFORE):
            text += " "
        offsets.append((len(text), len(text) + len(token)))
        text += token
        if token == '"':
            open_quote = not open_quote
        glue = token in ("(", "[") or token.endswith("$") or (token == '"' and open_quote)
    return text, offsets


# The floor is the aim that was set beforehand.
def test_running_text_is_cut_like_conll2003(shared_data):
    path = shared_data("conll2003/eng.testa")
    right = given = found = 0
    for sentence in read_conll(read_lines(path), "eng.testa"):
        text, gold = detokenize(sentence.tokens)
        offsets = tokenize(text)[1]
        right += len(set(gold) & set(offsets))
        given += len(gold)
        found += len(offsets)
    assert given == 51_362
    assert 2 * right / (given + found) >= 0.99
