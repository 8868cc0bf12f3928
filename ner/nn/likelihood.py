"""The part of the CRF that learns: parameters, legal steps, likelihood and loss."""

from collections.abc import Sequence
from typing import cast

import torch
import torchcrf
from torch import Tensor, nn

from ner.data.schemes import Scheme, legal_steps
from ner.nn.crf_gradient import Edges, log_likelihood, log_partition
from ner.nn.crf_packing import Packed, pack

REDUCTIONS = ("none", "sum", "mean", "token_mean")


class Likelihood(torchcrf.CRF):
    """See `ner.nn.crf.CRF`, of which this is the base."""

    weights: Tensor | None
    legal_start: Tensor | None
    legal_transitions: Tensor | None
    legal_end: Tensor | None
    ends = True

    def __init__(
        self,
        num_tags: int,
        batch_first: bool = False,
        *,
        tags: Sequence[str] | None = None,
        scheme: Scheme | None = None,
        weights: Sequence[float] | Tensor | None = None,
        cost: float = 0.0,
        ends: bool = True,
    ) -> None:
        super().__init__(num_tags, batch_first)
        if not ends:
            self.ends = False
            self.reset_parameters()
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

    def reset_parameters(self) -> None:
        """Draw the parameters as pytorch-crf does; those of the ends are zero if there are none."""
        super().reset_parameters()
        if not self.ends:
            for scores in (self.start_transitions, self.end_transitions):
                nn.init.zeros_(scores.requires_grad_(False))

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
        return log_partition(packed.allowed_emissions(), packed.lengths, self._edges())

    def _log_likelihood(
        self, emissions: Tensor, tags: Tensor, mask: Tensor | None, cost: float = 0.0
    ) -> tuple[Tensor, Packed]:
        if tags.dtype == torch.bool:
            packed = self._packed(emissions, mask, allowed=tags)
        else:
            packed = self._packed(emissions, mask, tags=tags)
        scores, lengths, edges = packed.emissions, packed.lengths, self._edges()
        if cost:
            # Where the gold tag gets nothing added, the gold path's score stays what it is.
            costs = packed.wrong() * cost
            if self.weights is not None:
                costs = costs * packed.tag_weights(self.weights)[:, :, None]
            scores = scores + costs
        if packed.tags is not None:
            return log_likelihood(scores, packed.tags, lengths, edges), packed
        gold = log_partition(packed.allowed_emissions(), lengths, edges)
        return gold - log_partition(scores, lengths, edges), packed

    def _edges(self) -> Edges:
        """Give the scores of first tags, steps and last tags; -inf where they are illegal."""
        start, steps, end = self.start_transitions, self.transitions, self.end_transitions
        if steps.dtype.itemsize < 4:
            start, steps, end = start.float(), steps.float(), end.float()
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
        self._validate(emissions, tags)
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
        return pack(
            self._layout(emissions.to(dtype)),
            *(None if each is None else self._layout(each) for each in (mask, tags, allowed)),
            finite=finite,
        )

    def _layout(self, values: Tensor, axis: int = 0) -> Tensor:
        """Swap sequences and tokens, at `axis` and after, unless sequences are first already."""
        return values if self.batch_first else values.transpose(axis, axis + 1)

    def _validate(
        self, emissions: Tensor, tags: Tensor | None = None, mask: Tensor | None = None
    ) -> None:
        # pytorch-crf's check of a mask looks at its first token, which may not be there.
        if mask is not None and not mask.numel():
            mask = None
        super()._validate(emissions, cast(torch.LongTensor, tags), cast(torch.ByteTensor, mask))


def _reduce(values: Tensor, lengths: Tensor, reduction: str) -> Tensor:
    if reduction == "none":
        return values
    if reduction == "sum":
        return values.sum()
    if reduction == "mean":
        return values.sum() / max(len(values), 1)
    return values.sum() / lengths.sum().clamp(min=1)
