"""Training with several seeds, and the mean and spread of their scores."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ner.config.loading import Config, read_config
from ner.errors import NerError
from ner.evaluation.intervals import seed_interval
from ner.evaluation.resampling import LEVEL
from ner.evaluation.scores import METRIC_NAMES, table
from ner.files import read_json, remove, write_json
from ner.inference.runs import SEEDS, seed_folder
from ner.messages import logger
from ner.training.jobs import train_in_processes
from ner.training.launch import refuse_several
from ner.training.run_folder import CONFIG, REPORT, RUN, is_taken, open_folder, run_name
from ner.training.train import Settings, run_training

SPLITS = ("dev", "test")


@dataclass(frozen=True)
class SeedSummary:
    """The scores of several runs that differ only in their seed; printing it gives a table."""

    runs: Sequence[Mapping[str, Any]]
    metric: str
    failed: Mapping[str, str] = field(default_factory=dict)
    """Why the others failed, by name, such as `seed 2`."""

    @property
    def splits(self) -> list[str]:
        """The splits that have scores."""
        return [split for split in SPLITS if split in self.runs[0]]

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as JSON can hold it; scores are between 0 and 1.

        `low` and `high` are the ends of the t interval of the mean over seeds. One run has no such
        figures.
        """
        summary: dict[str, Any] = {"failed": dict(self.failed)} if self.failed else {}
        for split in self.splits if len(self.runs) > 1 else ():
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
        if len(self.runs) == 1:
            return table(rows)
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
    jobs: int = 1,
    out: str | Path | None = None,
    set: Settings | None = None,
    init: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
) -> SeedSummary:
    """Train with several consecutive seeds, from the configured one on, into `out/seed-N`.

    A seed that fails costs no other one: the rest is trained, and the summary names it.

    Args:
        config: As for `ner.train`; the others are, too, where nothing is said here.
        seeds: The number of seeds.
        jobs: How many are trained at the same time, each in a process of its own; 1 trains them one
            after the other in this process. Where `training.threads` is unset, processes share the
            cores. A script that starts processes needs the line `if __name__ == "__main__":`.
        out: The folder for the folders of all runs.
        set: Settings by dotted keys.
        init: A model to train further.
        resume: Keep finished runs, continue those that were interrupted, and train the others.
        progress: Show a bar for each training, where `jobs` is 1.

    Raises:
        NerError: No training succeeds; this is why the first one failed.
        KeyboardInterrupt: After Ctrl-C, when each training has written a checkpoint.
        SystemExit: After SIGTERM or SIGHUP, likewise.
    """
    refuse_several("several seeds")
    with open_folder(out, run_name(config), resume=resume) as folder:
        path = folder.path
        known = read_json(path / RUN)["seeds"] if (path / RUN).is_file() else []
        first = read_config(config, set).seed
        if known and "seed" not in (set or {}):
            first = known[0]
        numbers = range(first, first + seeds)
        if config is None:  # a run that was begun has the settings of all
            begun = [seed_folder(path, seed) / CONFIG for seed in known]
            config = next((file for file in begun if file.is_file()), None)
        write_json(path / RUN, {"seeds": list(numbers)})
        missing = {
            _name(seed): {
                "config": config,
                "out": seed_folder(path, seed),
                "set": {**(set or {}), "seed": seed},
                "init": init,
                "resume": is_taken(seed_folder(path, seed)),
            }
            for seed in numbers
            if not (seed_folder(path, seed) / REPORT).is_file()
        }
        try:
            failed = _train_all(missing, jobs, progress=progress)
            return _summarize(path, numbers, failed)
        finally:
            if not any(seed_folder(path, seed).exists() for seed in numbers):
                remove(path / RUN)


def _name(seed: int) -> str:
    return f"seed {seed}"


def _train_all(
    runs: Mapping[str, Mapping[str, Any]], jobs: int, *, progress: bool
) -> dict[str, NerError | OSError]:
    """Train with the arguments of each run; return the errors by the name of the run."""
    if jobs > 1 and len(runs) > 1:
        return train_in_processes(runs, jobs)
    failed: dict[str, NerError | OSError] = {}
    for name, arguments in runs.items():
        try:
            run_training(**arguments, progress=progress)
        except (NerError, OSError) as error:
            failed[name] = error
    return failed


def _summarize(
    folder: Path, seeds: Iterable[int], failed: Mapping[str, NerError | OSError]
) -> SeedSummary:
    """Collect the scores of all runs, and say which failed.

    Raises:
        NerError: All failed.
    """
    runs: list[dict[str, Any]] = []
    metric = ""
    for seed in seeds:
        if _name(seed) in failed:
            continue
        results = read_json(seed_folder(folder, seed) / REPORT)
        runs.append({"seed": seed, **{split: facts["score"] for split, facts in results.items()}})
        metric = next(facts["metric"] for facts in results.values())
    if not runs:
        raise next(iter(failed.values()))
    words = {name: _words(error) for name, error in failed.items()}
    summary = SeedSummary(runs, metric, words)
    write_json(folder / SEEDS, summary.to_dict())
    for name, reason in words.items():
        logger.error("%s failed: %s", name, reason)
    if words:
        logger.error("%s: %s of the seeds failed. Go on with --resume.", folder, len(words))
    return summary


def _words(error: NerError | OSError) -> str:
    if isinstance(error, OSError):
        return f"{error.filename or 'output'}: {(error.strerror or str(error)).lower()}."
    return str(error)
