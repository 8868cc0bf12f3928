"""From a model folder to a model that is ready for use, on ONNX Runtime or on torch."""

import importlib.util
from pathlib import Path
from typing import Any, get_args

from ner.choices import Precision, RuntimeName
from ner.errors import ConfigError, ModelFolderError
from ner.extras import require
from ner.inference.classifier import TextClassifier
from ner.inference.predictor import Predictor
from ner.inference.tagger import Tagger
from ner.inference.token_tagger import TokenTagger
from ner.model_folder import GRAPHS, MODEL_GRAPH, ModelFolder, load_model
from ner.tasks import Task
from ner.tasks.base import Runtime

PREDICTORS: dict[type[Task], type[Predictor[Any]]] = {
    predictor.task_class: predictor for predictor in (Tagger, TokenTagger, TextClassifier)
}


def load(
    path: str | Path,
    *,
    runtime: RuntimeName = "auto",
    precision: Precision = "fp32",
    device: str = "cpu",
    threads: int | None = None,
) -> Predictor:
    """Load a model folder.

    Args:
        path: The folder.
        runtime: "onnx" for ONNX Runtime on the CPU, which needs no torch; "torch"; "auto" for ONNX
            Runtime where the folder holds its files (see `ner.export`) and the device is the CPU.
        precision: "int8" is faster, and changes a tag now and then; ONNX Runtime alone has it.
        device: "cpu", "cuda", "cuda:N", or "auto" for CUDA where there is any.
        threads: How many the network may use; by default all cores. With torch it holds for the
            whole process.

    Returns:
        A `Tagger` for spans, a `TokenTagger` for labels of tokens, or a `TextClassifier`.

    Raises:
        ConfigError: An argument has no such value, or they do not go together.
        ModelFolderError: Something is missing, changed, or from a newer version.
        MissingExtraError: torch is needed, and not installed.
    """
    folder = Path(path)
    for name, value, known in (
        ("runtime", runtime, get_args(RuntimeName)),
        ("precision", precision, get_args(Precision)),
    ):
        if value not in known:
            raise ConfigError(f"{name}: must be one of {', '.join(known)}. Got {value!r}.")
    if runtime == "onnx" and device not in ("cpu", "auto"):
        raise ConfigError(f"device: ONNX Runtime is for the CPU here. Got {device!r}.")
    if runtime == "torch" and precision != "fp32":
        raise ConfigError(f"precision: the torch runtime has fp32 alone. Got {precision!r}.")
    parts = load_model(folder)
    if runtime == "onnx" or precision == "int8" or (runtime == "auto" and _suits(parts, device)):
        if GRAPHS[precision] not in parts.files:
            option = " --int8" if precision == "int8" else ""
            raise ModelFolderError(
                f"{folder}: {GRAPHS[precision]} must be there. Got no such file; write it with: "
                f"ner export {folder}{option}"
            )
        from ner.inference.onnx_runtime import OnnxRuntime

        chosen = OnnxRuntime(folder, len(parts.task.outputs), precision=precision, threads=threads)
        return make_predictor(parts, chosen)
    return build_predictor(parts, device=device, threads=threads, where=str(folder))


def _suits(parts: ModelFolder, device: str) -> bool:
    """Whether ONNX Runtime is the first choice."""
    if MODEL_GRAPH not in parts.files or importlib.util.find_spec("onnxruntime") is None:
        return False
    if device == "auto" and importlib.util.find_spec("torch") is not None:
        from ner.nn.runtime import choose_device

        device = choose_device(device).type
    return device in ("cpu", "auto")


def build_predictor(
    parts: ModelFolder, *, device: str = "cpu", threads: int | None = None, where: str = "model"
) -> Predictor:
    """Put the parts of a model to use, on torch."""
    require("ner.nn.runtime", "Running a model on torch")
    from ner.nn.runtime import TorchRuntime, choose_device, load_network, set_threads

    set_threads(threads)
    chosen = choose_device(device)
    try:
        network = load_network(parts, where)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelFolderError(f"{where}: no network can be built of it: {error!r}.") from error
    return make_predictor(parts, TorchRuntime(network, chosen))


def make_predictor(parts: ModelFolder, runtime: Runtime) -> Predictor:
    """Put a runtime between the strings of a model and its predictions."""
    predictor = PREDICTORS[type(parts.task)]
    given = (parts.featurizer, runtime, parts.tokenizer)
    return predictor(parts.task, *given, {**parts.record})
