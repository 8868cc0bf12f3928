"""Trains the networks of a series, with checkpoints. A resumed run equals an uninterrupted one."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ner.errors import ConfigError
from ner.files import write_json
from ner.forecasting.coding import Coding, SeriesBatches
from ner.forecasting.forecaster import Forecaster
from ner.forecasting.network import build_network
from ner.forecasting.report import score
from ner.forecasting.transforms import Values
from ner.forecasting.windows import Splits
from ner.nn.model import Model
from ner.nn.runtime import to_tensors
from ner.plots import learning_curve
from ner.training.checkpoint import newest_checkpoint, save_checkpoint
from ner.training.optimizers import Schedule, build_optimizers
from ner.training.progress import interruptible
from ner.training.trainer import Epoch, Trainer
from ner.training.weights import Penalty, shrinkable

Notify = Callable[[str], None]

METRIC = "rmse"


def build_trainer(
    coding: Coding, values: Values, splits: Splits, seed: int, device: torch.device
) -> Trainer:
    """Build a network and its trainer, which keeps the weights with the best development RMSE.

    Args:
        coding: Fitted on the training split.
        values: The table (N D). The test split is not used.
        splits: The origins in each split.
        seed: Seed of weights, dropout and the order of windows.
        device: Where the network trains.
    """
    torch.manual_seed(seed)
    chosen = coding.settings.training
    model = build_network(coding.settings, coding.num_features).to(device)
    truth = coding.windows.truth(values, splits.dev)
    columns = tuple(map(str, range(values.shape[1])))

    def evaluate(_: nn.Module) -> dict[str, float]:
        forecasts = Forecaster(coding, columns, [model]).predict(values, splits.dev)
        return {METRIC: score(forecasts, truth).rmse}

    optimizers = build_optimizers(
        model,
        name=chosen["optimizer"],
        learning_rate=chosen["learning_rate"],
        weight_decay=chosen["weight_decay"],
        momentum=chosen["momentum"],
        betas=tuple(chosen["betas"]),
    )
    schedule = Schedule(
        chosen["schedule"],
        warmup=chosen["warmup"],
        decay=chosen["decay"],
        patience=chosen["plateau_patience"],
    )
    return Trainer(
        model,
        SeriesBatches(coding, values, splits.train, seed, chosen["batch_size"]),
        evaluate,
        optimizers,
        schedule,
        penalty=Penalty(list(shrinkable(model).values()), chosen["l1"], chosen["l2"]),
        epochs=chosen["epochs"],
        metric=METRIC,
        higher_is_better=False,
        clip_norm=chosen["clip_norm"],
        ema=chosen["ema"],
        patience=chosen["patience"],
        to_tensors=lambda arrays: to_tensors(arrays, device),
        device=device,
    )


def train_network(
    coding: Coding,
    values: Values,
    splits: Splits,
    seed: int,
    device: torch.device,
    folder: Path,
    identity: Mapping[str, Any],
    *,
    resume: bool,
    notify: Notify,
) -> Model:
    """Train a network to the end; with `resume`, from its last checkpoint.

    Args:
        coding: As for `build_trainer`.
        values: Likewise.
        splits: Likewise.
        seed: Likewise.
        device: Likewise.
        folder: Where checkpoints/, metrics.json and learning-curve.png are written.
        identity: The facts that must be equal when a run is resumed, in a form that JSON can hold.
        resume: Continue the run in the folder, if there is one.
        notify: Called with lines about progress.

    Raises:
        ConfigError: The run in the folder has other settings or data.
        TrainingError: The loss is not a finite number.
        KeyboardInterrupt: After Ctrl-C, once the state is saved.
    """
    trainer = build_trainer(coding, values, splits, seed, device)
    folder.mkdir(parents=True, exist_ok=True)
    history: list[dict[str, Any]] = []
    identity = json.loads(json.dumps(identity))
    checkpoint = newest_checkpoint(folder / "checkpoints") if resume else None
    if checkpoint is not None:
        if checkpoint.record["identity"] != identity:
            raise ConfigError(
                f"{folder}: a resumed run keeps its settings and data. Got others; without "
                "--resume they start a new run."
            )
        checkpoint.restore(trainer)
        history = checkpoint.record["history"]
    record = {"identity": identity, "history": history}
    seconds = 60 * coding.settings.training["checkpoint_minutes"]
    saved = time.monotonic()
    with interruptible() as interrupted:
        for event in trainer.run():
            if isinstance(event, Epoch):
                history.append({"epoch": event.epoch + 1, **event.metrics})
            stop = interrupted.is_set()
            if stop or trainer.facts["finished"] or time.monotonic() - saved > seconds:
                save_checkpoint(folder / "checkpoints", trainer, record)
                saved = time.monotonic()
            if stop:
                notify(f"Interrupted; go on with --resume --out {folder.parent}")
                raise KeyboardInterrupt
    write_json(folder / "metrics.json", history)
    learning_curve(history, folder / "learning-curve.png", METRIC, higher_is_better=False)
    best = trainer.facts["best_epoch"]
    notify(
        f"seed {seed}: {len(history)} epochs, best development RMSE {history[best][METRIC]:.4g} "
        f"in epoch {best + 1}"
    )
    trainer.model.load_state_dict(trainer.best_weights)
    assert isinstance(trainer.model, Model)
    return trainer.model.eval()
