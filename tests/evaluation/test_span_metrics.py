import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import classification_report, f1_score

from ner.data.schemes import Span, spans_from_tags, tags_from_spans
from ner.data.sentence import Prediction, Sentence, Source
from ner.errors import DataError
from ner.evaluation.span_metrics import (
    count_confusions,
    evaluate_sentences,
    evaluate_tags,
    f1,
)

TAG = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])
TAG_OF_ANY_SCHEME = st.sampled_from([f"{p}-{label}" for p in "BIES" for label in "XY"] + ["O"])


def sentences_of(tag):
    """Gold and predicted tags of some sentences."""
    pairs = st.lists(st.tuples(tag, tag), min_size=1, max_size=8)
    return st.lists(pairs.map(lambda p: tuple(map(list, zip(*p, strict=True)))), max_size=5)


def spans_of(sentences):
    """Turn the tags of sentences into gold and predicted spans."""
    sides = zip(*sentences, strict=True) if sentences else ((), ())
    gold, predicted = ([spans_from_tags(tags) for tags in side] for side in sides)
    return gold, predicted


def evaluate(sentences):
    gold, predicted = spans_of(sentences)
    tokens = [["w"] * len(tags) for tags, _ in sentences]
    return evaluate_sentences(
        [Sentence(t, spans=s) for t, s in zip(tokens, gold, strict=True)],
        [
            Sentence(t, prediction=Prediction(tuple(s), (1.0,) * len(s)))
            for t, s in zip(tokens, predicted, strict=True)
        ],
    )


# The example in the documentation of seqeval 1.2.2, whose figures the tests below expect.
EXAMPLE = [
    (
        ["O", "O", "O", "B-MISC", "I-MISC", "I-MISC", "O"],
        ["O", "O", "B-MISC", "I-MISC", "I-MISC", "I-MISC", "O"],
    ),
    (["B-PER", "I-PER", "O"], ["B-PER", "I-PER", "O"]),
]


def test_the_example_of_seqeval_has_the_figures_of_its_documentation():
    report = evaluate(EXAMPLE)
    assert (report.precision, report.recall, report.f1, report.micro.support) == (0.5, 0.5, 0.5, 2)
    assert report.macro == report.weighted == report.micro
    assert report.accuracy == 0.8
    assert [(label, s.f1, s.support) for label, s in report.per_label.items()] == [
        ("MISC", 0.0, 1),
        ("PER", 1.0, 1),
    ]


@given(sentences_of(TAG))
def test_quick_f1_is_that_of_searching_lists(sentences):
    gold, predicted = spans_of(sentences)
    sides = [[(i, s) for i, spans in enumerate(side) for s in spans] for side in (gold, predicted)]
    correct = sum(guess in sides[0] for guess in sides[1])
    assert f1(gold, predicted) == 2 * correct / (sum(map(len, sides)) or 1)
    report = evaluate(sentences)
    for label in report.per_label:
        golds, guesses = ([each for each in side if each[1].label == label] for side in sides)
        correct = sum(guess in golds for guess in guesses)
        scores = report.per_label[label]
        assert scores.precision == correct / (len(guesses) or 1)
        assert (scores.recall, scores.support) == (correct / (len(golds) or 1), len(golds))


@given(sentences_of(TAG))
def test_quick_f1_is_that_of_seqeval(sentences):
    gold, predicted = spans_of(sentences)
    tags = [
        [tags_from_spans(s, len(pair[0]), "BIO") for s, pair in zip(side, sentences, strict=True)]
        for side in (gold, predicted)
    ]
    expected = f1_score(*tags, zero_division=0) if gold else 0.0
    assert f1(gold, predicted) == pytest.approx(expected, abs=1e-12)


@given(sentences_of(TAG))
def test_strict_mode_equals_default_mode_for_legal_tags(sentences):
    assert evaluate(sentences).strict_equals_default


@given(sentences_of(TAG_OF_ANY_SCHEME))
def test_default_report_holds_the_figures_of_seqeval_for_any_tags(sentences):
    gold, predicted = map(list, zip(*sentences, strict=True)) if sentences else ([], [])
    report, _ = evaluate_tags(gold, predicted, "BIOES")
    expected = {}
    if report.per_label:
        expected = classification_report(gold, predicted, output_dict=True, zero_division=0)
    ours = {**report.per_label}
    ours |= {"micro avg": report.micro, "macro avg": report.macro, "weighted avg": report.weighted}
    for name, row in expected.items():
        scores = ours[name]
        assert row == {
            "precision": scores.precision,
            "recall": scores.recall,
            "f1-score": scores.f1,
            "support": scores.support,
        }


def test_strict_mode_refuses_what_default_mode_mends():
    default, strict = evaluate_tags([["B-PER", "I-PER"]], [["I-PER", "I-PER"]], "BIO")
    assert (default.f1, strict.f1) == (1.0, 0.0)
    assert default.strict == strict.micro
    assert not default.strict_equals_default


def test_strict_mode_reads_prefixes_that_its_scheme_lacks_as_outside():
    _, strict = evaluate_tags([["B-PER", "O"]], [["B-PER", "E-PER"]], "BIO")
    assert strict.f1 == 1.0


@given(sentences_of(TAG))
def test_confusions_are_those_found_by_comparing_all_pairs(sentences):
    gold, predicted = spans_of(sentences)
    counts = count_confusions(gold, predicted)
    found = {(row, column): n for row, cells in counts.items() for column, n in cells.items() if n}
    expected = {}
    for golds, guesses in zip(gold, predicted, strict=True):
        same = [(g, p) for g, p in itertools.product(golds, guesses) if g[:2] == p[:2]]
        keys = [(g.label, p.label) for g, p in same]
        keys += [(g.label, "(missed)") for g in golds if g not in [g for g, _ in same]]
        keys += [("(spurious)", p.label) for p in guesses if p not in [p for _, p in same]]
        for key in keys:
            expected[key] = expected.get(key, 0) + 1
    assert found == expected


@pytest.mark.parametrize(
    "sentences",
    [[], [(["O"], ["O"])], [(["B-X"], ["O"])], [(["O"], ["B-X"])]],
    ids=["no sentences", "no spans", "none predicted", "none gold"],
)
def test_no_right_span_means_zeros_and_no_warning(sentences):
    report = evaluate(sentences)
    assert (report.precision, report.recall, report.f1) == (0.0, 0.0, 0.0)
    assert str(report)


def test_a_gold_sentence_without_annotation_is_an_error_with_its_line():
    gold = Sentence(["Hm"], source=Source("dev.conll", 7))
    predicted = gold.replace(prediction=Prediction((), ()))
    with pytest.raises(DataError) as error:
        evaluate_sentences([gold], [predicted])
    assert str(error.value) == (
        "dev.conll:7: gold spans are needed. Got a sentence that has none marked."
    )


def test_predictions_of_other_sentences_are_refused():
    gold = Sentence(["a"], spans=[Span(0, 1, "X")])
    with pytest.raises(ValueError, match=r"predicted\[0\]: the tokens of gold\[0\]"):
        evaluate_sentences([gold], [Sentence(["b"], prediction=Prediction((), ()))])
    with pytest.raises(ValueError, match=r"and a prediction"):
        evaluate_sentences([gold], [gold])
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        evaluate_sentences([gold], [])
