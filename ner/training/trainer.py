"""The training loop: a generator that trains. Saving and printing belong to whoever consumes it.

The loop knows batches of arrays, `model.loss(batch)` and a named score. What the arrays mean is not
its business, so it also trains models that have nothing to do with text.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from ner.errors import TrainingError
from ner.nn.runtime import to_tensors
from ner.training.optimizers import LazyAdam, Schedule, clip_gradients
from ner.training.ranks import ALONE, Ranks
from ner.training.weights import AveragedWeights, not_finite, trained_weights

# On a GPU, reading a loss waits for the device; so losses are read this many steps at a time.
LOSSES_AT_ONCE = 32


class BatchSource(Protocol):
    """Makes the batches of every epoch, the same ones each time it is asked."""

    def plan(self, epoch: int) -> Sequence[NDArray[np.int64]]:
        """List the numbers of the examples in each batch of an epoch."""
        ...

    def batch(self, epoch: int, step: int, indices: NDArray[np.int64]) -> Mapping[str, Any]:
        """Make one of these batches: arrays by name, among them `lengths`, the tokens (B)."""
        ...


@dataclass(frozen=True)
class Step:
    """The model was trained on a batch."""

    epoch: int
    """Number of the epoch, from 0."""
    step: int
    """Number of the batch in the epoch, from 0."""
    steps: int
    """How many batches the epoch has."""
    loss: float
    """Mean loss of the epoch so far."""
    tokens: int
    """Tokens of the epoch so far."""
    seconds: float
    """Time that its batches took so far."""


@dataclass(frozen=True)
class Epoch:
    """An epoch ended, and the model was evaluated."""

    epoch: int
    """Number of the epoch, from 0."""
    metrics: Mapping[str, float]
    """Mean `loss` of the epoch, every score of the evaluation, `learning_rate` at the end,
    `tokens_per_second` and `seconds` of training."""
    better: bool
    """Whether its score is the best so far."""
    best: float
    """The best score so far."""


class NonFiniteLossError(TrainingError):
    """The loss is not a number any more."""

    def __init__(self, epoch: int, step: int, indices: NDArray[np.int64], loss: float) -> None:
        super().__init__(
            f"epoch {epoch + 1}, step {step + 1}: the loss must be finite. Got {loss}."
        )
        self.indices = indices
        self._again = (epoch, step, indices, loss)

    def __reduce__(self) -> tuple[Any, ...]:
        # By default, a copy in another process would be made of the message alone.
        return type(self), self._again


@dataclass
class TrainerState:
    """The state of a run, without its tensors."""

    epoch: int = 0
    """Epochs that ended."""
    step: int = 0
    """Steps of the current epoch that are done."""
    total_steps: int = 0
    """Steps of all epochs that are done."""
    factor: float = 1.0
    """The factor on learning rates, from the schedule."""
    loss_sum: float = 0.0
    """Sum of the losses of these steps."""
    tokens: int = 0
    """Tokens of these steps."""
    seconds: float = 0.0
    """Time that these steps took."""
    best_score: float | None = None
    """The best score so far; None before the first evaluation."""
    best_epoch: int | None = None
    """The epoch of that score, from 0."""
    finished: bool = False
    """Whether there is nothing more to train."""


class Trainer:
    """Trains a model: iterate over `run()`.

    Args:
        model: Has a method `loss` from a batch of tensors to a scalar. It is trained on the device
            where its parameters are.
        batches: Makes the batches, see `BatchSource`. Integers become int64, other numbers float32.
        evaluate: Scores the model on development data after each epoch. The model is in evaluation
            mode then, with averaged weights.
        optimizers: Optimizers over all parameters together. The rate of each group is its highest,
            which the schedule lowers.
        schedule: Factor on the learning rates; constant by default.
        epochs: How many epochs to train.
        metric: Name of the score, among those that `evaluate` returns, that decides which weights
            are the best.
        higher_is_better: The direction of that score.
        clip_norm: Greatest norm of all gradients together; None does not clip.
        ema: Decay of the averaged weights, which are what is evaluated and kept, in [0, 1).
        patience: Epochs without a better score before training ends; None trains all epochs.
        penalty: From the loss of a batch to that loss and what large weights cost.
        ranks: The processes that train together; by default, this one trains alone.
        seed: Seed of what they draw at random; a process alone goes on with torch's own numbers.
    """

    def __init__(
        self,
        model: nn.Module,
        batches: BatchSource,
        evaluate: Callable[[nn.Module], Mapping[str, float]],
        optimizers: Sequence[Optimizer],
        schedule: Schedule | None = None,
        *,
        epochs: int,
        metric: str,
        higher_is_better: bool = True,
        clip_norm: float | None = 1.0,
        ema: float = 0.0,
        patience: int | None = None,
        penalty: Callable[[Tensor], Tensor] = lambda loss: loss,
        ranks: Ranks = ALONE,
        seed: int = 0,
    ) -> None:
        self.model = model
        self.batches = batches
        self.evaluate = evaluate
        self.optimizers = optimizers
        self.schedule = schedule or Schedule("constant")
        self.epochs = epochs
        self.metric = metric
        self.sign = 1 if higher_is_better else -1
        self.clip_norm = clip_norm
        self.patience = patience
        self.penalty = penalty
        self.ranks = ranks
        self.seed = seed
        self.device = next(model.parameters()).device
        self.to_tensors = partial(to_tensors, device=self.device)
        self.average = AveragedWeights(model, ema)
        self.state = TrainerState()
        self.best_weights: dict[str, Tensor] = {}
        """The trained weights of the best epoch by name, on the CPU."""
        # Losses that were not read yet: epoch, step, examples, loss.
        self.pending: list[tuple[int, int, NDArray[np.int64], Tensor]] = []
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group.setdefault("base_lr", group["lr"])

    def run(self) -> Iterator[Step | Epoch]:
        """Train on from the current state; at each event the state can be saved.

        Raises:
            NonFiniteLossError: The loss of a step is not a number. The weights are those before it.
            TrainingError: A weight is not a number at the end of an epoch.
        """
        while not self.state.finished:
            yield from self._run_steps()
            yield self.end_epoch()

    def end_epoch(self) -> Epoch:
        """Evaluate the model and begin the next epoch.

        `run` does so after the last step of an epoch. Call it to stop within an epoch: what was
        learned since the last evaluation then counts as well.

        Raises:
            NonFiniteLossError: As for `run`.
            TrainingError: A weight is not a number.
        """
        self.read_losses()
        state = self.state
        self.model.eval()
        for optimizer in self.optimizers:
            if isinstance(optimizer, LazyAdam):
                optimizer.catch_up()
        with self.average.applied():
            self._check_weights()
            scores = dict(self.evaluate(self.model))
            better = self._keep_if_best(scores[self.metric])
        self.schedule.observe(better)
        metrics = {
            "loss": state.loss_sum / max(1, state.step),
            **scores,
            "learning_rate": self.optimizers[0].param_groups[-1]["lr"],
            "tokens_per_second": state.tokens / max(state.seconds, 1e-9),
            "seconds": state.seconds,
        }
        assert state.best_score is not None
        assert state.best_epoch is not None
        ended = Epoch(state.epoch, metrics, better, state.best_score)
        state.epoch += 1
        state.step, state.loss_sum, state.tokens, state.seconds = 0, 0.0, 0, 0.0
        is_exhausted = self.patience is not None and self._waited() >= self.patience
        state.finished = state.epoch >= self.epochs or is_exhausted
        return ended

    def _check_weights(self) -> None:
        broken = not_finite(trained_weights(self.model))
        if broken is not None:
            raise TrainingError(
                f"epoch {self.state.epoch + 1}: the weights must be finite. Got others in "
                f"{broken}. A lower training.learning_rate can help."
            )

    def extend(self) -> None:
        """Train on after the last epoch of a restored state, if there are more epochs by now.

        Training that ended early, because its score did not rise any more, has ended for good.
        """
        state = self.state
        if state.finished and self._waited() < (self.patience or math.inf):
            state.finished = state.epoch >= self.epochs

    def _waited(self) -> int:
        """Count the epochs that ended since the best one."""
        best = self.state.best_epoch
        return 0 if best is None else self.state.epoch - 1 - best

    def read_losses(self) -> None:
        """Wait for the losses of the last steps, and add them up.

        Raises:
            NonFiniteLossError: One of them is not a number.
        """
        values = torch.stack([loss for *_, loss in self.pending]).tolist() if self.pending else []
        for (epoch, step, indices, _), value in zip(self.pending, values, strict=True):
            if not math.isfinite(value):
                raise NonFiniteLossError(epoch, step, indices, value)
            self.state.loss_sum += value
        self.pending.clear()

    def _run_steps(self) -> Iterator[Step]:
        """Train on the batches of the current epoch that are left."""
        state = self.state
        plan = self.batches.plan(state.epoch)
        self._set_rates()
        for step in range(state.step, len(plan)):
            began = time.perf_counter()
            self.model.train()
            self.ranks.seed_step(self.seed, state.epoch, step)
            arrays = self.batches.batch(state.epoch, step, self.ranks.part(plan[step]))
            progress = (state.epoch + step / len(plan)) / self.epochs
            state.factor = self.schedule.factor(progress, state.epoch)
            self._set_rates()
            loss = self.model.loss(self.to_tensors(arrays))  # pyright: ignore[reportCallIssue]
            loss = self.ranks.weigh(self.penalty(loss), plan[step])
            loss.backward()
            loss = self.ranks.sum_gradients(self.model, loss.detach())
            self.pending.append((state.epoch, step, plan[step], loss))
            if self.device.type == "cpu" or len(self.pending) == LOSSES_AT_ONCE:
                self.read_losses()
            self._update()
            state.step = step + 1
            state.tokens += self.ranks.total(int(arrays["lengths"].sum()))
            state.seconds += time.perf_counter() - began
            mean = state.loss_sum / max(1, state.step - len(self.pending))
            yield Step(state.epoch, step, len(plan), mean, state.tokens, state.seconds)

    def _update(self) -> None:
        if self.clip_norm is not None:
            clip_gradients(self.model.parameters(), self.clip_norm)
        self.average.before_step()
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        self.average.after_step(self.state.total_steps)
        self.state.total_steps += 1

    def _set_rates(self) -> None:
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["base_lr"] * self.state.factor

    def _keep_if_best(self, score: float) -> bool:
        """Keep the weights if the score is better than all before it."""
        best = self.state.best_score
        if best is not None and not self.sign * score > self.sign * best:
            return False
        self.state.best_score, self.state.best_epoch = score, self.state.epoch
        self.best_weights = {
            name: tensor.detach().cpu().clone()
            for name, tensor in trained_weights(self.model).items()
        }
        return True
