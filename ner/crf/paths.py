"""Paths of a linear chain, in numpy: the best, the k best, random ones.

Whole batches at a time, but for the best paths of few sentences.

Arguments and axes are those of `ner.crf.forward_backward`; besides, K is the number of paths.
"""

import numpy as np
from numpy.typing import NDArray

from ner.crf import kernel
from ner.crf.forward_backward import LOWEST, Edges, Floats, Integers, Scores

# So few sentences are sooner decoded one by one: for them, time goes by the number of array
# operations, and one sentence needs fewer than a batch, measured with 11 tokens and 17 tags.
FEW = 3


def viterbi(
    emissions: Scores, lengths: Integers, edges: Edges
) -> tuple[Integers, NDArray[np.bool_]]:
    """Find the best path of each sentence.

    Of equal paths the one with the lower tag at the last difference wins.

    Returns:
        Tags (B T), 0 behind the end; whether there is any path (B).
    """
    compiled = kernel.viterbi(emissions, lengths, edges)
    if compiled is not None:
        return compiled
    B, T, C = emissions.shape
    if 0 in (B, T):
        return np.zeros((B, T), dtype=np.int64), np.ones(B, dtype=np.bool_)
    if B <= FEW:
        return _viterbi_one_by_one(emissions, lengths, edges)
    inside = np.arange(T)[:, None] < lengths
    # The sentences are the last axis, so that maxima over tags run over whole rows of them.
    # Axes: token (T) x tag (C) x sentence (B); steps: tag before (C) x tag after (C) x sentence.
    scores = np.where(inside[:, None, :], emissions.transpose(1, 2, 0), np.float64(0))
    scores[0] += edges.start[:, None]
    steps = np.repeat(edges.transitions[:, :, None], B, axis=2).astype(np.float64)
    candidates = np.empty_like(steps)
    for t in range(1, T):
        np.add(scores[t - 1][:, None, :], steps, out=candidates)
        scores[t] += np.maximum.reduce(candidates, axis=0)
    # Only the steps along the best path need an argmax: backwards, given the tag that follows.
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


def _viterbi_one_by_one(
    emissions: Scores, lengths: Integers, edges: Edges
) -> tuple[Integers, NDArray[np.bool_]]:
    paths = np.zeros(emissions.shape[:2], dtype=np.int64)
    possible = np.ones(len(paths), dtype=np.bool_)
    for b, length in enumerate(lengths.tolist()):
        if length:
            paths[b, :length], possible[b] = _best_path(emissions[b, :length], edges)
    return paths, possible


def _best_path(emissions: Scores, edges: Edges) -> tuple[list[int], bool]:
    """Find the tags of the best path of one sentence (T C), to the last bit as batches do.

    Returns:
        Its tags; whether there is any path.
    """
    scores = emissions.astype(np.float64)
    scores[0] += edges.start
    rows = list(scores)
    candidates = np.empty(edges.transitions.shape)
    for before, row in zip(scores[:, :, None], rows[1:], strict=False):
        np.add(before, edges.transitions, out=candidates)
        row += np.maximum.reduce(candidates)
    ended = rows.pop() + edges.end
    tag = int(ended.argmax())
    path, possible = [tag], ended[tag] > -np.inf
    onward = list(edges.transitions.T)
    for row in reversed(rows):
        tag = int((row + onward[tag]).argmax())
        path.append(tag)
    return path[::-1], possible


def k_best(emissions: Scores, lengths: Integers, edges: Edges, k: int) -> tuple[Integers, Scores]:
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
        reached, origin = _largest(steps.reshape(B, C, C * k), k)
        emission = np.where(inside, emissions[:, t, :, None], 0.0)
        scores = np.where(inside, reached + emission, scores)
        origins[t] = np.where(inside, origin, stays)
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


def _largest(values: Scores, k: int) -> tuple[Scores, Integers]:
    """Give the `k` largest along the last axis, descending, and where they stand."""
    missing = k - values.shape[-1]
    if missing > 0:
        padding = np.full((*values.shape[:-1], missing), -np.inf)
        values = np.concatenate((values, padding), axis=-1)
    chosen = np.argsort(-values, axis=-1, kind="stable")[..., :k]
    best = np.take_along_axis(values, chosen, axis=-1)
    # Whatever is chosen in the padding leads nowhere: its score is -inf.
    return best, np.minimum(chosen, values.shape[-1] - max(missing, 0) - 1)


def sample(alphas: Floats, lengths: Integers, edges: Edges, uniform: Floats) -> Integers:
    """Draw paths in proportion to exp(score): the last tag first, then each tag before it.

    Args:
        alphas: Of `ner.crf.forward_backward.sum_paths` (B T C).
        lengths: Tokens of each sentence (B).
        edges: The other scores.
        uniform: Numbers in [0, 1), one a draw and token (K B T).

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
