import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest

from ner.data.sentence import Prediction, Sentence, Source
from ner.errors import DataError
from ner.evaluation.calibration import Calibration
from ner.evaluation.label_metrics import (
    accuracy,
    evaluate_classes,
    evaluate_column,
    score_classes,
)
from ner.evaluation.scores import Scores

SOURCE = Source("dev.txt", 7)


def classified(pairs, probabilities=None):
    """Make sentences of gold and predicted labels."""
    shares = probabilities or [{}] * len(pairs)
    gold = [Sentence(["a"], labels=one) for one, _ in pairs]
    found = [
        s.predicted(Prediction(labels=tuple(other), probabilities=p))
        for s, (_, other), p in zip(gold, pairs, shares, strict=True)
    ]
    return gold, found


def labelled(pairs, scores=None, words=None):
    """Make sentences of gold and predicted labels of tokens."""
    words = words or [[f"w{i}" for i, _ in enumerate(one)] for one, _ in pairs]
    gold = [
        Sentence(w, columns={"upos": tuple(one)}) for w, (one, _) in zip(words, pairs, strict=True)
    ]
    found = [
        s.predicted(
            Prediction(
                columns={"upos": tuple(other)},
                column_scores={} if scores is None else {"upos": tuple(p)},
            )
        )
        for s, (_, other), p in zip(gold, pairs, scores or pairs, strict=True)
    ]
    return gold, found


def ratio(one, other):
    return one / other if other else 0.0


def scores_by_hand(gold, found):
    """Score sets of labels, each label by going through all of them again."""
    per_label, counts = {}, {}
    for label in sorted(set(itertools.chain(*gold, *found))):
        correct = sum(label in a and label in b for a, b in zip(gold, found, strict=True))
        predicted = sum(label in b for b in found)
        support = sum(label in a for a in gold)
        counts[label] = correct, predicted, support
        precision, recall = ratio(correct, predicted), ratio(correct, support)
        f1 = ratio(2 * precision * recall, precision + recall)
        per_label[label] = Scores(precision, recall, f1, support)
    return per_label, [sum(column) for column in zip(*counts.values(), strict=True)]


def check_scores(report, gold, found):
    per_label, (correct, predicted, support) = scores_by_hand(gold, found)
    assert list(report.per_label) == list(per_label)
    precision, recall = ratio(correct, predicted), ratio(correct, support)
    expected = {"micro": (precision, recall, ratio(2 * precision * recall, precision + recall))}
    columns = [[getattr(s, n) for s in per_label.values()] for n in ("precision", "recall", "f1")]
    weights = [s.support for s in per_label.values()]
    expected["macro"] = tuple(sum(column) / len(column) for column in columns)
    expected["weighted"] = tuple(
        ratio(sum(w * x for w, x in zip(weights, column, strict=True)), sum(weights))
        for column in columns
    )
    for label, scores in per_label.items():
        own = report.per_label[label]
        assert (own.precision, own.recall, own.support) == (
            scores.precision,
            scores.recall,
            scores.support,
        )
        assert own.f1 == pytest.approx(scores.f1, rel=1e-12)
    for name, figures in expected.items():
        own = getattr(report, name)
        assert (own.precision, own.recall, own.f1) == pytest.approx(figures, rel=1e-12)
        assert own.support == support


@pytest.mark.parametrize("seed", range(5))
def test_scores_of_single_labels_are_those_counted_by_hand(seed):
    random = np.random.default_rng(seed)
    gold = random.choice(list("ABCD"), 40).tolist()
    found = random.choice(list("ABCE"), 40).tolist()
    pairs = [((a,), (b,)) for a, b in zip(gold, found, strict=True)]
    report = evaluate_classes(*classified(pairs))
    check_scores(report, [{a} for a in gold], [{b} for b in found])
    assert score_classes(*classified(pairs)) == report.score
    right = sum(a == b for a, b in zip(gold, found, strict=True))
    assert report.accuracy == report.score == report.f1 == right / 40
    for a, b in itertools.product("ABCDE", repeat=2):
        meetings = sum((a, b) == each for each in zip(gold, found, strict=True))
        assert report.confusion[a][b] == meetings
    assert report.metric == "accuracy"


