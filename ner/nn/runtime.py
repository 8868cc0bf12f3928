"""Runs a network in torch: with weights from a model folder, on a device."""

import os
import re
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from ner.config.loading import parse_config
from ner.cores import count_cores
from ner.crf.forward_backward import Edges
from ner.data.lines import listed, short
from ner.errors import ConfigError, ModelFolderError
from ner.features.arrays import BatchArrays, Floats, OutputArrays, WordArrays
from ner.files import MANIFEST
from ner.manifest import NETWORK_SECTIONS
from ner.model_folder import WEIGHTS, ModelFolder
from ner.nn.building import build_model, check_build, replace_components
from ner.nn.cutting import find_cut
from ner.nn.model import Model
from ner.tasks.base import Cut, PieceOutput

# Repetitions of the same weights, and heads, of a network at most.
MOST_REPETITIONS = 1000

# Words in the names of a pretrained encoder's settings that say how often a part is repeated.
REPEATED = ("layer", "block", "group", "expert", "head")

# Types of tensors, by the kind of numpy's type.
DTYPES = {"i": torch.int64, "f": torch.float32, "b": torch.bool}


class TorchRuntime:
    """Runs a model on batches of arrays, without gradients.

    Args:
        model: The model, which is set to evaluation mode.
        device: The device to which the model is moved.
    """

    # Torch has its own threads, and more threads would only slow them down.
    workers = 1

    def __init__(self, model: Model, device: torch.device | str = "cpu") -> None:
        self.model = model.to(device).eval()
        self.device = torch.device(device)
        self.edges: Edges | None = model.head.edges()
        self.cut: Cut | None = find_cut(model)

    def word_rows(self, words: WordArrays) -> Floats:
        """Compute the vectors (U E) of words."""
        embedder: Any = self.model.embedder
        with torch.inference_mode():
            return embedder.word_rows(to_tensors(words, self.device)).cpu().numpy()

    def outputs(self, batch: BatchArrays) -> OutputArrays:
        """Compute what a task decodes."""
        tensors = self._tensors(batch)
        with torch.inference_mode():
            found = self.model(tensors)
        return cast(OutputArrays, {name: tensor.cpu().numpy() for name, tensor in found.items()})

    def read_piece(
        self, batch: BatchArrays, name: PieceOutput, entering: Floats | None = None
    ) -> OutputArrays:
        """Compute one output for the tokens of a piece of a text, see `ner.tasks.base.Runtime`."""
        tensors: Any = self._tensors(batch)
        encoder: Any = self.model.encoder
        found: dict[str, Tensor] = {}
        with torch.inference_mode():
            if entering is None:
                found["states"] = self.model.hidden(tensors)
            else:
                borders = torch.from_numpy(entering).to(self.device)
                embedded = self.model.embedder(tensors)
                found["states"], found["leaving"] = encoder.read_piece(embedded, borders)
            if name == "emissions":
                scores: Any = self.model.head.outputs(found.pop("states"), tensors["lengths"])
                found |= scores
        arrays = {name: tensor.float().cpu().numpy() for name, tensor in found.items()}
        return cast(OutputArrays, arrays)

    def _tensors(self, batch: BatchArrays) -> dict[str, Tensor]:
        if self.device.type != "cpu":
            # Copy only the rows of this batch to the device, not the table of all words.
            used, tokens = np.unique(batch["tokens"], return_inverse=True)
            batch = {**batch, "rows": batch["rows"][used], "tokens": tokens}
        return to_tensors(batch, self.device)


def to_tensors(arrays: Mapping[str, Any], device: torch.device | str = "cpu") -> dict[str, Tensor]:
    """Copy arrays, such as those of a batch, to a device.

    Integers become int64, other numbers float32.
    """
    return {
        name: torch.from_numpy(array).to(device, DTYPES[array.dtype.kind])
        for name, array in arrays.items()
    }


def load_network(stored: ModelFolder, where: str = "model") -> Model:
    """Build the network of a model folder with its weights.

    Args:
        stored: The model folder.
        where: Its path, for messages.

    Raises:
        ModelFolderError: A setting is unknown or out of range; a weight is missing, unexpected, or
            of another shape; or the network needs a function that `stored` lacks.
    """
    weights = check_network(stored, where)
    model = build_model(stored.network, stored.featurizer, stored.task)
    model = replace_components(model, stored.network, stored.build, where)
    _check_shapes(model, weights, where)
    model.load_state_dict({name: torch.from_numpy(a) for name, a in weights.items()})
    return model


