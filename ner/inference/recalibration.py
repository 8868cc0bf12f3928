"""Fit the temperature of a model again, on other annotated sentences than in training."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from ner.data.formats.options import ReadKeywords, ReadOptions
from ner.data.formats.read import CorpusSource, source_name
from ner.ensemble_folder import copy_folder, load_folder
from ner.errors import ConfigError, DataError
from ner.evaluation.calibration import Calibration
from ner.inference.evaluate import warn_of_data
from ner.inference.predictor import Predictor
from ner.inference.reading import read_annotated
from ner.installed import new_folder
from ner.messages import Notify, tell


def calibrate(
    model: Predictor,
    data: CorpusSource,
    out: str | Path,
    options: ReadOptions | None = None,
    *,
    notify: Notify = tell,
    **changes: Unpack[ReadKeywords],
) -> Calibration:
    """Write a copy of a model whose scores are calibrated on annotated sentences.

    What it predicts stays the same; weights and graphs are copied byte for byte.

    Args:
        model: The model, from a folder, which stays as it is.
        data: Sentences that the model was not trained on: a file, a folder or name of HF
            `datasets`, or a list of sentences.
        out: A new or empty folder for the copy.
        options: How the data are read. What it leaves open, such as the names of columns, is as in
            training.
        notify: Called with a line for everything that a user should know. By default, it is logged.
        changes: Fields of `ReadOptions` by their names, in place of those in `options`.

    Returns:
        The temperature, and its effect on the data.

    Raises:
        ConfigError: The model was never in a folder, or `out` holds something.
        DataError: The data cannot be read, are not annotated, or have no label of the model.
        ModelFolderError: The folder was changed since the model was read.
    """
    target = new_folder(out)
    if model.origin is None:
        raise ConfigError("model: must come from a folder, by ner.load(). Got one in memory.")
    sentences = read_annotated(model, data, options, notify=notify, **changes)
    warn_of_data(model, data, sentences, notify)
    fitted, calibration = model.calibrated(sentences, notify)
    if calibration is None:
        raise DataError(
            f"{source_name(data)}: must hold sentences with labels of the model. Got none."
        )
    model.origin.open()
    folder = model.origin.folder
    read: Any = load_folder(folder, model.origin.build)
    record = {**read.record, "calibration": calibration.to_dict()}
    copy_folder(folder, replace(read, task=fitted.task, record=record), target)
    return calibration