def test_all_small_cases_of_single_labels_agree_with_counts_by_hand():
    for gold in itertools.product("AB", repeat=3):
        for found in itertools.product("ABC", repeat=3):
            pairs = [((a,), (b,)) for a, b in zip(gold, found, strict=True)]
            report = evaluate_classes(*classified(pairs))
            check_scores(report, [{a} for a in gold], [{b} for b in found])


@pytest.mark.parametrize("seed", range(5))
def test_scores_of_several_labels_are_those_counted_by_hand(seed):
    random = np.random.default_rng(seed)
    gold, found = (
        [{c for c in letters if random.random() < 0.4} for _ in range(40)]
        for letters in ("ABCD", "ABCE")
    )
    shares = [{c: float(random.random()) for c in "ABCDEF"} for _ in range(40)]
    pairs = [(sorted(a), sorted(b)) for a, b in zip(gold, found, strict=True)]
    report = evaluate_classes(*classified(pairs, shares), multi_label=True)
    check_scores(report, gold, found)
    assert report.accuracy == sum(a == b for a, b in zip(gold, found, strict=True)) / 40
    wrong = sum((c in a) != (c in b) for a, b in zip(gold, found, strict=True) for c in "ABCDEF")
    assert (report.labels, report.hamming_loss) == (6, wrong / 240)
    assert report.score == report.f1 == report.micro.f1
    assert score_classes(*classified(pairs), multi_label=True) == report.score
    assert report.metric == "f1"


def test_all_small_cases_of_several_labels_agree_with_counts_by_hand():
    sets = [set(), {"A"}, {"B"}, {"A", "B"}]
    for gold in itertools.product(sets, repeat=2):
        for found in itertools.product(sets, repeat=2):
            if not set().union(*gold, *found):
                continue
            pairs = [(sorted(a), sorted(b)) for a, b in zip(gold, found, strict=True)]
            report = evaluate_classes(*classified(pairs), multi_label=True)
            check_scores(report, gold, found)
            assert score_classes(*classified(pairs), multi_label=True) == report.score


@pytest.mark.parametrize("seed", range(5))
def test_scores_of_a_column_are_those_counted_by_hand(seed):
    random = np.random.default_rng(seed)
    lengths = random.integers(1, 4, 30)
    gold = [random.choice(list("ABC"), n).tolist() for n in lengths]
    found = [random.choice(list("ABCD"), n, p=[0.4, 0.3, 0.2, 0.1]).tolist() for n in lengths]
    words = [random.choice(list("uvwxyz"), n).tolist() for n in lengths]
    pairs = list(zip(gold, found, strict=True))
    report = evaluate_column(*labelled(pairs, words=words), "upos", known_words={"u", "x"})
    flat = list(zip(*(itertools.chain(*side) for side in (words, gold, found)), strict=True))
    check_scores(report, [{a} for _, a, _ in flat], [{b} for _, _, b in flat])
    assert (report.sentences, report.tokens) == (30, sum(lengths))
    assert report.accuracy == sum(a == b for _, a, b in flat) / len(flat)
    assert report.sentence_accuracy == sum(a == b for a, b in pairs) / 30
    unseen = [(a, b) for w, a, b in flat if w not in "ux"]
    assert report.unseen == len(unseen)
    assert report.unseen_accuracy == sum(a == b for a, b in unseen) / len(unseen)
    for a, b in itertools.product("ABCD", repeat=2):
        assert report.confusion[a][b] == sum((a, b) == each[1:] for each in flat)


def test_what_is_not_known_is_not_made_up():
    gold, found = labelled([("AB", "AA")])
    report = evaluate_column(gold, found, "upos")
    assert (report.unseen, report.unseen_accuracy, report.ece) == (None, None, None)
    assert "unseen" not in str(report)
    report = evaluate_column(gold, found, "upos", known_words=["w0", "w1"])
    assert (report.unseen, report.unseen_accuracy) == (0, 0.0)
    assert evaluate_classes(*classified([("A", "A")])).ece is None