def check_network(stored: ModelFolder, where: str = "model") -> dict[str, np.ndarray]:
    """Compare the settings of a network with its weights, before memory is asked for.

    Args:
        stored: The model folder.
        where: Its path, for messages.

    Returns:
        The weights.

    Raises:
        ModelFolderError: As for `load_network`.
    """
    check_build(stored.network, stored.build, where)
    weights = dict(stored.weights)
    _check_settings(stored.network, where)
    check_counts(stored.network, len(weights), where)
    try:
        # Where a user's function replaces components, only the result can be compared.
        with torch.device("meta"):
            planned = build_model(stored.network, stored.featurizer, stored.task)
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as e:
        raise ModelFolderError(f"{where}: no network can be built of it: {short(e)}.") from e
    if "build" not in stored.network:
        _check_shapes(planned, weights, where)
    return weights


def _check_settings(network: Mapping[str, Any], where: str) -> None:
    """Refuse settings that no configuration can have."""
    sections = {name: network[name] for name in NETWORK_SECTIONS if name in network}
    try:
        parse_config(sections, f"{where}: {MANIFEST}: network.")
    except ConfigError as error:
        raise ModelFolderError(str(error).partition("\n")[0]) from None


def check_counts(network: Mapping[str, Any], num_weights: int, where: str) -> None:
    """Refuse more layers than there are weights, and repetitions that would take for ever.

    Args:
        network: The settings of the network, section by section.
        num_weights: How many weights there are.
        where: The path of the model, for messages.

    Raises:
        ModelFolderError: There are too many.
    """
    limits = {
        "encoder.layers": num_weights,
        "encoder.iterations": MOST_REPETITIONS,
        "encoder.attention_heads": MOST_REPETITIONS,
        "pooling.heads": MOST_REPETITIONS,
        "pooling.hops": MOST_REPETITIONS,
    }
    counts: dict[str, int] = {}
    for key in limits:
        section, _, name = key.partition(".")
        counts[key] = network.get(section, {}).get(name, 0)
    for name, value in network.get("pretrained", {}).get("architecture", {}).items():
        if type(value) is int and any(word in name for word in REPEATED):
            counts[f"pretrained.architecture.{name}"] = value
    for key, found in counts.items():
        limit = limits.get(key, max(num_weights, MOST_REPETITIONS))
        if found > limit:
            raise ModelFolderError(
                f"{where}: {MANIFEST}: {key} must be at most {limit}. Got {found}."
            )


def _check_shapes(model: Model, weights: Mapping[str, np.ndarray], where: str) -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    file, hint = f"{where}: {WEIGHTS}", "Was a file of the model exchanged?"
    for names, fault in (
        (shapes.keys() - weights.keys(), " lacks"),
        (weights.keys() - shapes.keys(), ": unexpected weight"),
    ):
        if names:
            raise ModelFolderError(f"{file}{fault} {listed(sorted(names), 3)}. {hint}")
    for name, array in weights.items():
        if array.shape != shapes[name]:
            raise ModelFolderError(
                f"{file}: {name} must have the shape {shapes[name]}. Got {array.shape}. {hint}"
            )


def take_weights(model: nn.Module, stored: ModelFolder) -> None:
    """Start a network from the weights of a model whose vocabularies and tags it extends.

    New rows are always appended, so the old weights are the leading block of each array.
    """
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name in stored.weights:
                old = torch.from_numpy(stored.weights[name])
                tensor[tuple(slice(0, size) for size in old.shape)] = old


def choose_device(name: str) -> torch.device:
    """Find the device with a name.

    Args:
        name: `cpu`, `cuda`, `cuda:N`, or `auto` for `cuda` if there is a GPU, else `cpu`.

    Raises:
        ConfigError: The name is none of these, or this machine has no such device.
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
    """Set the number of threads that torch uses.

    None leaves the choice to torch, which knows nothing of the quota of a container: it gets no
    more threads than processors that this process may use.

    A process that was forked from one that had torch stays with one thread.

    Raises:
        ConfigError: The number is less than 1.
    """
    chosen = torch.get_num_threads()
    if threads is None:
        threads = min(chosen, count_cores())
    if threads < 1:
        raise ConfigError(f"threads: must be at least 1. Got {threads}.")
    if threads != chosen:
        torch.set_num_threads(1 if _is_forked else threads)


def _stay_with_one_thread() -> None:
    global _is_forked
    _is_forked = True
    torch.set_num_threads(1)


# After a fork, the OpenMP of GNU, which torch uses, waits forever for threads that only the parent
# has. It needs none of them for one thread.
# Source: https://gcc.gnu.org/bugzilla/show_bug.cgi?id=58378
_is_forked = False
if hasattr(os, "register_at_fork"):  # Windows has no forks
    os.register_at_fork(after_in_child=_stay_with_one_thread)
