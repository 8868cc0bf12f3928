"""Trains the networks of a series, with checkpoints. A resumed run equals an uninterrupted one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ner.files import write_json
from ner.forecasting.coding import Coding, SeriesBatches
from ner.forecasting.forecaster import Forecaster
from ner.forecasting.network import build_network
from ner.forecasting.report import score
from ner.forecasting.transforms import Values
from ner.forecasting.windows import Splits
from ner.messages import Notify
from ner.nn.model import Model
from ner.plots import learning_curve
from ner.training.checkpoint import restore_newest, run_and_save
from ner.training.optimizers import Schedule, build_optimizers
from ner.training.trainer import Epoch, Trainer
from ner.training.weights import Penalty, shrinkable

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
        SystemExit: After SIGTERM or SIGHUP, likewise.
    """
    trainer = build_trainer(coding, values, splits, seed, device)
    checkpoints = folder / "checkpoints"
    found = restore_newest(checkpoints, trainer, identity, notify=notify) if resume else None
    history: list[dict[str, Any]] = found[0].record["history"] if found else []
    record = {"identity": identity, "history": history}
    minutes = coding.settings.training["checkpoint_minutes"]
    try:
        for event in run_and_save(trainer, checkpoints, record, minutes=minutes, each_epoch=False):
            if isinstance(event, Epoch):
                history.append({"epoch": event.epoch + 1, **event.metrics})
    except (KeyboardInterrupt, SystemExit):
        notify(f"Interrupted; go on with --resume --out {folder.parent}")
        raise
    write_json(folder / "metrics.json", history)
    learning_curve(history, folder / "learning-curve.png", METRIC, higher_is_better=False)
    best = trainer.state.best_epoch
    assert best is not None
    notify(
        f"seed {seed}: {len(history)} epochs, best development RMSE {history[best][METRIC]:.4g} "
        f"in epoch {best + 1}"
    )
    trainer.model.load_state_dict(trainer.best_weights)
    assert isinstance(trainer.model, Model)
    return trainer.model.eval()
