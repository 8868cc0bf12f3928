"""Sums over all paths of a linear chain, in numpy, whole batches at a time.

A path scores `start[tag] + emissions[0, tag]`, then `transitions[tag, next]` and the next emission
at each step, and `end[tag]` after its last tag. Any score may be -inf, which forbids the tag or
the step; all else is finite. Sentences are packed: sentence b is its first `lengths[b]` tokens,
perhaps none. Sums are float64. Axes: B sentences, T tokens of the longest, C tags.

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

# Tokens between two looks at how high the sums have risen: by 16 * log(C) at most, far from the
# end of double precision (709) for any number of tags.
RESCALED = 16

# exp() of more than this is too close to that end.
LARGEST_EXPONENT = 600.0

# What an underflow loses is below the smallest normal double times three numbers of at most this
# size, 1e-37: nothing beside the share 1 of the path that `RelativeSums` are relative to.
LARGEST_FACTOR = 1e90


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


# Scores that are not finite make sums that are not; whoever asked will see it.
@np.errstate(divide="ignore", invalid="ignore")
def sum_paths(emissions: Scores, lengths: Integers, edges: Edges) -> Sums:
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
    # Where each token of the mirrored sentences comes from, and goes back to (T B).
    mirrored = lengths - 1 - np.arange(T)[:, None]
    inside = mirrored >= 0
    mirrored = np.maximum(mirrored, 0)
    own = np.where(inside[:, :, None], emissions.transpose(1, 0, 2), np.float64(0))
    steps = np.stack((edges.transitions, edges.transitions.T)).astype(np.float64)
    # Without the highest score of each token and of all steps, no sum can rise by more than log(C)
    # a token, and rounding does not grow with the length of the sentence.
    top = highest_of(steps)
    highest_own = own.max(axis=2)
    highest_own[np.isneginf(highest_own)] = 0
    # Axes: token (T) x direction (2) x sentence (B) x tag (C).
    sums = np.empty((T, 2, B, C))
    np.subtract(own, highest_own[:, :, None], out=sums[:, 0])
    sums[:, 1] = sums[mirrored, 0, rows]
    sums[0] += np.stack((edges.start, edges.end))[:, None]
    weights = np.exp(steps - top)
    highest = np.zeros((2, B, 1))
    for t in range(1, T):
        before = sums[t - 1]
        if t % RESCALED == 1:
            highest = np.maximum(before.max(axis=2, keepdims=True), LOWEST)
        reached = np.exp(before - highest) @ weights
        logs = np.log(reached)
        logs += highest
        if reached.min() < TINY:
            # These few are summed in log space, where nothing is too small.
            d, b, to = np.nonzero(reached < TINY)
            terms = before[d, b] + steps[d, :, to]
            logs[d, b, to] = np.logaddexp.reduce(terms, axis=1) - top
        sums[t] += logs
    # Put back what was taken off, up to each token, and from each token on.
    offsets = (highest_own + top).cumsum(axis=0)
    total = offsets[lengths - 1, rows] - top
    alphas = sums[:, 0] + (offsets - top)[:, :, None]
    # Mirrored back, a sum over ends includes the tag's own emission. Where that is -inf, so is the
    # alpha, and the beta may be anything finite.
    own -= highest_own[:, :, None]
    betas = sums[mirrored, 1, rows] - own
    betas[np.isneginf(own)] = 0
    betas += (total - (offsets - top))[:, :, None]
    last = alphas[lengths - 1, rows] + edges.end
    log_partition = np.where(lengths > 0, np.logaddexp.reduce(last, axis=1), 0.0)
    return Sums(alphas.transpose(1, 0, 2), betas.transpose(1, 0, 2), log_partition)


class RelativeSums:
    """Sums over the paths of one sentence, relative to a likely one, in fewer array operations.

    All is in probability space, so that no token needs a log or an exp. What keeps the numbers in
    range is not their own size, which would have to be found token by token, but the path's score.

    Args:
        edges: The scores that do not depend on the tokens.
    """

    @np.errstate(over="ignore")
    def __init__(self, edges: Edges) -> None:
        self._edges = edges
        C = len(edges.start)
        # Both directions in one product: forward in the first C rows and columns.
        self._steps = np.zeros((2 * C, 2 * C))
        self._steps[:C, :C] = np.exp(edges.transitions)
        self._steps[C:, C:] = self._steps[:C, :C].T

    # What leaves the range is seen at the end.
    @np.errstate(divide="ignore", over="ignore", invalid="ignore")
    def __call__(self, emissions: Scores, path: Integers) -> tuple[Floats, Sums] | None:
        """Shift the scores so that `path` scores 0, and sum over all paths.

        Args:
            emissions: Scores (T C), T at least 1.
            path: Tags (T) of a possible path, the likelier the better.

        Returns:
            The shifted emissions (T C), and their sums, without the axis B; they give the same
            posteriors as those before, exact for whatever lies on the path. None where some sum
            leaves the range of what is exact.
        """
        start, transitions, end = self._edges
        T, C = emissions.shape
        gains = emissions[np.arange(T), path].astype(np.float64)
        gains[0] += start[path[0]]
        gains[1:] += transitions[path[:-1], path[1:]]
        shifted = emissions - gains[:, None]
        # Axes: factor, sum that lacks it, sum (3) x token, from either end (T) x direction, tag.
        factors, lacking, sums = room = np.empty((3, T, 2 * C))
        np.exp(shifted, out=factors[:, :C])
        factors[:, C:] = factors[::-1, :C]
        np.exp(start, out=lacking[0, :C])
        np.exp(end - end[path[-1]], out=lacking[0, C:])
        before = np.multiply(lacking[0], factors[0], out=sums[0])
        for there, factor, here in zip(lacking[1:], factors[1:], sums[1:], strict=True):
            np.dot(before, self._steps, out=there)
            before = np.multiply(there, factor, out=here)
        if not room.max() <= LARGEST_FACTOR:
            return None
        log_partition = np.log(before[:C].dot(lacking[0, C:]))
        return shifted, Sums(np.log(sums[:, :C]), np.log(lacking[::-1, C:]), log_partition)


def highest_of(transitions: Scores) -> float:
    """Give the highest score, or 0 where all are forbidden: something to take off and put back."""
    top = float(transitions.max())
    return top if top > -np.inf else 0.0


def token_posteriors(sums: Sums, lengths: Integers) -> Floats:
    """Give the probability of each tag at each token (B T C); 0 where there is none."""
    alphas, betas, log_z = sums
    posteriors = alphas + betas
    posteriors -= np.where(np.isneginf(log_z), np.inf, log_z)[:, None, None]
    posteriors[np.arange(alphas.shape[1]) >= lengths[:, None]] = -np.inf
    return np.exp(posteriors, out=posteriors)


@np.errstate(invalid="ignore")
def gradients(
    weights: Floats, emissions: Scores, lengths: Integers, edges: Edges, sums: Sums
) -> tuple[Floats, Edges]:
    """Differentiate the weighted sum of log partitions: weighted posteriors.

    Args:
        weights: Of each sentence's log partition (B).
        emissions: As for `sum_paths`.
        lengths: As for `sum_paths`.
        edges: As for `sum_paths`.
        sums: Its result.

    Returns:
        Gradients of the emissions, and of the other scores.
    """
    B, T, C = emissions.shape
    if 0 in (B, T):
        return np.zeros((B, T, C)), Edges(np.zeros(C), np.zeros((C, C)), np.zeros(C))
    tokens = token_posteriors(sums, lengths)
    tokens *= weights[:, None, None]
    last = tokens[np.arange(B), lengths - 1]
    steps = _expected_steps(weights, emissions, lengths, edges.transitions, sums)
    return tokens, Edges(tokens[:, 0].sum(axis=0), steps, last.sum(axis=0))


def _expected_steps(
    weights: Floats, emissions: Scores, lengths: Integers, transitions: Scores, sums: Sums
) -> Floats:
    """Sum the probabilities of steps over all tokens, each sentence by its weight.

    The exponent of a step, alpha + transition + (emission + beta - log partition), falls into three
    factors, so that the sum over tokens is a product of matrices. The highest alpha moves from the
    first to the last, or both would leave the range of exp().
    """
    alphas, betas, log_z = sums
    before = alphas[:, :-1]
    highest = np.maximum(before.max(axis=2, keepdims=True), LOWEST)
    before = before - highest
    after = betas[:, 1:] + emissions[:, 1:]
    after += highest
    after -= np.where(np.isneginf(log_z), np.inf, log_z)[:, None, None]
    after[np.arange(1, alphas.shape[1]) >= lengths[:, None]] = -np.inf
    top = highest_of(transitions)
    after += top
    C = len(transitions)
    rare = np.zeros((C, C))
    if after.max(initial=-np.inf) > LARGEST_EXPONENT:
        # Tags to which no likely way leads, and yet the sentence has no other; they are few.
        b, t, to = np.nonzero(after > LARGEST_EXPONENT)
        scores = before[b, t] + transitions[:, to].T + (after[b, t, to] - top)[:, None]
        np.add.at(rare.T, to, np.exp(scores) * weights[b][:, None])
        after[b, t, to] = -np.inf
    factors = np.exp(after, out=after)
    factors *= weights[:, None, None]
    steps = np.exp(before).reshape(-1, C).T @ factors.reshape(-1, C)
    return steps * np.exp(transitions - top) + rare


def path_scores(tags: Integers, emissions: Scores, lengths: Integers, edges: Edges) -> Floats:
    """Add up the scores of one path a sentence (B); its tags (B T) may be any behind the end."""
    B, T, _ = emissions.shape
    if 0 in (B, T):
        return np.zeros(B)
    inside = np.arange(T) < lengths[:, None]
    scores = np.take_along_axis(emissions, tags[:, :, None], axis=2)[:, :, 0].astype(np.float64)
    scores[:, 1:] += edges.transitions[tags[:, :-1], tags[:, 1:]]
    scores[:, 0] += edges.start[tags[:, 0]]
    scores[np.arange(B), lengths - 1] += edges.end[tags[np.arange(B), lengths - 1]]
    return scores.sum(axis=1, where=inside)


def add_path(
    tags: Integers, weights: Floats, lengths: Integers, tokens: Floats, edges: Edges
) -> None:
    """Add the gradient of the weighted sum of `path_scores`: how often each score was added.

    Args:
        tags: As for `path_scores`.
        weights: Of each sentence's score (B).
        lengths: As for `path_scores`.
        tokens: Gradient of the emissions (B T C), changed in place.
        edges: Gradients of the other scores, changed in place.
    """
    B, T, C = tokens.shape
    if 0 in (B, T):
        return
    rows = np.arange(B)
    spread = np.where(np.arange(T) < lengths[:, None], weights[:, None], 0.0)
    tokens[rows[:, None], np.arange(T), tags] += spread
    steps = (tags[:, :-1] * C + tags[:, 1:]).ravel()
    edges.transitions[:] += np.bincount(steps, spread[:, 1:].ravel(), C * C).reshape(C, C)
    edges.start[:] += np.bincount(tags[:, 0], spread[:, 0], C)
    edges.end[:] += np.bincount(tags[rows, lengths - 1], spread[rows, lengths - 1], C)
