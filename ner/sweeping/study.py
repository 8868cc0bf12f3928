"""The study of a sweep on the disk, at which any number of processes work.

Optuna writes its journal as lines of JSON, so a process that is killed loses nothing that it told.
Locks say which trials are at work: they end with their process, however it ends, and another
process then goes on with the trial.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import Trial, TrialState

from ner.errors import ConfigError, InUseError
from ner.locks import locked

JOURNAL = "journal.log"
NAME = "sweep"
LOCK = ".lock"

# What is kept with the study, and with each trial.
IDENTITY, STARTS = "identity", "starts"

# Seconds to wait for another process that chooses a trial or writes results.
PATIENCE = 600

# Times that a trial may begin without getting any further; a process may be killed by what it does.
MOST_STARTS = 5


class JournalLock:
    """Lets one process at a time add to a journal; the lock ends with its process.

    A line that a process could not finish is removed before the next one is added.
    """

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._lock = FileLock(journal.with_name(f".{journal.name}.lock"), fallback_to_soft=False)

    def acquire(self) -> bool:
        """Wait until no other process adds to the journal."""
        self._lock.acquire()
        mend(self._journal)
        return True

    def release(self) -> None:
        """Let others add to the journal."""
        self._lock.release()


def mend(journal: Path) -> None:
    """Remove a last line that has no end."""
    with journal.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        if size == 0:
            return
        file.seek(size - 1)
        if file.read(1) == b"\n":
            return
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)


class SweepStudy:
    """The study of a sweep.

    Args:
        folder: The folder of the sweep.
        sampler: Chooses settings.
        pruner: Says which trials end early.
        identity: Everything that all trials share, as JSON can hold it.

    Raises:
        ConfigError: The folder holds a sweep with another identity.
        InUseError: Other processes keep the folder for a long time.
    """

    def __init__(
        self, folder: Path, sampler: BaseSampler, pruner: BasePruner, identity: Mapping[str, Any]
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.folder = folder
        journal = folder / JOURNAL
        with self.alone():
            backend = JournalFileBackend(str(journal), lock_obj=JournalLock(journal))  # pyright: ignore[reportArgumentType]
            self.storage = JournalStorage(backend)
            self.study = optuna.create_study(
                storage=self.storage,
                study_name=NAME,
                sampler=sampler,
                pruner=pruner,
                direction="maximize",
                load_if_exists=True,
            )
            saved = self.study.user_attrs.setdefault(IDENTITY, identity)
            if saved is identity:
                self.study.set_user_attr(IDENTITY, identity)
        changed = [name for name in identity if saved.get(name) != identity[name]]
        if changed:
            raise ConfigError(
                f"{folder}: must be a new folder, or hold a sweep with the same configuration, "
                f"data and options. Got one with another {', '.join(changed)}."
            )

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from choosing trials and from writing results."""
        with locked(self.folder / LOCK, self.folder, wait=PATIENCE):
            yield

    @contextmanager
    def next_trial(self, space: dict[str, BaseDistribution], most: int) -> Iterator[Trial | None]:
        """Take a trial that a process left unfinished, or else a new one; no other process has it.

        Args:
            space: What is searched.
            most: The number of trials of the whole study. None is left when there are so many.
        """
        with ExitStack() as stack:
            with self.alone():
                found = self._left_trial(stack)
                if found is None and len(self.study.get_trials(deepcopy=False)) < most:
                    found = self.study.ask(space)
                    stack.enter_context(self._hold(found.number))
            yield found

    def trial_folder(self, number: int) -> Path:
        """Return the folder of the runs of a trial."""
        return self.folder / f"trial-{number + 1:04}"

    def _left_trial(self, stack: ExitStack) -> Trial | None:
        """Take the first trial that is not finished, and that no process works at."""
        states = (TrialState.RUNNING,)
        for trial in self.study.get_trials(deepcopy=False, states=states):
            with suppress(InUseError):
                stack.enter_context(self._hold(trial.number))
                find = self.storage.get_trial_id_from_study_id_trial_number
                study_id = self.storage.get_study_id_from_name(NAME)
                return Trial(self.study, find(study_id, trial.number))
        return None

    @contextmanager
    def _hold(self, number: int) -> Iterator[None]:
        folder = self.trial_folder(number)
        folder.mkdir(exist_ok=True)
        with locked(folder / LOCK, folder):
            yield


@contextmanager
def counted(trial: Trial, progress: int) -> Iterator[bool]:
    """Note that work at a trial begins, unless it is interrupted in an orderly way.

    Yields whether it may begin: it may not where it began too often and came no further.

    Args:
        trial: The trial.
        progress: How much of it is done.
    """
    before = list(trial.user_attrs.get(STARTS, ()))
    trial.set_user_attr(STARTS, [*before, progress])
    try:
        yield before.count(progress) < MOST_STARTS
    except (KeyboardInterrupt, SystemExit):
        trial.set_user_attr(STARTS, before)
        raise
