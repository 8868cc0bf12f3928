"""A linear-chain conditional random field: pytorch-crf's layer, with the methods that it lacks.

The loss, the log partition and span posteriors have gradients and run on any device
(`ner.nn.crf_gradient`). Everything else, from best paths to entropy, has none and is delegated to
`ner.crf`, on the CPU.
"""

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
import torchcrf
from numpy.typing import NDArray
from torch import Tensor, nn

from ner.crf import forward_backward, paths
from ner.crf.paths import Path
from ner.crf.span_lattice import SpanTags
from ner.data.schemes import Scheme, Span, legal_steps
from ner.nn.crf_gradient import Edges, log_likelihood, log_partition, to_arrays
from ner.nn.crf_packing import Packed, pack

REDUCTIONS = ("none", "sum", "mean", "token_mean")


class CRF(torchcrf.CRF):
    """Scores whole sequences of tags: emissions at tokens, transitions between them.

    The parameters `start_transitions`, `transitions` and `end_transitions`, their initial values,
    `forward` and `decode` are those of pytorch-crf, and so are the checks of these two methods,
    which require a mask that begins with True. `torch.jit.script` is not supported. All other
    methods take any mask: positions where it is False, on the right, on the left or in between, are
    skipped as if the sequence were shorter. A sequence without tokens has one path, the empty path,
    of score 0.

    Emissions are (B T C) if `batch_first`, else (T B C); tags and masks have the same axes without
    C, and so have results. Scores, log-likelihoods and losses are in nats, in the precision of
    parameters and emissions, but at least float32, also under autocast. Illegal paths (see
    `scheme`) have probability 0 in training and in decoding; an illegal gold path has
    log-likelihood -inf. Everything that returns a loss or a log sum has a gradient, but no second
    derivative.

    Args:
        num_tags: C.
        batch_first: Whether sentences are the first axis.
        tags: Names of the tags, in the order of C. Together with `scheme` they forbid the steps
            that the scheme does not allow, whatever the parameters.
        scheme: BIO or BIOES.
        weights: How much each tag matters in `loss` (C), not negative. A sentence counts by the
            mean weight of its gold tags; a wrong token costs `cost` times the weight of its gold
            tag.
        cost: Nats by which a gold path has to beat other paths for each of their wrong tokens; 0 is
            the plain likelihood.
        ends: Whether first and last tags have scores of their own. If not, these parameters are
            zero and are not trained; illegal first and last tags stay forbidden.

    Source: Lafferty, McCallum and Pereira, "Conditional Random Fields", ICML 2001. `cost`: Gimpel
    and Smith, "Softmax-Margin CRFs", NAACL 2010.

    >>> crf = CRF(3, batch_first=True, tags=["O", "B-X", "I-X"], scheme="BIO")
    >>> crf.decode(torch.tensor([[[0.0, 0.0, 99.0], [0.0, 0.0, 99.0]]]))
    [[1, 2]]
    """

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
        if cost < 0:
            raise ValueError(f"cost: at least 0. Got {cost}.")
        self.cost = cost
        self._set_scheme(tags, scheme)
        if weights is not None:
            # Where a network is only planned, tensors that are made have no numbers to look at.
            given = torch.as_tensor(weights, dtype=torch.float32, device="cpu")
            if given.shape != (num_tags,) or not (given >= 0).all():
                raise ValueError(
                    f"weights: {num_tags} numbers, none negative. Got {given.tolist()}."
                )
            weights = torch.as_tensor(weights, dtype=torch.float32)
        self.register_buffer("weights", weights, persistent=False)

    def _set_scheme(self, tags: Sequence[str] | None, scheme: Scheme | None) -> None:
        if (tags is None) != (scheme is None):
            raise ValueError(f"tags and scheme: both or neither. Got {tags} and {scheme}.")
        if tags is not None and len(tags) != self.num_tags:
            raise ValueError(f"tags: one name a tag. Got {len(tags)} for {self.num_tags} tags.")
        self.tags = None if tags is None else tuple(tags)
        self.scheme: Scheme | None = scheme
        self._span_tags: SpanTags | None = None
        legal = (None, None, None)
        if tags is not None and scheme is not None:
            legal = [torch.from_numpy(steps) for steps in legal_steps(tags, scheme)]
            self._span_tags = SpanTags(tags, scheme)
        for name, steps in zip(("start", "transitions", "end"), legal, strict=True):
            self.register_buffer(f"legal_{name}", steps, persistent=False)

    def reset_parameters(self) -> None:
        """Draw the parameters as pytorch-crf does; without `ends`, those of the ends are zero."""
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
        """Compute the log-likelihood of tag sequences; `loss` is the quantity to minimise.

        Args:
            emissions: Scores.
            tags: One tag for each token; skipped positions may hold anything.
            mask: True on tokens, the first token of each sequence among them; None means
                everywhere.
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
        """Compute the negative log-likelihood, with the layer's weights and cost, to minimise.

        Args:
            emissions: Scores.
            tags: As in `log_likelihood`.
            mask: True on tokens.
            reduction: none (B), sum, mean over sequences (0 without any), or token_mean.
        """
        if reduction not in REDUCTIONS:
            raise ValueError(f"invalid reduction: {reduction}")
        likelihoods, packed = self._log_likelihood(emissions, tags, mask, self.cost)
        if self.weights is not None:
            gold = packed.tag_weights(self.weights).to(likelihoods.dtype)
            likelihoods = likelihoods * (gold.sum(1) / packed.lengths.clamp(min=1))
        return -_reduce(likelihoods, packed.lengths, reduction)

    def cross_entropy(
        self,
        emissions: Tensor,
        tag_shares: Tensor,
        step_shares: Tensor,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Compute the cross-entropy of this distribution over paths against another one (B).

        It is the mean negative log-likelihood of the paths of the other distribution, so it exceeds
        KL(other || this) by the entropy of the other one. A score is a sum over tokens and steps,
        so its mean needs no more of the other distribution than how often it takes each tag and
        each step::

            log Z - sum of shares * scores

        Args:
            emissions: Scores.
            tag_shares: Probability of each tag at each token, shaped like the emissions.
            step_shares: Expected number of steps from each tag to each tag (B C C).
            mask: True on tokens.
        """
        packed = self._packed(emissions, mask)
        inside = packed.mask[:, :, None]
        shares = self._layout(tag_shares)
        if packed.order is not None:
            shares = shares[torch.arange(len(shares), device=shares.device)[:, None], packed.order]
        shares = (shares * inside).to(packed.dtype)
        places = torch.arange(shares.shape[1], device=shares.device)
        is_last = places == packed.lengths[:, None] - 1
        first, last = shares[:, :1].sum(1), (shares * is_last[:, :, None]).sum(1)
        score = (shares * packed.emissions.masked_fill(~inside, 0)).sum((1, 2))
        score = score + first @ self.start_transitions + last @ self.end_transitions
        score = score + (step_shares.to(packed.dtype) * self.transitions).sum((1, 2))
        return log_partition(packed.emissions, packed.lengths, self._edges()) - score

    def log_likelihood(self, emissions: Tensor, tags: Tensor, mask: Tensor | None = None) -> Tensor:
        """Compute the log-probability of the gold tags of each sequence (B), at most 0.

        Args:
            emissions: Scores.
            tags: One tag for each token. Where the annotation is partial: whether each token may
                have each tag, bool, shaped like the emissions; all paths that fit are summed. Where
                it is soft: the log weight of each tag, shaped like the emissions, -inf for a tag
                that is excluded; each path counts by the product of its weights.
            mask: True on tokens.
        """
        return self._log_likelihood(emissions, tags, mask)[0]

    def log_partition(
        self, emissions: Tensor, mask: Tensor | None = None, allowed: Tensor | None = None
    ) -> Tensor:
        """Compute the log sum over all legal paths, or over the allowed ones, of sequences (B)."""
        packed = self._packed(emissions, mask, allowed)
        return log_partition(packed.allowed_emissions(), packed.lengths, self._edges())

    def span_posterior(
        self, emissions: Tensor, spans: Sequence[Sequence[Span]], mask: Tensor | None = None
    ) -> list[Tensor]:
        """Compute the exact probability of labelled spans, with a gradient.

        It is the sum over all legal paths that contain exactly this span, divided by the sum over
        all legal paths.

        Args:
            emissions: Scores.
            spans: For each sequence any spans, overlapping or not. Tokens are counted without
                skipped positions.
            mask: True on tokens.

        Returns:
            Probabilities, one tensor (N) for each sequence.

        Raises:
            ValueError: The layer has no `tags`, or they cannot write a span.
        """
        packed = self._packed(emissions, mask, finite=True)
        rows, allowed = self._span_lattices(packed, spans)
        scores = packed.emissions[rows].masked_fill(~allowed, -torch.inf)
        edges = self._edges()
        inside = log_partition(scores, packed.lengths[rows], edges)
        everything = log_partition(packed.emissions, packed.lengths, edges)[rows]
        return list((inside - everything).exp().clamp(max=1).split([*map(len, spans)]))

    def decode(
        self, emissions: Tensor, mask: Tensor | None = None, allowed: Tensor | None = None
    ) -> list[list[int]]:
        """Find the best path of each sequence (Viterbi).

        Args:
            emissions: Scores, finite on tokens.
            mask: As in `forward`.
            allowed: Whether each token may have each tag, bool, shaped like the emissions.
        """
        self._validate(emissions, mask=mask)
        return self.best_paths(emissions, mask, allowed)

    def best_paths(
        self, emissions: Tensor, mask: Tensor | None = None, allowed: Tensor | None = None
    ) -> list[list[int]]:
        """Find the best path of each sequence under any mask: one tag for each token."""
        packed = self._packed(emissions, mask, allowed, finite=True)
        best, possible = paths.viterbi(*self._arrays(packed))
        packed.check_possible(possible)
        lengths = packed.lengths.tolist()
        return [path[:length] for path, length in zip(best.tolist(), lengths, strict=True)]

    def nbest(
        self,
        emissions: Tensor,
        mask: Tensor | None = None,
        k: int = 5,
        allowed: Tensor | None = None,
    ) -> list[list[Path]]:
        """Find the `k` best paths of each sequence, best first; fewer where there are fewer.

        With `allowed`, probabilities are those among the allowed paths.
        """
        if k < 1:
            raise ValueError(f"k: at least 1. Got {k}.")
        packed = self._packed(emissions, mask, allowed, finite=True)
        found = paths.nbest(*self._arrays(packed), k)
        packed.check_possible(np.array([len(best) > 0 for best in found], np.bool_))
        return found

    def sample(
        self,
        emissions: Tensor,
        mask: Tensor | None = None,
        num_samples: int = 1,
        allowed: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw paths from the distribution over paths.

        Args:
            emissions: Scores, finite on tokens.
            mask: True on tokens.
            num_samples: K, the number of paths to draw for each sequence.
            allowed: Whether each token may have each tag.
            generator: Random number generator, on the CPU.

        Returns:
            Tags, axis K followed by the axes of a mask; 0 where skipped.
        """
        packed = self._packed(emissions, mask, allowed, finite=True)
        scores, lengths, edges = self._arrays(packed)
        sums = forward_backward.sum_paths(scores, lengths, edges)
        packed.check_possible(sums.log_partition > -np.inf)
        uniform = torch.rand(num_samples, *scores.shape[:2], generator=generator)
        drawn = paths.sample(sums.alphas, lengths, edges, uniform.double().numpy())
        drawn = torch.from_numpy(drawn).to(emissions.device)
        if num_samples:
            drawn = torch.stack([packed.unpack(path) for path in drawn])
        return self._layout(drawn, 1)

    def marginals(
        self, emissions: Tensor, mask: Tensor | None = None, allowed: Tensor | None = None
    ) -> Tensor:
        """Compute the probability of each tag at each token, without a gradient.

        The result is shaped like the emissions and holds 0 at skipped positions.
        """
        packed = self._packed(emissions, mask, allowed, finite=True)
        scores, lengths, edges = self._arrays(packed)
        sums = forward_backward.sum_paths(scores, lengths, edges)
        return self._unpacked(packed, forward_backward.token_posteriors(sums, lengths))

    def transition_marginals(
        self, emissions: Tensor, mask: Tensor | None = None, allowed: Tensor | None = None
    ) -> Tensor:
        """Compute the probability of each pair of neighbouring tags, without a gradient.

        The result, (B T C C) or (T B C C), holds a pair at the position of its second token, and 0
        at first tokens and skipped positions. Rows are the first tag, columns the second.
        """
        packed = self._packed(emissions, mask, allowed, finite=True)
        arrays = self._arrays(packed)
        sums = forward_backward.sum_paths(*arrays)
        pairs = np.zeros((*sums.alphas.shape, self.num_tags))
        pairs[:, 1:] = forward_backward.step_posteriors(*arrays, sums)
        return self._unpacked(packed, pairs)

    def entropy(
        self, emissions: Tensor, mask: Tensor | None = None, allowed: Tensor | None = None
    ) -> Tensor:
        """Compute the entropy of the distribution over paths, in nats (B), without a gradient."""
        packed = self._packed(emissions, mask, allowed, finite=True)
        arrays = self._arrays(packed)
        entropy = forward_backward.entropy(*arrays, forward_backward.sum_paths(*arrays))
        return torch.from_numpy(entropy).to(emissions.device, packed.dtype)

    def _log_likelihood(
        self, emissions: Tensor, tags: Tensor, mask: Tensor | None, cost: float = 0.0
    ) -> tuple[Tensor, Packed]:
        if tags.is_floating_point():
            packed = self._packed(emissions, mask, log_weights=tags)
        elif tags.dtype == torch.bool:
            packed = self._packed(emissions, mask, allowed=tags)
        else:
            packed = self._packed(emissions, mask, tags=tags)
        scores, lengths, edges = packed.emissions, packed.lengths, self._edges()
        if cost:
            # The gold tag gets nothing added, so the score of the gold path stays the same.
            costs = packed.wrong() * cost
            if self.weights is not None:
                costs = costs * packed.tag_weights(self.weights)[:, :, None]
            scores = scores + costs
        if packed.tags is not None:
            return log_likelihood(scores, packed.tags, lengths, edges), packed
        gold = log_partition(packed.allowed_emissions(), lengths, edges)
        return gold - log_partition(scores, lengths, edges), packed

    def _edges(self) -> Edges:
        """Look up the scores of first tags, steps and last tags; -inf where they are illegal."""
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

    def _span_lattices(
        self, packed: Packed, spans: Sequence[Sequence[Span]]
    ) -> tuple[Tensor, Tensor]:
        """Find, for each span, its sequence (N) and the tags of paths that contain it (N T C)."""
        if self._span_tags is None:
            raise ValueError("span_posterior: tags and scheme, given when the CRF is made.")
        B, T, C = packed.emissions.shape
        if len(spans) != B:
            raise ValueError(f"spans: one list a sequence. Got {len(spans)} for {B}.")
        lengths = packed.lengths.tolist()
        pairs = [(b, Span(*span)) for b, found in enumerate(spans) for span in found]
        allowed = np.ones((len(pairs), T, C), dtype=np.bool_)
        for lattice, (b, span) in zip(allowed, pairs, strict=True):
            if not self._span_tags.fits(span, lengths[b]):
                raise ValueError(
                    f"spans: not empty, inside their sequence, of a known label. "
                    f"Got {tuple(span)} in sequence {b} of {lengths[b]} tokens."
                )
            self._span_tags.require(lattice, span)
        device = packed.emissions.device
        rows = torch.tensor([b for b, _ in pairs], dtype=torch.int64, device=device)
        return rows, torch.from_numpy(allowed).to(device)

    def _arrays(
        self, packed: Packed
    ) -> tuple[forward_backward.Scores, forward_backward.Integers, forward_backward.Edges]:
        """Turn scores and lengths into what `ner.crf` takes."""
        return to_arrays(packed.allowed_emissions(), packed.lengths, self._edges())

    def _unpacked(self, packed: Packed, values: NDArray[np.float64]) -> Tensor:
        """Turn an array (B T ...) of `ner.crf` into a result with the axes of the emissions."""
        found = packed.unpack(torch.from_numpy(values).to(packed.lengths.device))
        return self._layout(found.to(packed.dtype))

    def _packed(
        self,
        emissions: Tensor,
        mask: Tensor | None,
        allowed: Tensor | None = None,
        tags: Tensor | None = None,
        log_weights: Tensor | None = None,
        finite: bool = False,
    ) -> Packed:
        """Check shapes, make sequences the first axis, and pack them."""
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
        if log_weights is not None and log_weights.shape != shape:
            raise ValueError(
                f"tags: weights, shaped like the emissions {shape}. Got {tuple(log_weights.shape)}."
            )
        dtype = torch.promote_types(emissions.dtype, torch.float32)
        dtype = torch.promote_types(dtype, self.transitions.dtype)
        return pack(
            self._layout(emissions.to(dtype)),
            *(
                None if values is None else self._layout(values)
                for values in (mask, tags, allowed, log_weights)
            ),
            finite=finite,
        )

    def _layout(self, values: Tensor, axis: int = 0) -> Tensor:
        """Swap sequences and tokens, at `axis` and the next one, unless sequences are first."""
        return values if self.batch_first else values.transpose(axis, axis + 1)

    def _validate(
        self, emissions: Tensor, tags: Tensor | None = None, mask: Tensor | None = None
    ) -> None:
        # pytorch-crf checks the first token of a mask, which an empty mask does not have.
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
