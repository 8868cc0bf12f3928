"""Averaged weights: what is evaluated and kept."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
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
