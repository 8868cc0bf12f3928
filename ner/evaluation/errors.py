"""Sort wrong spans into classes of errors, each with what is needed to judge it.

A gold span and a predicted one agree only if label and borders are the same. All other spans, gold
and predicted, fall into groups that overlap, and each group is one error.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

from ner.data.frozen_dict import plain
from ner.data.schemes import Span
from ner.data.sentence import Sentence, Source
from ner.errors import DataError
from ner.evaluation.surfaces import SurfaceCounts

ErrorClass = Literal[
    "type", "boundary", "boundary and type", "split", "merge", "missed", "spurious"
]
ERROR_CLASSES: tuple[ErrorClass, ...] = get_args(ErrorClass)

CLASS_MEANINGS: dict[ErrorClass, str] = {
    "type": "The same tokens have another label.",
    "boundary": "Spans with the same label overlap.",
    "boundary and type": "Spans overlap that differ in tokens and label.",
    "split": "Several predicted spans stand for fewer gold spans.",
    "merge": "Fewer predicted spans stand for several gold spans.",
    "missed": "No predicted span overlaps the gold span.",
    "spurious": "No gold span overlaps the predicted span.",
}

# Tokens before and after an error that are shown with it.
CONTEXT = 12


class Disagreement(NamedTuple):
    """Gold and predicted spans of one sentence that overlap, or a single one of them."""

    error_class: ErrorClass
    gold: tuple[Span, ...]
    predicted: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class SpanError:
    """One error, and where it is.

    Spans count the tokens of the whole sentence.

    Args:
        error_class: The kind of error, see `disagreements`.
        sentence: The number of the sentence in the data, from 0.
        gold: The gold spans in question, in their order; () for a spurious span.
        predicted: The predicted spans in question; () for a missed span.
        scores: The score of each predicted span; () if scores are not known.
        tokens: The tokens around the error, and those of the error.
        first: The number of the first one of `tokens` in the sentence.
        source: Where the sentence was read; None if that is not known.
        document: The document of the sentence, if it has one.
        gold_scores: The probability of each gold span under the model; () if it is not known.
    """

    error_class: ErrorClass
    sentence: int
    gold: tuple[Span, ...]
    predicted: tuple[Span, ...]
    scores: tuple[float, ...]
    tokens: tuple[str, ...]
    first: int
    source: Source | None = None
    document: str | None = None
    gold_scores: tuple[float, ...] = ()

    @property
    def score(self) -> float | None:
        """How sure the model is, from 0 to 1; None if that is not known.

        It is the highest score of the predicted spans; for a missed span, the probability that it
        is not there.
        """
        if self.scores:
            return max(self.scores)
        return 1 - max(self.gold_scores) if self.gold_scores and not self.predicted else None

    @property
    def surfaces(self) -> tuple[str, ...]:
        """The surface of each span, gold ones first, without repetition."""
        return tuple(dict.fromkeys(map(self.surface, (*self.gold, *self.predicted))))

    @property
    def confusion(self) -> tuple[str, str] | None:
        """The gold label and the predicted one, where one span has another label than the other."""
        if len(self.gold) != 1 or len(self.predicted) != 1:
            return None
        labels = self.gold[0].label, self.predicted[0].label
        return None if labels[0] == labels[1] else labels

    def surface(self, span: Span) -> str:
        """Return the tokens of a span of this error, joined by blanks."""
        return " ".join(self.tokens[span.start - self.first : span.end - self.first])

    def to_dict(self, training: SurfaceCounts | None = None) -> dict[str, Any]:
        """Return everything, as JSON can hold it.

        Args:
            training: The surfaces of training data. If they are known, the result has a key
                `training` with the counts of each surface: by label, and outside of entities.
        """
        facts: dict[str, Any] = {
            "class": self.error_class,
            "sentence": self.sentence,
            "source": None if self.source is None else plain(self.source),
            "document": self.document,
            "score": self.score,
            "gold": self._facts(self.gold, self.gold_scores),
            "predicted": self._facts(self.predicted, self.scores),
            "tokens": list(self.tokens),
            "first": self.first,
        }
        if training is not None:
            facts["training"] = {
                name: {"labels": dict(training.labels(name)), "outside": training.outside(name)}
                for name in self.surfaces
            }
        return facts

    def _facts(self, spans: Sequence[Span], scores: Sequence[float]) -> list[dict[str, Any]]:
        pairs = zip(spans, scores or (None,) * len(spans), strict=True)
        return [
            {"text": self.surface(span), **span._asdict(), "score": score} for span, score in pairs
        ]


def disagreements(gold: Iterable[Span], predicted: Iterable[Span]) -> list[Disagreement]:
    """Sort the wrong spans of one sentence into errors, in the order of the text.

    Every gold span that is not predicted, and every predicted span that is not gold, belongs to
    exactly one error, whose classes `CLASS_MEANINGS` explains.

    A group of as many gold spans as predicted ones, such as two neighbours with a common border
    that is predicted elsewhere, has an error of boundary if their labels are equal in order.

    >>> disagreements([Span(0, 2, "LOC"), Span(4, 5, "PER")], [Span(1, 2, "ORG")])
    [Disagreement(error_class='boundary and type', gold=(Span(start=0, end=2, label='LOC'),), \
predicted=(Span(start=1, end=2, label='ORG'),)), Disagreement(error_class='missed', \
gold=(Span(start=4, end=5, label='PER'),), predicted=())]
    """
    expected, found = set(gold), set(predicted)
    wrong = [(s, True) for s in expected - found] + [(s, False) for s in found - expected]
    errors: list[Disagreement] = []
    for group in _groups(sorted(wrong)):
        sides = tuple(tuple(s for s, is_gold in group if is_gold is side) for side in (True, False))
        errors += _errors_of(*sides)
    return errors


def _groups(spans: Iterable[tuple[Span, bool]]) -> Iterator[list[tuple[Span, bool]]]:
    """Cut ascending spans where none goes on."""
    group: list[tuple[Span, bool]] = []
    reach = 0
    for each in spans:
        if group and each[0].start >= reach:
            yield group
            group = []
        group.append(each)
        reach = max(reach, each[0].end)
    if group:
        yield group


def _errors_of(gold: tuple[Span, ...], predicted: tuple[Span, ...]) -> Iterator[Disagreement]:
    if not gold:
        yield from (Disagreement("spurious", (), (span,)) for span in predicted)
    elif not predicted:
        yield from (Disagreement("missed", (span,), ()) for span in gold)
    elif len(gold) != len(predicted):
        yield Disagreement("split" if len(gold) < len(predicted) else "merge", gold, predicted)
    else:
        yield Disagreement(_class_of_pairs(gold, predicted), gold, predicted)


def _class_of_pairs(gold: tuple[Span, ...], predicted: tuple[Span, ...]) -> ErrorClass:
    pairs = list(zip(gold, predicted, strict=True))
    if all(one[:2] == other[:2] for one, other in pairs):
        return "type"
    return "boundary" if all(a.label == b.label for a, b in pairs) else "boundary and type"


def span_errors(
    gold: Sequence[Sentence],
    predicted: Sequence[Sentence],
    gold_scores: Sequence[Sequence[float]] | None = None,
    context: int = CONTEXT,
) -> list[SpanError]:
    """List all errors of predicted spans, in the order of the data.

    Args:
        gold: Sentences with `spans`.
        predicted: The same sentences in the same order, with `prediction`.
        gold_scores: For each sentence, the probability of each gold span under the model; () or
            None where they are not known.
        context: How many tokens before and after an error are part of it.

    Raises:
        DataError: A gold sentence is not annotated.
    """
    errors: list[SpanError] = []
    known = gold_scores or [()] * len(gold)
    for i, (one, other, own) in enumerate(zip(gold, predicted, known, strict=True)):
        if one.spans is None:
            raise DataError(f"{one.source or 'gold'}: gold spans are needed. Got none.")
        found = other.prediction
        if one.tokens != other.tokens or found is None or found.spans is None:
            raise ValueError(f"predicted[{i}]: the tokens of gold[{i}], and a prediction of spans")
        expected = _by_span(one.spans, own)
        scores = _by_span(found.spans, found.scores)
        for each in disagreements(one.spans, found.spans):
            spans = (*each.gold, *each.predicted)
            first = max(0, min(span.start for span in spans) - context)
            last = max(span.end for span in spans) + context
            errors.append(
                SpanError(
                    *(each.error_class, i, each.gold, each.predicted),
                    scores=tuple(scores[span] for span in each.predicted if scores),
                    tokens=tuple(one.tokens[first:last]),
                    first=first,
                    source=one.source,
                    document=one.document,
                    gold_scores=tuple(expected[span] for span in each.gold if expected),
                )
            )
    return errors


def _by_span(spans: Sequence[Span], scores: Sequence[float]) -> dict[Span, float]:
    """Return the score of each span; nothing where scores are not known."""
    return dict(zip(spans, scores, strict=True)) if scores else {}


def most_confident_first(errors: Iterable[SpanError]) -> list[SpanError]:
    """Sort errors by their score, highest first; those without one come last, in their order.

    A model that is sure of what annotation denies often has found an error of annotation.
    """
    return sorted(errors, key=lambda error: 1.0 if error.score is None else -error.score)


def count_classes(errors: Iterable[SpanError]) -> dict[ErrorClass, int]:
    """Count the errors of each class, also of classes that have none."""
    counts = Counter(error.error_class for error in errors)
    return {name: counts[name] for name in ERROR_CLASSES}
