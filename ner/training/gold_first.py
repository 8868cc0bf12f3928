"""A first training on gold alone, whose model then learns from teachers that err.

What teachers leave open has more than one explanation. A model that knows nothing yet takes a poor
one, and does not leave it any more: with 350 gold sentences of CoNLL-2003 and 6,650 of a teacher, a
start from gold was worth 1.0 F1.
"""

from collections.abc import Sequence
from pathlib import Path

from ner.config.loading import Config
from ner.data.sentence import Sentence
from ner.evaluation.scores import METRIC_NAMES
from ner.messages import Notify
from ner.training.run_folder import (
    MODEL,
    free_folder,
    is_taken,
    last_folder,
    refuse_taken,
    run_name,
)
from ner.training.train import Settings, run_training

# Gold has few sentences, and needs many steps. What names other files is not for it.
SETTINGS: Settings = {
    "data.test": "",
    "training.epochs": "auto",
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
        TrainingError: It is that of a new run, and holds something already.
    """
    if out is None:
        return last_folder(None, run_name(None)) if resume else free_folder(run_name(None))
    if not resume:
        refuse_taken(Path(out))
    return Path(out)


def learn_gold(
    settings: Config,
    gold: Sequence[Sentence],
    dev: Sequence[Sentence],
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
        run: The folder of the training that starts from the model.
        resume: Whether what is in these folders goes on. A model that is there is taken as it is.
        progress: Show progress.
        notify: Called with a line about the score.
    """
    folder = run.with_name(f"{run.name}-gold")
    if resume and (folder / MODEL).is_dir():
        return folder / MODEL
    report = run_training(
        settings.updated(SETTINGS),
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
