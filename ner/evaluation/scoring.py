"""How good predictions are, whatever the target: one figure for each epoch, reports, baselines."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from ner.data.sentence import Sentence
from ner.evaluation.classification import accuracy, evaluate_classes, evaluate_column
from ner.evaluation.dictionary import CommonClass, LabelDictionary, NameDictionary
from ner.evaluation.label_report import ClassificationReport
from ner.evaluation.metrics import evaluate_sentences, f1
from ner.evaluation.report import Report
from ner.targets import ClassTarget, ColumnTarget, SpanTarget, Target

AnyReport = Report | ClassificationReport


@dataclass(frozen=True)
class Scoring:
    """What counts for a kind of target.

    Args:
        metric: The name of its figure, between 0 and 1, higher is better.
        score: Computes the figure alone, as fast as can be.
        report: Computes everything, given a name for the data and the words that training showed,
            if they are known.
        baseline: Learns from training sentences what any model has to beat; gives what predicts.
        baseline_name: What that is.
    """

    metric: str
    score: Callable[[Sequence[Sentence], Sequence[Sentence]], float]
    report: Callable[
        [Sequence[Sentence], Sequence[Sentence], str, Collection[str] | None], AnyReport
    ]
    baseline: Callable[[Iterable[Sentence]], Callable[[Sentence], Sentence]]
    baseline_name: str


def scoring(target: Target) -> Scoring:
    """Say what counts for a target."""
    match target:
        case SpanTarget():
            return Scoring(
                "f1",
                _span_f1,
                lambda gold, found, name, _: evaluate_sentences(gold, found, name),
                lambda train: NameDictionary(train).tag,
                "a dictionary of the training names",
            )
        case ColumnTarget(column=column):
            return Scoring(
                "accuracy",
                lambda gold, found: accuracy(
                    [label for s in gold for label in s.columns[column]],
                    [label for s in found for label in s.column(column)],
                ),
                lambda gold, found, name, known_words: evaluate_column(
                    gold, found, column, name, known_words
                ),
                lambda train: LabelDictionary(train, column).tag,
                "the most frequent label of each training word",
            )
        case ClassTarget(multi_label=multi_label):
            return Scoring(
                "f1" if multi_label else "accuracy",
                lambda gold, found: evaluate_classes(gold, found, multi_label).score,
                lambda gold, found, name, _: evaluate_classes(gold, found, multi_label, name),
                lambda train: CommonClass(train).tag,
                "the most frequent label",
            )
    raise TypeError(f"target: one of ner.targets. Got {target!r}.")


def evaluate_predictions(
    target: Target,
    gold: Sequence[Sentence],
    predicted: Sequence[Sentence],
    name: str = "",
    known_words: Collection[str] | None = None,
) -> AnyReport:
    """Compare the predictions of sentences with their gold annotation.

    Args:
        target: What is predicted.
        gold: Annotated sentences.
        predicted: The same sentences in the same order, with `prediction`.
        name: What to call the data in the report.
        known_words: Those of the sentences that training showed; None if that is not known.

    Raises:
        DataError: A gold sentence is not annotated.
    """
    for sentence in gold:
        target.check(sentence, "gold")
    return scoring(target).report(gold, predicted, name, known_words)


def _span_f1(gold: Sequence[Sentence], predicted: Sequence[Sentence]) -> float:
    return f1([s.spans or () for s in gold], [s.found_spans or () for s in predicted])
