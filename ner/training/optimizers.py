"""Optimizers, clipping and schedules. Large tables on a CPU are updated row by row."""

import math
from collections.abc import Iterable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer

from ner.nn.transformer import transformers_of
from ner.training.ranks import ALONE, Ranks
from ner.training.weights import embedding_tables, shrinkable

# A smaller table is updated faster as a whole.
SMALL_TABLE = 20_000
HIGHEST_RATIO = 0.9999


class LazyAdam(Optimizer):
    """Adam for large tables, which updates a row when a batch looks it up.

    Dense Adam moves every row at every step: a row without a gradient keeps moving along its fading
    first moment. Here such a row waits until a batch looks it up, and then makes all these moves at
    once: they are a geometric series. So the cost of a step does not grow with the table. The
    weights differ from those of dense Adam only because the learning rate and the bias corrections
    change while a row waits.

    Args:
        groups: Parameter groups. All parameters are weights of `tables`.
        tables: Embeddings with sparse gradients. In training, they update the rows that they look
            up.
        lr: Learning rate.
        betas: Decay of the first and of the second moment.
        eps: Number that is added to the root of the second moment.
        ranks: The processes that train together. All of them update the rows that any of them looks
            up, because the moves of a row depend on when it makes them.

    Source: Kingma and Ba, "Adam", ICLR 2015, algorithm 1.
    """

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        tables: Iterable[nn.Embedding],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        ranks: Ranks = ALONE,
    ) -> None:
        super().__init__(groups, {"lr": lr, "betas": betas, "eps": eps})
        self.ranks = ranks
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

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        super().load_state_dict(state_dict)
        # The base class makes floats of the numbers of steps, which are exact up to 2**24 alone.
        weights = [weight for group in self.param_groups for weight in group["params"]]
        for i, weight in enumerate(weights):
            self.state[weight]["last"] = state_dict["state"][i]["last"].clone()

    def _before_lookup(self, table: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        assert isinstance(table, nn.Embedding)
        if table.training:
            group = next(
                g for g in self.param_groups if any(p is table.weight for p in g["params"])
            )
            self._catch_up(group, table.weight, self.ranks.union(arguments[0].unique()))

    def catch_up(self) -> None:
        """Update all rows that wait; needed before the tables are read as a whole."""
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
        # From step to step, a move shrinks by this ratio; add up the moves of all steps.
        # With unusual betas the ratio would be above 1; then the limit keeps the sum finite.
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
    """Let large embedding tables have sparse gradients, of only the rows that were looked up.

    This is faster on a CPU. On a GPU, an update of the whole table is faster than finding the rows.
    """
    # A pretrained encoder may use its tables for more than looking up rows.
    pretrained = {m for transformer in transformers_of(model) for m in transformer.modules()}
    for module in model.modules():
        if module in pretrained:
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
    ranks: Ranks = ALONE,
) -> list[Optimizer]:
    """Build optimizers with a group of parameters for each learning rate and weight decay.

    Args:
        model: The model, of which all trainable parameters are taken.
        name: `adamw` or `sgd`.
        learning_rate: The highest rate, which each group keeps as `base_lr`.
        embedding_rate: Factor on the rate of embedding tables. Those of a transformer have the rate
            of the transformer.
        weight_decay: Decay of the weights that `shrinkable` names; decoupled from the gradient with
            `adamw`.
        momentum: Momentum of `sgd`.
        betas: Decay of the two moments of `adamw`.
        ranks: The processes that train together.

    Returns:
        One optimizer for dense gradients and, if there are sparse tables, one for these.
    """
    tables = embedding_tables(model)
    decaying = shrinkable(model)
    rates = {
        id(parameter): transformer.rate
        for transformer in transformers_of(model)
        for parameter in transformer.encoder.parameters()
    }
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
            optimizers.append(LazyAdam(sparse, chosen, lr=learning_rate, betas=betas, ranks=ranks))
    return optimizers


@torch.no_grad()
def clip_gradients(parameters: Iterable[Tensor], max_norm: float) -> None:
    """Scale all gradients, dense and sparse, so that their joint norm is at most `max_norm`.

    Sparse gradients are coalesced.
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
    # The same small number as in torch.nn.utils.clip_grad_norm_, so that both agree.
    scale = (max_norm / (norm + 1e-6)).clamp(max=1.0)
    for value in values:
        value.mul_(scale)


ScheduleName = Literal["one-cycle", "cosine", "plateau", "inverse-epoch", "constant"]

# One-cycle starts at 1/25 of the highest rate and ends near zero: Smith and Topin,
# "Super-Convergence", 2018, with the divisor of fastai.
ONE_CYCLE_START = 1 / 25


class Schedule:
    """The factor on all learning rates in the course of training.

    Args:
        name: `one-cycle` rises and falls along cosines; `cosine` rises linearly and falls along a
            cosine; `plateau` halves when the development score stalls; `inverse-epoch` divides by
            1 + decay * epoch; `constant` stays at 1.
        warmup: Share of the run in which `one-cycle` and `cosine` rise.
        decay: Decay of `inverse-epoch`.
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
        """Compute the factor, in [0, 1].

        Args:
            progress: Share of the run that is done, in [0, 1).
            epoch: Number of the epoch, from 0.
        """
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
        """Record whether an epoch was the best so far."""
        self.stalled = 0 if better else self.stalled + 1
        if self.stalled >= self.patience:
            self.stalled, self.halvings = 0, self.halvings + 1

    def state(self) -> dict[str, int]:
        """Return what a checkpoint must keep."""
        return {"stalled": self.stalled, "halvings": self.halvings}

    def load_state(self, state: dict[str, int]) -> None:
        """Restore what `state` returned."""
        self.stalled, self.halvings = state["stalled"], state["halvings"]
