"""A sweep: processes that take trials until all are done, and the table of their results."""

import multiprocessing
import os
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from optuna.pruners import MedianPruner, NopPruner

from ner.choices import SearchMethod
from ner.config.loading import Config, read_config
from ner.cores import count_cores
from ner.data.formats.read import CorpusSource
from ner.errors import ConfigError, NerError
from ner.files import making
from ner.messages import Notify, ignore, is_handled, shown, tell
from ner.processes import Child
from ner.sweeping.corpora import SweepCorpus, read_sweep_corpus
from ner.sweeping.result import SweepResult, shown_value, write_result
from ner.sweeping.sampling import NumberedSampler, decode, distributions
from ner.sweeping.space import Choices, Range, grid, own_settings, read_space
from ner.sweeping.study import SweepStudy
from ner.sweeping.trial import TrialRunner
from ner.tasks import make_task
from ner.training.launch import refuse_several
from ner.training.run_folder import run_name
from ner.training.settings import check_task
from ner.training.train import Callback, Settings
from ner.training.trainer import Epoch, Step

TRIALS = 20

# Trials that no pruner ends, and epochs before it ends one.
UNPRUNED, WARMUP = 4, 2

# Processes that may end by themselves before the next trial is done.
MOST_DEATHS = 5

# Seconds that a process has to end its step and to write a checkpoint.
SAVING = 60


@dataclass(frozen=True)
class Sweep:
    """What all processes of a sweep know.

    Args:
        config: All settings that are not searched. Its seed is that of the search, and of the first
            run of each trial.
        space: What is searched.
        folder: The folder of the sweep.
        trials: Number of trials of all processes together.
        seeds: Runs of each trial.
        holdout: Share of the training documents that no choice sees.
        method: How settings are chosen.
        prune: Whether trials end early whose scores are low.
        sources: Splits in memory.
        threads: Threads of each run; None leaves them to the configuration.
    """

    config: Config
    space: Mapping[str, Choices | Range]
    folder: Path
    trials: int
    seeds: int
    holdout: float
    method: SearchMethod
    prune: bool
    sources: Mapping[str, CorpusSource]
    threads: int | None = None

    @property
    def metric(self) -> str:
        """The name of the score."""
        return make_task(self.config.model_dump()).metric

    def read(self, notify: Notify) -> SweepCorpus:
        """Read the data."""
        return read_sweep_corpus(self.config, self.sources, self.holdout, notify)

    def open(self, corpus: SweepCorpus) -> SweepStudy:
        """Open the study on the disk; make it, if it is not there.

        Raises:
            ConfigError: The folder holds another sweep.
        """
        identity = {
            "search": {key: repr(allowed) for key, allowed in self.space.items()},
            "seeds": self.seeds,
            "holdout": self.holdout,
            "method": self.method,
            "prune": self.prune,
            **corpus.key(self.config),
        }
        own = own_settings(self.space, self.config)
        sampler = NumberedSampler(self.space, self.method, self.config.seed, own)
        pruner = MedianPruner(UNPRUNED, WARMUP) if self.prune else NopPruner()
        return SweepStudy(self.folder, sampler, pruner, identity)

    def work(self, corpus: SweepCorpus, notify: Notify, check: Callback = lambda _: None) -> None:
        """Take and finish trials until none is left.

        Args:
            corpus: The data.
            notify: Called with a line on each trial.
            check: Called with each step and epoch of all runs.
        """
        opened = self.open(corpus)
        study = opened.study
        changes: dict[str, Any] = {"training.export": False}
        if self.threads is not None:
            changes["training.threads"] = self.threads
        run = TrialRunner(study, self.config, changes, self.seeds, corpus, [check])
        while True:
            with opened.next_trial(distributions(self.space), self.trials) as trial:
                if trial is None:
                    return
                settings = decode(self.space, trial.params)
                name = f"Trial {trial.number + 1}"
                values = ", ".join(f"{key}={shown_value(v)}" for key, v in settings.items())
                notify(f"{name} of {self.trials}: {values}")
                run(trial, settings, opened.trial_folder(trial.number))
            with opened.alone():
                result = write_result(study, self.config, self.metric, self.folder)
            notify(f"{name}: {result.outcome(trial.number + 1)}")

    def result(self, corpus: SweepCorpus) -> SweepResult:
        """Write the results of all processes so far, and return them."""
        opened = self.open(corpus)
        with opened.alone():
            return write_result(opened.study, self.config, self.metric, self.folder)


