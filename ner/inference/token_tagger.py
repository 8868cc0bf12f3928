"""Use a model that labels every token: text in, a column of labels out."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self

from ner.data.min_score import MinScore
from ner.data.sentence import PredictedSentence, Sentence
from ner.data.sentence_splitter import FindStarts, cut_sentence, join_predictions
from ner.evaluation.calibration import Calibration
from ner.inference.calibrating import fit_temperature
from ner.inference.predictor import Predictor, TextSpan, TokenSpan
from ner.messages import Notify
from ner.tasks import TokenTask

if TYPE_CHECKING:
    from ner.rules.rules import Rules


@dataclass(frozen=True, eq=False, repr=False)
class TokenTagger(Predictor):
    """A model that labels every token, such as with its part of speech.

    The labels are the column `column` of a sentence (`Sentence.column`); the probability of each
    is its exact posterior under the model, calibrated by the temperature of the model.
    """

    task_class = TokenTask
    task: TokenTask

    def tag(
        self,
        text: str,
        *,
        required: Sequence[TextSpan] = (),
        forbidden: Sequence[TextSpan] = (),
        rules: "Rules | None" = None,
        split: FindStarts | None = None,
        min_score: MinScore = 0.0,
    ) -> PredictedSentence:
        """Label the tokens of a raw text of any length.

        Args:
            text: What to label.
            required: Must be empty; for a `Tagger`.
            forbidden: Must be empty; for a `Tagger`.
            rules: Must be None; for a `Tagger`.
            split: Finds the sentences of the text, such as a `ner.SentenceSplitter`: each is tagged
                by itself. By default the text is tagged as one.
            min_score: Must be 0; for a `Tagger`.

        Raises:
            TaskError: There are required or forbidden entities, rules, or a lowest score.
        """
        self._refuse_entities(required, forbidden)
        if rules is not None:
            self.check_rules(rules)
        self.check_min_score(min_score)
        sentence = self.read(text)
        if split is None:
            return self.tag_sentences([sentence])[0]
        return join_predictions(sentence, self.tag_sentences(cut_sentence(sentence, split(text))))

    def tag_tokens(
        self,
        tokens: Sequence[str],
        *,
        required: Sequence[TokenSpan] = (),
        forbidden: Sequence[TokenSpan] = (),
        rules: "Rules | None" = None,
        min_score: MinScore = 0.0,
    ) -> PredictedSentence:
        """Label tokens; offsets are those in the tokens joined by blanks.

        Args:
            tokens: What to label.
            required: Must be empty; for a `Tagger`.
            forbidden: Must be empty; for a `Tagger`.
            rules: Must be None; for a `Tagger`.
            min_score: Must be 0; for a `Tagger`.

        Raises:
            TaskError: There are required or forbidden entities, rules, or a lowest score.
        """
        self._refuse_entities(required, forbidden)
        if rules is not None:
            self.check_rules(rules)
        self.check_min_score(min_score)
        return self.tag_sentences([self.check_tokens(tokens)])[0]

    def calibrated(
        self, dev: Sequence[Sentence], notify: Notify
    ) -> tuple[Self, Calibration | None]:
        """Fit the temperature, so that labels are as often right as their scores say.

        Args:
            dev: Annotated sentences. Those with a label that the model does not know are left out.
            notify: Called with a line that says how many are left out.

        Returns:
            The model with the new temperature, and what it was fitted on; the same model and None
            where no sentence is left.
        """
        from ner.evaluation.span_calibration import label_decisions

        return fit_temperature(
            self, self.task, dev, notify, partial(label_decisions, column=self.column)
        )

    def _refuse_entities(self, *entities: Sequence[object]) -> None:
        if any(entities):
            raise self.task_error("required and forbidden")
