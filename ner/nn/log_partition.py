"""The one primitive of the CRF: the log sum over all paths, with its gradient in closed form.

The gradient of the log partition is the distribution itself: the posterior probability of each tag
at each token, of each first and last tag, and the expected number of each transition. One run of
forward-backward yields all of them, where autograd would go back through every step of the loop.

On CPU a loop over tokens in numpy does it, on the tensors' own memory: numpy's operations on arrays
of a few hundred numbers cost a fraction of torch's. Elsewhere `ner.nn.scan` does.
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ner import chain
from ner.nn import scan

# exp() of more than this is too close to the end of double precision (709).
LARGEST_EXPONENT = 600.0


def forward_backward(
    emissions: Float[Tensor, "B T C"],
    lengths: Int[Tensor, " B"],
    start: Float[Tensor, " C"],
    transitions: Float[Tensor, "C C"],
    end: Float[Tensor, " C"],
) -> tuple[Float[Tensor, "B T C"], Float[Tensor, "B T C"], Float[Tensor, " B"]]:
    """Sum over the beginnings, over the ends and over all paths: alphas, betas, log partition.

    See `ner.chain.Sums`. On CPU the results are float64, elsewhere they have the arguments' type.
    """
    if emissions.device.type != "cpu":
        return scan.forward_backward(emissions, lengths, start, transitions, end)
    edges = chain.Edges(*(scores.numpy() for scores in (start, transitions, end)))
    sums = chain.forward_backward(emissions.numpy(), lengths.numpy(), edges)
    alphas, betas, log_partition = (torch.from_numpy(array) for array in sums)
    return alphas, betas, log_partition


class LogPartition(torch.autograd.Function):
    """Log sum over all paths of each sentence (B); call `log_partition`."""

    @staticmethod
    def forward(
        ctx: Any,
        emissions: Float[Tensor, "B T C"],
        start: Float[Tensor, " C"],
        transitions: Float[Tensor, "C C"],
        end: Float[Tensor, " C"],
        lengths: Int[Tensor, " B"],
    ) -> Float[Tensor, " B"]:
        """Keep the sums for the gradient."""
        emissions, start, transitions, end = (
            scores.detach() for scores in (emissions, start, transitions, end)
        )
        sums = forward_backward(emissions, lengths, start, transitions, end)
        ctx.save_for_backward(emissions, transitions, lengths, *sums)
        return sums[2].to(emissions.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Weight the posteriors of each sentence by its gradient."""
        (gradient,) = gradients
        return *Posteriors.apply(gradient, *ctx.saved_tensors), None


class Posteriors(torch.autograd.Function):
    """The gradient of `LogPartition`, as a function of its own in order to end there."""

    @staticmethod
    def forward(
        ctx: Any,
        gradient: Float[Tensor, " B"],
        emissions: Float[Tensor, "B T C"],
        transitions: Float[Tensor, "C C"],
        lengths: Int[Tensor, " B"],
        alphas: Float[Tensor, "B T C"],
        betas: Float[Tensor, "B T C"],
        log_z: Float[Tensor, " B"],
    ) -> tuple[Tensor, ...]:
        """Give the gradients of emissions, start, transitions and end."""
        B, T, _ = emissions.shape
        posteriors = token_posteriors(alphas, betas, log_z, lengths)
        posteriors *= gradient[:, None, None]
        if B == 0 or T == 0:
            edge = emissions.new_zeros(emissions.shape[2])
            return torch.zeros_like(emissions), edge, torch.zeros_like(transitions), edge.clone()
        last = posteriors[torch.arange(B, device=lengths.device), (lengths - 1).clamp(min=0)]
        steps = expected_steps(
            gradient.to(alphas.dtype), emissions, transitions, lengths, alphas, betas, log_z
        )
        results = (posteriors, posteriors[:, 0].sum(0), steps, last.sum(0))
        return tuple(result.to(emissions.dtype) for result in results)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> None:
        """Refuse."""
        raise RuntimeError(
            "the gradient of a CRF cannot be differentiated again: it is computed in closed form. "
            "Leave the CRF's loss out of whatever needs second derivatives."
        )


