"""What poolings give, and what all of them do first."""

from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor

from ner.nn.heads import length_mask


class Pooled(NamedTuple):
    """What became of a batch of texts.

    Args:
        vectors: One a text.
        attention: How much each token mattered; each row sums to 1 and is 0 behind the end. None
            where the pooling does not weigh tokens.
        penalty: What each text adds to the loss, in nats; None for nothing.
    """

    vectors: Float[Tensor, "B P"]
    attention: Float[Tensor, "B K T"] | None = None
    penalty: Float[Tensor, " B"] | None = None


def fill_behind(
    hidden: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"], value: float
) -> Float[Tensor, "B T H"]:
    """Put a value behind the end of each text."""
    return hidden.masked_fill(~length_mask(lengths, hidden.shape[1])[:, :, None], value)
