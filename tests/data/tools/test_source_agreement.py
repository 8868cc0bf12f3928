import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from ner.data.schemes import Span
from ner.data.tools.source_agreement import agreement, alpha, kappa, token_labels
from ner.data.tools.suggestions import Opinion

BOTH = frozenset({"A", "B"})


def opinion(*spans, types=BOTH, unread=()):
    return Opinion({Span(*span): 1.0 for span in spans}, frozenset(unread), frozenset(types))


@given(st.lists(st.tuples(st.sampled_from("OAB"), st.sampled_from("OAB")), min_size=1))
def test_kappa_is_that_of_scikit_learn(pairs):
    counts = {pair: pairs.count(pair) for pair in pairs}
    found = kappa(counts)
    if len({label for pair in pairs for label in pair}) == 1:
        assert found is None
    else:
        first, second = zip(*pairs, strict=True)
        assert found == pytest.approx(cohen_kappa_score(first, second))


def test_alpha_is_that_of_krippendorffs_example():
    # Source: Krippendorff 2011, section C: four observers, twelve units, missing data.
    rows = ["123321412...", "1233224125.3", ".3332342251.", "12332441251."]
    units = [[value for value in unit if value != "."] for unit in zip(*rows, strict=True)]
    assert alpha(units) == pytest.approx(0.743, abs=5e-4)


def test_what_is_not_defined_is_none():
    assert kappa({}) is None
    assert kappa({("O", "O"): 3}) is None
    assert alpha([["O", "O"], ["O"]]) is None
    assert alpha([]) is None


def test_pairs_are_compared_on_shared_labels_and_tokens_that_both_have_read():
    full = opinion((0, 1, "A"), (2, 3, "B"), (4, 5, "A"))
    alone = opinion((0, 1, "A"), (3, 4, "A"), types={"A"}, unread=[4])
    found = agreement([(5, {"full": full, "alone": alone}), (3, {"full": opinion()})],
                      {"full": BOTH, "alone": frozenset({"A"})})  # fmt: skip
    (pair,) = found.pairs
    assert (pair.first, pair.second, pair.texts, pair.tokens) == ("full", "alone", 1, 4)
    # Labels A O O O and A O O A; spans A, and A with another A.
    assert pair.kappa == pytest.approx(cohen_kappa_score([*"AOOO"], [*"AOOA"]))
    assert pair.f1 == pytest.approx(2 / 3)
    assert found.alpha == found.alpha_of["A"]
    assert found.alpha_of["B"] is None


def test_of_spans_that_overlap_the_surest_and_then_the_longest_counts_for_its_tokens():
    spans = {Span(0, 3, "A"): 0.5, Span(1, 2, "B"): 0.9, Span(3, 5, "A"): 1.0, Span(4, 5, "B"): 1.0}
    found = token_labels(Opinion(spans, types=BOTH), 6, BOTH)
    assert found == ["A", "B", "A", "A", "A", "O"]


def test_who_does_not_look_for_all_labels_says_nothing_outside_of_spans():
    one = opinion((0, 1, "A"), types={"A"})
    assert token_labels(one, 2, BOTH) == ["A", None]
