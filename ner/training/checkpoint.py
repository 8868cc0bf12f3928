"""Checkpoints: the whole state of a run, so that a resumed run is the uninterrupted one."""

import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NoReturn

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ner.data.lines import short
from ner.errors import ConfigError, ModelFolderError, TrainingError
from ner.files import read_manifest, remove, utf8_path, write_folder
from ner.messages import logger
from ner.schema import Nullable, Rule, SchemaError, Table, flag, number, whole
from ner.training.identity import differences
from ner.training.trainer import Epoch, Step, Trainer, TrainerState
from ner.training.weights import frozen_weights, not_finite, trained_weights

FORMAT = 1
STATE = "state.safetensors"


def _are_tables(value: Any) -> bool:
    return type(value) is list and all(type(each) is dict for each in value)


anything = Rule("be there", lambda _: True)
count = whole(0)

# What a manifest holds beside its format and its files.
CHECKPOINT = Table(
    {
        "trainer": Table(
            {
                **dict.fromkeys(("epoch", "step", "total_steps", "tokens"), count),
                **dict.fromkeys(("factor", "loss_sum"), number()),
                "seconds": number(0),
                "best_score": Nullable(number()),
                "best_epoch": Nullable(count),
                "finished": flag,
            },
            required=[field.name for field in fields(TrainerState)],
        ),
        "schedule": Table(dict.fromkeys(("stalled", "halvings"), count)),
        "average": number(),
        "record": Table(
            {
                "identity": Table(others=anything),
                "history": Rule("be a list of epochs", _are_tables),
            },
            required=("identity", "history"),
            others=anything,
        ),
    },
    required=("trainer", "schedule", "average", "record"),
    others=anything,
)

# Signals that ask a process to end, beside Ctrl-C; Windows has no SIGHUP.
ENDING = [getattr(signal, name) for name in ("SIGHUP", "SIGTERM") if hasattr(signal, name)]

# What a state raises that has other tensors, or other facts, than the trainer.
STRUCTURE_ERRORS = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    RuntimeError,
    SafetensorError,
)

# If the newest checkpoint is damaged, by a full disk for example, there is one before it.
KEPT = 2


def run_and_save(
    trainer: Trainer,
    folder: Path,
    record: Mapping[str, Any],
    *,
    minutes: float,
    each_epoch: bool = True,
) -> Generator[Step | Epoch, None, None]:
    """Train, and save checkpoints: after each epoch and `minutes`, at the end, and on a signal.

    If the consumer closes the generator before its end, that saves a checkpoint too.

    Args:
        trainer: Trains on from its state.
        folder: The folder of all checkpoints of the run.
        record: See `save_checkpoint`. The consumer may change it at each event.
        minutes: Time between checkpoints.
        each_epoch: Whether there is a checkpoint after each epoch.

    Raises:
        KeyboardInterrupt: After Ctrl-C, when the state is saved.
        SystemExit: After SIGTERM or SIGHUP, when the state is saved; its code is 128 and the number
            of the signal.
    """
    saved = time.monotonic()
    with interruptible() as signals:
        for event in trainer.run():
            try:
                yield event
            except GeneratorExit:
                save_checkpoint(folder, trainer, record)
                raise
            is_end = isinstance(event, Epoch) and (each_epoch or trainer.state.finished)
            is_late = time.monotonic() - saved > 60 * minutes
            # A signal reaches the processes that train together at different steps.
            code = trainer.ranks.greatest(signals[0] if signals else 0)
            if is_end or is_late or code:
                save_checkpoint(folder, trainer, record)
                saved = time.monotonic()
            if code:
                stop_by(code)


def stop_by(code: int) -> NoReturn:
    """Raise what ends a process after a signal: KeyboardInterrupt, or SystemExit."""
    if code == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + code)


@contextmanager
def interruptible() -> Iterator[Sequence[int]]:
    """Note the first signal that asks to end, so that no step is cut in two; the next acts at once.

    Yields a list that gets the number of the signal. SIGHUP and SIGTERM stay ignored where they
    are, as under nohup. SIGINT ends a run even where it is ignored, as behind `&` in a shell.
    """
    signals: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return
    before = {code: signal.getsignal(code) for code in (signal.SIGINT, *ENDING)}
    ignored = {n for n in ENDING if before[n] in (signal.SIG_IGN, None)}
    handled = [code for code in before if code not in ignored]

    def first(code: int, _: object) -> None:
        signals.append(code)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for ending in handled[1:]:
            signal.signal(ending, before[ending])

    for code in handled:
        signal.signal(code, first)
    try:
        yield signals
    finally:
        for code in handled:
            signal.signal(code, before[code])


