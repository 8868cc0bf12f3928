"""How the learning rate changes as training goes on."""

import math
from typing import Literal

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
