"""Optimizers: dense for most weights, row by row for large tables."""

import math
from collections.abc import Iterable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer

from ner.nn.transformer import transformers_of
from ner.training.weights import embedding_tables, shrinkable

# A smaller table is updated faster as a whole.
SMALL_TABLE = 20_000

HIGHEST_RATIO = 0.9999


class LazyAdam(Optimizer):
    """Adam on large tables, done row by row, when a batch looks a row up.

    Dense Adam moves every row at every step: a row that a batch does not touch goes on along its
    fading first moment. Here it stays until it is looked up again, and then makes all these moves
    at once: they are a geometric series. So the cost of a step does not grow with the table, and
    the weights are those of dense Adam but for the change of the learning rate and of the bias
    corrections while a row waits.

    Args:
        groups: Parameter groups; all parameters are weights of `tables`.
        tables: Embeddings with sparse gradients. From now on they bring the rows that they look up
            in training up to date.
        lr: Learning rate.
        betas: Decay of the two moments.
        eps: Added to the root of the second moment.

    Source: Kingma and Ba, "Adam", ICLR 2015, algorithm 1.
    """

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        tables: Iterable[nn.Embedding],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(groups, {"lr": lr, "betas": betas, "eps": eps})
        for group in self.param_groups:
            for weight in group["params"]:
                self.state[weight] = {
                    "step": torch.zeros((), dtype=torch.int64),
                    "first": torch.zeros_like(weight),
                    "second": torch.zeros_like(weight),
                    "last": torch.zeros(len(weight), dtype=torch.int64),
                }
        for table in tables:
            table.register_forward_pre_hook(self._before_lookup)

    def _before_lookup(self, table: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        assert isinstance(table, nn.Embedding)
        if table.training:
            group = next(
                g for g in self.param_groups if any(p is table.weight for p in g["params"])
            )
            self._catch_up(group, table.weight, arguments[0].unique())

    def catch_up(self) -> None:
        """Bring all rows up to date, before somebody reads the tables."""
        for group in self.param_groups:
            for weight in group["params"]:
                self._catch_up(group, weight, torch.arange(len(weight)))

    @torch.no_grad()
    def _catch_up(self, group: dict[str, Any], weight: Tensor, rows: Tensor) -> None:
        state = self.state[weight]
        beta1, beta2 = group["betas"]
        count = state["step"].item()
        rows = rows[state["last"].index_select(0, rows) < count]
        if count == 0 or len(rows) == 0:
            return
        waited = (count - state["last"].index_select(0, rows)).to(weight.dtype)[:, None]
        first = state["first"].index_select(0, rows)
        second = state["second"].index_select(0, rows)
        # Each step the move shrinks by this ratio: add up as many as there were.
        # (With unusual betas it would grow until eps stops it; this series then hardly shrinks.)
        ratio = min(beta1 / math.sqrt(beta2), HIGHEST_RATIO)
        moves = ratio * (1 - ratio**waited) / (1 - ratio)
        root = (second / (1 - beta2**count)).sqrt_().add_(group["eps"])
        move = first.div(root).mul_(moves / (1 - beta1**count))
        weight.index_add_(0, rows, move, alpha=-group["lr"])
        state["first"].index_copy_(0, rows, first.mul_(beta1**waited))
        state["second"].index_copy_(0, rows, second.mul_(beta2**waited))
        state["last"].index_fill_(0, rows, count)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Update the rows that have a gradient."""
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for weight in group["params"]:
                state = self.state[weight]
                state["step"] += 1
                if weight.grad is None:
                    continue
                count = state["step"].item()
                gradient = weight.grad.coalesce()
                rows, values = gradient.indices()[0], gradient.values()
                first = state["first"].index_select(0, rows).lerp_(values, 1 - beta1)
                second = state["second"].index_select(0, rows).mul_(beta2)
                second.addcmul_(values, values, value=1 - beta2)
                state["first"].index_copy_(0, rows, first)
                state["second"].index_copy_(0, rows, second)
                state["last"].index_fill_(0, rows, count)
                root = second.div_(1 - beta2**count).sqrt_().add_(group["eps"])
                rate = group["lr"] / (1 - beta1**count)
                weight.index_add_(0, rows, first.div_(root), alpha=-rate)


def use_sparse_tables(model: nn.Module) -> None:
    """Let large embedding tables give gradients of the rows they looked up alone.

    Worth it on a CPU; on a GPU a fused step over a whole table is faster than finding the rows.
    """
    # Encoders of others may use a table otherwise than by looking rows up.
    theirs = {module for part in transformers_of(model) for module in part.modules()}
    for module in model.modules():
        if module in theirs:
            continue
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
        embedding_rate: Factor on the rate of embedding tables, but those of a transformer, which
            has a factor of its own.
        weight_decay: Of AdamW, decoupled from the gradient, and of SGD; see `shrinkable` for what
            it spares.
        momentum: Of SGD.
        betas: Of AdamW.
    """
    tables = embedding_tables(model)
    decaying = shrinkable(model)
    rates = {id(p): part.rate for part in transformers_of(model) for p in part.encoder.parameters()}
    groups: dict[tuple[bool, float, bool], list[Tensor]] = {}
    for key, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        table = tables.get(id(parameter))
        rate = rates.get(id(parameter), 1.0 if table is None else embedding_rate)
        kind = (table is not None and table.sparse, rate, key not in decaying)
        groups.setdefault(kind, []).append(parameter)
    dense: list[dict[str, Any]] = []
    sparse: list[dict[str, Any]] = []
    for (is_sparse, rate, spared), parameters in groups.items():
        base = learning_rate * rate
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
            chosen = [m for m in model.modules() if isinstance(m, nn.Embedding) and m.sparse]
            optimizers.append(LazyAdam(sparse, chosen, lr=learning_rate, betas=betas))
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


ScheduleName = Literal["one-cycle", "cosine", "plateau", "inverse-epoch", "constant"]

# One-cycle starts at 1/25 of the peak and ends near zero: Smith and Topin, "Super-Convergence",
# 2018, with the divisor that fastai made the custom.
ONE_CYCLE_START = 1 / 25


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
