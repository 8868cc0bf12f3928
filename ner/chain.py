# ruff: noqa: N806  (axes have capital names)
"""Sums and maxima over all paths of a linear chain, in numpy, whole batches at a time.

A path scores `start[tag] + emissions[0, tag]`, then `transitions[tag, next]` and the next emission
at each step, and `end[tag]` after its last tag. Any score may be -inf, which forbids the tag or
the step; all else is finite. Sentences are packed: sentence b is its first `lengths[b]` tokens,
perhaps none. Everything is computed in float64. Axes: B sentences, T tokens of the longest, C tags,
K paths.

Source: Rabiner, "A Tutorial on Hidden Markov Models", Proc. IEEE 77(2), 1989, sections III.A-B.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Scores = NDArray[np.floating]

# exp() of anything lower is lost in double precision beside 1; sums that small are taken anew in
# log space. (The smallest normal double is 2.2e-308.)
TINY = 1e-290
# Stands in for a maximum of -inf, from which nothing can be subtracted.
LOWEST = -1e300


class Edges(NamedTuple):
    """The scores that do not depend on the tokens.

    Args:
        start: Scores of the first tag (C).
        transitions: Scores (C, C): row = tag, column = the tag that follows it.
        end: Scores of the last tag (C).
    """

    start: Scores
    transitions: Scores
    end: Scores


class Sums(NamedTuple):
    """Log sums over paths; behind the end of a sentence they hold nothing of meaning.

    Args:
        alphas: Over all beginnings that end in a tag, its emission included (B T C).
        betas: Over all ends that follow a tag, its own emission left out (B T C).
        log_partition: Over all paths (B); -inf where none is possible, 0 without tokens.
    """

    alphas: Floats
    betas: Floats
    log_partition: Floats


def forward_backward(emissions: Scores, lengths: Integers, edges: Edges) -> Sums:
    """Sum over the beginnings and over the ends of all paths.

    The backward recursion is the forward one on mirrored sentences and transposed transitions, so
    both run as one loop over twice the batch: half as many small array operations.

    Args:
        emissions: Scores (B T C); what stands behind the end of a sentence does not matter.
        lengths: Tokens of each sentence (B), at least 0.
        edges: The other scores.
    """
    B, T, C = emissions.shape
    if 0 in (B, T):
        return Sums(np.zeros((B, T, C)), np.zeros((B, T, C)), np.zeros(B))
    rows = np.arange(B)
    mirrored = lengths - 1 - np.arange(T)[:, None]
    inside = mirrored >= 0
    own = np.where(inside[:, :, None], emissions.transpose(1, 0, 2), 0.0)
    # Axes: token (T) x direction (2) x sentence (B) x tag (C).
    sums = np.empty((T, 2, B, C))
    sums[:, 0] = own
    sums[:, 1] = own[np.maximum(mirrored, 0), rows]
    sums[0] += np.stack((edges.start, edges.end))[:, None]
    steps = np.stack((edges.transitions, edges.transitions.T)).astype(np.float64)
    top = max(steps.max(), LOWEST)
    weights = np.exp(steps - top)
    with np.errstate(divide="ignore"):
        for t in range(1, T):
            before = sums[t - 1]
            highest = np.maximum(before.max(axis=2, keepdims=True), LOWEST)
            reached = np.exp(before - highest) @ weights
            logs = np.log(reached)
            logs += highest
            logs += top
            if reached.min() < TINY:
                # These few are summed in log space, where nothing is too small.
                d, b, to = np.nonzero(reached < TINY)
                logs[d, b, to] = np.logaddexp.reduce(before[d, b] + steps[d, :, to], axis=1)
            sums[t] += logs
    alphas = sums[:, 0].transpose(1, 0, 2)
    # Mirrored back, a sum over ends includes the tag's own emission. Where that is -inf, so is the
    # alpha, and the beta may be anything finite.
    arrived = sums[np.maximum(mirrored, 0), 1, rows]
    with np.errstate(invalid="ignore"):
        betas = np.where(np.isneginf(own), 0.0, arrived - own).transpose(1, 0, 2)
    last = alphas[rows, lengths - 1] + edges.end
    log_partition = np.where(lengths > 0, np.logaddexp.reduce(last, axis=1), 0.0)
    return Sums(alphas, betas, log_partition)


def viterbi(emissions: Scores, lengths: Integers, edges: Edges) -> tuple[Integers, Floats]:
    """Find the best path of each sentence.

    Of equal paths the one with the lower tag at the last difference wins.

    Returns:
        Tags (B T), 0 behind the end; scores (B), -inf where no path is possible.
    """
    B, T, C = emissions.shape
    if 0 in (B, T):
        return np.zeros((B, T), dtype=np.int64), np.zeros(B)
    rows = np.arange(B)
    inside = np.arange(T)[:, None] < lengths
    # The sentences are the last axis, so that maxima over tags run over whole rows of them.
    # Axes: token (T) x tag (C) x sentence (B); steps: tag before (C) x tag after (C) x 1.
    own = np.where(inside[:, None, :], emissions.transpose(1, 2, 0), 0.0)
    scores = np.empty((T, C, B))
    scores[0] = own[0] + edges.start[:, None]
    steps = np.repeat(edges.transitions.astype(np.float64)[:, :, None], B, axis=2)
    candidates = np.empty((C, C, B))
    for t in range(1, T):
        np.add(scores[t - 1][:, None, :], steps, out=candidates)
        np.maximum.reduce(candidates, axis=0, out=scores[t])
        scores[t] += own[t]
    # Only the steps along the best path need an argmax: backwards, given the tag that follows.
    paths = np.zeros((T, B), dtype=np.int64)
    onward = np.concatenate((edges.transitions, edges.end[:, None]), axis=1)
    following = np.full(B, C)
    for t in range(T - 1, -1, -1):
        best = (scores[t] + onward[:, following]).argmax(axis=0)
        paths[t] = best
        following = np.where(inside[t], best, C)
    last = scores[lengths - 1, :, rows] + edges.end
    return np.where(inside, paths, 0).T, np.where(lengths > 0, last.max(axis=1), 0.0)


def k_best(emissions: Scores, lengths: Integers, edges: Edges, k: int) -> tuple[Integers, Floats]:
    """Find the `k` best paths of each sentence, the best first.

    Returns:
        Tags (B K T), 0 behind the end; scores (B K), -inf where there are fewer paths than `k`.

    Source: Schwartz and Chow, "The N-Best Algorithm", ICASSP 1990 (each tag keeps its k best
    beginnings, which is exact for a chain).
    """
    B, T, C = emissions.shape
    rows = np.arange(B)
    # Each tag's best beginnings, best first (B C K); at first there is one of each.
    scores = np.full((B, C, k), -np.inf)
    if T:
        scores[:, :, 0] = emissions[:, 0] + edges.start
    origins = np.zeros((T, B, C, k), dtype=np.int64)
    stays = np.arange(C * k).reshape(C, k)
    for t in range(1, T):
        inside = (lengths > t)[:, None, None]
        # Axes: sentence (B) x tag after (C) x beginning (tag before, rank: C * K).
        steps = scores[:, None] + edges.transitions.T[:, :, None]
        reached, origins[t] = _largest(steps.reshape(B, C, C * k), k)
        emission = np.where(inside, emissions[:, t, :, None], 0.0)
        scores = np.where(inside, reached + emission, scores)
        origins[t] = np.where(inside, origins[t], stays)
    ended = (scores + edges.end[:, None]).reshape(B, C * k)
    # The only path of a sentence without tokens is the empty one, and it scores 0.
    ended[lengths == 0] = -np.inf
    ended[lengths == 0, 0] = 0.0
    totals, beginnings = _largest(ended, k)
    paths = np.zeros((B, k, T), dtype=np.int64)
    for t in range(T - 1, -1, -1):
        paths[:, :, t] = beginnings // k
        beginnings = origins[t].reshape(B, C * k)[rows[:, None], beginnings]
    inside = np.arange(T) < lengths[:, None]
    return np.where(inside[:, None], paths, 0), totals


def _largest(values: Floats, k: int) -> tuple[Floats, Integers]:
    """Give the `k` largest along the last axis, descending, and where they stand."""
    missing = k - values.shape[-1]
    chosen = np.argsort(-values, axis=-1, kind="stable")[..., :k]
    if missing > 0:
        chosen = np.concatenate((chosen, np.repeat(chosen[..., -1:], missing, axis=-1)), axis=-1)
    best = np.take_along_axis(values, chosen, axis=-1)
    if missing > 0:
        best[..., -missing:] = -np.inf
    return best, chosen


def sample(alphas: Floats, lengths: Integers, edges: Edges, uniform: Floats) -> Integers:
    """Draw paths in proportion to exp(score): the last tag first, then each tag before it.

    Args:
        alphas: Of `forward_backward` (B T C).
        lengths: Tokens of each sentence (B).
        edges: The other scores.
        uniform: Numbers in [0, 1), one a draw and token (K B T); K is the number of draws.

    Returns:
        Tags (K B T), 0 behind the end.

    Source: Scott, "Bayesian Methods for Hidden Markov Models", JASA 97(457), 2002, section 2.2
    (forward filtering, backward sampling).
    """
    C = alphas.shape[2]
    paths = np.zeros(uniform.shape, dtype=np.int64)
    onward = np.concatenate((edges.transitions, edges.end[:, None]), axis=1).T
    following = np.full(uniform.shape[:2], C)
    for t in range(uniform.shape[2] - 1, -1, -1):
        scores = alphas[:, t] + onward[following]
        highest = np.maximum(scores.max(axis=2, keepdims=True), LOWEST)
        totals = np.exp(scores - highest).cumsum(axis=2)
        # The first tag whose cumulative sum exceeds the drawn share of the whole.
        drawn = (totals > uniform[:, :, t, None] * totals[:, :, -1:]).argmax(axis=2)
        inside = lengths > t
        paths[:, :, t] = np.where(inside, drawn, 0)
        following = np.where(inside, drawn, C)
    return paths
