"""How far two results in single precision may lie apart: a bound from float32, not from a machine.

Kernels for other batch shapes, instruction sets and numbers of threads add the same numbers in
another order. Adding n numbers, in any order, errs by at most n times half the step of float32
times the sum of their sizes (Higham, "Accuracy and Stability of Numerical Algorithms", second
edition, section 4.2). Two orders therefore differ by at most twice as much. Here the largest score
stands for the sum of sizes, because a small score is a difference of numbers as large as those of
a large one.
"""

import numpy as np
import torch
from torch import nn

STEP = float(np.finfo(np.float32).eps)
# What tests train: 256 additions or fewer on the way to a score, and no score above 8.
SMALL_ADDITIONS, SMALL_SCORE = 256, 8.0


def additions(model: nn.Module) -> int:
    """Count the numbers that are added on a way through all matrices of a network, each once."""
    return sum(
        parameter[0].numel()
        for module in model.modules()
        if not isinstance(module, nn.Embedding)  # a row is looked up
        for parameter in module.parameters(recurse=False)
        if parameter.dim() > 1
    )


def float32_bound(scores: object, terms: int) -> float:
    """The largest difference between two float32 results, each of which adds ``terms`` numbers.

    Args:
        scores: A tensor, an array or a number, of which the largest size counts. It counts as at
            least 1, because the states and gates that are added are of size 1 in any network.
        terms: The numbers added on the way to a score, as ``additions`` counts them.
    """
    values = scores.detach() if isinstance(scores, torch.Tensor) else scores
    return terms * STEP * float(np.abs(np.asarray(values)).max(initial=1.0))


def probability_bound(scores: object, terms: int, tokens: int) -> float:
    """The largest difference between two probabilities made of such scores.

    If the score of each token moves by at most d, that of any path moves by at most tokens · d. A
    probability p of some of the paths then moves by at most p (1 - p) · 2 · tokens · d, which is at
    most tokens · d / 2.
    """
    return tokens * float32_bound(scores, terms) / 2


def small_model_bound(tokens: int = 1) -> float:
    """The largest difference between probabilities of a model that a test trains."""
    return probability_bound(SMALL_SCORE, SMALL_ADDITIONS, tokens)
