"""From a model folder to a model that is ready for use."""

from pathlib import Path
from typing import TYPE_CHECKING

from ner.choices import Precision, RuntimeName
from ner.inference.classifier import TextClassifier
from ner.inference.opening import open_model, torch_runtime
from ner.inference.predictor import Predictor
from ner.inference.tagger import Tagger
from ner.inference.token_tagger import TokenTagger
from ner.model_folder import ModelFolder
from ner.tasks import Task

if TYPE_CHECKING:
    from ner.nn.building import Build

PREDICTORS: dict[type[Task], type[Predictor]] = {
    predictor.task_class: predictor for predictor in (Tagger, TokenTagger, TextClassifier)
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
    return PREDICTORS[type(opened.model.task)].of(*opened)


def build_predictor(model: ModelFolder, *, device: str = "cpu") -> Predictor:
    """Make a model in memory ready for use, on torch."""
    return PREDICTORS[type(model.task)].of(model, torch_runtime(model, device=device))