def log_partition(
    emissions: Float[Tensor, "B T C"],
    lengths: Int[Tensor, " B"],
    start: Float[Tensor, " C"],
    transitions: Float[Tensor, "C C"],
    end: Float[Tensor, " C"],
) -> Float[Tensor, " B"]:
    """Give the log sum over all paths of each sentence, differentiable once.

    Scores may be -inf, which forbids. A sentence without tokens has 0, one without a possible path
    -inf (and gradients of zero).
    """
    result = LogPartition.apply(emissions, start, transitions, end, lengths)
    assert isinstance(result, Tensor)
    return result


def token_posteriors(
    alphas: Float[Tensor, "B T C"],
    betas: Float[Tensor, "B T C"],
    log_z: Float[Tensor, " B"],
    lengths: Int[Tensor, " B"],
) -> Float[Tensor, "B T C"]:
    """Give the probability of each tag at each token; 0 behind the end and where no path is."""
    inside = torch.arange(alphas.shape[1], device=lengths.device) < lengths[:, None]
    inside &= log_z[:, None] > -torch.inf
    scores = alphas + betas
    scores -= log_z[:, None, None]
    return scores.masked_fill_(~inside[:, :, None], -torch.inf).exp_()


def step_posteriors(
    emissions: Float[Tensor, "B T C"],
    transitions: Float[Tensor, "C C"],
    lengths: Int[Tensor, " B"],
    alphas: Float[Tensor, "B T C"],
    betas: Float[Tensor, "B T C"],
    log_z: Float[Tensor, " B"],
) -> Float[Tensor, "B T-1 C C"]:
    """Give the probability of each pair of tags at tokens t and t + 1; 0 behind the end."""
    possible = log_z > -torch.inf
    inside = torch.arange(1, alphas.shape[1], device=lengths.device) < lengths[:, None]
    inside &= possible[:, None]
    arrived = betas[:, 1:] + emissions[:, 1:] - log_z[:, None, None]
    # Axes: sentence (B) x token (T - 1) x tag before (C) x tag after (C).
    scores = alphas[:, :-1, :, None] + transitions + arrived[:, :, None, :]
    return scores.masked_fill_(~inside[:, :, None, None], -torch.inf).exp_()


def expected_steps(
    weights: Float[Tensor, " B"],
    emissions: Float[Tensor, "B T C"],
    transitions: Float[Tensor, "C C"],
    lengths: Int[Tensor, " B"],
    alphas: Float[Tensor, "B T C"],
    betas: Float[Tensor, "B T C"],
    log_z: Float[Tensor, " B"],
) -> Float[Tensor, "C C"]:
    """Sum the probabilities of steps over all tokens, each sentence by its weight."""
    if alphas.shape[1] < 2:
        return torch.zeros_like(transitions)
    if alphas.device.type != "cpu":
        posteriors = step_posteriors(emissions, transitions, lengths, alphas, betas, log_z)
        return torch.einsum("b,btij->ij", weights, posteriors)
    # The exponent of a step, alpha + transition + arrived, falls into three factors, so that the
    # sum over tokens is a product of matrices. The highest alpha moves from one to the other, or
    # both would leave the range of exp().
    before, last = alphas[:, :-1], alphas.shape[1]
    highest = before.amax(2, keepdim=True).clamp_(min=chain.LOWEST)
    inside = torch.arange(1, last, device=lengths.device) < lengths[:, None]
    inside &= log_z[:, None] > -torch.inf
    arrived = betas[:, 1:] + emissions[:, 1:]
    arrived += highest
    arrived -= log_z[:, None, None]
    arrived.masked_fill_(~inside[:, :, None], -torch.inf)
    top = transitions.amax().double().clamp_(min=chain.LOWEST)
    factors = (transitions - top).exp()
    too_large = arrived + top > LARGEST_EXPONENT
    after = (arrived + top).masked_fill_(too_large, -torch.inf).exp_()
    after *= weights[:, None, None]
    steps = factors * ((before - highest).exp().flatten(0, 1).T @ after.flatten(0, 1))
    if too_large.any():
        # Steps without which a sentence would have no path worth the name; they are few.
        b, t, to = too_large.nonzero(as_tuple=True)
        scores = before[b, t] + transitions[:, to].T + (arrived - highest)[b, t, to][:, None]
        steps.index_add_(1, to, (scores.exp() * weights[b][:, None]).T)
    return steps
