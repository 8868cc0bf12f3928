import itertools
import json
from dataclasses import astuple

import pytest
import scipy.optimize  # noqa: F401  # so that no property counts the seconds of its import
from hypothesis import given
from hypothesis import strategies as st

from ner.data.schemes import Span, spans_from_tags
from ner.evaluation.conventions import CONVENTIONS, Conventions, MatchCounts, count_conventions
from ner.evaluation.scores import Scores
from ner.evaluation.span_metrics import evaluate_tags, f1
from tests.evaluation.references import nervaluate_counts

TAG = st.sampled_from(["O", "B-X", "I-X", "B-Y", "I-Y"])
FLAT = st.lists(TAG, max_size=9).map(spans_from_tags)
NESTED = st.lists(
    st.builds(
        lambda start, length, label: Span(start, start + length, label),
        st.integers(0, 5),
        st.integers(1, 4),
        st.sampled_from("XY"),
    ),
    max_size=4,
)


def corpora(spans):
    """Gold and predicted spans of some sentences."""
    pairs = st.lists(st.tuples(spans, spans), max_size=4)
    return pairs.map(lambda pairs: ([g for g, _ in pairs], [p for _, p in pairs]))


def alignments(gold, predicted):
    """Yield every way to put spans that overlap into pairs."""
    if not gold:
        yield []
        return
    first, *others = gold
    yield from alignments(others, predicted)
    for span in predicted:
        if first.start < span.end and span.start < first.end:
            for pairs in alignments(others, [other for other in predicted if other != span]):
                yield [(first, span), *pairs]


RIGHT = {
    "strict": lambda gold, predicted: gold == predicted,
    "exact": lambda gold, predicted: gold[:2] == predicted[:2],
    "partial": lambda gold, predicted: gold[:2] == predicted[:2],
    "type": lambda gold, predicted: gold.label == predicted.label,
}


def brute_force(gold, predicted, convention):
    """Return the counts of the best of all alignments of a sentence."""
    gold, predicted = list(set(gold)), list(set(predicted))
    correct, pairs = max(
        (sum(RIGHT[convention](*pair) for pair in pairs), len(pairs))
        for pairs in alignments(gold, predicted)
    )
    wrong = pairs - correct
    either = (0, wrong) if convention == "partial" else (wrong, 0)
    return correct, *either, len(gold) - pairs, len(predicted) - pairs


def five(counts):
    return counts.correct, counts.incorrect, counts.partial, counts.missed, counts.spurious


@given(corpora(NESTED))
def test_counts_are_those_of_the_best_alignment(corpus):
    found = count_conventions(*corpus).overall
    for convention in CONVENTIONS:
        sentences = [brute_force(*sides, convention) for sides in zip(*corpus, strict=True)]
        assert five(found[convention]) == tuple(map(sum, zip((0,) * 5, *sentences, strict=True)))


@given(corpora(NESTED))
def test_the_best_alignment_has_the_most_credit_of_all(corpus):
    found = count_conventions(*corpus).overall["partial"]
    credit = sum(
        max(
            sum(1 if gold[:2] == predicted[:2] else 0.5 for gold, predicted in pairs)
            for pairs in alignments(list(set(gold)), list(set(predicted)))
        )
        for gold, predicted in zip(*corpus, strict=True)
    )
    assert found.correct + found.partial / 2 == credit


@given(corpora(NESTED), st.randoms(use_true_random=False))
def test_the_order_of_spans_does_not_matter(corpus, generator):
    shuffled = [[generator.sample(spans, len(spans)) for spans in side] for side in corpus]
    assert count_conventions(*shuffled) == count_conventions(*corpus)


@given(corpora(NESTED))
def test_sides_can_be_exchanged(corpus):
    gold, predicted = corpus
    there, back = count_conventions(gold, predicted), count_conventions(predicted, gold)
    for one, other in zip(there.overall.values(), back.overall.values(), strict=True):
        assert (one.precision, one.missed) == (other.recall, other.spurious)
        assert (one.recall, one.f1) == (other.precision, other.f1)


