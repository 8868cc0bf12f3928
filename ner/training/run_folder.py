"""The folder of a run: its place, its description, and the metrics of its epochs."""

import json
import math
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from itertools import count, filterfalse, takewhile
from pathlib import Path
from typing import Any

import torch

from ner.config.loading import Config, to_toml
from ner.errors import InUseError, TrainingError
from ner.extras import DISTRIBUTION, optional
from ner.files import making, remove, remove_leftovers, write_json, write_text
from ner.inference.runs import MODEL
from ner.locks import locked
from ner.plots import learning_curve
from ner.training.ranks import ALONE, Ranks

CONFIG, RUN, REPORT = "config.toml", "run.json", "report.json"
METRICS, PICTURE, BOARD = "metrics.jsonl", "learning-curve.png", "tensorboard"
CHECKPOINTS = "checkpoints"

# Vectors for new words, and encoded sentences; they are here until the model folder is written.
VECTORS, ENCODED = "vectors.safetensors", "encoded"
# What a teacher thinks of the training sentences; it is here until the model folder is written.
TEACHER = "teacher.safetensors"
# Scores of parts by models of the others; they are here until the model folder is written.
PARTS = "parts"

# Everything that a run makes in its folder, besides the lock that it holds.
OWN = (
    *(CONFIG, RUN, METRICS, PICTURE, BOARD, CHECKPOINTS, VECTORS, ENCODED, TEACHER, PARTS),
    *(REPORT, MODEL),
)
LOCK = ".lock"

# A picture takes longer than an epoch over a small corpus.
SECONDS_BETWEEN_DRAWINGS = 10


def run_name(config: str | Path | Config | None) -> str:
    """Return the name of a run: that of its configuration file, or `model`."""
    return Path(config).stem if isinstance(config, str | Path) else "model"


def last_folder(out: str | Path | None, name: str) -> Path:
    """Return the folder of the run to resume: `out`, or the last one of its name in runs/."""
    if out is not None:
        return Path(out)
    found = next(_numbered(name))
    for path in takewhile(is_taken, _numbered(name)):
        found = path
    return found


@contextmanager
def open_folder(
    out: str | Path | None, name: str, *, resume: bool, ranks: Ranks = ALONE
) -> Iterator["RunFolder"]:
    """Open the folder of a run, which no other process uses until the block ends.

    Args:
        out: The folder, if the user named one.
        name: Otherwise it is the first free one of `runs/NAME`, `runs/NAME-2` and so on.
        resume: Whether it is that of a run to resume; then see `last_folder`.
        ranks: The processes that train together. The first one opens the folder, and the others
            read from it.

    Raises:
        InUseError: Another process uses the folder.
        TrainingError: The folder holds something already, or nothing to resume.
    """
    with ExitStack() as stack:
        opened: list[RunFolder] = []

        def open_it() -> Path:
            if out is not None or resume:
                opening = RunFolder.open(last_folder(out, name), resume=resume)
                opened.append(stack.enter_context(opening))
            else:
                opened.append(_open_free(name, stack))
            return opened[0].path

        path = ranks.of_first(open_it)
        yield opened[0] if opened else FolderOfOthers(path, is_resumed=resume)


def _open_free(name: str, stack: ExitStack) -> "RunFolder":
    free = filterfalse(is_taken, _numbered(name))
    while True:
        # Another process may take the folder at any moment.
        with suppress(InUseError, TrainingError):
            return stack.enter_context(RunFolder.open(next(free), resume=False))


def _numbered(name: str) -> Iterator[Path]:
    yield Path("runs", name)
    for number in count(2):
        yield Path("runs", f"{name}-{number}")


