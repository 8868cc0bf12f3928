"""From a model folder to what runs its network: ONNX Runtime or torch."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from ner.choices import Precision, RuntimeName
from ner.ensemble_folder import EnsembleFolder, load_folder, member_folders
from ner.errors import ConfigError, ModelFolderError
from ner.extras import require
from ner.files import read_unchanged
from ner.inference.ensemble import EnsembleRunner, Member
from ner.installed import model_folder
from ner.messages import logger
from ner.model_folder import GRAPHS, MODEL_GRAPH, ModelFolder
from ner.tasks import Task
from ner.tasks.base import Runtime

if TYPE_CHECKING:
    from ner.nn.building import Build


@dataclass(frozen=True)
class Origin:
    """Where a model was read and how: enough to open it again in another process.

    Args:
        folder: The absolute path of the folder.
        digest: The digest of the folder, see `ModelFolder`.
        runtime: As for `ner.load`, like the following ones.
        precision: See there.
        device: See there.
        threads: See there.
        build: See there.
    """

    folder: Path
    digest: str
    runtime: RuntimeName
    precision: Precision
    device: str
    threads: int | None
    build: "Build | None"

    def open(self) -> "OpenedModel":
        """Open the folder again.

        Raises:
            ModelFolderError: It is missing, or holds another model than before.
        """
        options = {field.name: getattr(self, field.name) for field in fields(self)}
        del options["folder"], options["digest"]
        opened = open_model(self.folder, **options)
        if opened.origin.digest != self.digest:
            raise ModelFolderError(
                f"{self.folder}: must hold the model that the copy was made of. Got another one."
            )
        return opened


# Models that a process keeps, of those that came to it from another one.
REOPENED = 4


@lru_cache(REOPENED)
def reopen(make: Callable[..., Any], origin: Origin) -> Any:
    """Open a model again. It is kept, because a pool of processes sends it with every task."""
    return make(*origin.open())


class OpenedModel(NamedTuple):
    """A model or an ensemble, what runs it, and where both come from."""

    model: ModelFolder | EnsembleFolder
    runtime: Runtime | EnsembleRunner
    origin: Origin


def open_model(
    path: str | Path,
    *,
    task: type[Task] | None = None,
    runtime: RuntimeName = "auto",
    precision: Precision = "fp32",
    device: str = "cpu",
    threads: int | None = None,
    build: "Build | None" = None,
) -> OpenedModel:
    """Read a model folder, and start what runs its network.

    Args:
        path: The folder, the name of an installed model, or one on the hub, `hf://org/name`.
        task: The task that the model must have; by default any.
        runtime: As for `ner.load`, like the other arguments.
        precision: See there.
        device: See there.
        threads: See there.
        build: See there.

    Raises:
        ConfigError: An argument has no such value, or they do not go together.
        ModelFolderError: The model has another task; or something is missing, changed, or from a
            newer version.
        MissingExtraError: torch is needed, and not installed.
    """
    for name, value, known in (
        ("runtime", runtime, get_args(RuntimeName)),
        ("precision", precision, get_args(Precision)),
    ):
        if value not in known:
            raise ConfigError(f"{name}: must be one of {', '.join(known)}. Got {value!r}.")
    if runtime == "onnx" and device not in ("cpu", "auto"):
        raise ConfigError(f"device: must be cpu for ONNX Runtime. Got {device!r}.")
    if runtime == "torch" and precision != "fp32":
        raise ConfigError(f"precision: must be fp32 for torch. Got {precision!r}.")
    folder = model_folder(path)
    origin = Origin(folder.absolute(), "", runtime, precision, device, threads, build)
    return read_unchanged(folder, lambda: _open(folder, task, origin))


def _open(folder: Path, task: type[Task] | None, origin: Origin) -> OpenedModel:
    model = load_folder(folder, origin.build)
    if task is not None and not isinstance(model.task, task):
        raise ModelFolderError(
            f"{folder}: must hold a model that {task.does}. Got one that {model.task.does}."
        )
    origin = replace(origin, digest=model.digest)
    if isinstance(model, ModelFolder):
        return OpenedModel(model, _start(folder, model, origin), origin)
    outputs, places = model.task.outputs, member_folders(folder, model)
    pairs = zip(places, model.members, strict=True)
    members = [Member(each, _start(place, each, origin), outputs) for place, each in pairs]
    return OpenedModel(model, EnsembleRunner(members), origin)


def _start(folder: Path, model: ModelFolder, origin: Origin) -> Runtime:
    """Start what runs the network of one model."""
    if not _runs_on_onnx(model, origin):
        chosen = torch_runtime(
            model, device=origin.device, threads=origin.threads, where=str(folder)
        )
        _log(folder, model, origin, "torch")
        return chosen
    graph = GRAPHS[origin.precision]
    if graph not in model.files:
        option = " --int8" if origin.precision == "int8" else ""
        raise ModelFolderError(
            f"{folder}: {graph} must be there. Got no such file; write it with: "
            f"ner export {folder}{option}"
        )
    from ner.inference.onnx_runtime import OnnxRuntime

    onnx = OnnxRuntime(folder, model.task, precision=origin.precision, threads=origin.threads)
    _log(folder, model, origin, "ONNX Runtime")
    return onnx


def _log(folder: Path, model: ModelFolder, origin: Origin, runtime: str) -> None:
    logger.debug(
        "%s: %s with %d labels, run by %s in %s on %s.",
        *(folder, model.task.noun, len(model.task.labels)),
        *(runtime, origin.precision, origin.device),
    )


def _runs_on_onnx(model: ModelFolder, origin: Origin) -> bool:
    if origin.runtime == "auto" and origin.precision == "fp32":
        return _suits(model, origin.device)
    return origin.runtime != "torch"


def _suits(model: ModelFolder, device: str) -> bool:
    """Whether ONNX Runtime is the first choice."""
    if MODEL_GRAPH not in model.files or importlib.util.find_spec("onnxruntime") is None:
        return False
    if device == "auto" and importlib.util.find_spec("torch") is not None:
        from ner.nn.runtime import choose_device

        device = choose_device(device).type
    return device in ("cpu", "auto")


def torch_runtime(
    model: ModelFolder, *, device: str = "cpu", threads: int | None = None, where: str = "model"
) -> Runtime:
    """Build the network of a model in torch.

    Raises:
        ModelFolderError: The files of the model do not fit together.
    """
    require("ner.nn.runtime", "Running a model on torch")
    from ner.nn.runtime import TorchRuntime, choose_device, load_network, set_threads

    set_threads(threads)
    chosen = choose_device(device)
    return TorchRuntime(load_network(model, where), chosen)
