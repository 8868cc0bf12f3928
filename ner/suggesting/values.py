"""How much each text of a pool can teach a model: its uncertainty, as values of tokens."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ner.choices import SuggestBy
from ner.crf.forward_backward import token_entropies
from ner.data.sentence import PredictedSentence, Prediction, Sentence
from ner.features.arrays import Floats
from ner.inference.batching import batches_of_scores
from ner.inference.tagger import Tagger


class Candidate(NamedTuple):
    """A text that may be suggested.

    Args:
        sentence: The text with what the model predicts.
        values: What the annotation of each token is worth (T), at least 0.
    """

    sentence: PredictedSentence
    values: Floats

    @property
    def tokens(self) -> Sequence[str]:
        """The tokens of the text."""
        return self.sentence.tokens

    @property
    def labels(self) -> frozenset[str]:
        """The labels that the model sees in the text."""
        return frozenset(span.label for span in self.sentence.prediction.spans or ())

    @property
    def uncertainty(self) -> float:
        """How unsure the model is of the whole text."""
        return float(self.values.sum())


def judge(model: Tagger, sentences: Sequence[Sentence], by: SuggestBy) -> list[Candidate]:
    """Predict for sentences, and say what their annotation is worth.

    Args:
        model: The model that is to become better.
        sentences: What may be annotated.
        by: `entropy` for the entropy of the sequence of tags, in nats, exact: each token has the
            entropy of its tag given the one before. `margin` for 1 minus the difference between
            the probabilities of the two best sequences, spread evenly. `random` for no values.

    Source: Settles and Craven, "An Analysis of Active Learning Strategies for Sequence Labeling
    Tasks", EMNLP 2008, section 3.1 (sequence entropy and margin).
    """
    scores = model.emissions(sentences)
    predictions: list[Prediction] = [model.task.empty] * len(sentences)
    values = [np.zeros(len(sentence)) for sentence in sentences]
    lattice = model.lattice
    for indices, outputs, lengths in batches_of_scores(scores):
        emissions = model.task.emissions({"emissions": outputs})
        decoded = lattice.decode(emissions, lengths)
        rows: Sequence[Floats]
        if by == "entropy":
            sums = lattice.sums(emissions, lengths)
            rows = list(token_entropies(emissions, lengths, lattice.edges, sums))
        elif by == "margin":
            best = lattice.nbest_tags(emissions, lengths, 2)
            margins = [1 - found[0].probability + sum(p for _, p in found[1:]) for found in best]
            rows = [np.full(n, m / n) for m, n in zip(margins, lengths.tolist(), strict=True)]
        else:
            rows = [np.zeros(n) for n in lengths.tolist()]
        for b, i in enumerate(indices.tolist()):
            predictions[i] = Prediction(*decoded[b])
            values[i] = rows[b][: lengths[b]]
    pairs = zip(sentences, predictions, values, strict=True)
    return [Candidate(s.predicted(prediction), value) for s, prediction, value in pairs]


def unjudged(sentences: Sequence[Sentence]) -> list[Candidate]:
    """Return sentences of which nothing is known, for a random choice."""
    return [Candidate(s.predicted(Prediction(())), np.zeros(len(s))) for s in sentences]
