"""The trainer, on a model that has nothing to do with text: it must not notice."""

import math
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from ner.errors import ModelFolderError, TrainingError
from ner.nn.runtime import to_tensors
from ner.training.checkpoint import STATE, checkpoints, newest_checkpoint, save_checkpoint
from ner.training.optimizers import Schedule, build_optimizers
from ner.training.trainer import Epoch, NonFiniteLossError, Step, Trainer
from tests.signing import sign

# The facts that every checkpoint has.
RECORD = {"identity": {}, "history": []}


class Series:
    """Batches of windows of a sine, with their next value."""

    def __init__(self):
        wave = np.sin(np.arange(60) / 3).astype(np.float32)
        self.windows = np.lib.stride_tricks.sliding_window_view(wave[:-1], 5)
        self.following = wave[5:]

    def plan(self, epoch):
        order = np.random.default_rng([7, epoch]).permutation(len(self.windows))
        return np.array_split(order, 6)

    def batch(self, epoch, step, indices):
        return {
            "windows": self.windows[indices],
            "following": self.following[indices],
            "lengths": np.full(len(indices), 5),
        }


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(5, 8), nn.Dropout(0.2), nn.Tanh(), nn.Linear(8, 1))
        self.bias_of_bin = nn.Embedding(9, 1, sparse=True)

    def loss(self, batch):
        bins = (batch["windows"][:, -1] * 4 + 4).long()
        predicted = self.layers(batch["windows"])[:, 0] + self.bias_of_bin(bins)[:, 0]
        return (predicted - batch["following"]).square().mean()


def make_trainer(seed=3, optimizer="adamw", schedule="one-cycle", **settings):
    torch.manual_seed(seed)
    model, series = Forecaster(), Series()
    everything = series.batch(0, 0, np.arange(len(series.windows)))

    def rmse(network):
        with torch.inference_mode():
            return {"rmse": math.sqrt(network.loss(to_tensors(everything)).item())}

    return Trainer(
        model,
        series,
        rmse,
        build_optimizers(model, name=optimizer, learning_rate=0.02, momentum=0.5),
        Schedule(schedule, patience=1),
        **{"epochs": 4, "metric": "rmse", "higher_is_better": False, "ema": 0.9} | settings,
    )


def test_a_series_is_learnt_by_a_metric_that_is_better_when_lower():
    trainer = make_trainer(epochs=30)
    scores = [e.metrics["rmse"] for e in trainer.run() if isinstance(e, Epoch)]
    assert scores[-1] < scores[0] / 2
    assert trainer.state.best_score == min(scores)
    assert trainer.state.best_epoch == scores.index(min(scores))


def test_the_best_weights_are_the_averaged_ones_of_the_best_epoch():
    trainer = make_trainer()
    for event in trainer.run():
        if isinstance(event, Epoch) and event.better:
            with trainer.average.applied():
                expected = {k: v.clone() for k, v in trainer.model.state_dict().items()}
    assert all(torch.equal(trainer.best_weights[name], expected[name]) for name in expected)


def test_events_name_every_step_and_epoch():
    events = list(make_trainer(epochs=2).run())
    steps = [(e.epoch, e.step, e.steps) for e in events if isinstance(e, Step)]
    assert steps == [(epoch, step, 6) for epoch in range(2) for step in range(6)]
    assert [i for i, e in enumerate(events) if isinstance(e, Epoch)] == [6, 13]


def test_it_stops_early_when_the_score_stalls():
    trainer = make_trainer(epochs=50, patience=2)
    scores = iter([3.0, 2.0, 2.5, 2.0, 1.0])
    trainer.evaluate = lambda network: {"rmse": next(scores)}
    epochs = [e for e in trainer.run() if isinstance(e, Epoch)]
    assert [e.better for e in epochs] == [True, True, False, False]


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("schedule", ["one-cycle", "cosine", "plateau", "inverse-epoch"])
@pytest.mark.parametrize("stop", [1, 3, 6, 7, 16, 27])
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path, optimizer, schedule, stop):
    whole = make_trainer(optimizer=optimizer, schedule=schedule)
    expected = list(whole.run())

    first = make_trainer(optimizer=optimizer, schedule=schedule)
    events = []
    for event in first.run():
        events.append(event)
        if len(events) == stop:
            save_checkpoint(tmp_path, first, RECORD | {"a": 1})
            break
    second = make_trainer(seed=99, optimizer=optimizer, schedule=schedule)
    checkpoint = newest_checkpoint(tmp_path)
    checkpoint.restore(second)
    events += second.run()

    assert checkpoint.record == RECORD | {"a": 1}
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, second.model.state_dict()[name])
        assert torch.equal(whole.best_weights[name], second.best_weights[name])
    for one, other in zip(expected, events, strict=True):
        assert getattr(one, "loss", None) == getattr(other, "loss", None)
        if isinstance(one, Epoch):
            assert one.metrics["loss"] == other.metrics["loss"]
            assert one.metrics["rmse"] == other.metrics["rmse"]


def interrupted(folder, steps):
    trainer = make_trainer()
    for number, _ in enumerate(trainer.run(), 1):
        save_checkpoint(folder, trainer, RECORD)
        if number == steps:
            return trainer
    raise AssertionError


def test_two_checkpoints_are_kept(tmp_path):
    interrupted(tmp_path, 5)
    assert [path.name for path in checkpoints(tmp_path)] == [
        "epoch-00000-step-00000004",
        "epoch-00000-step-00000005",
    ]


