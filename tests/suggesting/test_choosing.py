import numpy as np
import pytest

from ner.data.schemes import Span
from ner.data.sentence import Prediction, Sentence
from ner.suggesting.choosing import Budget, choose
from ner.suggesting.values import Candidate


def candidate(text, value, *, labels=(), document=None):
    """Make a text whose value is spread evenly over its tokens."""
    sentence = Sentence(text.split(), document=document)
    spans = [Span(i, i + 1, label) for i, label in enumerate(labels)]
    predicted = sentence.predicted(Prediction(spans, [0.5] * len(spans)))
    return Candidate(predicted, np.full(len(sentence), value / max(1, len(sentence))))


def words(prefix, count):
    return " ".join(f"{prefix}{chr(97 + i)}" for i in range(count))


def places(pool, texts=None, tokens=None, **options):
    return list(choose(pool, Budget(texts, tokens), **options).places)


def test_the_most_valuable_texts_come_first():
    pool = [candidate(words(name, 4), value) for name, value in zip("xyz", (1, 3, 2), strict=True)]
    assert places(pool, 2) == [1, 2]
    assert places(pool, 9) == [1, 2, 0]


def test_a_text_costs_its_tokens_and_eight_more():
    # 2 / (2 + 8) is less than 3 / (5 + 8), which is more than 6 / (20 + 8).
    pool = [
        candidate(words("x", 2), 2),
        candidate(words("y", 5), 3),
        candidate(words("z", 20), 6),
    ]
    assert places(pool, 3) == [1, 2, 0]


@pytest.mark.parametrize("is_diverse", [True, False])
def test_the_budget_of_tokens_is_never_exceeded(is_diverse):
    pool = [candidate(words(chr(97 + i), 3 + i), 10 - i) for i in range(10)]
    found = places(pool, tokens=20, is_diverse=is_diverse)
    assert found == [0, 1, 2, 3]
    assert sum(len(pool[i].tokens) for i in found) == 3 + 4 + 5 + 6
    assert places(pool, 2, 20, is_diverse=is_diverse) == [0, 1]
    assert places(pool, tokens=2) == []


def test_a_shorter_text_takes_the_place_of_one_that_does_not_fit():
    pool = [candidate(words("x", 6), 9), candidate(words("y", 6), 8), candidate(words("z", 2), 1)]
    assert places(pool, tokens=9) == [0, 2]


def test_texts_of_the_training_data_are_left_out_however_they_are_cut():
    pool = [candidate("Oslo is (very) cold", 9), candidate("Rome is warm", 1)]
    annotated = [Sentence(["Oslo", "is", "(", "very", ")", "cold"])]
    for is_diverse in (True, False):
        found = choose(pool, Budget(2), annotated=annotated, is_diverse=is_diverse)
        assert (found.places, found.annotated, found.similar) == ([1], 1, 0)


def test_a_diverse_choice_leaves_out_what_is_nearly_in_the_training_data():
    pool = [candidate("he left Oslo on Monday", 9), candidate("Rome is warm", 1)]
    annotated = [Sentence(["he", "left", "Oslo", "on", "Friday"])]
    found = choose(pool, Budget(2), annotated=annotated)
    assert (found.places, found.annotated, found.similar) == ([1], 0, 1)
    assert places(pool, 2, annotated=annotated, is_diverse=False) == [0, 1]


def test_equal_texts_are_chosen_once_and_nearly_equal_ones_unless_the_choice_is_diverse():
    pool = [
        candidate("he left Oslo on Monday", 9),
        candidate("he left Oslo on Monday", 8),
        candidate("he left Oslo on Friday", 7),
    ]
    assert len(places(pool, 3, is_diverse=False)) == 2
    found = choose(pool, Budget(3))
    assert (len(found.places), found.similar) == (1, 2)


def test_a_word_that_was_chosen_is_worth_half():
    pool = [
        candidate("Oslo grew", 4),
        candidate("Oslo fell again", 3.2),
        candidate("Rome rose too", 3),
    ]
    # "Oslo" is there twice: a third of 3.2 is multiplied by the square root of 2, and then halved.
    assert places(pool, 2) == [0, 2]
    assert places(pool, 2, is_diverse=False) == [0, 1]


def test_a_word_is_worth_more_the_more_often_the_pool_has_it():
    pool = [candidate("Oslo grew", 3), candidate("Rome fell", 4)]
    pool += [candidate(f"{words(f'x{chr(97 + i)}', 3)} Oslo", 0) for i in range(3)]
    # "Oslo" is there 4 times: half of 3 is worth twice as much.
    assert places(pool, 1) == [0]
    assert places(pool, 1, is_diverse=False) == [1]


def test_documents_are_worth_less_the_more_of_their_texts_are_chosen():
    pool = [
        candidate(words("x", 3), 10, document="a"),
        candidate(words("y", 3), 9, document="a"),
        candidate(words("z", 3), 8, document="b"),
        candidate(words("w", 3), 8, document=None),
        candidate(words("v", 3), 8, document=None),
    ]
    assert places(pool, 2) in ([0, 2], [0, 3], [0, 4])
    assert places(pool, 2, is_diverse=False) == [0, 1]
    # Texts without a document are of no common one.
    assert set(places(pool, 4)) == {0, 2, 3, 4}


def test_a_part_of_the_budget_goes_to_texts_with_each_label():
    pool = [candidate(words(f"x{chr(97 + i)}", 3), 9, labels=["PER"]) for i in range(20)]
    pool += [candidate(words(f"y{chr(97 + i)}", 3), 1, labels=["LAW"]) for i in range(20)]
    found = places(pool, 16)
    # A quarter of 16 texts is for two labels.
    assert sum(i >= 20 for i in found) == 2
    assert all(i < 20 for i in places(pool, 16, is_diverse=False))
    found = places(pool, tokens=48)
    assert sum(i >= 20 for i in found) == 2
    # One text is more than a quarter of two.
    assert sorted(i >= 20 for i in places(pool, 2)) == [False, True]


def test_texts_of_equal_value_are_chosen_by_the_seed_alone():
    pool = [candidate(words(f"x{chr(97 + i)}", 3), 0) for i in range(30)]
    found = places(pool, 5, is_diverse=False, seed=4)
    assert found == places(pool, 5, is_diverse=False, seed=4)
    assert len(set(found)) == 5
    assert places(pool, 5, is_diverse=False, seed=5) != found


def test_texts_without_tokens_and_empty_pools_are_left_alone():
    assert places([], 3) == []
    assert places([candidate("", 0), candidate("Oslo", 0)], 3) == [1]
