"""The training loop: a generator that trains. Saving and printing belong to whoever consumes it.

It knows batches of arrays, `model.loss(batch)`, and a named metric with its direction; what the
arrays mean is not its business.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from ner.errors import TrainingError
from ner.training.optimizers import LazyAdam, Schedule, clip_gradients
from ner.training.weights import AveragedWeights, learnt_weights

# On a GPU, reading a loss waits for the device; so losses are read this many steps at a time.
LOSSES_AT_ONCE = 32


class BatchSource(Protocol):
    """Gives the batches of every epoch, the same ones each time it is asked."""

    def plan(self, epoch: int) -> Sequence[NDArray[np.int64]]:
        """List the examples of each batch of an epoch."""
        ...

    def batch(
        self, epoch: int, step: int, indices: NDArray[np.int64]
    ) -> Mapping[str, NDArray[Any]]:
        """Make one of them; `lengths` is among its arrays."""
        ...


@dataclass(frozen=True)
class Step:
    """A batch was learnt.

    `loss` is the mean of the epoch so far; `tokens` counts its tokens, `seconds` the time spent.
    """

    epoch: int
    step: int
    steps: int
    loss: float
    tokens: int
    seconds: float


@dataclass(frozen=True)
class Epoch:
    """An epoch is over and was evaluated.

    `metrics` holds `loss`, what the evaluation gave, and the training speed.
    """

    epoch: int
    metrics: Mapping[str, float]
    better: bool


class NonFiniteLossError(TrainingError):
    """The loss is not a number any more."""

    def __init__(self, epoch: int, step: int, indices: NDArray[np.int64], loss: float) -> None:
        super().__init__(
            f"epoch {epoch + 1}, step {step + 1}: the loss must be finite. Got {loss}."
        )
        self.indices = indices


class Trainer:
    """Trains a model; iterate over `run()`.

    Args:
        model: Has a `loss`; already on `device`.
        batches: See `BatchSource`.
        evaluate: Scores the model on development data, in evaluation mode, after each epoch.
        optimizers: Over the model's parameters together, with `base_lr` in each group.
        schedule: Of the learning rate.
        epochs: How many.
        metric: Name of the score in what `evaluate` returns that decides which weights are best.
        higher_is_better: The direction of that score.
        clip_norm: Greatest norm of all gradients together; None does not clip.
        ema: Decay of the averaged weights, which are what is evaluated and kept.
        patience: Epochs without a better score before it stops; None never does.
        penalty: Adds to the loss what large weights cost.
        to_tensors: Moves the arrays of a batch to the device.
        device: Where it trains.
    """

    def __init__(
        self,
        model: nn.Module,
        batches: BatchSource,
        evaluate: Callable[[nn.Module], Mapping[str, float]],
        optimizers: Sequence[Optimizer],
        schedule: Schedule,
        *,
        epochs: int,
        metric: str,
        higher_is_better: bool = True,
        clip_norm: float | None = 1.0,
        ema: float = 0.0,
        patience: int | None = None,
        penalty: Callable[[Tensor], Tensor] = lambda loss: loss,
        to_tensors: Callable[[Mapping[str, NDArray[Any]]], Mapping[str, Tensor]],
        device: torch.device,
    ) -> None:
        self.model = model
        self.batches = batches
        self.evaluate = evaluate
        self.optimizers = optimizers
        self.schedule = schedule
        self.epochs = epochs
        self.metric = metric
        self.sign = 1 if higher_is_better else -1
        self.clip_norm = clip_norm
        self.patience = patience
        self.penalty = penalty
        self.to_tensors = to_tensors
        self.device = device
        self.average = AveragedWeights(model, ema)
        self.best_weights: dict[str, Tensor] = {}
        # Losses that were not read yet: epoch, step, examples, loss.
        self.pending: list[tuple[int, int, NDArray[np.int64], Tensor]] = []
        # Everything that a checkpoint keeps beside tensors.
        self.facts: dict[str, Any] = {
            "epoch": 0,
            "step": 0,
            "total_steps": 0,
            "factor": 1.0,
            "loss_sum": 0.0,
            "tokens": 0,
            "seconds": 0.0,
            "best": None,
            "best_epoch": None,
            "finished": False,
        }

    def run(self) -> Iterator[Step | Epoch]:
        """Train on from where the state is; every event is a moment at which it can be saved."""
        while not self.facts["finished"]:
            yield from self._run_epoch(self.facts["epoch"])

    def read_losses(self) -> None:
        """Wait for the losses of the last steps, and add them up.

        Raises:
            NonFiniteLossError: One of them is not a number.
        """
        values = torch.stack([loss for *_, loss in self.pending]).tolist() if self.pending else []
        for (epoch, step, indices, _), value in zip(self.pending, values, strict=True):
            if not math.isfinite(value):
                raise NonFiniteLossError(epoch, step, indices, value)
            self.facts["loss_sum"] += value
        self.pending.clear()

    def _run_epoch(self, epoch: int) -> Iterator[Step | Epoch]:
        facts = self.facts
        plan = self.batches.plan(epoch)
        self._set_rates()
        for step in range(facts["step"], len(plan)):
            began = time.perf_counter()
            self.model.train()
            arrays = self.batches.batch(epoch, step, plan[step])
            progress = (epoch + step / len(plan)) / self.epochs
            facts["factor"] = self.schedule.factor(progress, epoch)
            self._set_rates()
            loss = self.model.loss(self.to_tensors(arrays))  # pyright: ignore[reportCallIssue]
            loss = self.penalty(loss)
            self.pending.append((epoch, step, plan[step], loss.detach()))
            if self.device.type == "cpu" or len(self.pending) == LOSSES_AT_ONCE:
                self.read_losses()
            self._update(loss)
            facts["step"] = step + 1
            facts["tokens"] += int(arrays["lengths"].sum())
            facts["seconds"] += time.perf_counter() - began
            mean = facts["loss_sum"] / max(1, facts["step"] - len(self.pending))
            yield Step(epoch, step, len(plan), mean, facts["tokens"], facts["seconds"])
        self.read_losses()
        yield self._finish_epoch(epoch, len(plan))

    def _update(self, loss: Tensor) -> None:
        loss.backward()
        if self.clip_norm is not None:
            clip_gradients(self.model.parameters(), self.clip_norm)
        self.average.before_step()
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        self.average.after_step(self.facts["total_steps"])
        self.facts["total_steps"] += 1

    def _set_rates(self) -> None:
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["base_lr"] * self.facts["factor"]

    def _finish_epoch(self, epoch: int, steps: int) -> Epoch:
        facts = self.facts
        self.model.eval()
        for optimizer in self.optimizers:
            if isinstance(optimizer, LazyAdam):
                optimizer.catch_up()
        with self.average.applied():
            scores = dict(self.evaluate(self.model))
            score = self.sign * scores[self.metric]
            better = facts["best"] is None or score > facts["best"]
            if better:
                facts["best"], facts["best_epoch"] = score, epoch
                self.best_weights = {
                    name: tensor.detach().cpu().clone()
                    for name, tensor in learnt_weights(self.model).items()
                }
        self.schedule.observe(better)
        metrics = {
            "loss": facts["loss_sum"] / max(1, steps),
            **scores,
            "learning_rate": self.optimizers[0].param_groups[-1]["lr"],
            "tokens_per_second": facts["tokens"] / max(facts["seconds"], 1e-9),
            "seconds": facts["seconds"],
        }
        facts.update(epoch=epoch + 1, step=0, loss_sum=0.0, tokens=0, seconds=0.0)
        waited = epoch - facts["best_epoch"]
        exhausted = self.patience is not None and waited >= self.patience
        facts["finished"] = epoch + 1 >= self.epochs or exhausted
        return Epoch(epoch, metrics, better)
