"""How much each text of a pool can teach a model: its uncertainty, as values of tokens."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ner.choices import SuggestBy
from ner.crf.forward_backward import Floats
from ner.data.sentence import PredictedSentence, Prediction, Sentence
from ner.inference.predictor import Predictor


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


def judge(model: Predictor, sentences: Sequence[Sentence], by: SuggestBy) -> list[Candidate]:
    """Predict for sentences, and say what their annotation is worth.

    Args:
        model: The tagger that is to become better.
        sentences: What may be annotated.
        by: What makes a text valuable, see `Tagger.uncertainty`.

    Raises:
        TaskError: The model is no `Tagger`.
    """
    predicted, values = model.uncertainty(sentences, by)
    return [Candidate(*pair) for pair in zip(predicted, values, strict=True)]


def unjudged(sentences: Sequence[Sentence]) -> list[Candidate]:
    """Return sentences of which nothing is known, for a random choice."""
    return [Candidate(s.predicted(Prediction(())), np.zeros(len(s))) for s in sentences]
