"""Compare models, or the predictions in files, on the same annotated corpus."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Unpack

from ner.choices import Unit
from ner.data.formats.options import ReadKeywords, ReadOptions
from ner.data.formats.read import CorpusSource, read_sentences, source_name
from ner.data.lines import listed
from ner.data.sentence import Sentence
from ner.data.spans import Notes
from ner.errors import ConfigError, DataError, ModelFolderError
from ner.evaluation.comparison import Comparison, compare_counts
from ner.evaluation.resampling import LEVEL, RESAMPLES
from ner.evaluation.scores import NONE
from ner.evaluation.unit_counts import UnitCounts
from ner.inference.evaluate import warn_of_data
from ner.inference.loading import load
from ner.inference.prediction_files import (
    check_same_labels,
    check_same_sentences,
    read_predictions,
)
from ner.inference.predictor import Predictor
from ner.inference.reading import options_for
from ner.inference.runs import model_paths
from ner.messages import WARNING, Notify, tell
from ner.tasks import Task, task_of

# A model, or the path of one or of predictions.
Run = Predictor | str | Path


def compare(
    systems: Mapping[str, Run | Sequence[Run]],
    data: CorpusSource,
    options: ReadOptions | None = None,
    *,
    name: str | None = None,
    unit: Unit | None = None,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 1,
    load: Callable[[str | Path], Predictor] = load,
    notify: Notify | None = None,
    **changes: Unpack[ReadKeywords],
) -> Comparison:
    """Compare systems on annotated sentences: scores, differences, and how likely chance is.

    Args:
        systems: The runs of each system by its name. A run is a model; the folder of one, of its
            run, or of runs with several seeds, which are as many runs; or a file of predictions for
            the same sentences, see `read_predictions`.
        data: A file, a folder or name of HF `datasets`, or a list of sentences.
        options: How the data are read. What it leaves open is as in training of each model.
        name: The name of the data, for the report; by default that of the file.
        unit: What is drawn and swapped: "document" or "sentence". By default documents, if the data
            have several of them.
        level: The share of such intervals that hold the true value, between 0 and 1.
        resamples: The number of samples of units, and of random swaps.
        seed: The random seed of these.
        load: Loads a model.
        notify: Called with a line for everything that a user should know; by default it is logged.
        changes: Fields of `ReadOptions` by their names, in place of those in `options`.

    Raises:
        ConfigError: There are fewer than two systems, or an option has no such value.
        DataError: The data or predictions cannot be read, or they do not fit together.
        ModelFolderError: A model cannot be read, or it has another task than the first one.
    """
    chosen = [
        (system, path)
        for system, runs in systems.items()
        for run in ([runs] if isinstance(runs, Predictor | str | Path) else runs)
        for path in ([run] if isinstance(run, Predictor) else model_paths(run))
    ]
    corpus = _Corpus(
        data, (options or ReadOptions()).updated(**changes), load, _once(notify or tell)
    )
    counts: dict[str, list[UnitCounts]] = {system: [] for system in systems}
    # Models come first: they know how the data are read.
    for system, run in sorted(chosen, key=lambda each: _is_file(each[1])):
        counts[system].append(corpus.count(run, unit))
    for system, found in counts.items():
        if not found:
            raise ConfigError(f"{system}: must have at least one run. Got none.")
    return compare_counts(
        counts,
        name=name or (Path(data).name if isinstance(data, str | Path) else "sentences"),
        level=level,
        resamples=resamples,
        seed=seed,
    )


def _is_file(run: Run) -> bool:
    """Whether a run is a file of predictions."""
    return not isinstance(run, Predictor) and Path(run).is_file()


def _once(notify: Notify) -> Notify:
    """Return a function that passes each line on when it comes for the first time."""
    told: set[str] = set()

    def tell_once(line: str) -> None:
        if line not in told:
            told.add(line)
            notify(line)

    return tell_once


@dataclass
class _Corpus:
    """The annotated sentences, as the first run reads them, and what is predicted for them."""

    data: CorpusSource
    options: ReadOptions
    load: Callable[[str | Path], Predictor]
    notify: Notify
    first: str = ""
    task: Task | None = None
    gold: list[Sentence] = field(default_factory=list)
    reading: ReadOptions | None = None

    @property
    def name(self) -> str:
        """What messages call the data."""
        return source_name(self.data)

    def count(self, run: Run, unit: Unit | None) -> UnitCounts:
        """Count what a run has right in each unit of the corpus."""
        name = "a model" if isinstance(run, Predictor) else str(run)
        if isinstance(run, Predictor) or not _is_file(run):
            model = run if isinstance(run, Predictor) else self.load(run)
            task, predicted = model.task, self._tag(model, name)
        else:
            task, predicted = self._read(name)
        counts = task.count_units(self.gold, predicted, unit)
        _check_labels(counts, name, self.name, self.notify, is_file=_is_file(run))
        return counts

    def _read(self, path: str) -> tuple[Task, Sequence[Sentence]]:
        """Read predictions from a file; without any model, the corpus says what is predicted."""
        task = self.task or self._settle()
        return task, read_predictions(path, self.gold, task, self.options, self.name)

    def _settle(self) -> Task:
        """Read the corpus without any model, and return what its annotation can be compared to."""
        self.gold, self.reading = self._read_gold(self.options), self.options
        self.task = task_of(self.gold, self.options.target, self.name)
        self._check(self.gold, self.task)
        return self.task

    def _tag(self, model: Predictor, name: str) -> Sequence[Sentence]:
        """Predict by a model, which reads the corpus as its own training corpus."""
        task = self.task or model.task
        if _kind(model.task) != _kind(task):
            raise ModelFolderError(
                f"{name}: must hold a model that {_kind(task)}, as {self.first} does. "
                f"Got one that {_kind(model.task)}."
            )
        reading = options_for(model, self.data, self.options, split="test", notify=self.notify)
        own = self.gold
        if reading != self.reading:
            own = self._read_gold(reading)
            self._check(own, task)
        if not self.gold:
            self.task, self.gold, self.reading, self.first = task, own, reading, name
        elif own is not self.gold:
            where = f"{self.name}, read for {name}"
            check_same_sentences(own, self.gold, task, where, f"{self.name} for {self.first}")
            check_same_labels(own, self.gold, task)
        warn_of_data(model, self.data, own, self.notify)
        return model.tag_sentences(own)

    def _read_gold(self, reading: ReadOptions) -> list[Sentence]:
        notes = reading.notes or Notes()
        sentences = read_sentences(self.data, reading.updated(notes=notes))
        for line in notes.summary(self.name):
            self.notify(line)
        return sentences

    def _check(self, sentences: Sequence[Sentence], task: Task) -> None:
        for sentence in sentences:
            task.check(sentence, "gold")


def _kind(task: Task) -> str:
    """Say what a model of a task does, and of what the score is computed."""
    column = f" in the column {task.column!r}" if task.column else ""
    return f"{task.does}{column} ({task.metric})"


def _check_labels(
    counts: UnitCounts, name: str, corpus: str, notify: Notify, *, is_file: bool
) -> None:
    """Warn of predicted labels that the gold annotation lacks.

    Raises:
        DataError: All labels of a file are such ones, so that it is for another set of labels.
    """
    sums = zip(counts.labels, counts.counts.sum(axis=0), strict=True)
    numbers = {label: kinds for label, kinds in sums if label != NONE}
    gold = [label for label, (_, _, expected) in numbers.items() if expected]
    predicted = {label: int(found) for label, (_, found, _) in numbers.items() if found}
    unknown = {label: count for label, count in predicted.items() if label not in gold}
    if is_file and gold and predicted and len(unknown) == len(predicted):
        raise DataError(
            f"{name}: must have labels of {corpus}: {listed(gold)}. Got {listed(list(unknown))}."
        )
    if unknown:
        shown = listed([f"{label} ({count})" for label, count in unknown.items()])
        notify(
            f"{WARNING}{name}: {sum(unknown.values())} of {sum(predicted.values())} predicted "
            f"labels are ones that {corpus} lacks: {shown}."
        )
