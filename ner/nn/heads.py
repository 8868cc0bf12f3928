"""From hidden states to tags: a CRF, or a softmax at each token, both only over legal paths.

Without a scheme, tags are labels without prefixes, and all paths are legal.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from ner.crf.forward_backward import Edges
from ner.data.schemes import Scheme
from ner.nn.crf import CRF

# The gold tags, or what each token may be where the annotation is partial.
Tags = Int[Tensor, "B T"] | Bool[Tensor, "B T C"]


@runtime_checkable
class Head(Protocol):
    """What the head of a model has to offer."""

    gold: ClassVar[str]
    """The array of a batch that is learnt."""

    def loss(
        self, hidden: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"], gold: Tensor
    ) -> Float[Tensor, ""]:
        """Give the mean over sentences, in nats; with partial tags, of all paths that fit."""
        ...

    def outputs(
        self, hidden: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"]
    ) -> dict[str, Tensor]:
        """Give what a target decodes: `emissions` (B T C), or `logits` (B C) and `attention`."""
        ...

    def edges(self) -> Edges | None:
        """Give the learnt scores of steps between tags, if there are any."""
        ...


class CRFHead(nn.Module):
    """Linear-chain conditional random field whose illegal transitions are forbidden.

    They are masked in the loss as well as in decoding, so no probability is spent on them, and
    their parameters never move.

    Args:
        input_size: Width of the hidden states.
        tags: All tags.
        scheme: Says which transitions are legal; None if all are.
        cost: Nats by which a gold path has to beat others for each wrong token.
        weights: How much each label matters, see `ner.nn.CRF`; 1 where it is not named.
        ends: Whether there are scores of the first and of the last tag.
    """

    gold: ClassVar[str] = "tags"

    def __init__(
        self,
        input_size: int,
        tags: Sequence[str],
        scheme: Scheme | None,
        cost: float = 0.0,
        weights: Mapping[str, float] | None = None,
        ends: bool = True,
    ) -> None:
        super().__init__()
        self.tags = tuple(tags)
        self.scheme = scheme
        self.projection = nn.Linear(input_size, len(tags))
        self.crf = CRF(
            len(tags),
            batch_first=True,
            tags=tags if scheme else None,
            scheme=scheme,
            weights=tag_weights(tags, scheme, weights) if weights else None,
            cost=cost,
            ends=ends,
        )

    def emissions(self, hidden: Float[Tensor, "B T H"]) -> Float[Tensor, "B T C"]:
        """Score each tag at each token, in the precision of the head's weights."""
        return self.projection(hidden.to(self.projection.weight.dtype))

    def loss(
        self,
        hidden: Float[Tensor, "B T H"],
        lengths: Int[Tensor, " B"],
        tags: Tags,
    ) -> Float[Tensor, ""]:
        """Negative log-likelihood of the gold paths, in nats: the mean over sentences.

        With the head's cost and weights, if it has any.
        """
        return self.crf.loss(self.emissions(hidden), tags, length_mask(lengths, hidden.shape[1]))

    def outputs(
        self, hidden: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"]
    ) -> dict[str, Tensor]:
        """Give the `emissions`."""
        return {"emissions": self.emissions(hidden)}

    def edges(self) -> Edges:
        """Give the learnt scores of steps between tags."""
        crf = self.crf
        parameters = (crf.start_transitions, crf.transitions, crf.end_transitions)
        return Edges(*(p.detach().cpu().double().numpy() for p in parameters))


class SoftmaxHead(nn.Module):
    """Each token's tag by itself in training; decoded over legal paths.

    The best path maximises the sum of the tokens' log-probabilities over all legal paths. The
    probability of a span is its share in the distribution over legal paths that is proportional
    to the product of the tokens' probabilities.

    Args:
        input_size: Width of the hidden states.
        tags: All tags.
        scheme: Says which transitions are legal; None if all are.
        weights: Factors on the losses of tokens by the label of their gold tag, 1 where it is not
            named; of a token with several tags that it may have, the mean of theirs.
    """

    gold: ClassVar[str] = "tags"
    weights: Tensor | None

    def __init__(
        self,
        input_size: int,
        tags: Sequence[str],
        scheme: Scheme | None,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        self.tags = tuple(tags)
        self.scheme = scheme
        self.projection = nn.Linear(input_size, len(tags))
        factors = torch.tensor(tag_weights(tags, scheme, weights)) if weights else None
        self.register_buffer("weights", factors, persistent=False)

    def emissions(self, hidden: Float[Tensor, "B T H"]) -> Float[Tensor, "B T C"]:
        """Log-probability of each tag at each token, in the precision of the head's weights."""
        return F.log_softmax(self.projection(hidden.to(self.projection.weight.dtype)), dim=2)

    def loss(
        self,
        hidden: Float[Tensor, "B T H"],
        lengths: Int[Tensor, " B"],
        tags: Tags,
    ) -> Float[Tensor, ""]:
        """Cross-entropy in nats, summed over tokens: the mean over sentences."""
        scores = self.emissions(hidden)
        if tags.dtype == torch.bool:
            gold = scores.masked_fill(~tags, -torch.inf).logsumexp(dim=2)
        else:
            gold = scores.gather(2, tags[:, :, None])[:, :, 0]
        gold = gold.masked_fill(~length_mask(lengths, hidden.shape[1]), 0)
        if self.weights is not None:
            if tags.dtype == torch.bool:
                gold = gold * ((tags * self.weights).sum(2) / tags.sum(2).clamp(min=1))
            else:
                gold = gold * self.weights[tags]
        return -(gold.sum() / len(lengths))

    def outputs(
        self, hidden: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"]
    ) -> dict[str, Tensor]:
        """Give the `emissions`."""
        return {"emissions": self.emissions(hidden)}

    def edges(self) -> None:
        """No steps between tags are learnt."""
        return


def tag_weights(
    tags: Sequence[str], scheme: Scheme | None, weights: Mapping[str, float]
) -> list[float]:
    """Give each tag the weight of its label; O and labels that are not named have 1.

    >>> tag_weights(["O", "B-PER", "I-PER", "B-LOC"], "BIO", {"PER": 2.0})
    [1.0, 2.0, 2.0, 1.0]
    """
    if scheme is None:
        return [float(weights.get(tag, 1.0)) for tag in tags]
    return [1.0 if tag == "O" else float(weights.get(tag[2:], 1.0)) for tag in tags]


HEADS = {"crf": CRFHead, "softmax": SoftmaxHead}


def length_mask(lengths: Int[Tensor, " B"], longest: int) -> Bool[Tensor, "B T"]:
    """Mark the tokens of each sentence with True."""
    return torch.arange(longest, device=lengths.device) < lengths[:, None]
