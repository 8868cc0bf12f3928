"""The one primitive of the CRF: the log sum over all paths, with its gradient in closed form.

The gradient of the log partition is the distribution itself: the posterior probability of each tag
at each token, of each first and last tag, and the expected number of each step. One run of
forward-backward yields all of them, where autograd would go back through every step of the loop.

On CPU the loop over tokens is compiled (`ner.crf.kernel`) or, where it is not, numpy's
(`ner.crf.forward_backward`), on the tensors' own memory; elsewhere it is a tree
(`ner.nn.crf_scan`). Loss and gradients of 32
sentences of 14 tokens with 17 tags, on one core of a Zen 4: pytorch-crf 3.3 ms, numpy 1.2 ms,
compiled 0.6 ms, most of it calls into torch; decoding 1.7, 0.56 and 0.27 ms.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from ner.crf import forward_backward, kernel
from ner.nn import crf_scan

Edges = tuple[Tensor, Tensor, Tensor]


def on_cpu(scores: Tensor) -> bool:
    """Whether numpy can work on it."""
    return scores.device.type == "cpu"


def _precise(*scores: Tensor) -> list[Tensor]:
    """Widen for `scan`: in long sequences of large scores, float32 loses what matters."""
    if scores[0].device.type == "mps":  # has no float64
        return list(scores)
    return [each.detach().double() for each in scores]


def log_partition(
    emissions: Float[Tensor, "B T C"], lengths: Int[Tensor, " B"], edges: Edges
) -> Float[Tensor, " B"]:
    """Give the log sum over all paths of each sentence, differentiable once.

    Args:
        emissions: Scores; -inf forbids a tag.
        lengths: Tokens of each sentence. Without any the sum is 0.
        edges: Scores of first tags (C), of steps (C C) and of last tags (C); -inf forbids.

    Returns:
        -inf where there is no path; the gradients of such a sentence are 0.
    """
    return -_apply(_Likelihood, emissions, *edges, lengths, None)


def log_likelihood(
    emissions: Float[Tensor, "B T C"],
    tags: Int[Tensor, "B T"],
    lengths: Int[Tensor, " B"],
    edges: Edges,
) -> Float[Tensor, " B"]:
    """Give the log-probability of one path a sentence, differentiable once.

    Args:
        emissions: Scores, finite.
        tags: The paths; behind the end any tags.
        lengths: As for `log_partition`.
        edges: As for `log_partition`.
    """
    return _apply(_Likelihood, emissions, *edges, lengths, tags)


def sum_paths(
    emissions: Float[Tensor, "B T C"], lengths: Int[Tensor, " B"], edges: Edges
) -> tuple[Float[Tensor, "B T C"], Float[Tensor, "B T C"], Float[Tensor, " B"]]:
    """Sum over the beginnings, over the ends and over all paths: alphas, betas, log partition.

    See `ner.crf.forward_backward.Sums`; float64.
    """
    if not on_cpu(emissions):
        scores = _precise(emissions, *edges)
        return crf_scan.sum_paths(scores[0], lengths, *scores[1:])
    sums = forward_backward.sum_paths(*_arrays(emissions, lengths, edges))
    alphas, betas, log_z = (torch.from_numpy(array) for array in sums)
    return alphas, betas, log_z


class _Likelihood(torch.autograd.Function):
    """The score of a path, or 0 if none is given, less the log partition (B)."""

    @staticmethod
    def forward(
        ctx: Any,
        emissions: Tensor,
        start: Tensor,
        transitions: Tensor,
        end: Tensor,
        lengths: Tensor,
        tags: Tensor | None,
    ) -> Tensor:
        ctx.save_for_backward(emissions, start, transitions, end)
        edges = (start, transitions, end)
        if on_cpu(emissions):
            arrays = _arrays(emissions, lengths, edges)
            path = None if tags is None else tags.numpy()
            compiled = kernel.log_likelihood(*arrays, path)
            if compiled is None:
                sums = forward_backward.sum_paths(*arrays)
                score = 0 if path is None else forward_backward.path_scores(path, *arrays)
                compiled = score - sums.log_partition, (arrays, sums, path)
            values, ctx.state = compiled
            result = torch.from_numpy(values)
        else:
            scores = _precise(emissions, *edges)
            sums = crf_scan.sum_paths(scores[0], lengths, *scores[1:])
            ctx.state = (scores, lengths, sums, tags)
            score = (
                0 if tags is None else crf_scan.path_scores(tags, scores[0], lengths, *scores[1:])
            )
            result = score - sums[2]
        return result.to(emissions.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        if torch.is_grad_enabled():
            return *_apply(_Gradient, ctx.state, gradient, *ctx.saved_tensors), None, None
        return *_gradient(gradient, ctx.state), None, None


class _Gradient(torch.autograd.Function):
    """The gradient of `_Likelihood`, as a function of its own in order to end there."""

    @staticmethod
    def forward(ctx: Any, state: Any, gradient: Tensor, *scores: Tensor) -> tuple[Tensor, ...]:
        # The scores are here only to be differentiated by.
        return _gradient(gradient, state)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> None:
        raise RuntimeError(
            "the gradient of a CRF cannot be differentiated again: it is computed in closed form. "
            "Leave the CRF's loss out of whatever needs second derivatives."
        )


def _gradient(gradient: Tensor, state: Any) -> tuple[Tensor, ...]:
    """Give gradients of emissions, start, transitions and end: path less posteriors, weighted."""
    if not on_cpu(gradient):
        (emissions, _, transitions, _), lengths, sums, tags = state
        weights = gradient.to(emissions.dtype)
        found = crf_scan.gradients(-weights, emissions, lengths, transitions, *sums)
        if tags is not None:
            crf_scan.add_path(tags, weights, lengths, *found)
        return tuple(each.to(gradient.dtype) for each in found)
    weights = gradient.detach().double().numpy()
    if isinstance(state, kernel.State):
        tokens, edges = kernel.gradients(np.ascontiguousarray(weights), state)
    else:
        arguments, sums, tags = state
        tokens, edges = forward_backward.gradients(-weights, *arguments, sums=sums)
        if tags is not None:
            forward_backward.add_path(tags, weights, arguments[1], tokens, edges)
    return tuple(torch.from_numpy(array).to(gradient.dtype) for array in (tokens, *edges))


def _apply(function: type[torch.autograd.Function], *arguments: Any) -> Any:
    """Call a function; torch declares its `apply` without arguments."""
    return function.apply(*arguments)


def _arrays(
    emissions: Tensor, lengths: Tensor, edges: Edges
) -> tuple[NDArray[np.floating], forward_backward.Integers, forward_backward.Edges]:
    """Give what `ner.crf.forward_backward` takes, on the tensors' own memory."""
    scores = (scores.detach().numpy() for scores in edges)
    return emissions.detach().numpy(), lengths.numpy(), forward_backward.Edges(*scores)
