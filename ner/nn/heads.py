"""From hidden states to tags: a CRF, or a softmax at each token, both only over legal paths.

Without a scheme, tags are labels without prefixes, and all paths are legal.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from ner.crf.forward_backward import Edges
from ner.data.schemes import Scheme
from ner.nn.crf import CRF
from ner.nn.masks import length_mask
from ner.nn.pooling import HierarchicalPooling, Pooled

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

# The class of each text, or for each label whether it holds.
Classes = Int[Tensor, " B"] | Bool[Tensor, "B C"]


class ClassifierHead(nn.Module):
    """A pooling, and a linear layer that scores labels; float32 also where autocast is on.

    Args:
        pooling: From states (B T H) and lengths to a `Pooled`, see `ner.nn.pooling`.
        labels: All labels.
        multi_label: Whether a text may have several of them, or none.
        weights: Factors on the losses, 1 where a label is not named: of texts by their gold label,
            or with `multi_label` of each label.
        label_smoothing: Share of the gold probability that is spread over all labels equally, in
            [0, 1); with `multi_label` over "yes" and "no" of each label.

    Source of the smoothing: Szegedy et al., "Rethinking the Inception Architecture for Computer
    Vision", CVPR 2016, section 7.
    """

    gold: ClassVar[str] = "classes"
    weights: Tensor | None

    def __init__(
        self,
        pooling: nn.Module,
        labels: Sequence[str],
        *,
        multi_label: bool = False,
        weights: Mapping[str, float] | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        size: Any = pooling.size
        self.labels = tuple(labels)
        self.multi_label = multi_label
        self.label_smoothing = label_smoothing
        self.pooling = pooling
        self.projection = nn.Linear(size, len(self.labels))
        factors = [float(weights.get(label, 1.0)) for label in self.labels] if weights else None
        tensor = None if factors is None else torch.tensor(factors)
        self.register_buffer("weights", tensor, persistent=False)

    def loss(
        self,
        hidden: Float[Tensor, "B T H"],
        lengths: Int[Tensor, " B"],
        gold: Classes,
        parts: Int[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, ""]:
        """Give the mean over texts, in nats, the penalty of the pooling included.

        Args:
            hidden: States.
            lengths: Tokens of each text.
            gold: Int64 (B), or bool (B C) with `multi_label`; the losses of a text's labels are
                added up, since each is a decision of its own.
            parts: The sentence of each token, for hierarchical pooling.
        """
        with torch.autocast(hidden.device.type, enabled=False):
            pooled = self._pool(hidden, lengths, parts)
            logits = self.projection(pooled.vectors)
            losses = self._losses(logits, gold)
            return (losses if pooled.penalty is None else losses + pooled.penalty).mean()

    def outputs(
        self,
        hidden: Float[Tensor, "B T H"],
        lengths: Int[Tensor, " B"],
        parts: Int[Tensor, "B T"] | None = None,
    ) -> dict[str, Tensor]:
        """Give `logits` (B C) and, where the pooling weighs tokens, `attention` (B K T)."""
        with torch.autocast(hidden.device.type, enabled=False):
            pooled = self._pool(hidden, lengths, parts)
            found = {"logits": self.projection(pooled.vectors)}
        if pooled.attention is not None:
            found["attention"] = pooled.attention
        return found

    def edges(self) -> Edges | None:
        """There are no steps between labels of whole texts."""
        return None

    def _losses(self, logits: Float[Tensor, "B C"], gold: Classes) -> Float[Tensor, " B"]:
        smoothing = self.label_smoothing
        if self.multi_label:
            shares = gold.to(logits.dtype) * (1 - smoothing) + smoothing / 2
            each = F.binary_cross_entropy_with_logits(
                logits, shares, weight=self.weights, reduction="none"
            )
            return each.sum(dim=1)
        losses = F.cross_entropy(logits, gold, reduction="none", label_smoothing=smoothing)
        return losses if self.weights is None else losses * self.weights[gold]

    def _pool(
        self,
        hidden: Float[Tensor, "B T H"],
        lengths: Int[Tensor, " B"],
        parts: Int[Tensor, "B T"] | None,
    ) -> Pooled:
        states = hidden.to(self.projection.weight.dtype)
        if not isinstance(self.pooling, HierarchicalPooling):
            return self.pooling(states, lengths)
        if parts is None:
            raise ValueError("parts: the sentence of each token, which this pooling needs")
        return self.pooling(states, lengths, parts)
