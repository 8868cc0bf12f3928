"""Heads: from hidden states to scores of tags or classes, and to the loss.

`CRFHead` and `SoftmaxHead` score the tags of each token, and allow only paths that are legal in a
tag scheme. Without a scheme, tags are labels without prefixes, and all paths are legal.
`ClassifierHead` scores the classes of a text.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from ner.crf.forward_backward import Edges
from ner.data.schemes import Scheme
from ner.nn.crf import CRF
from ner.nn.pooling import HierarchicalPooling, Pooled
from ner.nn.tensors import OutputTensors, length_mask

# Gold tags, or the tags that each token may have where the annotation is partial, or the log
# weights of tags where it is soft.
Tags = Int[Tensor, "B T"] | Bool[Tensor, "B T C"] | Float[Tensor, "B T C"]

# The gold class of each text, or whether each label holds for it.
Classes = Int[Tensor, " B"] | Bool[Tensor, "B C"]


class Teacher(NamedTuple):
    """What a teacher thinks of the sentences of a batch.

    Args:
        weights: Its share in the loss of each sentence, in [0, 1]; the rest is that of gold.
        tags: Its probability of each tag at each token.
        steps: Its expected number of steps from each tag to each tag.
    """

    weights: Float[Tensor, " B"]
    tags: Float[Tensor, "B T C"]
    steps: Float[Tensor, "B C C"]

    def mix(self, gold: Tensor, own: Tensor) -> Tensor:
        """Mix losses (B) or (B T) against gold annotation and against the teacher."""
        weights = self.weights if gold.dim() == 1 else self.weights[:, None]
        return (1 - weights) * gold + weights * own


@runtime_checkable
class Head(Protocol):
    """The last component of a model."""

    gold: ClassVar[str]
    """The name of the gold annotation in a batch: `tags` or `classes`."""

    def loss(
        self, hidden: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"], gold: Tensor
    ) -> Float[Tensor, ""]:
        """Compute the mean loss of the sentences, in nats.

        Where `training.weights` is set, it also gets `sentence_weights` (B), the factor on the loss
        of each sentence; where `training.teacher` is set, `teacher`, a `Teacher`.
        """
        ...

    def outputs(self, hidden: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"]) -> OutputTensors:
        """Compute what a task decodes: `emissions`, or `logits` and maybe `attention`."""
        ...

    def edges(self) -> Edges | None:
        """Return the learnt scores of steps between tags; None if there are none."""
        ...


class CRFHead(nn.Module):
    """A linear-chain conditional random field in which illegal transitions are forbidden.

    They are masked in the loss and in decoding: they have no probability, and their parameters
    never change.

    Args:
        input_size: Width of the hidden states.
        tags: All tags.
        scheme: The scheme that says which transitions are legal; None if all are.
        cost: Nats by which a gold path has to beat other paths for each of their wrong tokens.
        weights: Weight of each label in the loss, 1 for labels that are not named; see
            `ner.nn.CRF`.
        ends: Whether the first and the last tag of a sentence have scores of their own.
        bonus: Nats by which each span scores more in tagging than in the loss of gold annotation.
            It needs a scheme, which says where spans begin.

    Source of the bonus: Menon et al., "Long-tail learning via logit adjustment", ICLR 2021,
    section 4.2; there, classes have different offsets.
    """

    gold: ClassVar[str] = "tags"
    handicap: Tensor | None

    def __init__(
        self,
        input_size: int,
        tags: Sequence[str],
        scheme: Scheme | None,
        cost: float = 0.0,
        weights: Mapping[str, float] | None = None,
        ends: bool = True,
        bonus: float = 0.0,
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
        handicap = None
        if bonus:
            # A path has one tag that begins a span for each of its spans.
            handicap = torch.tensor([bonus if tag[0] in "BS" else 0.0 for tag in tags])
        self.register_buffer("handicap", handicap, persistent=False)

    def emissions(self, hidden: Float[Tensor, "B T H"]) -> Float[Tensor, "B T C"]:
        """Compute the score of each tag at each token, in the precision of the head's weights."""
        return self.projection(hidden.to(self.projection.weight.dtype))

    def loss(
        self,
        hidden: Float[Tensor, "B T H"],
        lengths: Int[Tensor, " B"],
        gold: Tags,
        sentence_weights: Float[Tensor, " B"] | None = None,
        teacher: Teacher | None = None,
    ) -> Float[Tensor, ""]:
        """Compute the negative log-likelihood of the gold paths in nats, the mean over sentences.

        With partial tags, it is that of all paths that fit; with log weights of tags, that of all
        paths, each by the product of its weights. `cost`, `weights` and `bonus` are included. With
        a teacher, it is mixed with the cross-entropy against the teacher, which has none of them.
        """
        emissions, mask = self.emissions(hidden), length_mask(lengths, hidden.shape[1])
        scores = emissions if self.handicap is None else emissions - self.handicap
        losses = self.crf.loss(scores, gold, mask, reduction="none")
        if teacher is not None:
            own = self.crf.cross_entropy(emissions, teacher.tags, teacher.steps, mask)
            losses = teacher.mix(losses, own)
        return _weighted(losses, sentence_weights).sum() / max(len(losses), 1)

    def outputs(self, hidden: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"]) -> OutputTensors:
        """Return the `emissions`."""
        return {"emissions": self.emissions(hidden)}

    def edges(self) -> Edges:
        """Return the learnt scores of steps between tags."""
        crf = self.crf
        parameters = (crf.start_transitions, crf.transitions, crf.end_transitions)
        return Edges(*(p.detach().cpu().double().numpy() for p in parameters))


class SoftmaxHead(nn.Module):
    """A softmax over the tags of each token, which is decoded over legal paths only.

    In training, the tag of each token is predicted by itself. The best path is the legal path with
    the highest sum of log-probabilities of its tags. The probability of a span is taken in the
    distribution over legal paths that is proportional to the product of the probabilities of tags.

    Args:
        input_size: Width of the hidden states.
        tags: All tags.
        scheme: The scheme that says which transitions are legal; None if all are.
        weights: Factor on the loss of a token by the label of its gold tag, 1 for labels that are
            not named. If a token may have several tags, it is the mean of their factors.
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
        """Compute the log-probability of each tag at each token, in the head's precision."""
        return F.log_softmax(self.projection(hidden.to(self.projection.weight.dtype)), dim=2)

    def loss(
        self,
        hidden: Float[Tensor, "B T H"],
        lengths: Int[Tensor, " B"],
        gold: Tags,
        sentence_weights: Float[Tensor, " B"] | None = None,
        teacher: Teacher | None = None,
    ) -> Float[Tensor, ""]:
        """Compute the cross-entropy in nats: summed over tokens, the mean over sentences.

        With a teacher, it is mixed with the cross-entropy against its probabilities of tags.
        """
        scores = self.emissions(hidden)
        if gold.is_floating_point():
            found, gold = (scores + gold).logsumexp(dim=2), gold > -torch.inf
        elif gold.dtype == torch.bool:
            found = scores.masked_fill(~gold, -torch.inf).logsumexp(dim=2)
        else:
            found = scores.gather(2, gold[:, :, None])[:, :, 0]
        mask = length_mask(lengths, hidden.shape[1])
        found = found.masked_fill(~mask, 0)
        if self.weights is not None:
            if gold.dtype == torch.bool:
                found = found * ((gold * self.weights).sum(2) / gold.sum(2).clamp(min=1))
            else:
                found = found * self.weights[gold]
        if teacher is not None:
            found = teacher.mix(found, (teacher.tags * scores).sum(2) * mask)
        if sentence_weights is not None:
            found = found * sentence_weights[:, None]
        return -(found.sum() / len(lengths))

    def outputs(self, hidden: Float[Tensor, "B T H"], lengths: Int[Tensor, " B"]) -> OutputTensors:
        """Return the `emissions`."""
        return {"emissions": self.emissions(hidden)}

    def edges(self) -> None:
        """Return None: there are no learnt scores of steps between tags."""
        return


class ClassifierHead(nn.Module):
    """A pooling and a linear layer that scores classes, in float32 also under autocast.

    Args:
        pooling: Computes a `Pooled` from states (B T H) and lengths, see `ner.nn.pooling`.
        labels: All classes.
        multi_label: Whether a text may have several classes, or none.
        weights: Factor on the loss of a text by its gold class, 1 for classes that are not named;
            with `multi_label`, on the loss of each class.
        label_smoothing: Share of the gold probability that is spread equally over all classes, in
            [0, 1); with `multi_label`, over "yes" and "no" of each class.

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
        sentence_ids: Int[Tensor, "B T"] | None = None,
        sentence_weights: Float[Tensor, " B"] | None = None,
    ) -> Float[Tensor, ""]:
        """Compute the mean loss of the texts in nats, with the penalty of the pooling.

        Args:
            hidden: Hidden states.
            lengths: Tokens of each text.
            gold: The class of each text; with `multi_label`, whether each class holds. Then the
                losses of all classes of a text are added up, since each is a decision of its own.
            sentence_ids: The sentence of each token, for hierarchical pooling.
            sentence_weights: Factor on the loss of each text, 1 without any.
        """
        with torch.autocast(hidden.device.type, enabled=False):
            pooled = self._pool(hidden, lengths, sentence_ids)
            logits = self.projection(pooled.vectors)
            losses = self._losses(logits, gold)
            if pooled.penalty is not None:
                losses = losses + pooled.penalty
            return _weighted(losses, sentence_weights).mean()

    def outputs(
        self,
        hidden: Float[Tensor, "B T H"],
        lengths: Int[Tensor, " B"],
        sentence_ids: Int[Tensor, "B T"] | None = None,
    ) -> OutputTensors:
        """Compute the `logits` and, if the pooling weighs tokens, the `attention`."""
        with torch.autocast(hidden.device.type, enabled=False):
            pooled = self._pool(hidden, lengths, sentence_ids)
            found: OutputTensors = {"logits": self.projection(pooled.vectors)}
        if pooled.attention is not None:
            found["attention"] = pooled.attention
        return found

    def edges(self) -> None:
        """Return None: classes of texts have no steps between them."""
        return

    def _losses(self, logits: Float[Tensor, "B C"], gold: Classes) -> Float[Tensor, " B"]:
        smoothing = self.label_smoothing
        if self.multi_label:
            shares = gold.to(logits.dtype) * (1 - smoothing) + smoothing / 2
            losses = F.binary_cross_entropy_with_logits(
                logits, shares, weight=self.weights, reduction="none"
            )
            return losses.sum(dim=1)
        losses = F.cross_entropy(logits, gold, reduction="none", label_smoothing=smoothing)
        return losses if self.weights is None else losses * self.weights[gold]

    def _pool(
        self,
        hidden: Float[Tensor, "B T H"],
        lengths: Int[Tensor, " B"],
        sentence_ids: Int[Tensor, "B T"] | None,
    ) -> Pooled:
        states = hidden.to(self.projection.weight.dtype)
        if not isinstance(self.pooling, HierarchicalPooling):
            return self.pooling(states, lengths)
        if sentence_ids is None:
            raise ValueError("sentence_ids: hierarchical pooling needs them. Got None.")
        return self.pooling(states, lengths, sentence_ids)


HEADS = {"crf": CRFHead, "softmax": SoftmaxHead}


def tag_weights(
    tags: Sequence[str], scheme: Scheme | None, weights: Mapping[str, float]
) -> list[float]:
    """Return the weight of each tag: that of its label, and 1 for O and labels that are not named.

    >>> tag_weights(["O", "B-PER", "I-PER", "B-LOC"], "BIO", {"PER": 2.0})
    [1.0, 2.0, 2.0, 1.0]
    """
    if scheme is None:
        return [float(weights.get(tag, 1.0)) for tag in tags]
    return [1.0 if tag == "O" else float(weights.get(tag[2:], 1.0)) for tag in tags]


def _weighted(
    losses: Float[Tensor, " B"], weights: Float[Tensor, " B"] | None
) -> Float[Tensor, " B"]:
    """Multiply losses by weights. Their mean is still over the number of sentences."""
    return losses if weights is None else losses * weights
