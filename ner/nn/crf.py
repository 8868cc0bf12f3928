"""A linear-chain conditional random field: pytorch-crf's layer, with everything that it lacks.

All of it follows from one quantity, the log sum over the paths that a lattice of allowed tags
admits (`ner.nn.crf_gradient`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ner.crf import forward_backward, paths
from ner.data.schemes import Span, span_tags
from ner.nn.crf_gradient import log_partition, sum_paths
from ner.nn.crf_packing import Packed
from ner.nn.crf_scan import step_posteriors, token_posteriors
from ner.nn.likelihood import Likelihood


class Path(NamedTuple):
    """One tag a token, and the probability of just this path among all legal ones."""

    tags: list[int]
    probability: float


class CRF(Likelihood):
    """Scores whole sequences of tags: emissions at tokens, transitions between them.

    The parameters `start_transitions`, `transitions` and `end_transitions`, their initial values,
    `forward` and `decode` are pytorch-crf's, and so are their checks: there a mask has to begin
    with True. All other methods take any mask. Positions that it leaves out, be they on the right,
    on the left or in between, are skipped, as if the sequence were shorter; a sequence without
    tokens has one path, the empty one, of score 0.

    Emissions are (B T C) if `batch_first`, (T B C) if not, and so are tags and masks without C,
    and results that have these axes. Scores, log-likelihoods and losses are in nats, in the
    precision of parameters and emissions, float32 at least, also under autocast. Illegal paths
    (see `scheme`) have the probability 0, in training as in decoding; an illegal gold path has the
    log-likelihood -inf. Everything that returns a loss or a log sum has a gradient, but no second
    one.

    Args:
        num_tags: C.
        batch_first: Whether sentences are the first axis.
        tags: Names of the tags, in the order of C; with `scheme`, steps that it does not allow are
            forbidden, whatever the parameters.
        scheme: BIO or BIOES.
        weights: How much each tag matters in `loss` (C), not negative: a sentence counts by the
            mean weight of its gold tags, a wrong token costs `cost` times its gold tag's weight.
        cost: Nats by which a gold path has to beat others for each token that they get wrong;
            0 is plain likelihood.
        ends: Whether first and last tags have scores of their own. Without, these parameters are
            zero, and learn nothing; illegal first and last tags stay forbidden.

    Source: Lafferty, McCallum and Pereira, "Conditional Random Fields", ICML 2001. `cost`: Gimpel
    and Smith, "Softmax-Margin CRFs", NAACL 2010.

    >>> crf = CRF(3, batch_first=True, tags=["O", "B-X", "I-X"], scheme="BIO")
    >>> crf.decode(torch.tensor([[[0.0, 0.0, 99.0], [0.0, 0.0, 99.0]]]))
    [[1, 2]]
    """

    def __prepare_scriptable__(self) -> nn.Module:
        """Give `torch.jit.script` what it can compile."""
        from ner.nn.scripted import ScriptedCRF

        return ScriptedCRF(self)

    def decode(
        self, emissions: Tensor, mask: Tensor | None = None, allowed: Tensor | None = None
    ) -> list[list[int]]:
        """Find the best path of each sequence (Viterbi).

        Args:
            emissions: Scores, finite on tokens.
            mask: As in `forward`.
            allowed: What each token may be, bool, shaped like the emissions.
        """
        self._validate(emissions, mask=mask)
        return self.best_paths(emissions, mask, allowed)

    def best_paths(
        self, emissions: Tensor, mask: Tensor | None = None, allowed: Tensor | None = None
    ) -> list[list[int]]:
        """Find the best path of each sequence, under any mask: one tag a token, [] without any."""
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
        """Find the `k` best paths of each sequence, best first, fewer where there are fewer.

        With `allowed`, probabilities are those among the allowed paths.
        """
        if k < 1:
            raise ValueError(f"k: at least 1. Got {k}.")
        packed = self._packed(emissions, mask, allowed, finite=True)
        arrays = self._arrays(packed)
        best, scores = paths.k_best(*arrays, k)
        packed.check_possible(scores[:, 0] > -np.inf)
        log_z = forward_backward.sum_paths(*arrays).log_partition
        # Rounding may lift the score of a sure path above the sum.
        shares = torch.from_numpy(scores - log_z[:, None]).exp().clamp_(max=1)
        return [
            [
                Path(path[:length], share)
                for path, share, score in zip(*rows, strict=True)
                if score > -torch.inf
            ]
            for *rows, length in zip(
                best.tolist(),
                shares.tolist(),
                scores.tolist(),
                packed.lengths.tolist(),
                strict=True,
            )
        ]

    def sample(
        self,
        emissions: Tensor,
        mask: Tensor | None = None,
        num_samples: int = 1,
        allowed: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw paths from the distribution: tags (K, then the axes of a mask), 0 where skipped.

        Args:
            emissions: Scores, finite on tokens.
            mask: True on tokens.
            num_samples: K, the number of draws for each sequence.
            allowed: What each token may be.
            generator: Of random numbers, on CPU.
        """
        packed = self._packed(emissions, mask, allowed, finite=True)
        scores, lengths, edges = self._arrays(packed)
        sums = forward_backward.sum_paths(scores, lengths, edges)
        packed.check_possible(sums.log_partition > -np.inf)
        uniform = torch.rand(num_samples, *scores.shape[:2], generator=generator)
        drawn = paths.sample(sums.alphas, lengths, edges, uniform.double().numpy())
        drawn = torch.from_numpy(drawn).to(emissions.device)
        if num_samples:
            drawn = torch.stack([packed.unpack(each) for each in drawn])
        return self._layout(drawn, 1)

    def marginals(
        self, emissions: Tensor, mask: Tensor | None = None, allowed: Tensor | None = None
    ) -> Tensor:
        """Give the probability of each tag at each token, shaped like emissions; 0 where skipped.

        Without a gradient, like all that follows but `span_posterior`.
        """
        packed = self._packed(emissions, mask, allowed, finite=True)
        sums = self._sums(packed)[1]
        return self._layout(packed.unpack(token_posteriors(packed.lengths, *sums)).to(packed.dtype))

    def transition_marginals(
        self, emissions: Tensor, mask: Tensor | None = None, allowed: Tensor | None = None
    ) -> Tensor:
        """Give the probability of each pair of neighbouring tags, (B T C C) or (T B C C).

        The pair stands at its second token; where there is none (at the first token, and where
        skipped) all is 0. Rows are the first tag, columns the second.
        """
        packed = self._packed(emissions, mask, allowed, finite=True)
        (scores, transitions), sums = self._sums(packed)
        pairs = scores.new_zeros(*scores.shape, scores.shape[2])
        if scores.shape[1] > 1:
            pairs[:, 1:] = step_posteriors(scores, transitions, packed.lengths, *sums)
        return self._layout(packed.unpack(pairs).to(packed.dtype))

    def entropy(
        self, emissions: Tensor, mask: Tensor | None = None, allowed: Tensor | None = None
    ) -> Tensor:
        """Give the entropy of the distribution over paths, in nats (B).

        Added up over tokens, each given the one before it, so that nothing large cancels.

        Source: Mann and McCallum, "Efficient Computation of Entropy Gradient for Semi-Supervised
        Conditional Random Fields", NAACL 2007, section 3.
        """
        packed = self._packed(emissions, mask, allowed, finite=True)
        (scores, transitions), sums = self._sums(packed)
        if 0 in scores.shape[:2]:
            return scores.new_zeros(len(scores)).to(packed.dtype)
        tokens = token_posteriors(packed.lengths, *sums)
        entropy = torch.special.entr(tokens[:, 0]).sum(1)
        if scores.shape[1] > 1:
            # H(next | before) = H(before, next) - H(before)
            pairs = step_posteriors(scores, transitions, packed.lengths, *sums)
            given = torch.special.entr(pairs).sum((2, 3))
            given -= torch.special.entr(tokens[:, :-1]).sum(2) * packed.mask[:, 1:]
            entropy = entropy + given.sum(1)
        return entropy.clamp(min=0).to(packed.dtype)

    def span_posterior(
        self, emissions: Tensor, spans: Sequence[Sequence[Span]], mask: Tensor | None = None
    ) -> list[Tensor]:
        """Give the exact probability of labelled spans, with a gradient: one tensor a sequence.

        The sum over all legal paths that contain just this span, over the sum of all.

        Args:
            emissions: Scores.
            spans: For each sequence any spans, overlapping or not; tokens are counted without the
                skipped ones.
            mask: True on tokens.

        Raises:
            ValueError: The layer does not know its `tags`, or a span is none of theirs.
        """
        packed = self._packed(emissions, mask, finite=True)
        rows, allowed = self._span_lattices(packed, spans)
        scores = packed.emissions[rows].masked_fill(~allowed, -torch.inf)
        edges = self._edges()
        inside = log_partition(scores, packed.lengths[rows], edges)
        everything = log_partition(packed.emissions, packed.lengths, edges)[rows]
        return list((inside - everything).exp().clamp(max=1).split([len(each) for each in spans]))

    def _span_lattices(
        self, packed: Packed, spans: Sequence[Sequence[Span]]
    ) -> tuple[Tensor, Tensor]:
        """Give, for each span, its sequence (N) and the tags that contain it (N T C)."""
        if self.tags is None or self.scheme is None:
            raise ValueError("span_posterior: tags and scheme, given when the CRF is made.")
        B, T, C = packed.emissions.shape
        if len(spans) != B:
            raise ValueError(f"spans: one list a sequence. Got {len(spans)} for {B}.")
        lengths = packed.lengths.tolist()
        rows = [b for b, each in enumerate(spans) for _ in each]
        allowed = torch.ones(len(rows), T, C, dtype=torch.bool)
        index = {tag: i for i, tag in enumerate(self.tags)}
        for lattice, b, (start, end, label) in zip(
            allowed, rows, [span for each in spans for span in each], strict=True
        ):
            tags = span_tags(label, end - start, self.scheme) if end > start >= 0 else []
            if not tags or end > lengths[b] or not index.keys() >= set(tags):
                raise ValueError(
                    f"spans: not empty, inside their sequence, of a known label. "
                    f"Got {(start, end, label)} in sequence {b} of {lengths[b]} tokens."
                )
            lattice[start:end] = False
            lattice[range(start, end), [index[tag] for tag in tags]] = True
            if self.scheme == "BIO" and end < T:
                lattice[end, index[f"I-{label}"]] = False
        device = packed.emissions.device
        return torch.tensor(rows, dtype=torch.int64, device=device), allowed.to(device)

    def _sums(self, packed: Packed) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]:
        """Give emissions and transitions without a gradient, and the sums over them."""
        scores = packed.allowed_emissions().detach()
        start, transitions, end = (scores.detach() for scores in self._edges())
        sums = sum_paths(scores, packed.lengths, (start, transitions, end))
        return (scores.to(sums[2].dtype), transitions), sums

    def _arrays(
        self, packed: Packed
    ) -> tuple[forward_backward.Scores, forward_backward.Integers, forward_backward.Edges]:
        """Give what `ner.crf.forward_backward` takes."""
        scores = packed.allowed_emissions().detach().cpu().numpy()
        edges = (scores.detach().cpu().numpy() for scores in self._edges())
        return scores, packed.lengths.cpu().numpy(), forward_backward.Edges(*edges)
