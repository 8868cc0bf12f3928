"""Compare predicted spans with gold ones: own counts for each epoch, seqeval for reports."""

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal, NamedTuple

from ner.data.schemes import PREFIXES, Scheme, Span, spans_from_tags, tags_from_spans
from ner.data.sentence import Sentence
from ner.errors import DataError
from ner.evaluation.breakdowns import break_down
from ner.evaluation.conventions import count_conventions
from ner.evaluation.report import MISSED, SPURIOUS, SpanReport
from ner.evaluation.scores import score_labels
from ner.evaluation.surfaces import SurfaceCounts
from ner.extras import require

# seqeval's names of our schemes.
SEQEVAL_SCHEMES: dict[Scheme, str] = {"IOB1": "IOB1", "BIO": "IOB2", "BIOES": "IOBES"}
SentenceSpans = Sequence[Sequence[Span]]


def f1(gold: SentenceSpans, predicted: SentenceSpans) -> float:
    """Compute F1 over all spans, from 0 to 1; 0 where there is no span at all.

    A span is right only as a whole.

    >>> f1([[Span(0, 2, "LOC")]], [[Span(0, 2, "LOC"), Span(3, 4, "LOC")]])
    0.6666666666666666
    """
    num_correct = num_spans = 0
    for gold_spans, predicted_spans in zip(gold, predicted, strict=True):
        expected, found = set(gold_spans), set(predicted_spans)
        num_correct += len(expected & found)
        num_spans += len(expected) + len(found)
    return 2 * num_correct / max(num_spans, 1)


def evaluate_sentences(
    gold: Sequence[Sentence],
    predicted: Sequence[Sentence],
    name: str = "",
    surfaces: SurfaceCounts | None = None,
) -> SpanReport:
    """Compare the predictions of sentences with the gold spans of the same sentences.

    Args:
        gold: Sentences with `spans`.
        predicted: The same sentences in the same order, with `prediction`.
        name: The name of the data, for the report.
        surfaces: The surfaces of the training data, if they are known.

    Raises:
        DataError: A gold sentence is not annotated.
    """
    gold_tags: list[list[str]] = []
    predicted_tags: list[list[str]] = []
    for i, (one, other) in enumerate(zip(gold, predicted, strict=True)):
        if one.spans is None:
            where = one.source or name or "gold"
            raise DataError(f"{where}: gold spans are needed. Got a sentence that has none marked.")
        found = None if other.prediction is None else other.prediction.spans
        if one.tokens != other.tokens or found is None:
            raise ValueError(f"predicted[{i}]: the tokens of gold[{i}], and a prediction of spans")
        gold_tags.append(tags_from_spans(one.spans, len(one), "BIO"))
        predicted_tags.append(tags_from_spans(found, len(one), "BIO"))
    report, _ = evaluate_tags(gold_tags, predicted_tags, "BIO", name)
    return replace(report, breakdowns=break_down(gold, predicted, surfaces))


def evaluate_tags(
    gold: Sequence[list[str]], predicted: Sequence[list[str]], scheme: Scheme, name: str = ""
) -> tuple[SpanReport, SpanReport]:
    """Score tags with the prefixes B, I, E, S by seqeval.

    Args:
        gold: The gold tags of each sentence.
        predicted: The predicted tags of each sentence, as many as gold ones.
        scheme: The scheme by which strict mode reads the tags. A tag whose prefix is not in the
            scheme is part of no legal span, so strict mode reads it as O.
        name: The name of the data, for the reports.

    Returns:
        The report in default mode and the one in strict mode.
    """
    default = _score_by_default(gold, predicted)
    strict = _score_strictly(gold, predicted, scheme)
    right = sum(
        one == other
        for gold_tags, predicted_tags in zip(gold, predicted, strict=True)
        for one, other in zip(gold_tags, predicted_tags, strict=True)
    )
    num_tokens = sum(map(len, gold))
    conventions = count_conventions(default.gold, default.predicted)

    def report(mode: Literal["default", "strict"], scored: _Scored) -> SpanReport:
        return SpanReport(
            name=name,
            sentences=len(gold),
            tokens=num_tokens,
            **scored.scores,
            accuracy=right / max(num_tokens, 1),
            confusion=count_confusions(scored.gold, scored.predicted),
            scheme=scheme,
            mode=mode,
            strict=strict.scores["micro"],
            conventions=conventions if mode == "default" else None,
        )

    return report("default", default), report("strict", strict)


def count_confusions(gold: SentenceSpans, predicted: SentenceSpans) -> dict[str, dict[str, int]]:
    """Count spans by gold label and by the label predicted for exactly the same tokens.

    >>> count_confusions([[Span(0, 1, "LOC")]], [[Span(0, 1, "PER"), Span(3, 4, "PER")]])
    {'LOC': {'PER': 1, '(missed)': 0}, '(spurious)': {'PER': 1, '(missed)': 0}}
    """
    counts: defaultdict[tuple[str, str], int] = defaultdict(int)
    for gold_spans, predicted_spans in zip(gold, predicted, strict=True):
        gold_labels = {(start, end): label for start, end, label in gold_spans}
        predicted_labels = {(start, end): label for start, end, label in predicted_spans}
        for borders, label in gold_labels.items():
            counts[label, predicted_labels.get(borders, MISSED)] += 1
        for borders in predicted_labels.keys() - gold_labels.keys():
            counts[SPURIOUS, predicted_labels[borders]] += 1
    rows = _with_last((row for row, _ in counts), SPURIOUS)
    columns = _with_last((column for _, column in counts), MISSED)
    return {row: {column: counts[row, column] for column in columns} for row in rows if counts}


def _with_last(labels: Iterable[str], last: str) -> list[str]:
    return [*sorted(set(labels) - {last}), last]


class _Scored(NamedTuple):
    """What one mode of seqeval says, and the spans that it sees."""

    scores: dict[str, Any]
    gold: SentenceSpans
    predicted: SentenceSpans


def _score_by_default(gold: Sequence[list[str]], predicted: Sequence[list[str]]) -> _Scored:
    seqeval = require("seqeval.metrics.sequence_labeling", "Evaluation", "eval")
    score = partial(seqeval.precision_recall_fscore_support, gold, predicted)
    return _score(score, *([spans_from_tags(tags) for tags in side] for side in (gold, predicted)))


def _score_strictly(
    gold: Sequence[list[str]], predicted: Sequence[list[str]], scheme: Scheme
) -> _Scored:
    seqeval = require("seqeval.metrics.v1", "Evaluation", "eval")
    schemes = require("seqeval.scheme", "Evaluation", "eval")
    token_class = getattr(schemes, SEQEVAL_SCHEMES[scheme])
    known = "O" + PREFIXES[scheme]
    sides = [
        [[tag if tag[0] in known else "O" for tag in tags] for tags in side]
        for side in (gold, predicted)
    ]
    entities = [schemes.Entities(side, token_class) for side in sides]
    score = partial(
        seqeval.precision_recall_fscore_support,
        *sides,
        scheme=token_class,
        # Given here, they are not computed again for each average.
        entities_true=entities[0],
        entities_pred=entities[1],
    )
    spans = ([[Span(e.start, e.end, e.tag) for e in s] for s in side.entities] for side in entities)
    return _score(score, *spans)


def _score(
    score: Callable[..., Any], gold_spans: SentenceSpans, predicted_spans: SentenceSpans
) -> _Scored:
    labels = {span.label for spans in (*gold_spans, *predicted_spans) for span in spans}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # seqeval's words on tags are for its own callers
        scores = score_labels(score, sorted(labels))
    return _Scored(scores, gold_spans, predicted_spans)
