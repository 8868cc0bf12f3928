"""What large weights cost: which of them, and the L1 and L2 terms of the loss."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn


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
