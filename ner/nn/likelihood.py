"""The part of the CRF that learns: parameters, legal steps, likelihood and loss."""

from collections.abc import Sequence

import torch
import torchcrf
from torch import Tensor, nn

from ner.data.schemes import Scheme
from ner.lattice import legal_steps
from ner.nn.log_partition import log_partition
from ner.nn.packing import Packed, pack

REDUCTIONS = ("none", "sum", "mean", "token_mean")


class Likelihood(torchcrf.CRF):
    """See `ner.nn.crf.CRF`, of which this is the base."""

    weights: Tensor | None
    legal_start: Tensor | None
    legal_transitions: Tensor | None
    legal_end: Tensor | None

    def __init__(
        self,
        num_tags: int,
        batch_first: bool = False,
        *,
        tags: Sequence[str] | None = None,
        scheme: Scheme | None = None,
        weights: Sequence[float] | Tensor | None = None,
        cost: float = 0.0,
    ) -> None:
        super().__init__(num_tags, batch_first)
        if (tags is None) != (scheme is None):
            raise ValueError(f"tags and scheme: both or neither. Got {tags} and {scheme}.")
        if tags is not None and len(tags) != num_tags:
            raise ValueError(f"tags: one name a tag. Got {len(tags)} for {num_tags} tags.")
        if cost < 0:
            raise ValueError(f"cost: at least 0. Got {cost}.")
        self.tags = None if tags is None else tuple(tags)
        self.scheme: Scheme | None = scheme
        self.cost = cost
        legal = (None, None, None)
        if tags is not None and scheme is not None:
            legal = [torch.from_numpy(steps) for steps in legal_steps(tags, scheme)]
        for name, steps in zip(("start", "transitions", "end"), legal, strict=True):
            self.register_buffer(f"legal_{name}", steps, persistent=False)
        if weights is not None:
            weights = torch.as_tensor(weights, dtype=torch.float32)
            if weights.shape != (num_tags,) or not (weights >= 0).all():
                raise ValueError(
                    f"weights: {num_tags} numbers, none negative. Got {weights.tolist()}."
                )
        self.register_buffer("weights", weights, persistent=False)

    def __prepare_scriptable__(self) -> nn.Module:
        """Give `torch.jit.script` what it can compile."""
        from ner.nn.scripted import ScriptedCRF

        return ScriptedCRF(self)

    def forward(
        self,
        emissions: Tensor,
        tags: Tensor,
        mask: Tensor | None = None,
        reduction: str = "sum",
    ) -> Tensor:
        """Give the log-likelihood of tag sequences; see `loss` for what to minimise.

        Args:
            emissions: Scores.
            tags: One a token; what stands at skipped positions does not matter.
            mask: True on tokens, the first of each sequence among them; None means everywhere.
            reduction: none (B), sum, mean over sequences, or token_mean.
        """
        self._validate(emissions, tags=tags, mask=mask)
        if reduction not in REDUCTIONS:
            raise ValueError(f"invalid reduction: {reduction}")
        likelihoods, packed = self._log_likelihood(emissions, tags, mask)
        return _reduce(likelihoods, packed.lengths, reduction)

    def loss(
        self,
        emissions: Tensor,
        tags: Tensor,
        mask: Tensor | None = None,
        reduction: str = "mean",
    ) -> Tensor:
        """Give the quantity to minimise: the negative log-likelihood, with weights and cost if any.

        Args:
            emissions: Scores.
            tags: As in `log_likelihood`.
            mask: True on tokens.
            reduction: none (B), sum, mean over sequences (0 for none), or token_mean.
        """
        if reduction not in REDUCTIONS:
            raise ValueError(f"invalid reduction: {reduction}")
        likelihoods, packed = self._log_likelihood(emissions, tags, mask, self.cost)
        if self.weights is not None:
            gold = packed.tag_weights(self.weights).to(likelihoods.dtype)
            likelihoods = likelihoods * (gold.sum(1) / packed.lengths.clamp(min=1))
        return -_reduce(likelihoods, packed.lengths, reduction)

    def log_likelihood(self, emissions: Tensor, tags: Tensor, mask: Tensor | None = None) -> Tensor:
        """Give the log-probability of the gold tags of each sequence (B), at most 0.

        Args:
            emissions: Scores.
            tags: One a token; or, where the annotation is partial, what each token may be: bool,
                shaped like the emissions. All paths that fit are summed.
            mask: True on tokens.
        """
        return self._log_likelihood(emissions, tags, mask)[0]

    def log_partition(
        self, emissions: Tensor, mask: Tensor | None = None, allowed: Tensor | None = None
    ) -> Tensor:
        """Give the log sum over all legal paths of each sequence (B), or over the allowed ones."""
        packed = self._packed(emissions, mask, allowed)
        return log_partition(packed.allowed_emissions(), packed.lengths, *self._edges())

    def _log_likelihood(
        self, emissions: Tensor, tags: Tensor, mask: Tensor | None, cost: float = 0.0
    ) -> tuple[Tensor, Packed]:
        several = tags.dtype == torch.bool
        if several:
            packed = self._packed(emissions, mask, allowed=tags)
        else:
            packed = self._packed(emissions, mask, tags=tags)
        edges = self._edges()
        scores, lengths = packed.emissions, packed.lengths
        if several:
            gold = log_partition(packed.allowed_emissions(), lengths, *edges)
        else:
            gold = _path_score(packed, *edges)
        if cost:
            costs = packed.wrong() * cost
            if self.weights is not None:
                costs = costs * packed.tag_weights(self.weights)[:, :, None]
            scores = scores + costs
        return gold - log_partition(scores, lengths, *edges), packed

    def _edges(self) -> tuple[Tensor, Tensor, Tensor]:
        """Give the scores of first tags, steps and last tags; -inf where they are illegal."""
        scores = (self.start_transitions, self.transitions, self.end_transitions)
        dtype = torch.promote_types(self.transitions.dtype, torch.float32)
        start, steps, end = (parameter.to(dtype) for parameter in scores)
        if self.legal_start is None or self.legal_transitions is None or self.legal_end is None:
            return start, steps, end
        return (
            start.masked_fill(~self.legal_start, -torch.inf),
            steps.masked_fill(~self.legal_transitions, -torch.inf),
            end.masked_fill(~self.legal_end, -torch.inf),
        )

    def _packed(
        self,
        emissions: Tensor,
        mask: Tensor | None,
        allowed: Tensor | None = None,
        tags: Tensor | None = None,
        finite: bool = False,
    ) -> Packed:
        """Check shapes, put sequences first, and pack them."""
        super()._validate(emissions, tags=tags)
        shape = tuple(emissions.shape)
        if mask is not None and mask.shape != shape[:2]:
            raise ValueError(
                "the first two dimensions of emissions and mask must match, "
                f"got {shape[:2]} and {tuple(mask.shape)}"
            )
        if allowed is not None and (allowed.shape != shape or allowed.dtype != torch.bool):
            raise ValueError(
                f"allowed: bool, shaped like the emissions {shape}. "
                f"Got {allowed.dtype}, {tuple(allowed.shape)}."
            )
        dtype = torch.promote_types(emissions.dtype, torch.float32)
        dtype = torch.promote_types(dtype, self.transitions.dtype)
        tensors = (emissions.to(dtype), mask, tags, allowed)
        return pack(*(x if x is None else self._layout(x) for x in tensors), finite=finite)

    def _layout(self, values: Tensor, axis: int = 0) -> Tensor:
        """Swap sequences and tokens, at `axis` and after, unless sequences are first already."""
        return values if self.batch_first else values.transpose(axis, axis + 1)

    def _validate(
        self, emissions: Tensor, tags: Tensor | None = None, mask: Tensor | None = None
    ) -> None:
        # pytorch-crf's check of a mask looks at its first token, which may not be there.
        super()._validate(emissions, tags, mask if mask is None or mask.numel() else None)


