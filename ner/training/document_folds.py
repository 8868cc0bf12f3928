"""The end of a training with `training.document_folds`: learn to use the rest of a document."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from ner.config.loading import Config
from ner.errors import ConfigError, DataError
from ner.inference.second_pass import find_documents
from ner.messages import Notify
from ner.tasks import SpanTask, Task, TokenTask
from ner.training.launch import refuse_several
from ner.training.run_folder import PARTS
from ner.training.splits import Corpus

if TYPE_CHECKING:
    from ner.features.document_evidence import DocumentNetwork
    from ner.training.document_evidence import Worth


class Learned(NamedTuple):
    """What a training learned from models of parts of its corpus.

    Args:
        network: Corrects scores by evidence from the document.
        worth: What that gains where no model involved has seen the data.
    """

    network: "DocumentNetwork"
    worth: "Worth"

    def network_for(self, task: Task) -> "DocumentNetwork":
        """Return the network for a calibrated model."""
        return self.network.at(cast("SpanTask | TokenTask", task).temperature)


def check_settings(config: Config, *, continues: bool, is_built: bool) -> None:
    """Refuse settings that a model of a part would not have.

    Args:
        config: The settings that the user gave.
        continues: Whether the training goes on from a model, which may have seen all parts.
        is_built: Whether a function of the user builds the network.

    Raises:
        ConfigError: There is such a setting.
    """
    folds = config.training.document_folds
    if not folds:
        return
    refuse_several("training.document_folds")
    given = {
        "a model to go on from (--init)": continues,
        "a function that builds the network": is_built,
        "training.teacher": config.training.teacher,
        "training.weights": config.training.weights,
    }
    for name, value in given.items():
        if value:
            raise ConfigError(
                f"training.document_folds: must be 0 where there is {name}, because models of "
                f"parts have none. Got {folds}. Use ner documents after the training."
            )


def check_corpus(config: Config, corpus: Corpus) -> None:
    """Refuse data that do not have a document for each part.

    Raises:
        ConfigError: The training sentences are on the disk.
        DataError: Too few documents have several sentences.
    """
    folds = config.training.document_folds
    if not folds:
        return
    if corpus.storage is not None:
        raise ConfigError(
            "data.storage: must be memory where training.document_folds is not 0. Got disk."
        )
    count = len(find_documents(corpus.train))
    if count < folds:
        raise DataError(
            f"train: must have at least {folds} documents of several sentences, for "
            f"training.document_folds. Got {count}."
        )


def learn(config: Config, corpus: Corpus, task: Task, run: Path, notify: Notify) -> Learned | None:
    """Train models of parts, and learn from them; None where the settings do not ask for it.

    Args:
        config: All settings.
        corpus: All splits.
        task: What the model predicts.
        run: The folder of the run, in which finished trainings are kept until the run ends.
        notify: Called with a line for everything that a user should know.
    """
    folds = config.training.document_folds
    if not folds:
        return None
    # A training of a part is a training, which could have parts.
    from ner.training.document_evidence import learn_evidence

    tagging = cast("SpanTask | TokenTask", task)
    return Learned(*learn_evidence(config, list(corpus.train), tagging, run / PARTS, folds, notify))
