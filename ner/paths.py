# ruff: noqa: N806  (axes have capital names)
"""Paths of a linear chain, in numpy, whole batches at a time: the best, the k best, random ones.

Arguments and axes are those of `ner.chain`; besides, K is the number of paths.
"""

import numpy as np

from ner.chain import Edges, Floats, Integers, Scores

# Steps after which the score of the best beginning is set to zero again, for the sake of rounding.
RESCALED = 64


def viterbi(emissions: Scores, lengths: Integers, edges: Edges) -> tuple[Integers, Floats]:
    """Find the best path of each sentence, in the precision of the emissions.

    Of equal paths the one with the lower tag at the last difference wins.

    Returns:
        Tags (B T), 0 behind the end; whether there is any path (B).
    """
    B, T, C = emissions.shape
    if 0 in (B, T):
        return np.zeros((B, T), dtype=np.int64), np.ones(B, dtype=np.bool_)
    inside = np.arange(T)[:, None] < lengths
    dtype = emissions.dtype
    # The sentences are the last axis, so that maxima over tags run over whole rows of them.
    # Axes: token (T) x tag (C) x sentence (B); steps: tag before (C) x tag after (C) x sentence.
    scores = np.where(inside[:, None, :], emissions.transpose(1, 2, 0), dtype.type(0))
    scores -= np.maximum(scores.max(axis=1, keepdims=True), np.finfo(dtype).min)
    scores[0] += edges.start.astype(dtype)[:, None]
    transitions, end = edges.transitions.astype(dtype), edges.end.astype(dtype)
    steps = np.repeat(transitions[:, :, None], B, axis=2)
    candidates = np.empty_like(steps)
    best = np.empty_like(scores[0])
    for t in range(1, T):
        np.add(scores[t - 1][:, None, :], steps, out=candidates)
        np.maximum.reduce(candidates, axis=0, out=best)
        if t % RESCALED == 0:
            best -= np.maximum(best.max(axis=0), np.finfo(dtype).min)
        scores[t] += best
    # Only the steps along the best path need an argmax: backwards, given the tag that follows.
    by_sentence = np.ascontiguousarray(scores.transpose(0, 2, 1))
    onward = np.concatenate((transitions, end[:, None]), axis=1).T.copy()
    paths = np.empty((T, B), dtype=np.int64)
    following = np.full(B, C)
    for t in range(T - 1, -1, -1):
        tags = (by_sentence[t] + onward.take(following, axis=0)).argmax(axis=1)
        paths[t] = tags
        following = np.where(inside[t], tags, C)
    last = by_sentence[lengths - 1, np.arange(B)] + end
    possible = (last.max(axis=1) > -np.inf) | (lengths == 0)
    return np.where(inside, paths, 0).T, possible


