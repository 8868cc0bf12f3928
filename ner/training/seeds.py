"""Training with several seeds, and the mean and spread of their scores."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ner.config.loading import Config, read_config
from ner.files import read_json, write_json
from ner.training.result import METRIC_NAMES
from ner.training.run_folder import REPORT, open_folder, run_name
from ner.training.train import Settings, run_training


@dataclass(frozen=True)
class SeedSummary:
    """The scores of several runs that differ only in their seed."""

    runs: Sequence[Mapping[str, Any]]
    metric: str

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as JSON can hold it; scores are between 0 and 1."""
        splits = [s for s in ("dev", "test") if s in self.runs[0]]
        summary = {}
        for split in splits:
            values = [run[split] for run in self.runs]
            summary[split] = {"mean": statistics.mean(values), "sd": statistics.stdev(values)}
        return {"metric": self.metric, "runs": list(self.runs), **summary}

    def __str__(self) -> str:
        facts = self.to_dict()
        splits = [s for s in ("dev", "test") if s in facts]
        name = METRIC_NAMES[self.metric]
        rows = [
            f"seed {run['seed']}: " + ", ".join(f"{s} {name} {100 * run[s]:.2f}" for s in splits)
            for run in self.runs
        ]
        rows += [
            f"{s} {name} {100 * facts[s]['mean']:.2f} ± {100 * facts[s]['sd']:.2f} "
            f"(mean and standard deviation of {len(self.runs)} seeds)"
            for s in splits
        ]
        return "\n".join(rows)


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
            path = folder.path / f"seed-{seed}"
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
        write_json(folder.path / "seeds.json", summary.to_dict())
        return summary
