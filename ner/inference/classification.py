"""The result of a text classifier: labels, probabilities and attention."""

from collections.abc import Mapping
from dataclasses import dataclass

from ner.data.sentence import PredictedSentence, Sentence
from ner.errors import ConfigError
from ner.inference.attention_view import token_weights


@dataclass(frozen=True, slots=True)
class TokenWeight:
    """The weight of the token `text[start:end]` in a decision; weights of a text sum to 1."""

    text: str
    start: int
    end: int
    weight: float


@dataclass(frozen=True)
class Classification:
    """The labels that a classifier predicts for a text.

    Args:
        labels: The most probable class; or, where a text may have several labels, all that are
            more probable than not.
        probabilities: The probability of every label that the model knows.
        sentence: The text with its tokens and the whole `prediction`.
    """

    labels: tuple[str, ...]
    probabilities: Mapping[str, float]
    sentence: PredictedSentence

    @property
    def label(self) -> str | None:
        """The most probable of the labels; None where there is none."""
        return max(self.labels, key=lambda label: self.probabilities[label], default=None)

    @property
    def attention(self) -> tuple[TokenWeight, ...]:
        """The weight of each token, the mean over heads; () for a model without attention."""
        if not self.sentence.prediction.attention:
            return ()
        weights = token_weights(self.sentence)
        return tuple(
            TokenWeight(self.sentence.text[start:end], start, end, weight)
            for (start, end), weight in zip(self.sentence.offsets, weights, strict=True)
        )


def classification(sentence: Sentence) -> Classification:
    """Read what a classifier predicted.

    Raises:
        ConfigError: No classifier has labelled the sentence.
    """
    found = sentence.prediction
    if not isinstance(sentence, PredictedSentence) or found is None or found.labels is None:
        raise ConfigError("sentence: must have been labelled by a classifier. Got another one.")
    return Classification(found.labels, found.probabilities, sentence)
