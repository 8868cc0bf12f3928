import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ner.features.vocabulary
from ner.features.vectors import VectorStore
from ner.features.vocabulary import (
    OWN_VECTOR,
    UNKNOWN,
    Vocabulary,
    WordVocabulary,
    count_forms,
    fallback_forms,
)

WORD = st.text("aAbB01", min_size=1, max_size=3)


def rows_of(vocabulary, words, store=None):
    return vocabulary.find(words, store)[0].tolist()


@pytest.fixture
def store(tmp_path):
    """Give a store of some words, the row of each one its place."""

    def write(*words):
        VectorStore.write(tmp_path / "vectors", words, np.eye(len(words), dtype=np.float32))
        return VectorStore.open(tmp_path / "vectors")

    return write


def test_examples_in_docstrings():
    assert doctest.testmod(ner.features.vocabulary).failed == 0


@given(WORD, st.booleans())
def test_the_last_form_is_lower_case_without_any_digit_but_0(word, lowercase):
    forms = fallback_forms(word, lowercase)
    assert forms[0] == (word.lower() if lowercase else word)
    assert forms[-1] == word.lower().replace("1", "0")
    assert len(set(forms)) == len(forms)


def test_row_0_is_for_all_that_a_vocabulary_lacks():
    vocabulary = Vocabulary(["NN", "VB"])
    assert vocabulary.encode(["VB", "JJ", "NN", ""]).tolist() == [2, UNKNOWN, 1, UNKNOWN]
    assert len(vocabulary) == 3
    assert "VB" in vocabulary
    assert "JJ" not in vocabulary


@pytest.mark.parametrize(
    ("entries", "row"),
    [
        pytest.param(["may-05", "may-17", "May-17"], 3, id="exactly"),
        pytest.param(["may-05", "may-17"], 2, id="lower-cased"),
        pytest.param(["may-00"], 1, id="digits as 0"),
        pytest.param(["may-05", "MAY-17"], UNKNOWN, id="not at all"),
    ],
)
def test_a_word_is_found_exactly_then_lower_cased_then_with_digits_as_0(entries, row):
    assert rows_of(WordVocabulary(entries, lowercase=False), ["May-17"]) == [row]


def test_without_case_the_exact_form_is_not_looked_up():
    assert rows_of(WordVocabulary(["May", "may"], lowercase=True), ["May", "MAY"]) == [2, 2]


def test_a_word_without_a_row_has_its_own_vector(store):
    vocabulary = WordVocabulary(["the"], lowercase=True)
    rows, stored = vocabulary.find(["The", "Quokka", "zzz", "1999"], store("quokka", "0000"))
    assert rows.tolist() == [1, OWN_VECTOR, UNKNOWN, OWN_VECTOR]
    assert stored.tolist() == [-1, 0, -1, 1]


@pytest.mark.parametrize(
    ("entries", "in_store", "row"),
    [
        pytest.param(["Rome-1"], ["Rome-1"], 1, id="both exact"),
        pytest.param(["rome-1"], ["Rome-1"], OWN_VECTOR, id="vector exact"),
        pytest.param(["rome-1"], ["rome-1"], 1, id="both lower-cased"),
        pytest.param(["rome-0"], ["rome-1"], OWN_VECTOR, id="vector lower-cased"),
        pytest.param(["rome-0"], ["other"], 1, id="no vector"),
    ],
)
def test_a_closer_form_wins_and_a_trained_row_wins_over_a_vector_of_the_same_form(
    store, entries, in_store, row
):
    vocabulary = WordVocabulary(entries, lowercase=False)
    assert rows_of(vocabulary, ["Rome-1"], store(*in_store)) == [row]


def test_an_empty_store_holds_nothing(store):
    assert rows_of(WordVocabulary(["a"], lowercase=True), ["a", "b"], store()) == [1, UNKNOWN]


def test_no_words_have_no_rows(store):
    rows, stored = WordVocabulary(["a"], lowercase=True).find([], store("b"))
    assert (rows.shape, stored.shape) == ((0,), (0,))


@given(st.lists(WORD, unique=True), st.lists(WORD), st.sets(WORD), st.booleans())
def test_substitutes_are_the_rows_in_a_vocabulary_without_the_rare_forms(
    entries, words, rare, lowercase
):
    vocabulary = WordVocabulary(entries, lowercase)
    without = WordVocabulary([e for e in entries if e not in rare], lowercase)
    expected = [
        vocabulary.rows[without.entries[row - 1]] if row else UNKNOWN
        for row in rows_of(without, words)
    ]
    assert vocabulary.substitutes(words, rare).tolist() == expected


def test_forms_are_counted_with_those_that_new_numbers_fall_back_to():
    words = ["In", "in", "1998", "1999", "2000", "0000", "B-52"]
    expected = {"in": 2, "1998": 1, "1999": 1, "2000": 1, "0000": 4, "b-52": 1, "b-00": 1}
    assert count_forms(words, lowercase=True) == expected


def test_a_new_number_has_the_row_that_old_numbers_trained():
    vocabulary = WordVocabulary(count_forms(["1998", "1999"], lowercase=False), lowercase=False)
    assert rows_of(vocabulary, ["1703"]) == [vocabulary.rows["0000"]]


@given(st.lists(WORD, unique=True), st.lists(WORD))
def test_an_extended_vocabulary_keeps_its_rows(entries, more):
    for old in (Vocabulary(entries), WordVocabulary(entries, lowercase=False)):
        new = old.extended(more)
        assert type(new) is type(old)
        assert new.entries[: len(entries)] == old.entries
        assert set(new.entries) == {*entries, *more}
        assert len(new) == len({*entries, *more}) + 1


@pytest.mark.parametrize(
    ("lowercase", "expected"),
    [
        pytest.param(True, {"ada", "Ada", "1999"}, id="lower-cased"),
        pytest.param(False, {"Ada", "1999"}, id="as written"),
    ],
)
def test_known_words_are_those_of_training_themselves(lowercase, expected):
    words = ["Ada", "left", "1999"]
    vocabulary = WordVocabulary(count_forms(words, lowercase), lowercase)
    # The form with zeros stands for numbers that training never saw: these stay unknown.
    assert vocabulary.known(["ada", "Ada", "1999", "1998", "right", "Ada"]) == expected