@given(corpora(NESTED))
def test_counts_add_up_to_all_spans_and_labels_to_their_own(corpus):
    gold, predicted = ([set(spans) for spans in side] for side in corpus)
    found = count_conventions(gold, predicted)
    for label, counts in [(None, found.overall), *found.per_label.items()]:
        for each in counts.values():
            possible, actual = (
                sum(label in (None, span.label) for spans in side for span in spans)
                for side in (gold, predicted)
            )
            assert (each.possible, each.actual) == (possible, actual)
            assert each.partial == 0 or each is counts["partial"]
        assert counts["partial"].incorrect == 0


@given(corpora(NESTED))
def test_a_looser_convention_never_scores_less(corpus):
    scores = {name: counts.f1 for name, counts in count_conventions(*corpus).overall.items()}
    assert scores["strict"] <= scores["exact"] <= scores["partial"]
    assert scores["strict"] <= scores["type"]


def test_type_may_score_more_than_partial_and_less_than_exact():
    border = count_conventions([[Span(0, 2, "X")]], [[Span(0, 3, "X")]]).overall
    label = count_conventions([[Span(0, 2, "X")]], [[Span(0, 2, "Y")]]).overall
    assert border["type"].f1 > border["partial"].f1
    assert label["type"].f1 < label["exact"].f1


TAGGED = st.lists(st.tuples(TAG, TAG), min_size=1, max_size=9)


@given(
    st.lists(TAGGED.map(lambda rows: [list(tags) for tags in zip(*rows, strict=True)]), max_size=4)
)
def test_strict_is_the_score_of_whole_spans_overall_and_by_label(sentences):
    tags = [list(side) for side in zip(*sentences, strict=True)] or [[], []]
    spans = [[spans_from_tags(each) for each in side] for side in tags]
    found = count_conventions(*spans)
    assert found.overall["strict"].f1 == pytest.approx(f1(*spans))
    default, _ = evaluate_tags(*tags, "BIO")
    assert found.per_label.keys() == default.per_label.keys()
    for label, counts in found.per_label.items():
        ours, theirs = (astuple(s) for s in (counts["strict"].scores, default.per_label[label]))
        assert ours == pytest.approx(theirs)


def touches(one, other):
    return one.start < other.end and other.start < one.end


@given(corpora(FLAT).filter(lambda corpus: corpus[0]))
def test_nervaluate_counts_flat_spans_the_same_but_for_types_in_chains(corpus):
    ours, theirs = count_conventions(*corpus), nervaluate_counts(*corpus)
    in_chain = any(
        sum(touches(gold, predicted) for predicted in predicted_spans) > 1
        for gold_spans, predicted_spans in zip(*corpus, strict=True)
        for gold in gold_spans
    )
    by_label = {label: (counts, theirs[1][label]) for label, counts in ours.per_label.items()}
    for counts, others in [(ours.overall, theirs[0]), *by_label.values()]:
        for convention in ("strict", "exact", "partial"):
            assert five(counts[convention]) == others[convention]
        if not in_chain:
            assert five(counts["type"]) == others["type"]


