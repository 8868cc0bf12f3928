"""Columns that the network learns beside its task, in training only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from ner.config.loading import Config
from ner.data.sentence import Sentence
from ner.errors import ConfigError
from ner.features.arrays import Arrays
from ner.features.counts import CorpusCounts, by_frequency
from ner.features.featurizer import encode_columns
from ner.features.vocabulary import Vocabulary
from ner.nn.auxiliary import AuxiliaryHead
from ner.nn.model import Model

# Where the weights are in a network that is trained; a model folder has none of them.
PREFIX = "auxiliary."


@dataclass(frozen=True)
class AuxiliaryColumns:
    """The columns, which may be none.

    Args:
        vocabularies: The values of each column in the training split, by its name.
        weight: Factor on the loss of each column.
    """

    vocabularies: Mapping[str, Vocabulary]
    weight: float

    @classmethod
    def build(cls, config: Config, counts: CorpusCounts) -> Self:
        """Collect the values of the columns that a configuration names."""
        chosen = config.auxiliary
        columns = {name: Vocabulary(by_frequency(counts.columns[name])) for name in chosen.columns}
        return cls(columns, chosen.weight)

    def encode(self, sentences: Sequence[Sentence]) -> Arrays:
        """Encode the values of all tokens end to end, as `auxiliary` (N K); nothing without any.

        Raises:
            DataError: A sentence lacks a column.
        """
        if not self.vocabularies:
            return {}
        rule = "must have the column {name!r}, which auxiliary.columns names"
        return {"auxiliary": encode_columns(self.vocabularies, sentences, rule)}

    def add_head(self, model: Model) -> None:
        """Let a network learn the columns.

        Raises:
            ConfigError: A user's network computes its loss in its own way.
        """
        if not self.vocabularies:
            return
        if type(model).loss is not Model.loss:
            raise ConfigError(
                "auxiliary.columns: must be none where a network has a loss of its own. Got one of "
                f"{type(model).__name__}."
            )
        sizes = [len(vocabulary) for vocabulary in self.vocabularies.values()]
        model.auxiliary = AuxiliaryHead(model.encoder.size, sizes, self.weight)
