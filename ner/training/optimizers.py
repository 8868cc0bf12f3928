"""Optimizers: dense for most weights, row by row for large tables."""

from collections.abc import Iterable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer

# A smaller table is updated faster as a whole.
SMALL_TABLE = 20_000


class LazyAdam(Optimizer):
    """Adam on the rows of tables that a batch touched; all others wait, moments included.

    The cost of a step does not grow with the table. A row's moments fade with the steps that touch
    it, not with all steps; the correction of their bias counts all steps.

    Args:
        params: Tables with sparse gradients.
        lr: Learning rate.
        betas: Decay of the two moments.
        eps: Added to the root of the second moment.

    Source: Kingma and Ba, "Adam", ICLR 2015, algorithm 1, on rows.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Update the rows that have a gradient."""
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for table in group["params"]:
                if table.grad is None:
                    continue
                state = self.state[table]
                if not state:
                    state["step"] = torch.zeros((), dtype=torch.float64)
                    state["first"] = torch.zeros_like(table)
                    state["second"] = torch.zeros_like(table)
                state["step"] += 1
                count = state["step"].item()
                gradient = table.grad.coalesce()
                rows, values = gradient.indices()[0], gradient.values()
                first = state["first"][rows].lerp_(values, 1 - beta1)
                second = state["second"][rows].mul_(beta2).addcmul_(values, values, value=1 - beta2)
                state["first"].index_copy_(0, rows, first)
                state["second"].index_copy_(0, rows, second)
                root = second.div_(1 - beta2**count).sqrt_().add_(group["eps"])
                rate = group["lr"] / (1 - beta1**count)
                table.index_add_(0, rows, first.div_(root), alpha=-rate)


def use_sparse_tables(model: nn.Module) -> None:
    """Let large embedding tables give gradients of the rows they looked up alone.

    Worth it on a CPU; on a GPU a fused step over a whole table is faster than finding the rows.
    """
    for module in model.modules():
        if isinstance(module, nn.Embedding) and module.weight.numel() > SMALL_TABLE:
            module.sparse = True


def build_optimizers(
    model: nn.Module,
    *,
    name: Literal["adamw", "sgd"] = "adamw",
    learning_rate: float,
    embedding_rate: float = 1.0,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    betas: tuple[float, float] = (0.9, 0.999),
) -> list[Optimizer]:
    """Build optimizers whose groups differ in rate and decay.

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
    tables = {id(m.weight): m.sparse for m in model.modules() if isinstance(m, nn.Embedding)}
    groups: dict[tuple[bool, bool, bool], list[Tensor]] = {}
    for key, parameter in model.named_parameters():
        table = id(parameter) in tables
        spared = parameter.ndim < 2 or table or "crf." in key
        kind = (tables.get(id(parameter), False), table, spared)
        groups.setdefault(kind, []).append(parameter)
    dense: list[dict[str, Any]] = []
    sparse: list[dict[str, Any]] = []
    for (is_sparse, table, spared), parameters in groups.items():
        base = learning_rate * (embedding_rate if table else 1)
        (sparse if is_sparse else dense).append(
            {"params": parameters, "base_lr": base}
            | ({} if is_sparse else {"weight_decay": 0.0 if spared else weight_decay})
        )
    optimizers: list[Optimizer] = []
    if name == "sgd":
        optimizers.append(SGD(dense, lr=learning_rate, momentum=momentum, fused=True))
        if sparse:
            optimizers.append(SGD(sparse, lr=learning_rate))
    else:
        optimizers.append(AdamW(dense, lr=learning_rate, betas=betas, fused=True))
        if sparse:
            optimizers.append(LazyAdam(sparse, lr=learning_rate, betas=betas))
    return optimizers


@torch.no_grad()
def clip_gradients(parameters: Iterable[Tensor], max_norm: float) -> None:
    """Scale all gradients, dense and sparse, so that their norm together is at most `max_norm`.

    Sparse gradients are coalesced on the way.
    """
    values: list[Tensor] = []
    for parameter in parameters:
        if parameter.grad is None:
            continue
        if parameter.grad.is_sparse:
            parameter.grad = parameter.grad.coalesce()
            values.append(parameter.grad.values())
        else:
            values.append(parameter.grad)
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(v) for v in values]))
    # The small number is that of torch.nn.utils.clip_grad_norm_, so that both agree.
    scale = (max_norm / (norm + 1e-6)).clamp(max=1.0)
    for value in values:
        value.mul_(scale)
