"""Parts of a corpus for cross-validation in which no training part has an entity of the held part.

Source: Wang et al., "CrossWeigh: Training Named Entity Tagger from Imperfect Annotations",
EMNLP-IJCNLP 2019, section 3.2. There, sentences go to folds at random, and then training loses
every sentence with an entity of the held part: four fifths of the entities of CoNLL-2003 with ten
folds. Here, sentences with the same entities go to the same fold where they can, so that less is
lost. This is the greedy rule of Stanton and Kliot, "Streaming Graph Partitioning for Large
Distributed Graphs", KDD 2012 (linear deterministic greedy).
"""

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np

from ner.data.sentence import Sentence
from ner.errors import ConfigError, DataError

Surfaces = frozenset[str]


def surfaces_of(sentence: Sentence) -> Surfaces:
    """Return the texts of the annotated entities of a sentence, tokens joined by blanks."""
    return frozenset(" ".join(sentence.tokens[s.start : s.end]) for s in sentence.spans or ())


def entity_folds(surfaces: Sequence[Surfaces], folds: int, seed: int) -> list[int]:
    """Choose the fold of each sentence; folds have equal sizes, as nearly as can be.

    The sentences of the most frequent entities come first. Each goes to the fold that has most of
    its entities already, as long as that is not much fuller than others.

    Args:
        surfaces: The entities of each sentence.
        folds: Number of folds, at least 2.
        seed: Seed of the order among sentences of similar frequency.

    Raises:
        ConfigError: There are fewer than two folds.
        DataError: There are fewer sentences than folds.
    """
    if folds < 2:
        raise ConfigError(f"--folds: must be at least 2. Got {folds}.")
    if len(surfaces) < folds:
        raise DataError(
            f"train: must have at least {folds} annotated sentences, one for each fold. "
            f"Got {len(surfaces)}."
        )
    random = np.random.default_rng(seed)
    counts = Counter(surface for each in surfaces for surface in each)
    frequency = [max((counts[surface] for surface in each), default=0) for each in surfaces]
    # Another seed makes another order, and so other folds.
    order = np.argsort(-np.array(frequency) * random.uniform(0.5, 1.0, len(surfaces)))
    most = -(-len(surfaces) // folds)
    sizes = np.zeros(folds)
    holders: dict[str, set[int]] = {}
    chosen = [0] * len(surfaces)
    for i in order.tolist():
        shared = np.full(folds, 0.01)  # more than nothing, so that the emptiest fold wins a tie
        for surface in surfaces[i]:
            for fold in holders.get(surface, ()):
                shared[fold] += 1
        chosen[i] = int(np.argmax(shared * (1 - sizes / most)))
        sizes[chosen[i]] += 1
        for surface in surfaces[i]:
            holders.setdefault(surface, set()).add(chosen[i])
    return chosen


def disjoint_sentences(surfaces: Sequence[Surfaces], held: Collection[int]) -> list[int]:
    """List the sentences outside of the held part that share no entity with it.

    Args:
        surfaces: The entities of each sentence.
        held: The indices of the sentences of the held part.
    """
    forbidden: set[str] = set().union(*(surfaces[i] for i in held))
    inside = frozenset(held)
    return [i for i, each in enumerate(surfaces) if i not in inside and forbidden.isdisjoint(each)]
