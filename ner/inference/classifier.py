"""Use a model that labels whole texts: text in, labels, probabilities and attention out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ner.data.sentence import PredictedSentence, Sentence
from ner.errors import ConfigError
from ner.evaluation.calibration import Calibration, calibrate
from ner.features.arrays import OutputArrays
from ner.inference.batching import BATCH_TOKENS
from ner.inference.calibrating import known_only
from ner.inference.classification import Classification
from ner.inference.predictor import Predictor
from ner.messages import Notify
from ner.tasks import TextTask


@dataclass(frozen=True, eq=False, repr=False)
class TextClassifier(Predictor):
    """A model that labels whole texts.

    `pipe` and `tag_sentences` return sentences with a `prediction`; `classification` reads one.
    """

    task_class = TextTask
    task: TextTask

    def classify(self, text: str) -> Classification:
        """Label a raw text of any length."""
        return classification(self.tag_sentences([self.read(text)])[0])

    def classify_tokens(self, tokens: Sequence[str]) -> Classification:
        """Label a text that is already cut into tokens."""
        return classification(self.tag_sentences([self.check_tokens(tokens)])[0])

    def logits(
        self, sentences: Sequence[Sentence], *, batch_tokens: int = BATCH_TOKENS
    ) -> NDArray[np.float32]:
        """Compute the scores of the network (N C), which the temperature turns into probabilities.

        A sentence without tokens scores 0.
        """
        empty = np.zeros(len(self.labels), dtype=np.float32)
        rows = self.runner.run(sentences, _scores, empty, batch_tokens)
        return np.array(rows, dtype=np.float32).reshape(len(sentences), len(empty))

    def calibrated(
        self, dev: Sequence[Sentence], notify: Notify
    ) -> tuple[Self, Calibration | None]:
        """Fit the temperature; the one that the model has plays no part.

        Args:
            dev: Labelled sentences. Those with a label that the model does not know are left out.
            notify: Called with a line that says how many are left out.

        Returns:
            The model with the new temperature, and what it was fitted on; the same model and None
            where no sentence is left.
        """
        fitting = known_only(self.task, dev, notify)
        if not fitting:
            return self, None
        calibration = calibrate(self.logits(fitting), self.task.gold(fitting)["classes"])
        task = replace(self.task, temperature=calibration.temperature)
        return replace(self, task=task), calibration


def classification(sentence: Sentence) -> Classification:
    """Read what a classifier predicted.

    Raises:
        ConfigError: No classifier has labelled the sentence.
    """
    found = sentence.prediction
    if not isinstance(sentence, PredictedSentence) or found is None or found.labels is None:
        raise ConfigError("sentence: must have been labelled by a classifier. Got another one.")
    return Classification(found.labels, found.probabilities, sentence)


def _scores(outputs: OutputArrays, lengths: NDArray[np.int64]) -> list[NDArray[np.float32]]:
    return list(outputs["logits"])
