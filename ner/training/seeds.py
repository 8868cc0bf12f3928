"""Training with several seeds, and the mean and spread of their scores."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ner.config.loading import Config, read_config
from ner.evaluation.intervals import seed_interval
from ner.evaluation.resampling import LEVEL
from ner.evaluation.scores import METRIC_NAMES, table
from ner.files import read_json, write_json
from ner.inference.runs import SEEDS, seed_folder
from ner.training.run_folder import REPORT, open_folder, run_name
from ner.training.train import Settings, run_training

SPLITS = ("dev", "test")


@dataclass(frozen=True)
class SeedSummary:
    """The scores of several runs that differ only in their seed; printing it gives a table."""

    runs: Sequence[Mapping[str, Any]]
    metric: str

    @property
    def splits(self) -> list[str]:
        """The splits that have scores."""
        return [split for split in SPLITS if split in self.runs[0]]

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as JSON can hold it; scores are between 0 and 1.

        `low` and `high` are the ends of the t interval of the mean over seeds.
        """
        summary = {}
        for split in self.splits:
            values = [run[split] for run in self.runs]
            found = seed_interval(values)
            summary[split] = {
                "mean": found.point,
                "sd": statistics.stdev(values),
                "low": found.low,
                "high": found.high,
                "level": LEVEL,
            }
        return {"metric": self.metric, "runs": list(self.runs), **summary}

    def __str__(self) -> str:
        facts, splits = self.to_dict(), self.splits
        rows = [["", *(f"{split} {METRIC_NAMES[self.metric]}" for split in splits)]]
        for run in self.runs:
            rows.append([f"seed {run['seed']}", *(f"{100 * run[split]:.2f}" for split in splits)])
        rows += [["mean ± sd"], [f"{100 * LEVEL:g} % interval"]]
        for split in splits:
            mean, sd, low, high, _ = (100 * value for value in facts[split].values())
            rows[-2].append(f"{mean:.2f} ± {sd:.2f}")
            rows[-1].append(f"{low:.2f} to {high:.2f}")
        return (
            f"{table(rows)}\n\n"
            f"The mean and standard deviation of {len(self.runs)} seeds, and Student's t interval "
            "of the mean over seeds, on the same data."
        )


def train_seeds(
    config: str | Path | Config | None = None,
    *,
    seeds: int,
    out: str | Path | None = None,
    set: Settings | None = None,
    init: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
) -> SeedSummary:
    """Train with several consecutive seeds, from the configured one on, into `out/seed-N`.

    With `resume`, finished runs are kept, an interrupted one continues, and the others follow. The
    other arguments are those of `ner.train`.
    """
    with open_folder(out, run_name(config), resume=resume) as folder:
        first = read_config(config, set).seed
        runs: list[dict[str, Any]] = []
        metric = ""
        for seed in range(first, first + seeds):
            path = seed_folder(folder.path, seed)
            report = path / REPORT
            if not (resume and report.is_file()):
                run_training(
                    config,
                    out=path,
                    set={**(set or {}), "seed": seed},
                    init=init,
                    resume=resume and path.is_dir(),
                    progress=progress,
                )
            results = read_json(report)
            scores = {split: facts["score"] for split, facts in results.items()}
            runs.append({"seed": seed, **scores})
            metric = next(facts["metric"] for facts in results.values())
        summary = SeedSummary(runs, metric)
        write_json(folder.path / SEEDS, summary.to_dict())
        return summary