def test_the_calibration_error_is_that_of_the_probabilities_that_came_along():
    shares = [{"A": 0.8, "B": 0.2}, {"A": 0.9, "B": 0.1}, {"A": 0.35, "B": 0.65}]
    report = evaluate_classes(*classified([("A", "A"), ("B", "A"), ("B", "B")], shares))
    # 0.8 is alone in its bin, as are 0.9 and 0.65.
    assert report.ece == pytest.approx((0.2 + 0.9 + 0.35) / 3)
    report = evaluate_classes(*classified([("A", "A"), ((), "A")], shares[:2]), multi_label=True)
    # (0.8, yes), (0.2, no), (0.9, no), (0.1, no)
    assert report.ece == pytest.approx((0.2 + 0.2 + 0.9 + 0.1) / 4)
    gold, found = labelled([("AB", "AA")], scores=[(0.7, 0.5)])
    assert evaluate_column(gold, found, "upos").ece == pytest.approx((0.3 + 0.5) / 2)


def test_a_sentence_without_tokens_has_no_label_and_counts_as_wrong():
    gold = [Sentence(["a"], labels=("A",)), Sentence([], labels=("B",))]
    found = [gold[0].predicted(Prediction(labels=("A",))), gold[1].predicted(Prediction(labels=()))]
    report = evaluate_classes(gold, found)
    assert report.accuracy == 0.5
    assert report.confusion == {
        "A": {"A": 1, "B": 0, "(none)": 0},
        "B": {"A": 0, "B": 0, "(none)": 1},
    }
    assert set(report.per_label) == {"A", "B"}
    assert report.micro == Scores(1.0, 0.5, 2 / 3, 2)
    gold = [Sentence([], columns={"upos": ()})]
    found = [gold[0].predicted(Prediction(columns={"upos": ()}, column_scores={"upos": ()}))]
    assert evaluate_column(gold, found, "upos").sentence_accuracy == 1


def test_nothing_at_all_gives_a_report_of_zeros():
    for report in (
        evaluate_classes([], []),
        evaluate_classes([], [], multi_label=True),
        evaluate_column([], [], "upos"),
    ):
        assert report.score == 0 and report.per_label == {}
        assert str(report).startswith("Evaluation: 0 sentences")


@pytest.mark.parametrize(
    ("labels", "multi_label", "message"),
    [
        pytest.param(
            None, False, "one gold label is needed. Got none.", id="one label, none known"
        ),
        pytest.param(
            None, True, "gold labels are needed. Got none.", id="several labels, none known"
        ),
        pytest.param((), False, "one gold label is needed. Got [].", id="one label, of none"),
        pytest.param(
            ("A", "B"), False, "one gold label is needed. Got ['A', 'B'].", id="one label, of two"
        ),
    ],
)
def test_gold_sentences_need_labels(labels, multi_label, message):
    gold = [Sentence(["a"], labels=labels, source=SOURCE)]
    found = [gold[0].predicted(Prediction(labels=("A",)))]
    with pytest.raises(DataError) as error:
        evaluate_classes(gold, found, multi_label)
    assert str(error.value) == f"dev.txt:7: {message}"


def test_gold_sentences_need_the_column():
    gold = [Sentence(["a"])]
    found = [gold[0].predicted(Prediction(columns={"upos": ("A",)}))]
    with pytest.raises(DataError) as error:
        evaluate_column(gold, found, "upos", "dev")
    assert str(error.value) == "dev: a column 'upos' is needed. Got a sentence without it."


def test_predictions_have_to_be_of_the_same_sentences_and_of_the_right_kind():
    gold = [Sentence(["a"], labels=("A",), columns={"upos": ("A",)})]
    other = [Sentence(["b"], prediction=Prediction(labels=("A",)))]
    for wrong in (gold, other, [gold[0].predicted(Prediction(()))]):
        with pytest.raises(ValueError, match=r"predicted\[0\]: "):
            evaluate_classes(gold, wrong)
        with pytest.raises(ValueError, match=r"predicted\[0\]: "):
            evaluate_column(gold, wrong, "upos")
    with pytest.raises(ValueError, match="zip"):
        evaluate_classes(gold, [])


