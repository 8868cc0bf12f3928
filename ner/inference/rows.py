"""Texts to rows of results, where a text that fails spoils no other one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from ner.choices import Precision, RuntimeName
from ner.data.min_score import MinScore
from ner.data.sentence import PredictedSentence
from ner.data.sentence_splitter import FindStarts
from ner.download import is_hub_name
from ner.errors import NerError, reason
from ner.inference.loading import load
from ner.inference.predictor import WINDOW, Predictor
from ner.installed import installed_names, model_folder
from ner.rules.rules import Rules

# Models that a process keeps open.
KEPT = 4


@dataclass
class RowResults:
    """What was found in texts, and what was wrong with them.

    Args:
        found: For each text the rows of its results, see `ner.tasks.base.Task.rows`; None where
            there is no text, or where it failed.
        errors: For each text why it failed; None where it did not.
        num_tokens: The number of tokens in all.
    """

    found: list[list[tuple[Any, ...]] | None] = field(default_factory=list)
    errors: list[str | None] = field(default_factory=list)
    num_tokens: int = 0

    def extend(self, other: "RowResults") -> None:
        """Append the results of further texts."""
        self.found += other.found
        self.errors += other.errors
        self.num_tokens += other.num_tokens


@dataclass(frozen=True)
class RowTagger:
    """A model by its name, which each process opens once. It pickles as its arguments.

    Args:
        model: A folder, or any other name that `ner.load` takes.
        min_score: Entities with a lower score are left out, see `ner.Predictor.pipe`.
        split: Finds the sentences of a text, see `ner.Predictor.pipe`.
        runtime: As for `ner.load`, like the following ones.
        precision: See there.
        device: See there.
        threads: See there.
        rules: Words and patterns that the model obeys, see `ner.Predictor.pipe`.
    """

    model: str
    min_score: MinScore = 0.0
    split: FindStarts | None = None
    runtime: RuntimeName = "auto"
    precision: Precision = "fp32"
    device: str = "cpu"
    threads: int | None = 1
    rules: Rules | None = None

    @property
    def _options(self) -> dict[str, Any]:
        return {"rules": self.rules, "split": self.split, "min_score": self.min_score}

    @property
    def predictor(self) -> Predictor:
        """The model.

        Raises:
            ConfigError: An argument has no such value, or `rules` have labels that the model lacks.
            ModelFolderError: The model cannot be read.
            TaskError: There are `rules`, a `split` or a `min_score` that the model cannot use.
        """
        found = _open(self.model, self.runtime, self.precision, self.device, self.threads)
        found.pipe((), **self._options)  # refuses what does not fit
        return found

    def __call__(self, texts: Sequence[str | None]) -> RowResults:
        """Tag or label texts; None is no text, and has no results."""
        predictor, results = self.predictor, RowResults()
        for start in range(0, len(texts), WINDOW):
            window = texts[start : start + WINDOW]
            tagged = iter(self._tag(predictor, [text for text in window if text is not None]))
            for text in window:
                found = None if text is None else next(tagged)
                self._add(results, predictor, found)
        return results

    def _tag(self, predictor: Predictor, texts: list[str]) -> list[PredictedSentence | Exception]:
        """Tag texts together; if that fails, halve them until those are alone that fail."""
        try:
            return list(predictor.pipe(texts, **self._options))
        except Exception as error:
            if len(texts) == 1:
                return [error]
        middle = len(texts) // 2
        return self._tag(predictor, texts[:middle]) + self._tag(predictor, texts[middle:])

    def _add(
        self, results: RowResults, predictor: Predictor, found: PredictedSentence | Exception | None
    ) -> None:
        is_tagged = isinstance(found, PredictedSentence)
        rows = None
        if is_tagged:
            results.num_tokens += len(found)
            rows = list(predictor.task.rows(found))
        results.found.append(rows)
        results.errors.append(None if is_tagged or found is None else error_text(found))


def error_text(error: Exception) -> str:
    """Return what went wrong in a line; what is no mistake of the user has the name of its type."""
    if isinstance(error, NerError):
        return str(error)
    text = reason(error)
    name = type(error).__name__
    return text if text == name else f"{name}: {text}"


def portable_name(model: str | Path) -> str:
    """Return a name of a model by which other processes find it, whatever their current folder.

    Raises:
        ModelFolderError: It is a single word, but neither an installed model nor a folder.
    """
    if is_hub_name(model) or str(model) in installed_names():
        return str(model)
    return str(model_folder(model).absolute())


@lru_cache(KEPT)
def _open(
    model: str, runtime: RuntimeName, precision: Precision, device: str, threads: int | None
) -> Predictor:
    return load(model, runtime=runtime, precision=precision, device=device, threads=threads)
