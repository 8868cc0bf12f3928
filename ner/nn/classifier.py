"""From hidden states to labels of the whole text: one of several classes, or any number of them."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from ner.crf.forward_backward import Edges
from ner.nn.pooled import Pooled
from ner.nn.pooling import HierarchicalPooling

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
