"""A recurrence that is linear in the state, h = a h' + b, over all tokens; with its gradient.

On CPU it is a loop over tokens of one fused operation each, written in place: its work grows with
the tokens. Elsewhere it is a scan that doubles what each state knows of, of as many rounds as the
logarithm of the tokens. Neither divides nor takes logarithms, so where a is in [0, 1] nothing can
overflow or cancel. On one core of a Zen 4, 16 sentences of 14 tokens and 400 states take 0.06 ms in
the loop and 0.19 ms in the scan; the product with weights before it takes 0.6 ms.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


def linear_recurrence(
    decays: Float[Tensor, "B T H"], added: Float[Tensor, "B T H"], reverse: bool = False
) -> Float[Tensor, "B T H"]:
    """Give the states h_t = decays_t h_(t-1) + added_t, that before the first token being zero.

    Args:
        decays: Factors on the states.
        added: What comes to them.
        reverse: Run from the last token to the first, where t - 1 is t + 1.
    """
    function: Any = _Recurrence.apply
    # What stands between two tokens; there is nothing to let go of at the first.
    between = decays[:, :-1] if reverse else decays[:, 1:]
    return function(added, between, reverse)


def on_cpu(x: Tensor) -> bool:
    """Whether a loop over tokens is fast."""
    return x.device.type == "cpu"


class _Recurrence(torch.autograd.Function):
    """Its gradient by what is added is the same recurrence, in the other direction."""

    @staticmethod
    def forward(ctx: Any, added: Tensor, between: Tensor, reverse: bool) -> Tensor:
        states = _states(added, between, reverse)
        ctx.save_for_backward(between, states)
        ctx.reverse = reverse
        return states

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        between, states = ctx.saved_tensors
        added = _states(gradients[0], between, not ctx.reverse)
        if ctx.reverse:
            return added, added[:, :-1] * states[:, 1:], None
        return added, added[:, 1:] * states[:, :-1], None


def _states(
    added: Float[Tensor, "B T H"], between: Float[Tensor, "B T-1 H"], reverse: bool
) -> Float[Tensor, "B T H"]:
    return (_loop if on_cpu(added) else _doubling)(added, between, reverse)


def _loop(
    added: Float[Tensor, "B T H"], between: Float[Tensor, "B T-1 H"], reverse: bool
) -> Float[Tensor, "B T H"]:
    states = torch.empty_like(added, memory_format=torch.contiguous_format)
    rows, factors, values = states.unbind(1), between.unbind(1), added.unbind(1)
    if reverse:
        rows, factors, values = rows[::-1], factors[::-1], values[::-1]
    rows[0].copy_(values[0])
    for t, factor in enumerate(factors):
        torch.addcmul(values[t + 1], factor, rows[t], out=rows[t + 1])
    return states


def _doubling(
    added: Float[Tensor, "B T H"], between: Float[Tensor, "B T-1 H"], reverse: bool
) -> Float[Tensor, "B T H"]:
    """See Hillis and Steele, "Data Parallel Algorithms", Communications of the ACM 29(12), 1986."""
    states, factors, step = added, between, 1
    while step < added.shape[1]:
        # A state knows of `step` tokens by now; `factors` stand between states that far apart.
        if reverse:
            longer = states[:, :-step] + factors * states[:, step:]
            states = torch.cat([longer, states[:, -step:]], dim=1)
        else:
            longer = states[:, step:] + factors * states[:, :-step]
            states = torch.cat([states[:, :step], longer], dim=1)
        factors = factors[:, step:] * factors[:, :-step]
        step *= 2
    return states