def sweep(
    config: str | Path | Config | None = None,
    *,
    search: Mapping[str, Any],
    trials: int | None = None,
    jobs: int = 1,
    out: str | Path | None = None,
    train: CorpusSource | None = None,
    dev: CorpusSource | None = None,
    seeds: int = 1,
    holdout: float = 0.0,
    method: SearchMethod = "tpe",
    prune: bool = True,
    progress: bool = True,
    set: Settings | None = None,
) -> SweepResult:
    """Search for good settings: train with different ones, and compare the development scores.

    The same call goes on where it stopped, and other processes and machines may call it with the
    same folder at the same time. Test data are not read.

    Args:
        config: All other settings, as for `ner.train`. Its seed decides which settings are tried;
            if its own settings are within `search`, the first trial has them.
        search: For each setting, by its dotted key, a list of values, or a range as text, such as
            "0.1..0.5" or "log:1e-4..1e-2".
        trials: Number of trials of the whole sweep, also of those that other processes make; by
            default 20, or all combinations for `method="grid"`.
        jobs: Processes that train side by side.
        out: The folder of the sweep; by default `runs/NAME-sweep`.
        train: Training data, see `ner.train`.
        dev: Development data, likewise.
        seeds: Runs of each trial, whose seeds count from the configured one. The mean of their
            scores counts.
        holdout: Share of the training documents, from 0 to below 1, that no run learns from and no
            choice sees. Each run is scored on them, too.
        method: `tpe` tries settings near to good ones, `random` any, and `grid` all combinations.
        prune: End runs early whose development score is below the median of earlier trials at the
            same epoch.
        progress: Show progress, see `ner.train`.
        set: Settings by dotted keys, such as `{"encoder.size": 100}`, which win over `config`.

    Raises:
        NerError: A setting, a file or the folder is wrong, or the processes of `jobs` do not start.
        KeyboardInterrupt: After Ctrl-C, when checkpoints are written.
    """
    refuse_several("a sweep")
    sources = {"train": train, "dev": dev}
    files = {f"data.{k}": str(v) for k, v in sources.items() if isinstance(v, str | Path)}
    lists = {k: v for k, v in sources.items() if v is not None and not isinstance(v, str | Path)}
    chosen = read_config(config, {**(set or {}), **files, "data.test": ""})
    check_task(chosen.resolved())
    space = read_space(search, chosen)
    points = len(grid(space)) if method == "grid" else None
    for name, value in (("trials", TRIALS if trials is None else trials), ("jobs", jobs)):
        if value < 1:
            raise ConfigError(f"{name}: must be at least 1. Got {value}.")
    if seeds < 1:
        raise ConfigError(f"seeds: must be at least 1. Got {seeds}.")
    if points is not None and trials is not None and trials > points:
        raise ConfigError(
            f"trials: must be at most {points}, the points of the grid. Got {trials}."
        )
    folder = Path(out) if out is not None else Path("runs", f"{run_name(config)}-sweep")
    job = Sweep(
        chosen,
        space,
        folder,
        trials or points or TRIALS,
        seeds,
        holdout,
        method,
        prune,
        lists,
    )
    with shown(on_stderr=not is_handled()) if progress else nullcontext(), making(folder):
        corpus = job.read(tell)
        if jobs == 1:
            job.work(corpus, tell)
        else:
            job.open(corpus)
            _work_side_by_side(job, jobs)
        return job.result(corpus)


def _work_side_by_side(job: Sweep, jobs: int) -> None:
    """Let processes work until no trial is left; another takes the place of one that is killed.

    Raises:
        ConfigError: Processes end before they do anything.
        NerError: What a process raised.
    """
    if job.config.training.threads is None:
        job = replace(job, threads=max(1, count_cores() // jobs))
    crew = [Child(_serve, job) for _ in range(jobs)]
    deaths = 0
    try:
        while crew:
            heard = wait([child.connection for child in crew])
            for child in [child for child in crew if child.connection in heard]:
                try:
                    message = child.connection.recv()
                except (EOFError, OSError):
                    crew.remove(child)
                    deaths += 1
                    if deaths > MOST_DEATHS:
                        raise ConfigError(
                            f"jobs: must be processes that can work. Got {child.ending()}. A "
                            "script that starts processes needs the line: "
                            "if __name__ == '__main__':"
                        ) from None
                    tell(f"Warning: A process ended by {child.ending()}. Another one goes on.")
                    crew.append(Child(_serve, job))
                    continue
                if isinstance(message, NerError):
                    raise message
                if message is None:
                    child.process.join()
                    crew.remove(child)
                else:
                    deaths = 0
                    tell(message)
    finally:
        for child in crew:
            child.process.terminate()
        for child in crew:
            child.stop(SAVING)


def _serve(job: Sweep, connection: Connection) -> None:
    """Work in a process of its own; send lines for the user, an error that ends it, or None."""
    if hasattr(os, "setsid"):
        # Ctrl-C shall reach the process that started this one, which then ends all others once.
        os.setsid()
    parent = multiprocessing.parent_process()

    def check(_: Step | Epoch) -> None:
        if parent is not None and not parent.is_alive():
            raise SystemExit(1)

    try:
        job.work(job.read(ignore), connection.send, check)
        connection.send(None)
    except NerError as error:
        connection.send(error)
