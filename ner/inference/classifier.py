"""Use a model that labels whole texts: text in, label, probabilities and attention out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ner.data.sentence import Sentence
from ner.errors import ConfigError
from ner.evaluation.calibration import Calibration, calibrate
from ner.features.arrays import OutputArrays
from ner.inference.attention_view import token_weights
from ner.inference.batching import BATCH_TOKENS
from ner.inference.predictor import Predictor
from ner.tasks import TextTask


@dataclass(frozen=True, slots=True)
class TokenWeight:
    """How much the token `text[start:end]` mattered: weights of a text sum to 1."""

    text: str
    start: int
    end: int
    weight: float


@dataclass(frozen=True)
class Classification:
    """What a classifier says about a text.

    Args:
        labels: The most probable class, or with several labels those more probable than not.
        probabilities: Of all labels.
        sentence: The text with its tokens and the whole `prediction`.
    """

    labels: tuple[str, ...]
    probabilities: Mapping[str, float]
    sentence: Sentence

    @property
    def label(self) -> str | None:
        """The most probable of the labels; None where there is none."""
        return max(self.labels, key=lambda label: self.probabilities[label], default=None)

    @property
    def attention(self) -> tuple[TokenWeight, ...]:
        """The weight of each token, the mean over heads; () without attention."""
        found = self.sentence.prediction
        if found is None or not found.attention:
            return ()
        weights = token_weights(self.sentence)
        return tuple(
            TokenWeight(self.sentence.text[start:end], start, end, weight)
            for (start, end), weight in zip(self.sentence.offsets, weights, strict=True)
        )


class TextClassifier(Predictor[TextTask]):
    """A model that labels whole texts; made by `ner.load` or `ner.train`.

    `pipe` and `tag_sentences` give sentences with a `prediction`; `classification` reads one.
    """

    task_class = TextTask

    def classify(self, text: str) -> Classification:
        """Label a raw text of any length."""
        return classification(self.tag_sentences([self.read(text)])[0])

    def classify_tokens(self, tokens: Sequence[str]) -> Classification:
        """Label a text that is cut into tokens already."""
        return classification(self.tag_sentences([self.check_tokens(tokens)])[0])

    def logits(
        self, sentences: Sequence[Sentence], *, batch_tokens: int = BATCH_TOKENS
    ) -> NDArray[np.float32]:
        """Give what the network scores (N C), from which the temperature makes probabilities.

        A sentence without tokens scores 0.
        """
        empty = np.zeros(len(self.labels), dtype=np.float32)
        rows = self.decoder.run(sentences, _scores, empty, batch_tokens)
        return np.array(rows, dtype=np.float32).reshape(len(sentences), len(empty))

    def calibrated(
        self, dev: Sequence[Sentence], notify: Callable[[str], None]
    ) -> tuple[Self, Calibration | None]:
        """Fit the temperature; the one that the model has plays no part.

        Args:
            dev: Labelled sentences. Those with a label that the model does not know are left out.
            notify: Called with a line where that is so.

        Returns:
            The model with the new temperature, and what it was fitted on; the same model and None
            where no sentence is left.
        """
        known = set(self.labels)
        fitting = [sentence for sentence in dev if known.issuperset(sentence.labels or ())]
        if left_out := len(dev) - len(fitting):
            notify(f"dev: {left_out} sentences have labels that training lacks; none fits on them.")
        if not fitting:
            return self, None
        calibration = calibrate(self.logits(fitting), self.task.gold(fitting)["classes"])
        task = replace(self.task, temperature=calibration.temperature)
        given = (self.featurizer, self.runtime, self.tokenizer, self.record)
        return type(self)(task, *given), calibration


def _scores(outputs: OutputArrays, lengths: NDArray[np.int64]) -> list[NDArray[np.float32]]:
    return list(outputs["logits"])


def classification(sentence: Sentence) -> Classification:
    """Read what a classifier predicted.

    Raises:
        ConfigError: Nothing was predicted for the whole sentence.
    """
    found = sentence.prediction
    if found is None or found.labels is None:
        raise ConfigError("sentence: must have been labelled by a classifier. Got another one.")
    return Classification(found.labels, found.probabilities, sentence)
