"""Averaged weights: what is evaluated and kept."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn

# What stands for a decay of zero in a sum of logarithms.
SMALLEST = 1e-300


class AveragedWeights:
    """An exponential moving average of a model's parameters.

    Early on it follows faster than `decay` says, so that the start does not linger in it. Rows of
    a table that a step does not touch stay as they are, so their average is brought up to date
    only when they are touched next, or when it is read; the result is the same.

    Args:
        model: Its parameters are followed.
        decay: Share of the old average that stays at each step; 0 follows at once.

    Source: Polyak and Juditsky, SIAM J. Control Optim. 30(4), 1992; the warm-up is that of
    TensorFlow's ExponentialMovingAverage (`num_updates`).
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.parameters: list[Tensor] = [p for p in model.parameters() if p.requires_grad]
        self.averages = [p.detach().clone() for p in self.parameters]
        # How much of an average of the start would be left by now, as a logarithm; and, for each
        # row of a table with sparse gradients, what that was when the row was last up to date.
        self.log_left = 0.0
        sparse = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding) and m.sparse}
        self.row_logs = {
            i: torch.zeros(len(p), dtype=torch.float64)
            for i, p in enumerate(self.parameters)
            if id(p) in sparse
        }

    @torch.no_grad()
    def before_step(self) -> None:
        """Bring the rows that have a gradient up to date, before the step changes them."""
        for i in self.row_logs:
            gradient = self.parameters[i].grad
            if gradient is not None:
                self._catch_up(i, gradient.coalesce().indices()[0])

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        """Take in the parameters after step number `step`, from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        self.log_left += math.log(max(decay, SMALLEST))
        for i, (average, parameter) in enumerate(zip(self.averages, self.parameters, strict=True)):
            if i not in self.row_logs:
                average.lerp_(parameter, 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the averages in the place of the parameters for a while."""
        with torch.no_grad():
            for i in self.row_logs:
                self._catch_up(i, torch.arange(len(self.parameters[i])))
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _catch_up(self, i: int, rows: Tensor) -> None:
        since = self.log_left - self.row_logs[i][rows]
        left = torch.exp(since).to(self.averages[i].dtype)[:, None]
        current = self.parameters[i].index_select(0, rows)
        average = self.averages[i].index_select(0, rows)
        self.averages[i].index_copy_(0, rows, torch.lerp(current, average, left))
        self.row_logs[i].index_fill_(0, rows, self.log_left)

    def _swap(self) -> None:
        for parameter, average in zip(self.parameters, self.averages, strict=True):
            parameter.data, average.data = average.data, parameter.data


def trained_weights(model: nn.Module) -> dict[str, Tensor]:
    """Give the state of a model without parameters that need no gradient."""
    frozen = frozen_weights(model)
    return {name: tensor for name, tensor in model.state_dict().items() if name not in frozen}


def frozen_weights(model: nn.Module) -> dict[str, Tensor]:
    """Give the parameters that need no gradient, under every name that they have."""
    named = model.named_parameters(remove_duplicate=False)
    return {name: p.detach() for name, p in named if not p.requires_grad}


def embedding_tables(model: nn.Module) -> dict[int, nn.Embedding]:
    """Find the embedding tables of a model by the identity of their weights."""
    return {id(m.weight): m for m in model.modules() if isinstance(m, nn.Embedding)}


def shrinkable(model: nn.Module) -> dict[str, nn.Parameter]:
    """Name the weights that decay and penalties pull towards zero: the matrices that are learnt.

    Not biases and other vectors, which have next to no capacity; not a CRF, whose forbidden
    transitions would be pulled back among the possible ones; not embedding tables: a batch has
    gradients of the rows alone that it looks up, and all others would have to be moved as well.
    """
    tables = embedding_tables(model)
    return {
        name: parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
        and parameter.ndim >= 2
        and id(parameter) not in tables
        and "crf." not in name
    }


class Penalty:
    """L1 and L2 terms of the loss.

    Unlike the decoupled decay of AdamW, their gradients go through clipping, momentum and the
    scaling of the optimizer, as the rest of the loss does.

    Args:
        weights: What is penalised, see `shrinkable`.
        l1: Loss for each unit of absolute weight.
        l2: Loss for each unit of squared weight; half of what others call weight decay.
    """

    def __init__(self, weights: Sequence[Tensor], l1: float = 0.0, l2: float = 0.0) -> None:
        self.weights = list(weights)
        self.l1 = l1
        self.l2 = l2

    def __call__(self, loss: Float[Tensor, ""]) -> Float[Tensor, ""]:
        """Add the terms to a loss."""
        if self.l1 and self.weights:
            loss = loss + self.l1 * torch.stack([w.abs().sum() for w in self.weights]).sum()
        if self.l2 and self.weights:
            loss = loss + self.l2 * torch.stack([w.square().sum() for w in self.weights]).sum()
        return loss
