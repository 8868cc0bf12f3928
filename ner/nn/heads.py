"""From hidden states to tags: a CRF, or a softmax at each token, both only over legal paths."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F
from torchcrf import CRF

from ner.data.schemes import Scheme
from ner.lattice import Lattice, legal_steps

# Low enough that no path takes a forbidden step in training, high enough for float32 sums.
# (Decoding forbids with -inf.)
FORBIDDEN = -1e4


@runtime_checkable
class Head(Protocol):
    """What a tagger's head has to offer."""

    def loss(
        self,
        hidden: Float[Tensor, "B T H"],
        lengths: Int[Tensor, " B"],
        tags: Int[Tensor, "B T"],
    ) -> Float[Tensor, ""]:
        """Give the mean over sentences, in nats."""
        ...

    def emissions(self, hidden: Float[Tensor, "B T H"]) -> Float[Tensor, "B T C"]:
        """Give the score of each tag at each token, for `lattice`."""
        ...

    def lattice(self) -> Lattice:
        """Give the scores of steps between tags, for decoding."""
        ...


class CRFHead(nn.Module):
    """Linear-chain conditional random field whose illegal transitions are forbidden.

    They are masked in the loss as well as in decoding, so no probability is spent on them, and
    their parameters never move.

    Args:
        input_size: Width of the hidden states.
        tags: All tags.
        scheme: Says which transitions are legal.
    """

    def __init__(self, input_size: int, tags: Sequence[str], scheme: Scheme) -> None:
        super().__init__()
        self.tags = tuple(tags)
        self.scheme: Scheme = scheme
        self.projection = nn.Linear(input_size, len(tags))
        self.crf = CRF(len(tags), batch_first=True)
        names = ("start_transitions", "transitions", "end_transitions")
        for name, legal in zip(names, legal_steps(tags, scheme), strict=True):
            self.register_buffer(f"legal_{name}", torch.from_numpy(legal), persistent=False)

    def emissions(self, hidden: Float[Tensor, "B T H"]) -> Float[Tensor, "B T C"]:
        """Score each tag at each token, in the precision of the head's weights."""
        return self.projection(hidden.to(self.projection.weight.dtype))

    def loss(
        self,
        hidden: Float[Tensor, "B T H"],
        lengths: Int[Tensor, " B"],
        tags: Int[Tensor, "B T"],
    ) -> Float[Tensor, ""]:
        """Negative log-likelihood of the gold paths, in nats: the mean over sentences."""
        mask = length_mask(lengths, hidden.shape[1])
        masked = {
            name: scores.masked_fill(~self.get_buffer(f"legal_{name}"), FORBIDDEN)
            for name, scores in self.crf.named_parameters()
        }
        inputs = (self.emissions(hidden), tags, mask)
        return -functional_call(self.crf, masked, inputs, {"reduction": "mean"})

    def lattice(self) -> Lattice:
        """Give the learnt scores of steps between tags."""
        crf = self.crf
        start, steps, end = (
            parameter.detach().cpu().double().numpy()
            for parameter in (crf.start_transitions, crf.transitions, crf.end_transitions)
        )
        return Lattice(start, steps, end, self.tags, self.scheme)


class SoftmaxHead(nn.Module):
    """Each token's tag by itself in training; decoded over legal paths.

    The best path maximises the sum of the tokens' log-probabilities over all legal paths. The
    probability of a span is its share in the distribution over legal paths that is proportional
    to the product of the tokens' probabilities.

    Args:
        input_size: Width of the hidden states.
        tags: All tags.
        scheme: Says which transitions are legal.
    """

    def __init__(self, input_size: int, tags: Sequence[str], scheme: Scheme) -> None:
        super().__init__()
        self.tags = tuple(tags)
        self.scheme: Scheme = scheme
        self.projection = nn.Linear(input_size, len(tags))

    def emissions(self, hidden: Float[Tensor, "B T H"]) -> Float[Tensor, "B T C"]:
        """Log-probability of each tag at each token, in the precision of the head's weights."""
        return F.log_softmax(self.projection(hidden.to(self.projection.weight.dtype)), dim=2)

    def loss(
        self,
        hidden: Float[Tensor, "B T H"],
        lengths: Int[Tensor, " B"],
        tags: Int[Tensor, "B T"],
    ) -> Float[Tensor, ""]:
        """Cross-entropy in nats, summed over tokens: the mean over sentences."""
        gold = self.emissions(hidden).gather(2, tags[:, :, None])[:, :, 0]
        mask = length_mask(lengths, hidden.shape[1])
        return -(gold.masked_fill(~mask, 0).sum() / len(lengths))

    def lattice(self) -> Lattice:
        """All legal steps score zero."""
        num_tags = len(self.tags)
        edge = np.zeros(num_tags)
        return Lattice(edge, np.zeros((num_tags, num_tags)), edge, self.tags, self.scheme)


HEADS = {"crf": CRFHead, "softmax": SoftmaxHead}


def length_mask(lengths: Int[Tensor, " B"], longest: int) -> Bool[Tensor, "B T"]:
    """Mark the tokens of each sentence with True."""
    return torch.arange(longest, device=lengths.device) < lengths[:, None]
