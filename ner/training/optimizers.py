"""Optimizers, schedules of the learning rate, and averaged weights."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer

ScheduleName = Literal["one-cycle", "cosine", "plateau", "inverse-epoch", "constant"]
# One-cycle starts at 1/25 of the peak and ends near zero: Smith and Topin, "Super-Convergence",
# 2018, with the divisor that fastai made the custom.
ONE_CYCLE_START = 1 / 25


def build_optimizer(
    model: nn.Module,
    *,
    name: Literal["adamw", "sgd"] = "adamw",
    learning_rate: float,
    embedding_rate: float = 1.0,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    betas: tuple[float, float] = (0.9, 0.999),
) -> Optimizer:
    """Build an optimizer whose groups differ in rate and decay.

    Args:
        model: Its parameters are taken.
        name: Of the optimizer.
        learning_rate: Peak, kept as `base_lr` in each group.
        embedding_rate: Factor on the rate of embedding tables.
        weight_decay: Spares everything of one dimension (biases, a CRF's edges), embedding
            tables, and a CRF's transitions.
        momentum: Of SGD.
        betas: Of AdamW.
    """
    embeddings = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    groups: dict[tuple[bool, bool], list[Tensor]] = {}
    for key, parameter in model.named_parameters():
        embedding = id(parameter) in embeddings
        spared = parameter.ndim < 2 or embedding or "crf." in key
        groups.setdefault((embedding, spared), []).append(parameter)
    settings: list[dict[str, Any]] = [
        {
            "params": parameters,
            "base_lr": learning_rate * (embedding_rate if embedding else 1),
            "weight_decay": 0.0 if spared else weight_decay,
        }
        for (embedding, spared), parameters in groups.items()
    ]
    if name == "sgd":
        return SGD(settings, lr=learning_rate, momentum=momentum, fused=True)
    return AdamW(settings, lr=learning_rate, betas=betas, fused=True)


class Schedule:
    """The factor on every learning rate, as training goes on.

    Args:
        name: `one-cycle` rises and falls along cosines; `cosine` rises linearly, then falls;
            `plateau` halves when the development score stalls; `inverse-epoch` divides by
            1 + decay * epoch.
        warmup: Share of the run in which the rate rises.
        decay: Of `inverse-epoch`.
        patience: Epochs without a better score before `plateau` halves.
    """

    def __init__(
        self, name: ScheduleName, *, warmup: float = 0.1, decay: float = 0.05, patience: int = 3
    ) -> None:
        self.name = name
        self.warmup = warmup
        self.decay = decay
        self.patience = patience
        self.stalled = 0
        self.halvings = 0

    def factor(self, progress: float, epoch: int) -> float:
        """Give the factor in (0, 1] at a `progress` in [0, 1) of the whole run."""
        match self.name:
            case "one-cycle" if progress < self.warmup:
                rise = (1 - math.cos(math.pi * progress / self.warmup)) / 2
                return ONE_CYCLE_START + (1 - ONE_CYCLE_START) * rise
            case "cosine" if progress < self.warmup:
                return progress / self.warmup
            case "one-cycle" | "cosine":
                fall = (progress - self.warmup) / (1 - self.warmup)
                return (1 + math.cos(math.pi * fall)) / 2
            case "plateau":
                return 0.5**self.halvings
            case "inverse-epoch":
                return 1 / (1 + self.decay * epoch)
            case _:
                return 1.0

    def observe(self, better: bool) -> None:
        """Take note of whether an epoch was the best so far."""
        self.stalled = 0 if better else self.stalled + 1
        if self.stalled >= self.patience:
            self.stalled, self.halvings = 0, self.halvings + 1

    def state(self) -> dict[str, int]:
        """Give what a checkpoint has to keep."""
        return {"stalled": self.stalled, "halvings": self.halvings}

    def load_state(self, state: dict[str, int]) -> None:
        """Go on from `state`."""
        self.stalled, self.halvings = state["stalled"], state["halvings"]


class AveragedWeights:
    """An exponential moving average of a model's parameters.

    Early on it follows faster than `decay` says, so that the start does not linger in it.

    Args:
        model: Its parameters are followed.
        decay: Share of the old average that stays at each step; 0 follows at once.

    Source: Polyak and Juditsky, SIAM J. Control Optim. 30(4), 1992; the warm-up is that of
    TensorFlow's ExponentialMovingAverage (`num_updates`).
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.parameters = list(model.parameters())
        self.decay = decay
        self.averages = [p.detach().clone() for p in self.parameters]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the parameters after step number `step`, from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.averages, self.parameters, 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the averages in the place of the parameters for a while."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for parameter, average in zip(self.parameters, self.averages, strict=True):
            parameter.data, average.data = average.data, parameter.data