def test_a_checkpoint_that_was_cut_off_is_passed_over(tmp_path):
    interrupted(tmp_path, 5)
    newest = checkpoints(tmp_path)[-1] / "state.safetensors"
    newest.write_bytes(newest.read_bytes()[:-100])
    leftover = tmp_path / ".epoch-00000-step-00000006.new"
    leftover.mkdir()
    assert newest_checkpoint(tmp_path).path.name == "epoch-00000-step-00000004"
    assert not leftover.exists()


def test_a_damaged_checkpoint_is_replaced_when_its_step_comes_again(tmp_path):
    trainer = interrupted(tmp_path, 5)
    damaged = checkpoints(tmp_path)[-1]
    (damaged / "state.safetensors").write_bytes(b"")
    save_checkpoint(tmp_path, trainer, RECORD)
    assert newest_checkpoint(tmp_path).path == damaged


def test_damaged_checkpoints_are_named(tmp_path):
    interrupted(tmp_path, 5)
    for path in checkpoints(tmp_path):
        (path / "manifest.json").write_text("{")
    lines = []
    assert newest_checkpoint(tmp_path, lines.append) is None
    assert lines == [
        f"Warning: {path}: manifest.json is damaged. This checkpoint is skipped."
        for path in reversed(checkpoints(tmp_path))
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(
            lambda facts: facts["record"].pop("identity"),
            "record.identity must be there. Got no such key.",
            id="no identity",
        ),
        pytest.param(
            lambda facts: facts["record"].update(history={}),
            "record.history must be a list of epochs. Got {}.",
            id="no list of epochs",
        ),
        pytest.param(
            lambda facts: facts["trainer"].update(step=-1),
            "trainer.step must be a whole number from 0. Got -1.",
            id="a negative step",
        ),
        pytest.param(
            lambda facts: facts.pop("average"),
            "average must be there. Got no such key.",
            id="no average",
        ),
    ],
)
def test_a_checkpoint_with_other_facts_is_passed_over(tmp_path, change, words):
    interrupted(tmp_path, 2)
    first, newest = checkpoints(tmp_path)
    sign(newest, change)
    lines = []
    assert newest_checkpoint(tmp_path, lines.append).path == first
    assert lines == [f"Warning: {newest}: {words} This checkpoint is skipped."]


def test_damaged_checkpoints_do_not_push_out_those_that_are_written_after_them(tmp_path):
    interrupted(tmp_path, 5)
    for path in checkpoints(tmp_path):
        (path / "manifest.json").write_text("{")
    interrupted(tmp_path, 3)
    assert newest_checkpoint(tmp_path).path.name == "epoch-00000-step-00000003"
    assert len(checkpoints(tmp_path)) == 2


def test_without_a_checkpoint_there_is_none(tmp_path):
    assert newest_checkpoint(tmp_path / "runs") is None


def test_the_error_of_a_loss_goes_to_other_processes():
    error = pickle.loads(pickle.dumps(NonFiniteLossError(0, 1, np.array([7]), math.inf)))
    assert str(error) == "epoch 1, step 2: the loss must be finite. Got inf."
    assert error.indices.tolist() == [7]


def test_a_loss_that_is_not_a_number_stops_before_it_spoils_the_weights():
    trainer = make_trainer()
    run = trainer.run()
    next(run)
    with torch.no_grad():
        trainer.model.layers[3].weight[0, 0] = math.inf
    before = {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}
    with pytest.raises(NonFiniteLossError, match=r"epoch 1, step 2: the loss must be finite\. Got"):
        next(run)
    assert all(torch.equal(before[k], v) for k, v in trainer.model.state_dict().items())


def spoil(trainer):
    with torch.no_grad():
        trainer.model.layers[3].bias[0] = math.nan


def test_weights_that_are_not_numbers_end_an_epoch_in_a_line(monkeypatch):
    trainer = make_trainer(ema=0.0)
    after_step = trainer.average.after_step

    def last_step_diverges(step):
        if step == 5:
            spoil(trainer)
        after_step(step)

    monkeypatch.setattr(trainer.average, "after_step", last_step_diverges)
    with pytest.raises(TrainingError) as error:
        list(trainer.run())
    assert str(error.value) == (
        "epoch 1: the weights must be finite. Got others in layers.3.bias. "
        "A lower training.learning_rate can help."
    )


def test_a_state_that_is_not_finite_is_neither_saved_nor_restored(tmp_path):
    trainer = make_trainer()
    next(trainer.run())
    save_checkpoint(tmp_path, trainer, RECORD)
    spoil(trainer)
    with pytest.raises(TrainingError, match="a checkpoint must hold finite numbers"):
        save_checkpoint(tmp_path, trainer, RECORD)
    (kept,) = checkpoints(tmp_path)
    state = load_file(kept / STATE)
    state["model.layers.3.bias"][0] = math.inf
    save_file(state, kept / STATE)
    sign(kept)
    checkpoint = newest_checkpoint(tmp_path)
    with pytest.raises(ModelFolderError) as error:
        checkpoint.restore(make_trainer())
    assert str(error.value) == (
        f"{kept}: must hold the state of this run. "
        "Got ValueError('numbers that are not finite in model.layers.3...."
    )


def test_a_state_of_another_network_is_refused_in_a_line(tmp_path):
    trainer = make_trainer()
    save_checkpoint(tmp_path, trainer, RECORD)
    (kept,) = checkpoints(tmp_path)
    state = load_file(kept / STATE)
    del state["random.cpu"]
    save_file(state, kept / STATE)
    sign(kept)
    with pytest.raises(ModelFolderError, match=r"must hold the state of this run\. Got KeyError"):
        newest_checkpoint(tmp_path).restore(make_trainer())
