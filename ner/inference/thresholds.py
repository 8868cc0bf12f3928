"""Lowest scores for a precision that somebody asks for, by the predictions of a model."""

from typing import Unpack

from ner.data.formats.options import ReadKeywords, ReadOptions
from ner.data.formats.read import CorpusSource, source_name
from ner.evaluation.span_calibration import entity_decisions
from ner.evaluation.thresholds import CONFIDENCE, Thresholds
from ner.evaluation.thresholds import find_thresholds as find
from ner.inference.evaluate import warn_of_data
from ner.inference.predictor import Predictor
from ner.inference.reading import read_annotated
from ner.messages import Notify, tell


def find_thresholds(
    model: Predictor,
    data: CorpusSource,
    precision: float,
    options: ReadOptions | None = None,
    *,
    confidence: float = CONFIDENCE,
    notify: Notify = tell,
    **changes: Unpack[ReadKeywords],
) -> Thresholds:
    """Find the lowest score of each label from which entities have a precision.

    Args:
        model: What finds the entities.
        data: Sentences that the model was not trained on: a file, a folder or name of HF
            `datasets`, or a list of sentences.
        precision: What is asked for, above 0 and up to 1.
        options: How the data are read. What it leaves open, such as the names of columns, is as in
            training.
        confidence: How sure it must be that other data of the same kind reach the precision, from
            0.5 to below 1. More of it costs recall.
        notify: Called with a line for everything that a user should know. By default, it is logged.
        changes: Fields of `ReadOptions` by their names, in place of those in `options`.

    Returns:
        The thresholds; `min_score` of them is what `Tagger.tag` takes.

    Raises:
        ConfigError: The precision or the confidence is out of range.
        DataError: The data cannot be read, or are not annotated.
        TaskError: The model finds no entities.
    """
    if model.task.empty.spans is None:
        raise model.task_error("find_thresholds")
    sentences = read_annotated(model, data, options, notify=notify, **changes)
    warn_of_data(model, data, sentences, notify)
    return find(
        entity_decisions(sentences, model.tag_sentences(sentences)),
        precision,
        model.labels,
        confidence=confidence,
        model="" if model.origin is None else model.origin.digest,
        data=source_name(data),
    )
