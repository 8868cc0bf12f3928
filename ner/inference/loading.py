"""From a model folder to a model that is ready for use."""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from ner.choices import Precision, RuntimeName
from ner.inference.opening import open_model, torch_runtime
from ner.inference.predictor import Predictor
from ner.model_folder import ModelFolder
from ner.tasks import SpanTask, Task, TextTask, TokenTask

if TYPE_CHECKING:
    from ner.nn.building import Build

# Where the predictor of each task is. Loading a model imports its own alone.
PREDICTORS: dict[type[Task], str] = {
    SpanTask: "ner.inference.tagger:Tagger",
    TokenTask: "ner.inference.token_tagger:TokenTagger",
    TextTask: "ner.inference.classifier:TextClassifier",
}


def load(
    path: str | Path,
    *,
    runtime: RuntimeName = "auto",
    precision: Precision = "fp32",
    device: str = "cpu",
    threads: int | None = None,
    build: "Build | None" = None,
) -> Predictor:
    """Load a model.

    Args:
        path: The folder; the name of an installed model, such as `en` (`ner models` lists them);
            or a model on the Hugging Face hub, `hf://org/name` or `hf://org/name@revision`, which
            needs the extra `hub`.
        runtime: "onnx" for ONNX Runtime on the CPU, which needs no torch; "torch"; "auto" for ONNX
            Runtime where the folder holds its files (see `ner.export`) and the device is the CPU.
        precision: "int8" is faster, and changes a tag now and then; only ONNX Runtime has it.
        device: "cpu", "cuda", "cuda:N", or "auto" for CUDA where there is any.
        threads: The number of threads of the network; by default one for each core. With torch it
            holds for the whole process.
        build: The function that replaced components of the network when it was trained, if any did;
            see `ner.train`. ONNX Runtime does not need it.

    Returns:
        A `Tagger` for spans, a `TokenTagger` for labels of tokens, or a `TextClassifier`. Their own
        `load` is for a model whose class is known.

    Raises:
        ConfigError: An argument has no such value, or they do not go together.
        ModelFolderError: Something is missing, changed, or from a newer version.
        MissingExtraError: torch or `huggingface_hub` is needed, and not installed.
    """
    opened = open_model(
        path,
        runtime=runtime,
        precision=precision,
        device=device,
        threads=threads,
        build=build,
    )
    return _predictor_of(opened.model.task).of(*opened)


def build_predictor(model: ModelFolder, *, device: str = "cpu") -> Predictor:
    """Make a model in memory ready for use, on torch."""
    return _predictor_of(model.task).of(model, torch_runtime(model, device=device))


def _predictor_of(task: Task) -> type[Predictor]:
    module, _, name = PREDICTORS[type(task)].partition(":")
    return getattr(importlib.import_module(module), name)
