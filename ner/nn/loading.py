"""From a model's files to a network on a device."""

import re
from collections.abc import Sequence

import torch
from torch import nn

from ner.errors import ConfigError, ModelFolderError
from ner.model_folder import WEIGHTS, ModelFolder
from ner.nn.model import Model, build_model


def load_network(parts: ModelFolder, where: str = "model") -> Model:
    """Build the network of a model and fill in its weights.

    Raises:
        ModelFolderError: A weight is missing, too much, or of another shape.
    """
    model = build_model(parts.network, parts.featurizer, parts.target)
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
