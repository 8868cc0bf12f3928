import doctest
import itertools
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

import ner.data.schemes
from ner.data.schemes import (
    PREFIXES,
    Span,
    is_legal,
    legal_steps,
    legal_transitions,
    normalize_tag,
    spans_from_tags,
    tag_set,
    tags_from_spans,
)

ANY_TAG = st.sampled_from(["O"] + [f"{p}-{label}" for p in "BIES" for label in ("PER", "LOC")])


def test_examples_in_docstrings():
    assert doctest.testmod(ner.data.schemes).failed == 0


@given(st.lists(ANY_TAG, min_size=1))
def test_spans_are_those_of_seqeval_for_any_tags(tags):
    assert spans_from_tags(tags) == [Span(s, e + 1, label) for label, s, e in get_entities(tags)]


@pytest.mark.parametrize("scheme", PREFIXES)
@given(tags=st.lists(ANY_TAG, min_size=1))
def test_spans_survive_the_round_trip(scheme, tags):
    spans = spans_from_tags(tags)
    assert spans_from_tags(tags_from_spans(spans, len(tags), scheme)) == spans


@pytest.mark.parametrize("scheme", PREFIXES)
def test_a_sequence_is_legal_exactly_if_the_round_trip_keeps_it(scheme):
    tags_of_two_labels = tag_set(["X", "Y"], scheme)
    for length in range(1, 5):
        for tags in itertools.product(tags_of_two_labels, repeat=length):
            legal = all(is_legal(a, b, scheme) for a, b in itertools.pairwise(("O", *tags, "O")))
            assert legal == (tags_from_spans(spans_from_tags(tags), length, scheme) == list(tags))


@pytest.mark.parametrize("scheme", PREFIXES)
def test_the_table_of_transitions_holds_what_is_legal(scheme):
    tags = tag_set(["X", "Y"], scheme)
    table = legal_transitions(tags, scheme)
    assert table.shape == (len(tags), len(tags))
    for i, k in itertools.product(range(len(tags)), repeat=2):
        assert table[i, k] == is_legal(tags[i], tags[k], scheme)


@pytest.mark.parametrize(
    ("scheme", "number"),
    [
        # O may precede O and each B. B and I may also precede the I of their label.
        pytest.param("BIO", 1001 + 2000 * (1001 + 1), id="BIO"),
        # O, E and S may precede O, B and S. B and I may precede the I and E of their label.
        pytest.param("BIOES", 2001 * 2001 + 2000 * 2, id="BIOES"),
    ],
)
def test_the_legal_steps_of_a_thousand_labels_are_there_at_once(scheme, number):
    tags = tag_set([f"T{i}" for i in range(1000)], scheme)
    start = time.process_time()
    first, steps, last = legal_steps(tags, scheme)
    assert time.process_time() - start < 1
    assert steps.sum() == number
    assert np.array_equal(first, steps[0])
    assert np.array_equal(last, steps[:, 0])


@pytest.mark.parametrize("spelling", ["BMES", "BILU"], ids=["BMES", "BILOU"])
@given(tags=st.lists(ANY_TAG, min_size=1))
def test_bmes_and_bilou_are_spellings_of_bioes(spelling, tags):
    spell = dict(zip("BIES", spelling, strict=True))
    spelled = [tag if tag == "O" else spell[tag[0]] + tag[1:] for tag in tags]
    assert [normalize_tag(tag) for tag in spelled] == tags


@pytest.mark.parametrize(
    "label", ["PER-x", "I-am", "a b", "-"], ids=["hyphen", "prefix", "blank", "hyphen alone"]
)
def test_a_label_may_hold_hyphens_and_anything_else(label):
    assert normalize_tag(f"L-{label}") == f"E-{label}"
    assert spans_from_tags([f"B-{label}", f"I-{label}"]) == [Span(0, 2, label)]


@pytest.mark.parametrize(
    "tag",
    ["PER", "", "B", "B-", "b-PER", "X-PER", "0", "BPER", "o", "-PER"],
    ids=[
        "PER",
        "empty",
        "B",
        "B and a hyphen",
        "small b",
        "X",
        "0",
        "no hyphen",
        "small o",
        "hyphen first",
    ],
)
def test_a_tag_without_prefix_is_refused(tag):
    with pytest.raises(
        ValueError, match=r"a tag must be O or a prefix \(one of B I E S M L U\), a hyph"
    ):
        normalize_tag(tag)
