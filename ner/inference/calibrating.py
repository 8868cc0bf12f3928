"""Fit the temperature of a tagger: the network runs once, its scores are summed again and again."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ner.data.sentence import PredictedSentence, Sentence
from ner.evaluation.calibration import Calibration, calibration_error, lowest
from ner.features.arrays import Floats, OutputArrays
from ner.features.batch_order import cut_batches
from ner.inference.batching import BATCH_TOKENS, emissions_of_each
from ner.inference.predictor import Predictor
from ner.messages import Notify
from ner.tasks import SpanTask, Task, TokenTask

if TYPE_CHECKING:
    from ner.evaluation.span_calibration import Decisions

AnyPredictor = TypeVar("AnyPredictor", bound=Predictor)

# Compares sentences with their predictions.
Compare = Callable[[Sequence[Sentence], Sequence[PredictedSentence]], "Decisions"]


class Scored(NamedTuple):
    """A batch of sentences with the scores of the network.

    Args:
        indices: The places of the sentences (B).
        emissions: The scores of tags (B T C).
        lengths: The number of tokens of each sentence (B).
        tags: The gold tags (B T).
    """

    indices: NDArray[np.int64]
    emissions: Floats
    lengths: NDArray[np.int64]
    tags: NDArray[np.int64]


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
    batches = list(_score(model, task, fitting))
    edges = model.runtime.edges

    def loss(temperature: float) -> float:
        cooled = replace(task, temperature=temperature)
        lattice = cooled.lattice(edges)
        return -sum(
            float(lattice.log_likelihood(cooled.emissions(_outputs(b)), b.lengths, b.tags).sum())
            for b in batches
        )

    def error(temperature: float) -> float:
        decode = replace(task, temperature=temperature).decode(edges)
        found = [
            fitting[i].predicted(prediction)
            for b in batches
            for i, prediction in zip(
                b.indices.tolist(), decode(_outputs(b), b.lengths), strict=True
            )
        ]
        gold = [fitting[i] for b in batches for i in b.indices.tolist()]
        decisions = compare(gold, found)
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


def _outputs(batch: Scored) -> OutputArrays:
    """Return the scores of a batch as a network does."""
    return {"emissions": batch.emissions}


def _score(
    model: Predictor, task: SpanTask | TokenTask, sentences: Sequence[Sentence]
) -> Iterator[Scored]:
    """Yield batches of sentences of similar lengths, none of which is empty."""
    count = len(task.outputs)
    scores = model.runner.run(sentences, emissions_of_each, np.zeros((0, count), dtype=np.float32))
    lengths = np.array([len(each) for each in scores], dtype=np.int64)
    gold = np.split(task.gold(sentences)["tags"], np.cumsum(lengths)[:-1])
    order = np.argsort(lengths, kind="stable")
    for indices in cut_batches(order, lengths, len(order), BATCH_TOKENS):
        longest = int(lengths[indices].max())
        emissions = np.zeros((len(indices), longest, count), dtype=np.float32)
        tags = np.zeros((len(indices), longest), dtype=np.int64)
        for row, i in enumerate(indices.tolist()):
            emissions[row, : lengths[i]], tags[row, : lengths[i]] = scores[i], gold[i]
        yield Scored(indices, emissions, lengths[indices], tags)
