"""The results of a sweep: a table of runs, and the best settings as a configuration."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from ner.config.loading import Config, to_toml
from ner.evaluation.scores import METRIC_NAMES, table
from ner.files import write_text
from ner.sweeping.trial import COMPLETE, RUNS, SETTINGS

RESULTS, BEST = "runs.jsonl", "best.toml"

# States of a run by those of its trial, while its own is not known.
STATES = {TrialState.RUNNING: "running", TrialState.WAITING: "waiting"}

# Trials that the printed table shows.
SHOWN = 10


@dataclass(frozen=True)
class SweepResult:
    """All runs of a sweep; printing it gives a table of the best trials.

    Args:
        folder: The folder of the sweep.
        metric: Name of the score.
        runs: The record of each run, as a line of `runs.jsonl` has it.
        config: The configuration with the best settings; None while no trial is complete.
    """

    folder: Path
    metric: str
    runs: Sequence[Mapping[str, Any]]
    config: Config | None

    @property
    def best(self) -> Mapping[str, Any] | None:
        """The settings of the trial with the highest mean development score, if one is complete."""
        trials = self._ranked()
        return trials[0][0]["settings"] if trials else None

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as JSON can hold it; scores are between 0 and 1."""
        return {
            "folder": str(self.folder),
            "metric": self.metric,
            "best": self.best,
            "runs": list(self.runs),
        }

    def outcome(self, trial: int) -> str:
        """Say in a line how a trial ended, and which one is the best so far."""
        runs = [run for run in self.runs if run["trial"] == trial]
        state, name = runs[-1]["state"], METRIC_NAMES[self.metric]
        if state != COMPLETE:
            why = runs[-1]["error"] or f"after {len(runs[-1]['scores'])} epochs"
            return f"{state}, {why}"
        best = self._ranked()[0]
        seconds = sum(run["seconds"] for run in runs)
        return (
            f"dev {name} {100 * mean_score(runs):.2f}, {seconds:.0f} s. The best so far is trial "
            f"{best[0]['trial']} with {100 * mean_score(best):.2f}."
        )

    def _ranked(self) -> list[list[Mapping[str, Any]]]:
        """Return the runs of each complete trial, best trial first."""
        trials: dict[int, list[Mapping[str, Any]]] = {}
        for run in self.runs:
            trials.setdefault(run["trial"], []).append(run)
        whole = [runs for runs in trials.values() if all(r["state"] == COMPLETE for r in runs)]
        return sorted(whole, key=lambda runs: -mean_score(runs))

    def __str__(self) -> str:
        ranked = self._ranked()
        trials = {run["trial"]: run["state"] for run in self.runs}
        states = Counter(trials.values())
        counted = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        if not ranked:
            return f"No trial is complete: {counted}. {self.folder / RESULTS} lists all runs."
        name = METRIC_NAMES[self.metric]
        splits = {"dev": f"dev {name}", "holdout": f"held-out {name}"}
        if ranked[0][0]["holdout"] is None:
            del splits["holdout"]
        keys = list(ranked[0][0]["settings"])
        rows = [["trial", *splits.values(), *keys]]
        for runs in ranked[:SHOWN]:
            scores = (f"{100 * mean_score(runs, split):.2f}" for split in splits)
            settings = runs[0]["settings"]
            rows.append(
                [str(runs[0]["trial"]), *scores, *(shown_value(settings[key]) for key in keys)]
            )
        return (
            f"{table(rows)}\n\nTrials: {counted}. {self.folder / RESULTS} lists all runs.\n"
            f"Settings of trial {ranked[0][0]['trial']}: {self.folder / BEST}"
        )


def mean_score(runs: Sequence[Mapping[str, Any]], split: str = "dev") -> float:
    """Return the mean score of the runs of a trial."""
    return mean(run[split] for run in runs)


def shown_value(value: Any) -> str:
    """Show the value of a setting."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def records(trials: Sequence[FrozenTrial], metric: str) -> list[dict[str, Any]]:
    """Return a record for each run, also for the one that a trial works at."""
    found: list[dict[str, Any]] = []
    for trial in trials:
        runs = list(trial.user_attrs.get(RUNS, ()))
        if trial.state in STATES:
            runs.append({"state": STATES[trial.state]})
        for run in runs:
            found.append(
                {
                    "trial": trial.number + 1,
                    "seed": run.get("seed"),
                    "state": run["state"],
                    "metric": metric,
                    "dev": run.get("dev"),
                    "holdout": run.get("holdout"),
                    "best_epoch": run.get("best_epoch"),
                    "scores": run.get("scores", []),
                    "seconds": run.get("seconds"),
                    "digest": run.get("digest"),
                    "settings": trial.user_attrs.get(SETTINGS, {}),
                    "error": run.get("error"),
                }
            )
    return found


def write_result(study: Study, config: Config, metric: str, folder: Path) -> SweepResult:
    """Write the table of runs, and the best configuration, as far as a sweep got.

    Args:
        study: The study.
        config: All settings that are not searched.
        metric: Name of the score.
        folder: The folder of the sweep.
    """
    runs = records(study.get_trials(deepcopy=False), metric)
    result = SweepResult(folder, metric, runs, None)
    write_text(folder / RESULTS, "".join(json.dumps(run) + "\n" for run in runs))
    best = result.best
    if best is None:
        return result
    chosen = config.updated(best)
    write_text(folder / BEST, to_toml(chosen))
    return SweepResult(folder, metric, runs, chosen)