# Counted by hand: A is right in one of two cases, and predicted twice; B once, and predicted once.
CLASSES = """\
dev: 4 sentences

          precision  recall     F1  support
A             50.00   50.00  50.00        2
B            100.00   50.00  66.67        2
C              0.00    0.00   0.00        0
micro         50.00   50.00  50.00        4
macro         50.00   33.33  38.89        4
weighted      75.00   50.00  58.33        4

Accuracy: 50.00
Expected calibration error (15 bins): 0.5000

Sentences by gold label (row) and predicted label:
   A  B  C
A  1  0  1
B  1  1  0
C  0  0  0"""


def test_a_report_of_classes_prints_as_a_table():
    pairs = [("A", "A"), ("A", "C"), ("B", "A"), ("B", "B")]
    report = evaluate_classes(*classified(pairs, [dict.fromkeys("ABC", 1.0)] * 4), name="dev")
    assert str(report) == CLASSES
    calibration = Calibration(1.5, 9, 0.1, 0.05, 0.9, 0.8)
    text = str(replace(report, calibration=calibration))
    assert f"0.5000\n{calibration}\n\nSentences by" in text


SEVERAL = """\
Evaluation: 2 sentences

          precision  recall      F1  support
A            100.00  100.00  100.00        1
B              0.00    0.00    0.00        1
micro        100.00   50.00   66.67        2
macro         50.00   50.00   50.00        2
weighted      50.00   50.00   50.00        2

Subset accuracy: 50.00
Hamming loss: 25.00"""


def test_a_report_of_several_labels_prints_as_a_table():
    report = evaluate_classes(*classified([("AB", "A"), ("", "")]), multi_label=True)
    assert str(report) == SEVERAL


COLUMN = """\
dev: 2 sentences, 3 tokens

          precision  recall      F1  support
A            100.00  100.00  100.00        1
B            100.00   50.00   66.67        2
C              0.00    0.00    0.00        0
micro         66.67   66.67   66.67        3
macro         66.67   50.00   55.56        3
weighted     100.00   66.67   77.78        3

Token accuracy: 66.67
Sentence accuracy: 50.00
Accuracy on 2 tokens of unseen words: 50.00

Tokens by gold label (row) and predicted label:
   A  B  C
A  1  0  0
B  0  1  1
C  0  0  0"""


def test_a_report_of_a_column_prints_as_a_table():
    gold, found = labelled([("AB", "AB"), ("B", "C")])
    report = evaluate_column(gold, found, "upos", "dev", known_words={"w1"})
    assert str(report) == COLUMN


def test_of_many_labels_the_commonest_mix_ups_are_listed():
    names = [f"L{i:02}" for i in range(25)]
    pairs = [((name,), (name,)) for name in names]
    pairs += [(("L03",), ("L04",))] * 2 + [(("L09",), ("L01",))]
    text = str(evaluate_classes(*classified(pairs)))
    assert text.endswith(
        "Sentences with another label than the gold one, most frequent first:\n"
        "L03 as L04  2\nL09 as L01  1"
    )
    text = str(evaluate_classes(*classified(pairs[:25])))
    assert text.endswith("Accuracy: 100.00")


@pytest.mark.parametrize("kind", ["one", "several", "column"])
def test_a_report_as_json_holds_everything(kind):
    if kind == "column":
        report = evaluate_column(*labelled([("AB", "AA")]), "upos")
    else:
        report = evaluate_classes(*classified([("A", "A"), ("B", "A")]), kind == "several")
    tree = report.to_dict()
    assert json.loads(json.dumps(tree)) == tree
    assert tree[report.metric] == report.score
    assert tree["f1"] == report.micro.f1
    assert tree["per_label"]["A"] == {
        "precision": 0.5,
        "recall": 1.0,
        "f1": 2 / 3,
        "support": 1,
    }


def test_accuracy_is_the_share_of_what_is_right():
    for length in range(4):
        for gold, found in itertools.product(itertools.product("AB", repeat=length), repeat=2):
            right = [a == b for a, b in zip(gold, found, strict=True)]
            expected = sum(right) / length if length else 0.0
            assert math.isclose(accuracy(gold, found), expected)
