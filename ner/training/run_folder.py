"""The folder of a run: its place, its description, and the metrics of its epochs."""

import json
import math
import platform
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from ner.config.loading import Config, to_toml
from ner.errors import TrainingError
from ner.extras import DISTRIBUTION, optional
from ner.files import write_json, write_text
from ner.plots import learning_curve

CONFIG, REPORT = "config.toml", "report.json"

# Vectors for new words; they are here until the model folder has them.
VECTORS = "vectors.safetensors"

# A picture takes longer than an epoch over a small corpus.
SECONDS_BETWEEN_DRAWINGS = 10


def choose_folder(
    out: str | Path | None, config: str | Path | Config | None, *, resume: bool
) -> Path:
    """Choose the folder of a run.

    Args:
        out: The folder, if the user named one.
        config: Otherwise a file names `runs/NAME`; without a file it is `runs/model`.
        resume: Whether it is the last folder of that name, or a free one.
    """
    if out is not None:
        return Path(out)
    name = Path(config).stem if isinstance(config, str | Path) else "model"
    path, number = Path("runs", name), 2
    while _is_taken(path):
        following = Path("runs", f"{name}-{number}")
        if resume and not _is_taken(following):
            return path
        path, number = following, number + 1
    return path


class RunFolder:
    """The folder of a run.

    It holds config.toml, run.json (versions, data, device), what a `MetricLog` writes,
    checkpoints/, and in the end report.json and model/.
    """

    def __init__(self, path: Path, *, is_new: bool, is_resumed: bool) -> None:
        self.path = path
        self.is_new = is_new
        self.is_resumed = is_resumed
        self.checkpoints = path / "checkpoints"

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
        return cls(path, is_new=is_new, is_resumed=resume)

    @contextmanager
    def taken_back_on_failure(self) -> Iterator[None]:
        """Leave everything as it was if a new run cannot begin."""
        try:
            yield
        except BaseException:
            if self.is_new:
                shutil.rmtree(self.path)
            elif not self.is_resumed:
                for child in self.path.iterdir():
                    shutil.rmtree(child) if child.is_dir() else child.unlink()
            raise

    def describe(self, config: Config, inputs: Mapping[str, Any], device: torch.device) -> None:
        """Write config.toml, and run.json with everything else that the result depends on."""
        write_text(self.path / CONFIG, to_toml(config))
        facts = {
            "seed": config.seed,
            "device": str(device),
            "threads": torch.get_num_threads(),
            "versions": versions(),
            **inputs,
        }
        write_json(self.path / "run.json", facts)


def _is_taken(path: Path) -> bool:
    return path.is_dir() and any(path.iterdir())


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a result depends on."""
    found = {"python": platform.python_version()}
    packages = ("torch", "numpy", "pytorch-crf", "regex", "seqeval", "tokenizers")
    for name in (DISTRIBUTION, *packages):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


class MetricLog:
    """The metrics of each epoch: metrics.jsonl, tensorboard/ and learning-curve.png.

    The last two are left out where tensorboard or matplotlib is not installed.

    Args:
        folder: The folder of the run.
        history: The metrics of epochs before the run was resumed. They replace the content of the
            files.
        metric: The score that decides which epoch is the best.
    """

    def __init__(self, folder: Path, history: Sequence[Mapping[str, Any]], metric: str) -> None:
        self.path = folder / "metrics.jsonl"
        self.picture = folder / "learning-curve.png"
        self.rows = list(history)
        self.metric = metric
        self._drawn = -math.inf
        tensorboard: Any = optional("torch.utils.tensorboard")
        self._board = tensorboard and tensorboard.SummaryWriter(
            str(folder / "tensorboard"), purge_step=len(history) + 1
        )
        self._write()

    def append(self, row: Mapping[str, Any]) -> None:
        """Add an epoch: its number from 1 as `epoch`, and its metrics."""
        self.rows.append(row)
        self._write()
        if time.monotonic() - self._drawn > SECONDS_BETWEEN_DRAWINGS:
            self._draw()
        if self._board is not None:
            for name, value in row.items():
                if name != "epoch":
                    self._board.add_scalar(name, value, row["epoch"])
            self._board.flush()

    def close(self) -> None:
        """Draw the last curve, and end the log for TensorBoard."""
        self._draw()
        if self._board is not None:
            self._board.close()

    def _write(self) -> None:
        write_text(self.path, "".join(json.dumps(row) + "\n" for row in self.rows))

    def _draw(self) -> None:
        learning_curve(self.rows, self.picture, self.metric)
        self._drawn = time.monotonic()
