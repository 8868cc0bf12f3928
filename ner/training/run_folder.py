"""What a run leaves behind beside its weights: settings, curves, versions, a model card."""

import json
import math
import platform
import shutil
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from torch.utils.tensorboard import SummaryWriter

from ner.config.loading import Config, to_toml
from ner.errors import TrainingError
from ner.extras import DISTRIBUTION
from ner.files import write_json
from ner.plots import learning_curve

# A picture takes longer than an epoch over a small corpus.
SECONDS_BETWEEN_DRAWINGS = 10


class RunFolder:
    """The folder of a run.

    It holds config.toml, run.json (versions, data, device), metrics.jsonl, learning-curve.png,
    tensorboard/, checkpoints/, and in the end report.json and model/.
    """

    def __init__(self, path: Path, is_new: bool) -> None:
        self.path = path
        self.is_new = is_new
        self.checkpoints = path / "checkpoints"
        self.metrics = path / "metrics.jsonl"
        self._board: SummaryWriter | None = None
        self._drawn = -math.inf
        self._metric = ""

    @classmethod
    def open(cls, path: Path, *, resume: bool) -> "RunFolder":
        """Make the folder of a new run, or find that of one to resume.

        Raises:
            TrainingError: `path` holds something already, or nothing to resume.
        """
        if path.exists() and not path.is_dir():
            raise TrainingError(f"{path}: the folder of a run. Got a file.")
        if resume and not _is_taken(path):
            raise TrainingError(f"{path}: no run to resume.")
        if not resume and _is_taken(path):
            raise TrainingError(
                f"{path}: a new run needs a new or empty folder. Go on with the old one by "
                "--resume, or choose another --out."
            )
        is_new = not path.exists()
        path.mkdir(parents=True, exist_ok=True)
        return cls(path, is_new)

    def discard(self) -> None:
        """Take back a run that could not begin."""
        if self.is_new:
            shutil.rmtree(self.path)
            return
        for child in self.path.iterdir():
            shutil.rmtree(child) if child.is_dir() else child.unlink()

    def describe(self, config: Config, inputs: Mapping[str, Any], device: torch.device) -> None:
        """Record what goes into the run."""
        (self.path / "config.toml").write_text(to_toml(config), encoding="utf-8")
        facts = {
            "seed": config.seed,
            "device": str(device),
            "threads": torch.get_num_threads(),
            "versions": versions(),
            **inputs,
        }
        write_json(self.path / "run.json", facts)

    def rewrite_metrics(self, history: Sequence[Mapping[str, Any]], metric: str) -> None:
        """Start the curves with what a resumed run knows already; `metric` chooses the best."""
        self._metric = metric
        self.metrics.write_text("".join(json.dumps(row) + "\n" for row in history), "utf-8")
        self._board = SummaryWriter(str(self.path / "tensorboard"), purge_step=len(history) + 1)

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        """Add an epoch to the curves."""
        with self.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        if time.monotonic() - self._drawn > SECONDS_BETWEEN_DRAWINGS:
            self._draw()
        assert self._board is not None
        for name, value in row.items():
            if name != "epoch":
                self._board.add_scalar(name, value, row["epoch"])
        self._board.flush()

    def close(self) -> None:
        """Draw the last curve, and end the log for TensorBoard."""
        self._draw()
        if self._board is not None:
            self._board.close()

    def _draw(self) -> None:
        rows = [json.loads(line) for line in self.metrics.read_text("utf-8").splitlines()]
        learning_curve(rows, self.path / "learning-curve.png", self._metric)
        self._drawn = time.monotonic()


def next_folder(name: str, *, resume: bool) -> Path:
    """Choose the folder of a run that nobody named: the last one to resume, or a free one."""
    path, number = Path("runs", name), 2
    while _is_taken(path):
        following = Path("runs", f"{name}-{number}")
        if resume and not _is_taken(following):
            return path
        path, number = following, number + 1
    return path


def _is_taken(path: Path) -> bool:
    return path.is_dir() and any(path.iterdir())


def versions() -> dict[str, str]:
    """Name the versions that a result may depend on."""
    found = {"python": platform.python_version()}
    for name in (DISTRIBUTION, "torch", "numpy", "pytorch-crf", "seqeval", "tokenizers"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
