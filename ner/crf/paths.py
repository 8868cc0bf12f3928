"""Paths of a linear chain: the best path, the k best paths, random paths.

The best path comes from the compiled kernel where there is one; everything else is numpy, by whole
batches. Arguments and axes are those of `ner.crf.forward_backward`; K is the number of paths.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ner.crf import kernel
from ner.crf.forward_backward import LOWEST, Edges, Floats, Integers, Scores, sum_paths


class Path(NamedTuple):
    """One tag for each token, and the probability of exactly this path among all paths.

    Args:
        tags: The tags (T).
        probability: A number in [0, 1].
    """

    tags: list[int]
    probability: float


def viterbi(
    emissions: Scores, lengths: Integers, edges: Edges
) -> tuple[Integers, NDArray[np.bool_]]:
    """Find the best path of each sentence.

    Of paths with equal scores, the path with the lower tag at their last difference wins.

    Returns:
        Tags (B T), 0 past the end of a sentence; whether a sentence has a path at all (B).

    Source: Viterbi, "Error Bounds for Convolutional Codes and an Asymptotically Optimum Decoding
    Algorithm", IEEE Transactions on Information Theory 13(2), 1967.
    """
    compiled = kernel.viterbi(emissions, lengths, edges)
    if compiled is not None:
        return compiled
    B, T, C = emissions.shape
    if 0 in (B, T):
        return np.zeros((B, T), dtype=np.int64), np.ones(B, dtype=np.bool_)
    inside = np.arange(T)[:, None] < lengths
    # Sentences are the last axis, so that each maximum over tags is taken for all of them at once.
    # Axes: token (T) x tag (C) x sentence (B); steps: tag before (C) x tag after (C) x sentence.
    scores = np.where(inside[:, None, :], emissions.transpose(1, 2, 0), np.float64(0))
    scores[0] += edges.start[:, None]
    steps = np.repeat(edges.transitions[:, :, None], B, axis=2).astype(np.float64)
    candidates = np.empty_like(steps)
    for t in range(1, T):
        np.add(scores[t - 1][:, None, :], steps, out=candidates)
        scores[t] += np.maximum.reduce(candidates, axis=0)
    # The way back needs an argmax only along the best path, given the tag that follows.
    by_sentence = np.ascontiguousarray(scores.transpose(0, 2, 1))
    onward = np.concatenate((edges.transitions, edges.end[:, None]), axis=1).T.copy()
    paths = np.empty((T, B), dtype=np.int64)
    following = np.full(B, C)
    for t in range(T - 1, -1, -1):
        tags = (by_sentence[t] + onward.take(following, axis=0)).argmax(axis=1)
        paths[t] = tags
        following = np.where(inside[t], tags, C)
    last = by_sentence[lengths - 1, np.arange(B)] + edges.end
    possible = (last.max(axis=1) > -np.inf) | (lengths == 0)
    return np.where(inside, paths, 0).T, possible


@np.errstate(invalid="ignore")
def nbest(emissions: Scores, lengths: Integers, edges: Edges, k: int) -> list[list[Path]]:
    """Find the `k` best paths of each sentence, best first, and their probabilities.

    Returns:
        A list for each sentence. It is shorter than `k` where there are fewer paths, and empty
        where there is none.
    """
    best, scores = k_best(emissions, lengths, edges, k)
    log_z = sum_paths(emissions, lengths, edges).log_partition
    # Rounding may lift the score of a certain path above the sum.
    probabilities = np.minimum(np.exp(scores - log_z[:, None]), 1)
    counts = (scores > -np.inf).sum(axis=1)
    rows = (best.tolist(), probabilities.tolist(), lengths.tolist(), counts.tolist())
    return [
        [Path(path[:length], share) for path, share in zip(paths[:n], shares[:n], strict=True)]
        for paths, shares, length, n in zip(*rows, strict=True)
    ]


def k_best(emissions: Scores, lengths: Integers, edges: Edges, k: int) -> tuple[Integers, Scores]:
    """Find the `k` best paths of each sentence, best first, and their scores.

    Returns:
        Tags (B K T), 0 past the end of a sentence; scores (B K), -inf where a sentence has fewer
        than `k` paths.

    Source: Schwartz and Chow, "The N-Best Algorithm", ICASSP 1990 (each tag keeps its k best
    beginnings, which is exact for a chain).
    """
    B, T, C = emissions.shape
    rows = np.arange(B)
    # The best beginnings that end in each tag, best first (B C K). At first each tag has one.
    scores = np.full((B, C, k), -np.inf)
    if T:
        scores[:, :, 0] = emissions[:, 0] + edges.start
    origins = np.zeros((T, B, C, k), dtype=np.int64)
    stays = np.arange(C * k).reshape(C, k)
    for t in range(1, T):
        inside = (lengths > t)[:, None, None]
        # Axes: sentence (B) x tag after (C) x beginning (tag before, rank: C * K).
        steps = scores[:, None] + edges.transitions.T[:, :, None]
        reached, origin = _largest(steps.reshape(B, C, C * k), k)
        emission = np.where(inside, emissions[:, t, :, None], 0.0)
        scores = np.where(inside, reached + emission, scores)
        origins[t] = np.where(inside, origin, stays)
    ended = (scores + edges.end[:, None]).reshape(B, C * k)
    # A sentence without tokens has one path, the empty one, whose score is 0.
    ended[lengths == 0] = -np.inf
    ended[lengths == 0, 0] = 0.0
    totals, beginnings = _largest(ended, k)
    paths = np.zeros((B, k, T), dtype=np.int64)
    for t in range(T - 1, -1, -1):
        paths[:, :, t] = beginnings // k
        beginnings = origins[t].reshape(B, C * k)[rows[:, None], beginnings]
    inside = np.arange(T) < lengths[:, None]
    return np.where(inside[:, None], paths, 0), totals


def _largest(values: Scores, k: int) -> tuple[Scores, Integers]:
    """Find the `k` largest values of the last axis, in descending order, and their indices."""
    missing = k - values.shape[-1]
    if missing > 0:
        padding = np.full((*values.shape[:-1], missing), -np.inf)
        values = np.concatenate((values, padding), axis=-1)
    chosen = np.argsort(-values, axis=-1, kind="stable")[..., :k]
    best = np.take_along_axis(values, chosen, axis=-1)
    # An index in the padding is never followed, because its score is -inf.
    return best, np.minimum(chosen, values.shape[-1] - max(missing, 0) - 1)


def sample(alphas: Floats, lengths: Integers, edges: Edges, uniform: Floats) -> Integers:
    """Draw paths in proportion to exp(score): the last tag first, then each tag before it.

    Args:
        alphas: Sums over beginnings, from `sum_paths` (B T C).
        lengths: Number of tokens of each sentence (B).
        edges: The other scores.
        uniform: Random numbers in [0, 1), one for each draw and token (K B T).

    Returns:
        Tags (K B T), 0 past the end of a sentence.

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
        # The first tag whose cumulative sum exceeds the drawn share of the total.
        drawn = (totals > uniform[:, :, t, None] * totals[:, :, -1:]).argmax(axis=2)
        inside = lengths > t
        paths[:, :, t] = np.where(inside, drawn, 0)
        following = np.where(inside, drawn, C)
    return paths
