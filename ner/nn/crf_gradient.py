"""The one primitive of training a CRF: the log sum over all paths, with a gradient in closed form.

The gradient of the log partition is the distribution itself: the posterior probability of each tag
at each token, of each first and last tag, and the expected number of each step. One run of
forward-backward yields all of them, where autograd would walk back through every step of the loop.

On the CPU the sums come from the compiled kernel or from numpy, on the tensors' own memory; on
other devices they come from `ner.nn.crf_scan`. `ner.crf` says which is for what.

Source: Lafferty, McCallum and Pereira, "Conditional Random Fields", ICML 2001, section 3 (the
gradient is observed counts less expected counts).
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ner.crf import forward_backward, kernel
from ner.nn import crf_scan

Edges = tuple[Tensor, Tensor, Tensor]


def on_cpu(scores: Tensor) -> bool:
    """Tell whether numpy can work on a tensor."""
    return scores.device.type == "cpu"


def _precise(*scores: Tensor) -> list[Tensor]:
    """Convert to float64: for long sequences of large scores, `crf_scan` needs it."""
    if scores[0].device.type == "mps":  # it has no float64
        return list(scores)
    return [each.detach().double() for each in scores]


def log_partition(
    emissions: Float[Tensor, "B T C"], lengths: Int[Tensor, " B"], edges: Edges
) -> Float[Tensor, " B"]:
    """Compute the log sum over all paths of each sentence, differentiable once.

    Args:
        emissions: Scores; -inf forbids a tag.
        lengths: Number of tokens of each sentence. The sum of a sentence without tokens is 0.
        edges: Scores of first tags (C), of steps (C C) and of last tags (C); -inf forbids them.

    Returns:
        Log sums; -inf, with a gradient of 0, where a sentence has no path.
    """
    return -_apply(_Likelihood, emissions, *edges, lengths, None)


def log_likelihood(
    emissions: Float[Tensor, "B T C"],
    tags: Int[Tensor, "B T"],
    lengths: Int[Tensor, " B"],
    edges: Edges,
) -> Float[Tensor, " B"]:
    """Compute the log-probability of one path for each sentence, differentiable once.

    Args:
        emissions: Scores, finite.
        tags: The paths; padding may hold any tag.
        lengths: As for `log_partition`.
        edges: As for `log_partition`.
    """
    return _apply(_Likelihood, emissions, *edges, lengths, tags)


class _Likelihood(torch.autograd.Function):
    """The score of a path, or 0 without a path, less the log partition (B)."""

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
            arrays = to_arrays(emissions, lengths, edges)
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
    """The gradient of `_Likelihood`, as a function of its own that refuses to be differentiated."""

    @staticmethod
    def forward(ctx: Any, state: Any, gradient: Tensor, *scores: Tensor) -> tuple[Tensor, ...]:
        # The scores are arguments only so that autograd knows that the gradient depends on them.
        return _gradient(gradient, state)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> None:
        raise RuntimeError(
            "the gradient of a CRF cannot be differentiated again: it is computed in closed form. "
            "Leave the CRF's loss out of whatever needs second derivatives."
        )


def _gradient(gradient: Tensor, state: Any) -> tuple[Tensor, ...]:
    """Compute gradients of emissions, start, transitions, end: (path - posteriors) * weights."""
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
    """Call a function of autograd; torch declares its `apply` without arguments."""
    return function.apply(*arguments)


def to_arrays(
    emissions: Float[Tensor, "B T C"], lengths: Int[Tensor, " B"], edges: Edges
) -> tuple[forward_backward.Scores, forward_backward.Integers, forward_backward.Edges]:
    """Turn tensors into what `ner.crf` takes, without a copy where they are on the CPU."""
    scores = (scores.detach().cpu().numpy() for scores in edges)
    arrays = emissions.detach().cpu().numpy(), lengths.cpu().numpy()
    return *arrays, forward_backward.Edges(*scores)
