"""Fit the temperature of a tagger: the network runs once, its scores are summed again and again."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ner.data.sentence import PredictedSentence, Sentence
from ner.evaluation.calibration import Calibration, calibration_error, lowest
from ner.features.arrays import OutputArrays
from ner.inference.batching import ScoredBatch, batches_of_scores
from ner.inference.predictor import Predictor
from ner.messages import Notify
from ner.tasks import SpanTask, Task, TokenTask

if TYPE_CHECKING:
    from ner.evaluation.span_calibration import Decisions

AnyPredictor = TypeVar("AnyPredictor", bound=Predictor)

# Compares sentences with their predictions.
Compare = Callable[[Sequence[Sentence], Sequence[PredictedSentence]], "Decisions"]


def fit_temperature(
    model: AnyPredictor,
    task: SpanTask | TokenTask,
    dev: Sequence[Sentence],
    notify: Notify,
    compare: Compare,
) -> tuple[AnyPredictor, Calibration | None]:
    """Fit the temperature of a tagger; the one that it has plays no part.

    It is the one that makes gold tags most probable, of whole sentences: with few sentences, it is
    nearer to the best one than that which makes predicted entities as often right as they say.

    Args:
        model: The model.
        task: Its task.
        dev: Annotated sentences. Those with a label that the model does not know are left out.
        notify: Called with a line that says how many are left out.
        compare: Lists the predictions of sentences, with their scores and whether they are right.

    Returns:
        The model with the new temperature, and what it was fitted on; the same model and None where
        no sentence is left.
    """
    fitting = known_only(task, [sentence for sentence in dev if len(sentence)], notify)
    if not fitting:
        return model, None
    scores = model.emissions(fitting)
    gold = np.split(task.gold(fitting)["tags"], np.cumsum([len(each) for each in scores])[:-1])
    batches = [(batch, batch.pad(gold)) for batch in batches_of_scores(scores)]
    edges = model.runner.edges

    def loss(temperature: float) -> float:
        cooled = replace(task, temperature=temperature)
        lattice = cooled.lattice(edges)
        return -sum(
            float(lattice.log_likelihood(cooled.emissions(_outputs(b)), b.lengths, tags).sum())
            for b, tags in batches
        )

    def error(temperature: float) -> float:
        decode = replace(task, temperature=temperature).decode(edges)
        found = [
            fitting[i].predicted(prediction)
            for b, _ in batches
            for i, prediction in zip(
                b.indices.tolist(), decode(_outputs(b), b.lengths), strict=True
            )
        ]
        annotated = [fitting[i] for b, _ in batches for i in b.indices.tolist()]
        decisions = compare(annotated, found)
        return calibration_error(decisions.scores, decisions.right)

    temperature = lowest(loss)
    calibration = Calibration(
        temperature=temperature,
        sentences=len(fitting),
        ece_before=error(1.0),
        ece_after=error(temperature),
        loss_before=loss(1.0) / len(fitting),
        loss_after=loss(temperature) / len(fitting),
    )
    return replace(model, task=replace(task, temperature=temperature)), calibration


def known_only(task: Task, dev: Sequence[Sentence], notify: Notify) -> list[Sentence]:
    """Leave out sentences with a label that a model does not know, and say how many there are."""
    known = set(task.labels)
    fitting = [sentence for sentence in dev if known.issuperset(task.count_labels([sentence]))]
    if left_out := len(dev) - len(fitting):
        notify(f"dev: {left_out} sentences have labels that training lacks; none fits on them.")
    return fitting


def _outputs(batch: ScoredBatch) -> OutputArrays:
    """Return the scores of a batch as a network does."""
    return {"emissions": batch.emissions}
