"""A first training on gold alone, whose model then learns from teachers that err.

What teachers leave open has more than one explanation. A model that knows nothing yet takes a poor
one, and does not leave it any more: with 350 gold sentences of CoNLL-2003 and 6,650 of a teacher, a
start from gold was worth 1.0 F1.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from ner.config.loading import Config
from ner.data.sentence import Sentence
from ner.errors import TrainingError
from ner.evaluation.scores import METRIC_NAMES
from ner.files import read_json
from ner.messages import Notify
from ner.training.result import RunResult
from ner.training.run_folder import (
    MODEL,
    REPORT,
    free_folder,
    is_taken,
    last_folder,
    refuse_taken,
    run_name,
)
from ner.training.settings import FEWEST_EPOCHS, MOST_EPOCHS
from ner.training.train import Settings, run_training

# Gold has few sentences, and needs small batches. What names other files is not for it.
SETTINGS: Settings = {
    "data.test": "",
    "training.batch_size": "auto",
    "training.export": False,
    "training.teacher": "",
    "training.raw": "",
    "training.teacher_folds": 0,
    "training.weights": "",
    "head.weights": {},
}


def folder_of_run(out: str | Path | None, resume: bool) -> Path:
    """Return the folder of a run, `out` or one in runs/, so that another can be beside it.

    Raises:
        TrainingError: It is that of a new run and holds something already, or there is nothing to
            resume.
    """
    if not resume:
        run = free_folder(run_name(None)) if out is None else Path(out)
        refuse_taken(run)
        return run
    run = last_folder(out, run_name(None))
    if not (is_taken(run) or is_taken(beside(run))):
        raise TrainingError(f"{run}: no run to resume.")
    return run


def beside(run: Path) -> Path:
    """Return the folder of the training on gold alone."""
    return run.with_name(f"{run.name}-gold")


def learn_gold(
    settings: Config,
    gold: Sequence[Sentence],
    dev: Sequence[Sentence],
    others: int,
    run: Path,
    resume: bool,
    progress: bool,
    notify: Notify,
) -> Path:
    """Train on gold alone in the folder `RUN-gold`, and return the model.

    Args:
        settings: Those of the whole training.
        gold: Gold sentences, with at least one entity.
        dev: Gold development data.
        others: The number of the teachers' sentences.
        run: The folder of the training that starts from the model.
        resume: Whether what is in these folders goes on. A model that is there is taken as it is.
        progress: Show progress.
        notify: Called with a line about the score.
    """
    folder = beside(run)
    if resume and (folder / MODEL).is_dir():
        return folder / MODEL
    epochs = epochs_of_gold(settings.training.epochs, len(gold), len(gold) + others)
    report = run_training(
        settings.updated({**SETTINGS, "training.epochs": epochs}),
        out=folder,
        sources={"train": gold, "dev": dev},
        resume=resume and is_taken(folder),
        progress=progress,
    ).reports["dev"]
    notify(
        f"{folder}: gold alone has {METRIC_NAMES[report.metric]} {100 * report.score:.2f} on the "
        "development data. Its model now learns from the teachers, too."
    )
    return folder / MODEL


def warn_of_loss(gold_model: Path, result: RunResult, notify: Notify) -> None:
    """Warn if the model is worse than the one of gold alone, and say what can help.

    Args:
        gold_model: The model that `learn_gold` returned.
        result: What came of it.
        notify: Called with the warning.
    """
    report = result.reports["dev"]
    before = float(read_json(gold_model.parent / REPORT)["dev"]["score"])
    if report.score < before:
        notify(
            f"Warning: gold alone is better on the development data: {METRIC_NAMES[report.metric]} "
            f"{100 * before:.2f}, and now {100 * report.score:.2f}. Teachers that err at the same "
            "places always, such as rules, need a higher --gold-weight, or fewer texts. The model "
            f"of gold alone is in {gold_model}."
        )


def epochs_of_gold(epochs: int | Literal["auto"], gold: int, total: int) -> int | Literal["auto"]:
    """Return how often gold is passed over: so often that it takes no longer than the rest.

    Args:
        epochs: Passes over all sentences.
        gold: The number of gold sentences.
        total: The number of all sentences.

    >>> epochs_of_gold(8, 500, 10_000), epochs_of_gold(8, 5_000, 10_000), epochs_of_gold(25, 1, 2)
    ('auto', 16, 25)
    """
    if epochs == "auto" or epochs * total >= MOST_EPOCHS * gold:
        return "auto"
    return min(epochs * total // gold, FEWEST_EPOCHS)
