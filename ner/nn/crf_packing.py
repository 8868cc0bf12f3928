"""Sequences under any mask, with their tokens moved to the front of each row, and checked.

Axes: B sequences, T positions, C tags.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor


@dataclass
class Packed:
    """A batch in which sequence b is the first `lengths[b]` positions of row b.

    Args:
        emissions: Scores, at least float32 (B T C).
        lengths: Number of tokens of each sequence, perhaps 0 (B).
        order: The position that each position came from (B T); None if nothing had to move.
        mask: True on tokens (B T), packed like the rest.
        tags: Gold tags (B T), 0 past the end of a sequence.
        allowed: Whether each token may have each tag (B T C).
        log_weights: What is added to the scores of these tags on gold paths (B T C), -inf for
            others; None if nothing is.
    """

    emissions: Float[Tensor, "B T C"]
    lengths: Int[Tensor, " B"]
    order: Int[Tensor, "B T"] | None
    mask: Bool[Tensor, "B T"]
    tags: Int[Tensor, "B T"] | None = None
    allowed: Bool[Tensor, "B T C"] | None = None
    log_weights: Float[Tensor, "B T C"] | None = None

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the scores."""
        return self.emissions.dtype

    def unpack(self, values: Tensor) -> Tensor:
        """Move values (B T ...) back to the positions of their tokens; 0 at all others."""
        mask = self.mask.view(self.mask.shape + (1,) * (values.dim() - 2))
        values = values.masked_fill(~mask, 0)
        return values if self.order is None else _gather(values, self.order.argsort(1))

    def allowed_emissions(self) -> Float[Tensor, "B T C"]:
        """Get the emissions plus log weights of tags, and -inf for tags that are not allowed."""
        if self.log_weights is not None:
            return self.emissions + self.log_weights
        if self.allowed is None:
            return self.emissions
        return self.emissions.masked_fill(~self.allowed, -torch.inf)

    def tag_weights(self, weights: Float[Tensor, " C"]) -> Float[Tensor, "B T"]:
        """Look up the weight of each gold tag, the mean where several are allowed; 0 in padding."""
        if self.tags is not None:
            gold = weights[self.tags]
        else:
            assert self.allowed is not None
            gold = (self.allowed * weights).sum(2) / self.allowed.sum(2).clamp(min=1)
        return gold * self.mask

    def wrong(self) -> Bool[Tensor, "B T C"]:
        """Mark the tags that are not gold."""
        if self.tags is None:
            assert self.allowed is not None
            return ~self.allowed
        return (
            torch.arange(self.emissions.shape[2], device=self.tags.device) != self.tags[..., None]
        )

    def check_possible(self, possible: NDArray[np.bool_]) -> None:
        """Refuse a batch in which a sequence has no path.

        Raises:
            ValueError: An entry (B) is False.
        """
        if not possible.all():
            b = int(possible.argmin())
            raise ValueError(f"allowed: at least one legal path. Got none for sequence {b}.")


def pack(
    emissions: Float[Tensor, "B T C"],
    mask: Tensor | None = None,
    tags: Int[Tensor, "B T"] | None = None,
    allowed: Bool[Tensor, "B T C"] | None = None,
    log_weights: Float[Tensor, "B T C"] | None = None,
    finite: bool = False,
) -> Packed:
    """Move the tokens of each sequence to the front of its row, in their order.

    Args:
        emissions: Scores.
        mask: True on tokens (B T); None means everywhere.
        tags: Gold tags.
        allowed: Whether each token may have each tag.
        log_weights: The log weight of each tag, which also says what is allowed.
        finite: Whether to refuse emissions that are not finite.

    Raises:
        ValueError: An emission is not finite, or a tag is not below C. (Tags are checked on the CPU
            only; on a GPU the check would wait for all work before it.)
    """
    B, T, C = emissions.shape
    order = None
    if mask is None:
        mask = emissions.new_ones((B, T), dtype=torch.bool)
        lengths = torch.full((B,), T, device=emissions.device)
    else:
        mask = mask.bool()
        lengths = mask.sum(1)
    if finite:
        _check_finite(emissions, mask)
    # On a GPU, a look at whether anything has to move costs more than the move.
    if T and (mask.device.type != "cpu" or (mask[:, 1:] > mask[:, :-1]).any()):
        order = mask.to(torch.uint8).argsort(dim=1, descending=True, stable=True)
        emissions, mask = _gather(emissions, order), _gather(mask, order)
        tags = None if tags is None else _gather(tags, order)
        allowed = None if allowed is None else _gather(allowed, order)
        log_weights = None if log_weights is None else _gather(log_weights, order)
    if tags is not None:
        tags = tags.long().masked_fill(~mask, 0)
        if tags.device.type == "cpu" and tags.numel():
            lowest, highest = (int(tag) for tag in tags.aminmax())
            if lowest < 0 or highest >= C:
                wrong = lowest if lowest < 0 else highest
                raise ValueError(f"tags: from 0 to {C - 1} on tokens. Got {wrong}.")
    if log_weights is not None:
        allowed, log_weights = log_weights > -torch.inf, log_weights.to(emissions.dtype)
    return Packed(emissions, lengths, order, mask, tags, allowed, log_weights)


def _check_finite(emissions: Float[Tensor, "B T C"], mask: Bool[Tensor, "B T"]) -> None:
    finite = emissions.isfinite()
    if finite.all():
        return
    wrong = ~finite & mask[:, :, None]
    if wrong.any():
        b, t, c = (int(i) for i in wrong.nonzero()[0])
        raise ValueError(
            f"emissions: finite on tokens. Got {float(emissions[b, t, c])} "
            f"in sequence {b}, position {t}, tag {c}."
        )


def _gather(values: Tensor, order: Int[Tensor, "B T"]) -> Tensor:
    """Pick positions (B T) of values (B T ...)."""
    rows = torch.arange(len(order), device=order.device)[:, None]
    return values[rows, order]
