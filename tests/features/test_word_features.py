import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.features.vocabulary import Vocabulary, plain_quotes
from ner.features.word_features import (
    LONGEST,
    NUM_SPECIAL,
    SHAPES,
    encode_affixes,
    encode_characters,
    encode_shapes,
    num_character_rows,
)

PADDING, UNKNOWN, START, END = range(4)
# Beyond the Basic Multilingual Plane, a lone surrogate, a combining mark, the highest of all.
ODD = ["\U0001f600", "\ud800", "\u0301", "\U0010ffff"]
CHARACTERS = st.one_of(st.sampled_from(["a", "b", "é", *ODD]), st.characters())
WORDS = st.lists(st.lists(CHARACTERS, min_size=1, max_size=70).map("".join), max_size=5)


def ids_of(word, known):
    """Encode a word by the definition, without padding."""
    cut = word if len(word) <= LONGEST else word[: LONGEST // 2] + word[-LONGEST // 2 :]
    rows = {character: row + NUM_SPECIAL for row, character in enumerate(known, start=1)}
    return [START, *(rows.get(plain_quotes(character), UNKNOWN) for character in cut), END]


def test_a_word_is_its_characters_between_two_edges():
    encoded = encode_characters(["ab", "b?b"], Vocabulary("ab"))
    assert encoded.tolist() == [[2, 4, 5, 3, 0], [2, 5, 1, 5, 3]]


@given(WORDS, st.sets(CHARACTERS, max_size=4))
def test_characters_of_any_words_are_encoded_by_the_definition(words, known):
    encoded = encode_characters(words, Vocabulary(known))
    assert encoded.shape == (len(words), max((min(len(w), LONGEST) for w in words), default=0) + 2)
    for row, word in zip(encoded.tolist(), words, strict=True):
        expected = ids_of(word, known)
        assert row == expected + [PADDING] * (len(row) - len(expected))


@pytest.mark.parametrize("length", [1, LONGEST - 1, LONGEST, LONGEST + 1, 300])
def test_of_a_long_word_both_ends_are_seen(length):
    word = "".join("ab"[i * i % 3 % 2] for i in range(length))
    encoded = encode_characters([word], Vocabulary("ab"))
    assert encoded.tolist() == [ids_of(word, "ab")]
    assert encoded.shape[1] == min(length, 64) + 2


def test_the_middle_of_a_long_word_does_not_count():
    words = [f"{'a' * 32}{middle}{'b' * 32}" for middle in ("", "c", "c" * 300)]
    first, *others = encode_characters(words, Vocabulary("abc"))
    assert all((other == first).all() for other in others)


def test_every_character_has_a_row_in_a_table_of_that_size():
    known = Vocabulary(["a", *ODD])
    encoded = encode_characters(["a", *ODD], known)
    assert encoded.max() == num_character_rows(known) - 1


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        pytest.param("lower", "house don't it- é", id="lower"),
        pytest.param("Capital", "House A Élan Don't", id="capital"),
        pytest.param("UPPER", "UN U.S. AT&T I.", id="upper"),
        pytest.param("miXed", "iPhone McDonald eBay Al-Qaeda", id="mixed"),
        pytest.param("0000", "7 1999 ٣٤", id="digits"),
        pytest.param("with0", "B-52 3,000 1st U2 1999-2000 3.5", id="with digits"),
        pytest.param("punctuation", ". -- $ \U0001f600 \ud800", id="punctuation"),
        pytest.param("other", "東京 مدينة", id="other"),
    ],
)
def test_shapes(shape, words):
    assert [SHAPES[i] for i in encode_shapes(words.split())] == [shape] * len(words.split())


def test_affixes_are_hashed_with_their_place_by_crc32():
    parts = [b"0lo", b"1lon", b"2on", b"3don", b"4ndon"]
    expected = [zlib.crc32(part) % 1000 for part in parts]
    assert encode_affixes(["London", "LONDON"], 1000).tolist() == [expected, expected]


def test_a_short_word_is_its_own_affixes():
    expected = [zlib.crc32(f"{k}é".encode()) % 7 for k in range(5)]
    assert encode_affixes(["É"], 7).tolist() == [expected]


@given(WORDS, st.integers(1, 2**15))
def test_affixes_and_shapes_of_any_words_are_rows(words, num_rows):
    affixes = encode_affixes(words, num_rows)
    assert affixes.shape == (len(words), 5)
    assert ((affixes >= 0) & (affixes < num_rows)).all()
    assert np.isin(encode_shapes(words), np.arange(len(SHAPES))).all()