class RunFolder:
    """The folder of a run.

    It holds config.toml, run.json (versions, data, device), what a `MetricLog` writes,
    checkpoints/, and in the end report.json and model/.
    """

    def __init__(self, path: Path, *, is_resumed: bool) -> None:
        self.path = path
        self.is_resumed = is_resumed
        self.checkpoints = path / CHECKPOINTS

    @classmethod
    @contextmanager
    def open(cls, path: Path, *, resume: bool) -> Iterator["RunFolder"]:
        """Make the folder of a new run, or find that of one to resume.

        No other process uses it until the block ends. A folder that is made here and still empty
        then is removed if the block fails. Hidden files do not count.

        Raises:
            InUseError: Another process uses the folder.
            TrainingError: `path` holds something already, or nothing to resume.
        """
        if path.exists() and not path.is_dir():
            raise TrainingError(f"{path}: the folder of a run. Got a file.")
        if resume and not is_taken(path):
            raise TrainingError(f"{path}: no run to resume.")
        with making(path), locked(path / LOCK, path):
            if not resume and is_taken(path):
                raise TrainingError(
                    f"{path}: a new run needs a new or empty folder. Go on with the old one by "
                    "--resume, or choose another --out."
                )
            for name in OWN:
                remove_leftovers(path / name)
            yield cls(path, is_resumed=resume)

    @contextmanager
    def taken_back_on_failure(self) -> Iterator[None]:
        """Leave everything as it was if a new run cannot begin."""
        try:
            yield
        except BaseException:
            if not self.is_resumed:
                for name in OWN:
                    remove(self.path / name)
            raise

    def describe(
        self, config: Config, inputs: Mapping[str, Any], device: torch.device, ranks: int = 1
    ) -> None:
        """Write config.toml, and run.json with everything else that the result depends on."""
        write_text(self.path / CONFIG, to_toml(config))
        facts = {
            "seed": config.seed,
            "device": str(device),
            "threads": torch.get_num_threads(),
            "ranks": ranks,
            "versions": versions(),
            **inputs,
        }
        write_json(self.path / RUN, facts)

    def metric_log(self, history: Sequence[Mapping[str, Any]], metric: str) -> "MetricLog":
        """Return the log of metrics in this folder, see `MetricLog`."""
        return MetricLog(self.path, history, metric)


class FolderOfOthers(RunFolder):
    """The folder of a run that another process writes; this one only reads."""

    @contextmanager
    def taken_back_on_failure(self) -> Iterator[None]:
        """Leave everything to the process that writes."""
        yield

    def describe(
        self, config: Config, inputs: Mapping[str, Any], device: torch.device, ranks: int = 1
    ) -> None:
        """Write nothing."""

    def metric_log(self, history: Sequence[Mapping[str, Any]], metric: str) -> "MetricLog":
        """Return a log that writes nothing."""
        return UnwrittenLog()


def is_taken(path: Path) -> bool:
    """Whether a folder holds something besides hidden files, such as a lock."""
    return path.is_dir() and any(not child.name.startswith(".") for child in path.iterdir())


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
        self.path = folder / METRICS
        self.picture = folder / PICTURE
        self.rows = list(history)
        self.metric = metric
        self._drawn = -math.inf
        tensorboard: Any = optional("ner.training.event_file")
        self._board = tensorboard and tensorboard.EventFile(folder / BOARD, len(history) + 1)
        self._write()

    def append(self, row: Mapping[str, Any]) -> None:
        """Add an epoch: its number from 1 as `epoch`, and its metrics."""
        self.rows.append(row)
        self._write()
        if time.monotonic() - self._drawn > SECONDS_BETWEEN_DRAWINGS:
            self._draw()
        if self._board is not None:
            metrics = {name: value for name, value in row.items() if name != "epoch"}
            self._board.append(row["epoch"], metrics)

    def close(self) -> None:
        """Draw the last curve."""
        self._draw()

    def _write(self) -> None:
        write_text(self.path, "".join(json.dumps(row) + "\n" for row in self.rows))

    def _draw(self) -> None:
        learning_curve(self.rows, self.picture, self.metric)
        self._drawn = time.monotonic()


class UnwrittenLog(MetricLog):
    """The metrics of a run that another process writes."""

    def __init__(self) -> None:
        pass

    def append(self, row: Mapping[str, Any]) -> None:
        """Leave the epoch to the process that writes."""

    def close(self) -> None:
        """Draw nothing."""
