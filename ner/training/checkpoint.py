"""The whole state of a training run as files, so that a resumed run is the uninterrupted run."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ner.errors import ModelFolderError
from ner.files import read_manifest, write_folder
from ner.training.trainer import Trainer
from ner.training.weights import frozen_weights, learnt_weights

FORMAT = 1

STATE = "state.safetensors"

# Should the newest be damaged (a full disk, say), there is one before it.
KEPT = 2


def save_checkpoint(folder: Path, trainer: Trainer, record: dict[str, Any]) -> Path:
    """Write the state of a trainer into a new folder below `folder`, and drop the oldest ones.

    Args:
        folder: Of all checkpoints of a run.
        trainer: At one of its events.
        record: Further facts in JSON, which `Checkpoint` gives back.
    """
    trainer.read_losses()
    facts = trainer.facts
    target = folder / f"epoch-{facts['epoch']:05}-step-{facts['step']:08}"
    tensors = _tensors(trainer)
    manifest = {
        "format": FORMAT,
        "trainer": facts,
        "schedule": trainer.schedule.state(),
        "average": trainer.average.log_left,
        "record": record,
    }
    write_folder(target, manifest, lambda beside: save_file(tensors, beside / STATE))
    for old in checkpoints(folder)[:-KEPT]:
        shutil.rmtree(old)
    return target


def checkpoints(folder: Path) -> list[Path]:
    """List the whole checkpoints of a run, oldest first."""
    return sorted(folder.glob("epoch-*-step-*"))


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that is whole, and the record that was saved with it."""

    path: Path
    manifest: dict[str, Any]

    @property
    def record(self) -> dict[str, Any]:
        """What `save_checkpoint` was given."""
        return self.manifest["record"]

    def restore(self, trainer: Trainer) -> None:
        """Put a trainer into the saved state."""
        _restore(trainer, load_file(self.path / STATE), self.manifest)


def newest_checkpoint(folder: Path) -> Checkpoint | None:
    """Find the newest checkpoint that is whole, and remove what a kill left half-written."""
    for leftover in folder.glob(".epoch-*"):
        shutil.rmtree(leftover)
    for path in reversed(checkpoints(folder)):
        try:
            return Checkpoint(path, read_manifest(path, FORMAT))
        except ModelFolderError:
            continue
    return None


def _tensors(trainer: Trainer) -> dict[str, Tensor]:
    named = {f"model.{name}": tensor for name, tensor in learnt_weights(trainer.model).items()}
    named |= {f"average.{i}": tensor for i, tensor in enumerate(trainer.average.averages)}
    named |= {f"best.{name}": tensor for name, tensor in trainer.best_weights.items()}
    named |= {f"row-logs.{i}": logs for i, logs in trainer.average.row_logs.items()}
    for k, optimizer in enumerate(trainer.optimizers):
        for i, state in optimizer.state_dict()["state"].items():
            present = {name: value for name, value in state.items() if value is not None}
            named |= {f"optimizer{k}.{i}.{name}": value for name, value in present.items()}
    named["random.cpu"] = torch.get_rng_state()
    if trainer.device.type == "cuda":
        named["random.cuda"] = torch.cuda.get_rng_state(trainer.device)
    # A clone: several names may share memory, which the format refuses.
    return {name: tensor.detach().cpu().clone() for name, tensor in named.items()}


def _restore(trainer: Trainer, tensors: dict[str, Tensor], manifest: dict[str, Any]) -> None:
    groups: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        group, _, rest = name.partition(".")
        groups.setdefault(group, {})[rest] = tensor
    trainer.model.load_state_dict({**frozen_weights(trainer.model), **groups["model"]})
    for i, average in enumerate(trainer.average.averages):
        average.copy_(groups["average"][str(i)])
    trainer.best_weights = groups.get("best", {})
    for i, logs in trainer.average.row_logs.items():
        logs.copy_(groups["row-logs"][str(i)])
    trainer.average.log_left = manifest["average"]
    for k, optimizer in enumerate(trainer.optimizers):
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in groups.get(f"optimizer{k}", {}).items():
            i, _, rest = name.partition(".")
            state.setdefault(int(i), {})[rest] = tensor
        optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    trainer.schedule.load_state(manifest["schedule"])
    trainer.facts.update(manifest["trainer"])
    torch.set_rng_state(groups["random"]["cpu"])
    if "cuda" in groups["random"] and trainer.device.type == "cuda":
        torch.cuda.set_rng_state(groups["random"]["cuda"], trainer.device)
