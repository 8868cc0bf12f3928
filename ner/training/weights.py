"""The weights of a model: averages over steps, those that are trained, those that shrink."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn

# Replaces a decay of zero, whose logarithm is not finite.
SMALLEST = 1e-300


class AveragedWeights:
    """An exponential moving average of a model's parameters.

    In the first steps it follows the parameters faster than `decay` says, so that the initial
    weights have little influence. A row of a table with sparse gradients does not change in most
    steps; its average is updated only before it changes, and when the average is read. The result
    is the same.

    Args:
        model: The model whose parameters are averaged.
        decay: Share of the old average that each step keeps, in [0, 1). With 0, the average is the
            parameters themselves.

    Source: Polyak and Juditsky, SIAM J. Control Optim. 30(4), 1992. The first steps are those of
    TensorFlow's ExponentialMovingAverage (`num_updates`).
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.parameters: list[Tensor] = [p for p in model.parameters() if p.requires_grad]
        self.averages = [p.detach().clone() for p in self.parameters]
        # The logarithm of the share of the initial weights in the average; and, for each row of a
        # table with sparse gradients, that logarithm when the row was last updated.
        self.log_left = 0.0
        sparse = sparse_weights(model)
        self.row_logs = {
            i: torch.zeros(len(p), dtype=torch.float64)
            for i, p in enumerate(self.parameters)
            if id(p) in sparse
        }

    @torch.no_grad()
    def before_step(self) -> None:
        """Update the averages of rows that have a gradient, before the step changes them."""
        for i in self.row_logs:
            gradient = self.parameters[i].grad
            if gradient is not None:
                self._catch_up(i, gradient.coalesce().indices()[0])

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        """Update the averages with the parameters after step number `step`, from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        self.log_left += math.log(max(decay, SMALLEST))
        for i, (average, parameter) in enumerate(zip(self.averages, self.parameters, strict=True)):
            if i not in self.row_logs:
                average.lerp_(parameter, 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Replace the parameters by their averages while the context lasts."""
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
    """Return the state of a model by name, without its frozen parameters."""
    frozen = frozen_weights(model)
    return {name: tensor for name, tensor in model.state_dict().items() if name not in frozen}


def frozen_weights(model: nn.Module) -> dict[str, Tensor]:
    """Return the parameters that are not trained, under each of their names."""
    named = model.named_parameters(remove_duplicate=False)
    return {name: p.detach() for name, p in named if not p.requires_grad}


def not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    """Return the name of the first tensor with a number that is not finite; None without any."""
    return next((name for name, tensor in tensors.items() if not tensor.isfinite().all()), None)


def embedding_tables(model: nn.Module) -> dict[int, nn.Embedding]:
    """Find the embedding tables of a model by the identity of their weights."""
    return {id(m.weight): m for m in model.modules() if isinstance(m, nn.Embedding)}


def sparse_weights(model: nn.Module) -> set[int]:
    """Find the identities of the weights that have sparse gradients."""
    return {key for key, table in embedding_tables(model).items() if table.sparse}


def shrinkable(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the weights that decay and penalties pull towards zero: the trained matrices, by name.

    Vectors such as biases are left out, because they have next to no capacity. So is the CRF, whose
    forbidden transitions would become possible, and so are embedding tables: a batch has gradients
    of the rows that it looks up, but a penalty would move all rows.
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

    Their gradients are clipped and scaled like those of the rest of the loss, unlike the decay of
    AdamW.

    Args:
        weights: The weights that are penalized, see `shrinkable`.
        l1: Loss for each unit of absolute weight.
        l2: Loss for each unit of squared weight. The weight decay of SGD is twice this number.
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
