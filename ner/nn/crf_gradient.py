"""The one primitive of training a CRF: the log sum over all paths, with a gradient in closed form.

The gradient of the log partition is the distribution itself: the posterior probability of each tag
at each token, of each first and last tag, and the expected number of each step. One run of
forward-backward yields all of them, where autograd would walk back through every step of the loop.

On the CPU the sums come from the compiled kernel or from numpy, on the tensors' own memory; on
other devices they come from `ner.nn.crf_scan`. `ner.crf` says which is for what.

Source: Lafferty, McCallum and Pereira, "Conditional Random Fields", ICML 2001, section 3 (the
gradient is observed counts less expected counts).
"""

from typing import Any, NamedTuple

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
    return [tensor.detach().double() for tensor in scores]


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


class _NumpyState(NamedTuple):
    """What the gradient needs of a likelihood that numpy computed."""

    arrays: tuple[forward_backward.Scores, forward_backward.Integers, forward_backward.Edges]
    sums: forward_backward.Sums
    tags: forward_backward.Integers | None


class _ScanState(NamedTuple):
    """What the gradient needs of a likelihood that `crf_scan` computed."""

    scores: list[Tensor]
    lengths: Tensor
    sums: tuple[Tensor, Tensor, Tensor]
    tags: Tensor | None


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
        compute = _likelihood_on_cpu if on_cpu(emissions) else _likelihood_by_scan
        result, ctx.state = compute(emissions, lengths, (start, transitions, end), tags)
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


def _likelihood_on_cpu(
    emissions: Tensor, lengths: Tensor, edges: Edges, tags: Tensor | None
) -> tuple[Tensor, kernel.State | _NumpyState]:
    arrays = to_arrays(emissions, lengths, edges)
    paths = None if tags is None else tags.numpy()
    compiled = kernel.log_likelihood(*arrays, paths)
    if compiled is not None:
        return torch.from_numpy(compiled[0]), compiled[1]
    sums = forward_backward.sum_paths(*arrays)
    scores = 0 if paths is None else forward_backward.path_scores(paths, *arrays)
    return torch.from_numpy(scores - sums.log_partition), _NumpyState(arrays, sums, paths)


def _likelihood_by_scan(
    emissions: Tensor, lengths: Tensor, edges: Edges, tags: Tensor | None
) -> tuple[Tensor, _ScanState]:
    emissions, *others = scores = _precise(emissions, *edges)
    sums = crf_scan.sum_paths(emissions, lengths, *others)
    score = 0 if tags is None else crf_scan.path_scores(tags, emissions, lengths, *others)
    return score - sums[2], _ScanState(scores, lengths, sums, tags)


def _gradient(
    gradient: Tensor, state: kernel.State | _NumpyState | _ScanState
) -> tuple[Tensor, ...]:
    """Compute gradients of emissions, start, transitions, end: (path - posteriors) * weights."""
    if isinstance(state, _ScanState):
        found = _gradient_by_scan(gradient, state)
    else:
        weights = gradient.detach().double().numpy()
        if isinstance(state, kernel.State):
            tokens, edges = kernel.gradients(np.ascontiguousarray(weights), state)
        else:
            tokens, edges = _gradient_in_numpy(weights, state)
        found = tuple(torch.from_numpy(array) for array in (tokens, *edges))
    return tuple(scores.to(gradient.dtype) for scores in found)


def _gradient_in_numpy(
    weights: forward_backward.Floats, state: _NumpyState
) -> tuple[forward_backward.Floats, forward_backward.Edges]:
    tokens, edges = forward_backward.gradients(-weights, *state.arrays, sums=state.sums)
    if state.tags is not None:
        forward_backward.add_path(state.tags, weights, state.arrays[1], tokens, edges)
    return tokens, edges


def _gradient_by_scan(gradient: Tensor, state: _ScanState) -> tuple[Tensor, ...]:
    (emissions, _, transitions, _), lengths, sums, tags = state
    weights = gradient.to(emissions.dtype)
    found = crf_scan.gradients(-weights, emissions, lengths, transitions, *sums)
    if tags is not None:
        crf_scan.add_path(tags, weights, lengths, *found)
    return found


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
