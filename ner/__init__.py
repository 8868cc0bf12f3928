"""Small, fast and exact sequence labelling.

>>> import ner
>>> ner.Sentence(["New", "York"], spans=[ner.Span(0, 2, "LOC")]).entities[0].text
'New York'
"""

import gc
import importlib
import os
from typing import TYPE_CHECKING, Any

# Torch reads these once, when it is loaded; a value that is already set is kept.
# Threads that wait in an endless loop for the next piece of work take the processor from those
# that have some: beside one busy neighbour, two threads are then ten times slower than one. Waiting
# for some microseconds first, and only then sleeping, costs nothing there, and doubles the speed of
# short steps on a quiet machine.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
# oneDNN keeps a compiled kernel for each shape it has met, 1024 by default; sentences have many
# shapes, and memory would grow for a long while.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")
# Official builds of ONNX Runtime send usage data to Microsoft, from a thread of their own, and keep
# an identifier in the user's home. Only this, set before onnxruntime is imported, prevents it.
# Source: https://github.com/microsoft/onnxruntime/blob/main/docs/Privacy.md
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from ner import nn
    from ner.bulk.run import tag_files
    from ner.data.formats.options import ReadOptions
    from ner.data.formats.read import read_sentences
    from ner.data.schemes import Span
    from ner.data.sentence import Entity, PredictedEntity, PredictedSentence, Prediction, Sentence
    from ner.data.sentence_splitter import SentenceSplitter
    from ner.data.tools.merge import merge
    from ner.ensemble_folder import ensemble
    from ner.errors import (
        ConfigError,
        DataError,
        InUseError,
        MissingExtraError,
        ModelFolderError,
        NerError,
        TaskError,
        TrainingError,
    )
    from ner.evaluation.comparison import Comparison
    from ner.evaluation.predicted_file import score_predictions
    from ner.evaluation.report import LabelReport, SpanReport
    from ner.evaluation.thresholds import Thresholds
    from ner.exporting.model import export
    from ner.inference.classification import Classification
    from ner.inference.classifier import TextClassifier
    from ner.inference.compare import compare
    from ner.inference.evaluate import evaluate
    from ner.inference.loading import load
    from ner.inference.predictor import Predictor
    from ner.inference.recalibration import calibrate
    from ner.inference.tagger import Tagger
    from ner.inference.thresholds import find_thresholds
    from ner.inference.token_tagger import TokenTagger
    from ner.model_folder import rename
    from ner.rules.rules import Rules
    from ner.suggesting.suggest import suggest
    from ner.sweeping.result import SweepResult
    from ner.sweeping.run import sweep
    from ner.training.distilling import distil
    from ner.training.extension import Extension, extend
    from ner.training.train import train
    from ner.training.trainer import Epoch, Step, Trainer

    __version__: str

# Where each public name lives; it is imported when first asked for, so that `import ner` is fast
# and needs no torch.
_HOMES = {
    "Classification": "ner.inference.classification",
    "Comparison": "ner.evaluation.comparison",
    "ConfigError": "ner.errors",
    "DataError": "ner.errors",
    "Entity": "ner.data.sentence",
    "LabelReport": "ner.evaluation.report",
    "Epoch": "ner.training.trainer",
    "Extension": "ner.training.extension",
    "InUseError": "ner.errors",
    "MissingExtraError": "ner.errors",
    "ModelFolderError": "ner.errors",
    "NerError": "ner.errors",
    "PredictedEntity": "ner.data.sentence",
    "PredictedSentence": "ner.data.sentence",
    "Prediction": "ner.data.sentence",
    "Predictor": "ner.inference.predictor",
    "ReadOptions": "ner.data.formats.options",
    "Rules": "ner.rules.rules",
    "Sentence": "ner.data.sentence",
    "SentenceSplitter": "ner.data.sentence_splitter",
    "Span": "ner.data.schemes",
    "SpanReport": "ner.evaluation.report",
    "Step": "ner.training.trainer",
    "SweepResult": "ner.sweeping.result",
    "Tagger": "ner.inference.tagger",
    "TaskError": "ner.errors",
    "TextClassifier": "ner.inference.classifier",
    "TokenTagger": "ner.inference.token_tagger",
    "Trainer": "ner.training.trainer",
    "TrainingError": "ner.errors",
    "Thresholds": "ner.evaluation.thresholds",
    "calibrate": "ner.inference.recalibration",
    "compare": "ner.inference.compare",
    "ensemble": "ner.ensemble_folder",
    "evaluate": "ner.inference.evaluate",
    "export": "ner.exporting.model",
    "distil": "ner.training.distilling",
    "extend": "ner.training.extension",
    "find_thresholds": "ner.inference.thresholds",
    "load": "ner.inference.loading",
    "merge": "ner.data.tools.merge",
    "read_sentences": "ner.data.formats.read",
    "rename": "ner.model_folder",
    "score_predictions": "ner.evaluation.predicted_file",
    "suggest": "ner.suggesting.suggest",
    "sweep": "ner.sweeping.run",
    "tag_files": "ner.bulk.run",
    "train": "ner.training.train",
}

__all__ = [
    "Classification",
    "Comparison",
    "ConfigError",
    "DataError",
    "Entity",
    "Epoch",
    "Extension",
    "InUseError",
    "LabelReport",
    "MissingExtraError",
    "ModelFolderError",
    "NerError",
    "PredictedEntity",
    "PredictedSentence",
    "Prediction",
    "Predictor",
    "ReadOptions",
    "Rules",
    "Sentence",
    "SentenceSplitter",
    "Span",
    "SpanReport",
    "Step",
    "SweepResult",
    "Tagger",
    "TaskError",
    "TextClassifier",
    "Thresholds",
    "TokenTagger",
    "Trainer",
    "TrainingError",
    "calibrate",
    "compare",
    "distil",
    "ensemble",
    "evaluate",
    "export",
    "extend",
    "find_thresholds",
    "load",
    "merge",
    "nn",
    "read_sentences",
    "rename",
    "score_predictions",
    "suggest",
    "sweep",
    "tag_files",
    "train",
]


def _imported(module: str) -> Any:
    # What modules make stays, so looking through it for garbage, again and again while they are
    # imported, finds nothing.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return importlib.import_module(module)
    finally:
        if was_enabled:
            gc.enable()


# Type checkers read the imports above; with this function, they would accept any name.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            from importlib.metadata import version

            return version("lattice-ner")
        if name not in __all__:
            raise AttributeError(f"module 'ner' has no attribute {name!r}")
        from ner.extras import require, require_evaluation, require_training

        if name == "nn":
            return require("ner.nn", "ner.nn")
        if _HOMES.get(name, "").startswith(("ner.training.", "ner.sweeping.")):
            require_training()
        if name in ("SweepResult", "sweep"):
            require("optuna", f"ner.{name}", "sweep")
        if name in ("compare", "evaluate", "score_predictions"):
            require_evaluation()
        if name == "export":
            require("torch", "ner.export")
        return getattr(_imported(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