def _path_score(packed: Packed, start: Tensor, transitions: Tensor, end: Tensor) -> Tensor:
    """Add up the scores of the gold paths (B)."""
    tags, mask, lengths = packed.tags, packed.mask, packed.lengths
    assert tags is not None
    B, T = tags.shape
    if B == 0 or T == 0:
        return packed.emissions.sum((1, 2))
    C = len(start)
    emissions = packed.emissions.gather(2, tags[:, :, None])[:, :, 0]
    steps = transitions.flatten().index_select(0, (tags[:, :-1] * C + tags[:, 1:]).flatten())
    scores = emissions.masked_fill(~mask, 0).sum(1)
    scores = scores + steps.view(B, T - 1).masked_fill(~mask[:, 1:], 0).sum(1)
    last = tags.gather(1, (lengths[:, None] - 1).clamp(min=0))[:, 0]
    edges = start.index_select(0, tags[:, 0]) + end.index_select(0, last)
    return scores + edges.masked_fill(lengths == 0, 0)


def _reduce(values: Tensor, lengths: Tensor, reduction: str) -> Tensor:
    if reduction == "none":
        return values
    if reduction == "sum":
        return values.sum()
    count = lengths.sum() if reduction == "token_mean" else torch.tensor(len(values))
    return values.sum() / count.clamp(min=1)
