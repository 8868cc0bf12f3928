"""The network in torch: its weights from a model folder, its arrays on a device."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ner.crf.forward_backward import Edges
from ner.errors import ConfigError, ModelFolderError
from ner.features.featurizer import Arrays
from ner.model_folder import WEIGHTS, ModelFolder
from ner.nn.building import build_model, replace_components
from ner.nn.model import Model

# By numpy's kind of type.
DTYPES = {"i": torch.int64, "f": torch.float32, "b": torch.bool}


def to_tensors(
    batch: Mapping[str, NDArray[Any]], device: torch.device | str = "cpu"
) -> dict[str, Tensor]:
    """Move the arrays of a batch to a device, all integers as int64."""
    return {
        name: torch.from_numpy(array).to(device, DTYPES[array.dtype.kind])
        for name, array in batch.items()
    }


class TorchRuntime:
    """Runs a model on batches of arrays, without gradients.

    Args:
        model: Put in evaluation mode here.
        device: Where it runs; it is moved there.
    """

    # Torch has threads of its own; further ones would only get into their way.
    workers = 1

    def __init__(self, model: Model, device: torch.device | str = "cpu") -> None:
        self.model = model.to(device).eval()
        self.device = torch.device(device)
        self.edges: Edges | None = model.head.edges()

    def word_rows(self, words: Arrays) -> np.ndarray:
        """Compute the vectors (U E) of words, float32."""
        embedder: Any = self.model.embedder
        with torch.inference_mode():
            return embedder.word_rows(to_tensors(words, self.device)).cpu().numpy()

    def outputs(self, batch: Arrays) -> Arrays:
        """Give what a task decodes, float32."""
        if self.device.type != "cpu":
            # The table of all words stays where it is.
            used, tokens = np.unique(batch["tokens"], return_inverse=True)
            batch = {**batch, "rows": batch["rows"][used], "tokens": tokens}
        with torch.inference_mode():
            found = self.model(to_tensors(batch, self.device))
        return {name: tensor.cpu().numpy() for name, tensor in found.items()}


def load_network(parts: ModelFolder, where: str = "model") -> Model:
    """Build the network of a model and fill in its weights.

    Raises:
        ModelFolderError: A weight is missing, too much, or of another shape.
    """
    model = build_model(parts.network, parts.featurizer, parts.task)
    model = replace_components(model, parts.network, parts.build, where)
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    weights = dict(parts.weights)
    file, hint = f"{where}: {WEIGHTS}", "Was a file of the model exchanged?"
    for names, fault in (
        (shapes.keys() - weights.keys(), "lacks"),
        (weights.keys() - shapes.keys(), "has too much"),
    ):
        if names:
            raise ModelFolderError(f"{file} {fault} {_listed(sorted(names))}. {hint}")
    for name, array in weights.items():
        if array.shape != shapes[name]:
            raise ModelFolderError(
                f"{file}: {name} has the shape {shapes[name]}. Got {array.shape}. {hint}"
            )
    model.load_state_dict({name: torch.from_numpy(a) for name, a in weights.items()})
    return model


def take_weights(model: nn.Module, parts: ModelFolder) -> None:
    """Start a network from the weights of a model whose vocabularies and tags it extends.

    Rows are only ever appended, so the old weights are the leading block of each array.
    """
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name in parts.weights:
                old = torch.from_numpy(parts.weights[name])
                tensor[tuple(slice(0, size) for size in old.shape)] = old


def choose_device(name: str) -> torch.device:
    """Turn `auto`, `cpu`, `cuda` or `cuda:N` into a device that is there.

    Raises:
        ConfigError: It is none of these, or this machine has no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not re.fullmatch("cpu|cuda(:[0-9]+)?", name):
        raise ConfigError(f"device: must be auto, cpu, cuda or cuda:N. Got {name!r}.")
    count = torch.cuda.device_count()
    if name != "cpu" and int(name[5:] or 0) >= count:
        raise ConfigError(f"device: torch finds {count} CUDA devices here. Got {name!r}.")
    return torch.device(name)


def set_threads(threads: int | None) -> None:
    """Limit the threads of torch; None leaves them."""
    if threads is not None:
        if threads < 1:
            raise ConfigError(f"threads: must be at least 1. Got {threads}.")
        torch.set_num_threads(threads)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
