"""A recognizer for Presidio that finds the entities of a `Tagger`, to make texts anonymous.

`LatticeRecognizer("runs/sample/model")` goes into a registry of Presidio like any other recognizer.
"""

from collections.abc import Mapping, Sequence

from ner.data.min_score import MinScore
from ner.data.sentence_splitter import FindStarts
from ner.errors import ConfigError, suggestion
from ner.extras import require
from ner.inference.tagger import Tagger
from ner.rules.rules import Rules

require("presidio_analyzer", "ner.presidio", extra="presidio")

from presidio_analyzer import (  # noqa: E402 - what is missing is told first
    AnalysisExplanation,
    EntityRecognizer,
    RecognizerResult,
)
from presidio_analyzer.nlp_engine import NlpArtifacts  # noqa: E402

# What Presidio calls the usual types of entities.
# Source: https://microsoft.github.io/presidio/supported_entities/
TYPES: Mapping[str, str] = {
    "PER": "PERSON",
    "LOC": "LOCATION",
    "GPE": "LOCATION",
    "ORG": "ORGANIZATION",
}


class LatticeRecognizer(EntityRecognizer):
    """Finds the entities of a model; the score of each is its probability under the model.

    Args:
        model: A model folder, or any other name that `ner.load` accepts.
        types: What Presidio calls a type of the model, beside and above those in `TYPES`; None
            leaves a type out. A type that neither names keeps its name.
        min_score: Entities with a lower score are left out, from 0 to 1; or one for each label of
            the model, as for `Tagger.tag`.
        split: Finds the sentences of a text, such as a `ner.SentenceSplitter`: each is tagged by
            itself. By default, a text is tagged as one.
        rules: Words and patterns that the model obeys, such as `ner.Rules.load("names.toml")`.
        supported_language: The language of the texts, as an ISO 639 code.
        name: What results call the recognizer; by default the name of the class.
        device: Device that runs the network, as for `ner.load`.
        threads: Number of threads of the network, as for `ner.load`.

    Raises:
        ConfigError: `types`, `min_score` or `rules` name a type that the model does not know.
        ModelFolderError: There is no such model, or it finds no entities.
    """

    def __init__(
        self,
        model: str = "en",
        *,
        types: Mapping[str, str | None] | None = None,
        min_score: MinScore = 0.0,
        split: FindStarts | None = None,
        rules: Rules | None = None,
        supported_language: str = "en",
        name: str | None = None,
        device: str = "cpu",
        threads: int | None = None,
    ) -> None:
        self.tagger = Tagger.load(model, device=device, threads=threads)
        self.types = _named_types(self.tagger.labels, types or {})
        self.tagger.check_min_score(min_score)
        if rules is not None:
            self.tagger.check_rules(rules)
        self.min_score, self.rules = min_score, rules
        self.split: FindStarts | None = split
        super().__init__(
            sorted(set(self.types.values())),
            name=name or type(self).__name__,
            supported_language=supported_language,
        )

    def load(self) -> None:
        """Do nothing: the model is there from the beginning."""

    def analyze(
        self,
        text: str,
        entities: Sequence[str],
        nlp_artifacts: NlpArtifacts | None = None,
    ) -> list[RecognizerResult]:
        """Find the entities of a text, in the order of the text.

        Args:
            text: What to look through.
            entities: The types that are asked for, as Presidio calls them; none for all.
            nlp_artifacts: Not used: the model cuts the text into tokens itself.
        """
        asked = set(entities or self.supported_entities)
        tagged = self.tagger.tag(text, split=self.split, rules=self.rules, min_score=self.min_score)
        return [
            self._result(self.types[found.label], found.start, found.end, found.score)
            for found in tagged.entities
            if self.types.get(found.label) in asked
        ]

    def _result(self, type_: str, start: int, end: int, score: float) -> RecognizerResult:
        explanation = AnalysisExplanation(
            recognizer=self.name,
            original_score=score,
            textual_explanation=f"The model finds this {type_} with probability {score:.3f}.",
        )
        return RecognizerResult(
            entity_type=type_,
            start=start,
            end=end,
            score=score,
            analysis_explanation=explanation,
            recognition_metadata={
                RecognizerResult.RECOGNIZER_NAME_KEY: self.name,
                RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: self.id,
            },
        )


def _named_types(labels: Sequence[str], given: Mapping[str, str | None]) -> dict[str, str]:
    """Return what Presidio calls each type of a model that is not left out.

    Raises:
        ConfigError: There is no such type.
    """
    for label in given:
        if label not in labels:
            raise ConfigError(
                f"types: must be types of the model: {', '.join(labels)}. Got {label!r}."
                f"{suggestion(label, labels)}"
            )
    named = {label: given.get(label, TYPES.get(label, label)) for label in labels}
    return {label: name for label, name in named.items() if name is not None}