def save_checkpoint(folder: Path, trainer: Trainer, record: Mapping[str, Any]) -> None:
    """Write the state of a trainer into a new folder, and remove all but the one before it.

    Of several processes that train together, the first alone writes: all have the same state.

    Args:
        folder: The folder of all checkpoints of the run.
        trainer: The trainer, at one of its events.
        record: Further facts, as JSON can hold them. `identity` among them says what a run and its
            resumption must have in common, for `restore_newest`.

    Raises:
        TrainingError: The state holds a number that is not finite; older checkpoints stay.
    """
    trainer.read_losses()
    if not trainer.ranks.is_first:
        return
    state = trainer.state
    tensors = _tensors(trainer)
    if broken := not_finite(tensors):
        raise TrainingError(
            f"{folder}: a checkpoint must hold finite numbers. Got others in {broken}. Go on from "
            "the checkpoint before it with --resume."
        )
    manifest = {
        "format": FORMAT,
        "trainer": asdict(state),
        "schedule": trainer.schedule.state(),
        "average": trainer.average.log_left,
        "record": record,
    }
    target = folder / f"epoch-{state.epoch:05}-step-{state.step:08}"
    write_folder(target, manifest, lambda beside: save_file(tensors, beside / STATE))
    logger.debug("%s: checkpoint saved.", target)
    # Later ones are damaged: this run goes on from before them.
    kept = [path for path in checkpoints(folder) if path <= target][-KEPT:]
    for path in checkpoints(folder):
        if path not in kept:
            remove(path)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that is whole."""

    path: Path
    manifest: dict[str, Any]

    @property
    def record(self) -> dict[str, Any]:
        """The facts that `save_checkpoint` was given."""
        return self.manifest["record"]

    def restore(self, trainer: Trainer) -> None:
        """Put a trainer into the saved state.

        Raises:
            ModelFolderError: The state holds a number that is not finite, or does not fit.
        """
        try:
            with utf8_path(self.path) as folder:
                tensors = load_file(folder / STATE)
            if broken := not_finite(tensors):
                raise ValueError(f"numbers that are not finite in {broken}")
            _restore(trainer, tensors, self.manifest)
        except STRUCTURE_ERRORS as error:
            raise ModelFolderError(
                f"{self.path}: must hold the state of this run. Got {short(error)}."
            ) from error


def restore_newest(
    folder: Path,
    trainer: Trainer,
    identity: Mapping[str, Any],
    may_change: Callable[[str, Any, Any], bool] = lambda *_: False,
    notify: Callable[[str], None] = lambda _: None,
) -> tuple[Checkpoint, list[str]] | None:
    """Put a trainer into the state of the newest checkpoint that is whole.

    Args:
        folder: The folder of all checkpoints of the run.
        trainer: Gets the saved state.
        identity: Everything that must be the same as in the run that was saved.
        may_change: Whether something may differ: gets its dotted key, its value in the saved run
            and its value now.
        notify: Called with a line for each checkpoint that is damaged and skipped.

    Returns:
        The checkpoint, and the differences that may be, in words; None where there is no checkpoint
        yet.

    Raises:
        ConfigError: The saved run had another identity.
    """
    checkpoint = newest_checkpoint(folder, notify)
    if checkpoint is None:
        return None
    found = differences(checkpoint.record["identity"], identity)
    allowed = [key for key, (saved, now, _) in found.items() if may_change(key, saved, now)]
    refused = dict.fromkeys(words for key, (*_, words) in found.items() if key not in allowed)
    if refused:
        raise ConfigError(
            f"{folder.parent}: a resumed run keeps its settings and data. Got "
            f"{'; '.join(refused)}. Without --resume, and with another --out, they start a new run."
        )
    checkpoint.restore(trainer)
    return checkpoint, [found[key][2] for key in allowed]


def newest_checkpoint(
    folder: Path, notify: Callable[[str], None] = lambda _: None
) -> Checkpoint | None:
    """Find the newest checkpoint that is whole, and remove what a killed run left unfinished.

    Args:
        folder: The folder of all checkpoints of the run.
        notify: Called with a line for each newer checkpoint that is damaged.
    """
    for leftover in folder.glob(".epoch-*"):
        remove(leftover)
    for path in reversed(checkpoints(folder)):
        try:
            manifest = read_manifest(path, FORMAT)
            CHECKPOINT.check(manifest, f"{path}: ")
        except (ModelFolderError, SchemaError) as error:
            notify(f"Warning: {error} This checkpoint is skipped.")
        else:
            return Checkpoint(path, manifest)
    return None


def checkpoints(folder: Path) -> list[Path]:
    """List the checkpoints of a run, oldest first."""
    return sorted(folder.glob("epoch-*-step-*"))


def _tensors(trainer: Trainer) -> dict[str, Tensor]:
    named = {f"model.{name}": tensor for name, tensor in trained_weights(trainer.model).items()}
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
    trainer.state = TrainerState(**manifest["trainer"])
    torch.set_rng_state(groups["random"]["cpu"])
    if "cuda" in groups["random"] and trainer.device.type == "cuda":
        torch.cuda.set_rng_state(groups["random"]["cuda"], trainer.device)
