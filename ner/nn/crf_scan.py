"""Sums over all paths for GPUs: the number of torch operations grows with the log of the length.

A loop over tokens would be hundreds of launches with almost no work each. Here the steps between
tokens are matrices (C C) in the log semiring. Neighbours are multiplied in pairs, level by level,
and the sums over beginnings and ends come down the same tree. All operations are plain tensor
operations, so any device can run them; `ner.crf` says why the CPU does not.

Axes: B sentences, T tokens of the longest, C tags, N nodes of a level of the tree.

Source: Blelloch, "Prefix Sums and Their Applications", CMU-CS-90-190, 1990, section 1.2;
Särkkä and García-Fernández, "Temporal Parallelization of Bayesian Smoothers", IEEE TAC 66(1), 2021.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

# The most numbers that one multiplication holds at a time: 512 MiB in float64.
LARGEST = 2**26


def sum_paths(
    emissions: Float[Tensor, "B T C"],
    lengths: Int[Tensor, " B"],
    start: Float[Tensor, " C"],
    transitions: Float[Tensor, "C C"],
    end: Float[Tensor, " C"],
) -> tuple[Float[Tensor, "B T C"], Float[Tensor, "B T C"], Float[Tensor, " B"]]:
    """Compute the sums over the beginnings, over the ends and over all paths.

    The results are those of `ner.crf.forward_backward.sum_paths`, in the precision of the scores.
    """
    B, T, C = emissions.shape
    if B == 0 or T == 0:
        return emissions.clone(), emissions.clone(), emissions.new_zeros(B)
    time = torch.arange(T, device=emissions.device)
    inside = (time < lengths[:, None])[:, :, None]
    emissions = emissions.masked_fill(~inside, 0)
    # The highest score of each token is subtracted first, so that rounding errors do not grow with
    # the length of the sentence.
    highest = emissions.amax(2, keepdim=True)
    highest = highest.masked_fill(highest.isneginf(), 0)
    offsets = highest.cumsum(1)
    emissions = emissions - highest

    # Leaf t leads from token t to token t + 1; leaves past the end change nothing.
    leaves = 1 << (T - 1).bit_length()
    nothing = emissions.new_full((C, C), -torch.inf).fill_diagonal_(0)
    tree = nothing.repeat(B, leaves, 1, 1)
    # Axes: sentence (B) x token (T - 1) x tag before (C) x tag after (C).
    steps = transitions + emissions[:, 1:, None, :]
    tree[:, : T - 1] = torch.where(inside[:, 1:, :, None], steps, nothing)
    levels = [tree]
    while levels[-1].shape[1] > 1:
        levels.append(_multiply(levels[-1][:, 0::2], levels[-1][:, 1::2]))

    # The sum left of a node goes to its left child, and through that child to its right child.
    left = (start + emissions[:, 0])[:, None]
    right = end.expand(B, 1, C)
    for level in reversed(levels[:-1]):
        through = torch.logsumexp(left[:, :, :, None] + level[:, 0::2], dim=2)
        left = torch.stack((left, through), dim=2).flatten(1, 2)
        through = torch.logsumexp(level[:, 1::2] + right[:, :, None, :], dim=3)
        right = torch.stack((through, right), dim=2).flatten(1, 2)
    log_partition = torch.logsumexp(left[:, 0, :] + _first(levels[0], right), dim=1)
    alphas = left[:, :T]
    betas = torch.logsumexp(tree[:, :T] + right[:, :T, None, :], dim=3)
    total = offsets[:, -1]
    log_partition = torch.where(lengths > 0, log_partition + total[:, 0], 0)
    return alphas + offsets, betas + (total[:, None] - offsets), log_partition


def gradients(
    weights: Float[Tensor, " B"],
    emissions: Float[Tensor, "B T C"],
    lengths: Int[Tensor, " B"],
    transitions: Float[Tensor, "C C"],
    alphas: Float[Tensor, "B T C"],
    betas: Float[Tensor, "B T C"],
    log_z: Float[Tensor, " B"],
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Differentiate the weighted sum of log partitions by emissions, start, transitions, end."""
    B, T, C = emissions.shape
    if B == 0 or T == 0:
        edge = emissions.new_zeros(C)
        return torch.zeros_like(emissions), edge, torch.zeros_like(transitions), edge.clone()
    tokens = token_posteriors(lengths, alphas, betas, log_z) * weights[:, None, None]
    last = tokens.gather(1, (lengths - 1).clamp(min=0)[:, None, None].expand(B, 1, C))
    steps = emissions.new_zeros(C, C)
    rows = max(1, LARGEST // (T * C * C))
    arguments = (emissions, lengths, alphas, betas, log_z, weights)
    for chunk in zip(*(tensor.split(rows) for tensor in arguments), strict=True):
        posteriors = step_posteriors(chunk[0], transitions, *chunk[1:5])
        steps += torch.tensordot(chunk[5], posteriors.sum(1), 1)
    return tokens, tokens[:, 0].sum(0), steps, last.sum((0, 1))


def token_posteriors(
    lengths: Int[Tensor, " B"],
    alphas: Float[Tensor, "B T C"],
    betas: Float[Tensor, "B T C"],
    log_z: Float[Tensor, " B"],
) -> Float[Tensor, "B T C"]:
    """Compute the probability of each tag at each token; 0 past the end of a sentence."""
    inside = torch.arange(alphas.shape[1], device=lengths.device) < lengths[:, None]
    inside &= log_z[:, None] > -torch.inf
    scores = alphas + betas - log_z[:, None, None]
    return scores.masked_fill_(~inside[:, :, None], -torch.inf).exp_()


def step_posteriors(
    emissions: Float[Tensor, "B T C"],
    transitions: Float[Tensor, "C C"],
    lengths: Int[Tensor, " B"],
    alphas: Float[Tensor, "B T C"],
    betas: Float[Tensor, "B T C"],
    log_z: Float[Tensor, " B"],
) -> Float[Tensor, "B T-1 C C"]:
    """Compute the probability of each pair of tags at tokens t and t + 1; 0 past the end."""
    inside = torch.arange(1, alphas.shape[1], device=lengths.device) < lengths[:, None]
    inside &= log_z[:, None] > -torch.inf
    arrived = betas[:, 1:] + emissions[:, 1:] - log_z[:, None, None]
    # Axes: sentence (B) x token (T - 1) x tag before (C) x tag after (C).
    scores = alphas[:, :-1, :, None] + transitions + arrived[:, :, None, :]
    return scores.masked_fill_(~inside[:, :, None, None], -torch.inf).exp_()


def path_scores(
    tags: Int[Tensor, "B T"],
    emissions: Float[Tensor, "B T C"],
    lengths: Int[Tensor, " B"],
    start: Float[Tensor, " C"],
    transitions: Float[Tensor, "C C"],
    end: Float[Tensor, " C"],
) -> Float[Tensor, " B"]:
    """Add up the scores of one path for each sentence; padding may hold any tag."""
    B, T = tags.shape
    if B == 0 or T == 0:
        return emissions.new_zeros(B)
    inside = torch.arange(T, device=lengths.device) < lengths[:, None]
    scores = emissions.gather(2, tags[:, :, None])[:, :, 0]
    scores[:, 0] += start[tags[:, 0]]
    scores[:, 1:] += transitions[tags[:, :-1], tags[:, 1:]]
    last = tags.gather(1, (lengths[:, None] - 1).clamp(min=0))[:, 0]
    return scores.masked_fill(~inside, 0).sum(1) + end[last].masked_fill(lengths == 0, 0)


def add_path(
    tags: Int[Tensor, "B T"],
    weights: Float[Tensor, " B"],
    lengths: Int[Tensor, " B"],
    tokens: Float[Tensor, "B T C"],
    start: Float[Tensor, " C"],
    transitions: Float[Tensor, "C C"],
    end: Float[Tensor, " C"],
) -> None:
    """Add the gradient of the weighted sum of `path_scores` to given gradients, in place."""
    B, T = tags.shape
    if B == 0 or T == 0:
        return
    inside = torch.arange(T, device=lengths.device) < lengths[:, None]
    spread = weights[:, None] * inside
    tokens.scatter_add_(2, tags[:, :, None], spread[:, :, None])
    steps = (tags[:, :-1], tags[:, 1:])
    transitions.index_put_(steps, spread[:, 1:], accumulate=True)
    last = tags.gather(1, (lengths[:, None] - 1).clamp(min=0))[:, 0]
    start.index_add_(0, tags[:, 0], spread[:, 0])
    end.index_add_(0, last, weights * (lengths > 0))


def _first(leaves: Float[Tensor, "B N C C"], right: Float[Tensor, "B N C"]) -> Float[Tensor, "B C"]:
    """Sum over all ends that follow each tag of the first token."""
    return torch.logsumexp(leaves[:, 0] + right[:, 0, None, :], dim=2)


def _multiply(
    left: Float[Tensor, "B N C C"], right: Float[Tensor, "B N C C"]
) -> Float[Tensor, "B N C C"]:
    """Multiply matrices in the log semiring, in slices that fit into memory."""
    B, N, C, _ = left.shape
    rows = max(1, LARGEST // (C**3))
    # Axes: matrix x row (C) x inner (C) x column (C).
    products = [
        torch.logsumexp(a[:, :, :, None] + b[:, None, :, :], dim=2)
        for a, b in zip(
            left.reshape(-1, C, C).split(rows), right.reshape(-1, C, C).split(rows), strict=True
        )
    ]
    return torch.cat(products).view(B, N, C, C)
