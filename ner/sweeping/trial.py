"""One trial: a run for each seed, in the folder of the trial."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from optuna.study import Study
from optuna.trial import Trial, TrialState

from ner.config.loading import Config
from ner.errors import InUseError, MissingExtraError, NerError, reason
from ner.files import remove
from ner.inference.runs import seed_folder
from ner.sweeping.corpora import SweepCorpus
from ner.sweeping.study import MOST_STARTS, counted
from ner.tasks import make_task
from ner.training.run_folder import CHECKPOINTS, CONFIG, METRICS
from ner.training.train import Callback, run_training
from ner.training.trainer import Epoch, Step

# What is kept with a trial: the records of its runs that ended, and its settings.
RUNS, SETTINGS = "runs", "settings"

# States of a run that ended; one that is complete has scores.
COMPLETE, PRUNED, FAILED = "complete", "pruned", "failed"


class PrunedRun(Exception):  # noqa: N818
    """The pruner ends a run."""


@dataclass(frozen=True)
class TrialRunner:
    """Trains with the settings of a trial and each seed, and tells the study the result.

    The value of a trial is the mean over seeds of the best development score. The pruner sees the
    scores of the first seed.

    Args:
        study: The study.
        config: All settings that are not searched. Its seed is the first one.
        changes: Settings of each run that change no result.
        seeds: Number of consecutive seeds.
        corpus: What is learned from, and what is scored.
        callbacks: Callbacks of each run, beside that of the pruner.
    """

    study: Study
    config: Config
    changes: Mapping[str, Any]
    seeds: int
    corpus: SweepCorpus
    callbacks: Sequence[Callback] = ()

    def __call__(self, trial: Trial, settings: Mapping[str, Any], folder: Path) -> None:
        """Finish a trial, which may have begun in another process.

        Args:
            trial: The trial.
            settings: Its settings.
            folder: Its folder.

        Raises:
            KeyboardInterrupt: After Ctrl-C, when a checkpoint is written.
            SystemExit: After SIGTERM or SIGHUP, or where a callback raises it, likewise.
        """
        trial.set_user_attr(SETTINGS, dict(settings))
        runs = list(trial.user_attrs.get(RUNS, ()))
        while len(runs) < self.seeds and all(run["state"] == COMPLETE for run in runs):
            seed = self.config.seed + len(runs)
            prune = self._pruning(trial) if not runs else None
            progress = len(runs) + (len(prune.seen) if prune else 0)
            steps = [*self.callbacks, *([prune] if prune else [])]
            run = {"seed": seed}
            with counted(trial, progress) as may_begin:
                if may_begin:
                    run |= self._train({**settings, "seed": seed}, seed_folder(folder, seed), steps)
                else:
                    run |= _failed(f"It began {MOST_STARTS} times and came no further.")
            runs.append(run)
            trial.set_user_attr(RUNS, runs)
        self._tell(trial, runs)

    def _train(
        self, settings: Mapping[str, Any], folder: Path, callbacks: Sequence[Callback]
    ) -> dict[str, Any]:
        """Train once, or go on; return the record of the run."""
        record: dict[str, Any] = {}
        try:
            config = self.config.updated({**settings, **self.changes})
            record["digest"] = self.corpus.digest(config)
            record |= self._scores(config, folder, callbacks)
        except PrunedRun:
            record["state"] = PRUNED
        except (InUseError, MissingExtraError):
            raise
        except (NerError, MemoryError, torch.OutOfMemoryError) as error:
            record |= _failed(reason(error))
        remove(folder / CHECKPOINTS)
        return record | _history(folder, self._metric)

    def _scores(
        self, config: Config, folder: Path, callbacks: Sequence[Callback]
    ) -> dict[str, Any]:
        is_begun = (folder / CONFIG).is_file()
        if not is_begun:
            remove(folder)
        weights = self.corpus.weights
        result = run_training(
            # Weights of sentences come from memory, as the sentences do.
            config.updated({"training.weights": ""}),
            out=folder,
            sources=self.corpus.splits,
            weights=weights,
            resume=is_begun,
            callbacks=callbacks,
        )
        scores = {split: report.score for split, report in result.reports.items()}
        return {"state": COMPLETE, "dev": scores["dev"], "holdout": scores.get("test")}

    @property
    def _metric(self) -> str:
        return make_task(self.config.model_dump()).metric

    def _pruning(self, trial: Trial) -> "Pruning":
        frozen = self.study.get_trials(deepcopy=False)[trial.number]
        return Pruning(trial, self._metric, set(frozen.intermediate_values))

    def _tell(self, trial: Trial, runs: Sequence[Mapping[str, Any]]) -> None:
        state = runs[-1]["state"]
        if state == COMPLETE:
            self.study.tell(trial, mean(run["dev"] for run in runs))
        else:
            states = {PRUNED: TrialState.PRUNED, FAILED: TrialState.FAIL}
            self.study.tell(trial, state=states[state])


@dataclass(frozen=True)
class Pruning:
    """A callback of training that shows the pruner the score of each epoch.

    Args:
        trial: The trial.
        metric: Name of the score.
        seen: Numbers of the epochs that it was shown before a run was resumed.
    """

    trial: Trial
    metric: str
    seen: set[int]

    def __call__(self, event: Step | Epoch) -> None:
        """Take an event.

        Raises:
            PrunedRun: The score is too low to go on.
        """
        if not isinstance(event, Epoch):
            return
        if event.epoch not in self.seen:
            self.trial.report(event.metrics[self.metric], event.epoch)
            self.seen.add(event.epoch)
        if self.trial.should_prune():
            raise PrunedRun


def _failed(why: str) -> dict[str, Any]:
    return {"state": FAILED, "error": why}


def _history(folder: Path, metric: str) -> dict[str, Any]:
    """Return the score of each epoch, the number of the best one, and the time of training."""
    path = folder / METRICS
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    epochs = [json.loads(line) for line in lines]
    scores = [epoch[metric] for epoch in epochs]
    return {
        "scores": scores,
        "best_epoch": scores.index(max(scores)) + 1 if scores else None,
        "seconds": sum(epoch["seconds"] for epoch in epochs),
    }