# Spans that tags cannot hold, where nervaluate depends on their order. The first two are those of
# its issues 84 and 40, with borders in tokens.
NESTED_PAIRS = {
    "label of the second": (
        [Span(0, 2, "X")],
        [Span(0, 3, "Y"), Span(0, 3, "X")],
        "type",
        (1, 0, 0, 0, 1),
        {(0, 1, 0, 0, 1), (1, 0, 0, 0, 1)},
    ),
    "joined": (
        [Span(0, 3, "X"), Span(4, 5, "Y")],
        [Span(0, 5, "X")],
        "type",
        (1, 0, 0, 1, 0),
        {(1, 0, 0, 1, 0)},
    ),
    "inner span after the outer one": (
        [Span(1, 2, "X")],
        [Span(0, 4, "X"), Span(1, 2, "X")],
        "strict",
        (1, 0, 0, 0, 1),
        {(0, 1, 0, 0, 1), (1, 0, 0, 0, 1)},
    ),
    "inner gold span": (
        [Span(0, 4, "X"), Span(1, 2, "X")],
        [Span(1, 2, "X"), Span(0, 1, "X")],
        "partial",
        (1, 0, 1, 0, 0),
        {(1, 0, 1, 0, 0)},
    ),
    "the only partner is taken": (
        [Span(0, 4, "X"), Span(0, 2, "X")],
        [Span(1, 3, "X"), Span(3, 5, "X")],
        "partial",
        (0, 0, 2, 0, 0),
        {(0, 0, 1, 1, 1), (0, 0, 2, 0, 0)},
    ),
}


@pytest.mark.parametrize("name", NESTED_PAIRS)
def test_nested_spans_have_one_result_where_nervaluate_has_one_for_each_order(name):
    gold, predicted, convention, ours, theirs = NESTED_PAIRS[name]
    orders = [
        ([list(one)], [list(other)])
        for one in itertools.permutations(gold)
        for other in itertools.permutations(predicted)
    ]
    assert {five(count_conventions(*order).overall[convention]) for order in orders} == {ours}
    assert {nervaluate_counts(*order)[0][convention] for order in orders} == theirs


def test_a_span_that_is_listed_twice_counts_once():
    span = Span(0, 2, "X")
    found = count_conventions([[span, span]], [[span, span, span]])
    assert found.overall["strict"] == MatchCounts(correct=1)


@pytest.mark.parametrize("corpus", [([], []), ([[]], [[]])], ids=["no sentences", "no spans"])
def test_no_spans_at_all_have_figures_of_zero(corpus):
    found = count_conventions(*corpus)
    assert found.per_label == {}
    assert set(found.overall.values()) == {MatchCounts()}
    assert found.overall["type"].scores == Scores(0.0, 0.0, 0.0, 0)
    assert str(found).splitlines()[1].split()[:5] == ["MUC", "strict", "0.00", "0.00", "0.00"]


def test_sides_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="zip"):
        count_conventions([[]], [])


FOUND = count_conventions(
    [[Span(0, 2, "LOC"), Span(3, 4, "PER")]], [[Span(0, 1, "LOC"), Span(3, 4, "LOC")]]
)


def test_the_way_through_json_and_back():
    facts = json.loads(json.dumps(FOUND.to_dict()))
    assert Conventions.from_dict(facts) == FOUND
    assert facts["overall"]["partial"] == {
        **{"correct": 1, "incorrect": 0, "partial": 1, "missed": 0, "spurious": 0},
        **{"possible": 2, "actual": 2, "precision": 0.75, "recall": 0.75, "f1": 0.75},
    }
    assert hash(FOUND) == hash(Conventions.from_dict(facts))


def test_the_table_stands_below_scores_of_others():
    assert FOUND.beside({"seqeval default": Scores(0.0, 0.0, 0.0, 2)}).splitlines() == [
        "                 precision  recall     F1  correct  incorrect  partial  missed  spurious",
        "seqeval default       0.00    0.00   0.00",
        "MUC strict            0.00    0.00   0.00        0          2        0       0         0",
        "MUC exact            50.00   50.00  50.00        1          1        0       0         0",
        "MUC partial          75.00   75.00  75.00        1          0        1       0         0",
        "MUC type             50.00   50.00  50.00        1          1        0       0         0",
    ]
    assert str(FOUND).splitlines()[-3:] == [
        "F1   MUC strict  MUC exact  MUC partial  MUC type",
        "LOC        0.00       0.00        33.33     66.67",
        "PER        0.00       0.00         0.00      0.00",
    ]
