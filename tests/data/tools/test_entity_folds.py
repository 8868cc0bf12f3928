"""Folds in which no training part has an entity of the held part."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.data.sentence import Sentence
from ner.data.tools.entity_folds import disjoint_sentences, entity_folds, surfaces_of
from ner.errors import ConfigError, DataError

SURFACES = st.lists(st.frozensets(st.sampled_from("abcdefgh"), max_size=3), min_size=4, max_size=40)


def held_parts(surfaces, folds, seed=1):
    chosen = entity_folds(surfaces, folds, seed)
    return [[i for i, fold in enumerate(chosen) if fold == k] for k in range(folds)]


@given(surfaces=SURFACES, folds=st.integers(2, 4), seed=st.integers(0, 3))
def test_no_entity_of_a_held_part_is_left_in_its_training_part(surfaces, folds, seed):
    parts = held_parts(surfaces, folds, seed)
    assert sorted(i for part in parts for i in part) == list(range(len(surfaces)))
    assert max(map(len, parts)) <= -(-len(surfaces) // folds)
    for held in parts:
        inside = set().union(*(surfaces[i] for i in held))
        rest = disjoint_sentences(surfaces, held)
        assert not set(rest) & set(held)
        others = set(range(len(surfaces))) - set(held)
        assert rest == sorted(i for i in others if not surfaces[i] & inside)


def test_sentences_with_the_same_entities_are_in_the_same_fold():
    surfaces = [frozenset({str(i % 10)}) for i in range(100)]
    for held in held_parts(surfaces, 5):
        assert len(held) == 20
        assert len(disjoint_sentences(surfaces, held)) == 80


def test_more_is_left_for_training_than_with_random_folds():
    random = np.random.default_rng(1)
    frequent = (random.zipf(1.5, 500) % 200).tolist()
    surfaces = [frozenset({str(a), str(b)}) for a, b in itertools.pairwise(frequent)]
    lot = random.permutation(len(surfaces)) % 5
    by_lot = sum(
        len(disjoint_sentences(surfaces, np.flatnonzero(lot == k).tolist())) for k in range(5)
    )
    left = sum(len(disjoint_sentences(surfaces, held)) for held in held_parts(surfaces, 5))
    assert left > 1.5 * by_lot


def test_a_seed_always_makes_the_same_folds_and_another_one_makes_others():
    random = np.random.default_rng(2)
    surfaces = [frozenset(map(str, random.integers(0, 50, 2))) for _ in range(200)]
    first = entity_folds(surfaces, 4, 1)
    assert entity_folds(surfaces, 4, 1) == first
    assert entity_folds(surfaces, 4, 2) != first
    assert set(Counter(first).values()) == {50}


def test_a_surface_is_the_text_of_an_annotated_entity():
    sentence = Sentence(["New", "York", "is", "York"], spans=[(0, 2, "LOC"), (3, 4, "LOC")])
    assert surfaces_of(sentence) == {"New York", "York"}
    assert surfaces_of(Sentence(["York"])) == frozenset()


def test_too_few_folds_or_sentences_are_refused():
    with pytest.raises(ConfigError, match=r"--folds: must be at least 2. Got 1."):
        entity_folds([frozenset()] * 3, 1, 1)
    with pytest.raises(
        DataError, match=r"at least 4 annotated sentences, one for each fold. Got 3"
    ):
        entity_folds([frozenset()] * 3, 4, 1)
