"""The labels that a classifier predicts for a text, and the attention that each token got."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from ner.data.attention_view import token_weights
from ner.data.frozen_dict import FrozenDict, plain
from ner.data.lines import short
from ner.data.sentence import PredictedSentence


@dataclass(frozen=True, slots=True)
class TokenWeight:
    """The weight of the token `text[start:end]` in a decision; weights of a text sum to 1."""

    text: str
    start: int
    end: int
    weight: float


@dataclass(frozen=True, repr=False)
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

    def __repr__(self) -> str:
        text, shares = short(self.sentence.text), self.probabilities
        labels = ", ".join(f"{label} {shares[label]:.2f}" for label in self.labels) or "no label"
        return f"<Classification {text}: {labels}>"

    def to_dict(self) -> dict[str, Any]:
        """Return labels, probabilities and the sentence, as JSON can hold them."""
        return {**plain(self), "sentence": self.sentence.to_dict()}

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Self:
        """Read what `to_dict` returned, also after a way through JSON.

        Raises:
            DataError: The sentence has an unknown field.
            KeyError: A field is missing.
        """
        labels, probabilities = tuple(facts["labels"]), FrozenDict(facts["probabilities"])
        return cls(labels, probabilities, PredictedSentence.from_dict(facts["sentence"]))

    def to_html(self, *, page: bool = True) -> str:
        """Show the text, its labels and the attention as HTML, see `Sentence.to_html`."""
        return self.sentence.to_html(page=page)

    def _repr_html_(self) -> str:
        """What notebooks show."""
        return self.to_html(page=False)

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
