"""Confidence intervals of scores: over the units of a corpus, and over seeds of training."""

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ner.choices import Unit
from ner.data.frozen_dict import FrozenDict, plain
from ner.evaluation.resampling import (
    LEVEL,
    RESAMPLES,
    Bootstrap,
    Floats,
    bootstrap,
    check_level,
    f1_scores,
)
from ner.evaluation.scores import METRIC_NAMES, table
from ner.evaluation.unit_counts import UnitCounts
from ner.extras import require


@dataclass(frozen=True, slots=True)
class Interval:
    """A score and the interval around it, all three as fractions of one."""

    point: float
    low: float
    high: float

    def cells(self) -> list[str]:
        """Return the cells of a table, in percent."""
        return [f"{100 * value:.2f}" for value in (self.point, self.low, self.high)]


@dataclass(frozen=True, repr=False)
class ScoreIntervals:
    """How far scores would vary with another sample of the same kind of texts.

    Args:
        unit: What is drawn: sentences, or documents.
        units: The number of units.
        metric: The main score: "f1" or "accuracy".
        score: The main score. F1 is over all items (micro).
        macro: F1, as the mean over the labels that a sample has.
        per_label: F1 of each label; 0 in samples that lack the label.
        level: The share of such intervals that hold the true score.
        resamples: The number of samples.
        seed: The random seed.
    """

    unit: Unit
    units: int
    metric: str
    score: Interval
    macro: Interval
    per_label: Mapping[str, Interval]
    level: float
    resamples: int
    seed: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "per_label", FrozenDict(self.per_label))

    def __repr__(self) -> str:
        point, low, high = self.score.cells()
        return f"<ScoreIntervals: {self.metric} {point}, from {low} to {high}>"

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as JSON can hold it."""
        return {"method": "BCa bootstrap"} | plain(self)

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Self:
        """Read what `to_dict` returned, also after a way through JSON.

        Raises:
            KeyError: A field is missing.
        """
        known = {field.name: facts[field.name] for field in dataclasses.fields(cls)}
        known |= {name: Interval(**known[name]) for name in ("score", "macro")}
        known["per_label"] = {label: Interval(**it) for label, it in known["per_label"].items()}
        return cls(**known)

    def line(self) -> str:
        """Write the main score and its interval in a line."""
        name, (point, low, high) = METRIC_NAMES[self.metric], self.score.cells()
        return (
            f"{name[0].upper()}{name[1:]} {point}, {100 * self.level:g} % interval {low} to {high} "
            f"over {self.units} {self.unit}s"
        )

    def __str__(self) -> str:
        head = (
            f"{100 * self.level:g} % intervals over {self.units} {self.unit}s "
            f"(BCa bootstrap, {self.resamples} samples, seed {self.seed})"
        )
        main = METRIC_NAMES[self.metric] if self.metric != "f1" else "micro"
        rows = {**self.per_label, main: self.score, "macro": self.macro}
        cells = [[name, *interval.cells()] for name, interval in rows.items()]
        return f"{head}:\n\n{table([['', 'F1', 'from', 'to'], *cells])}"


def score_intervals(
    counts: UnitCounts, *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 1
) -> ScoreIntervals:
    """Compute the intervals of the main score, of each label and of the mean over labels.

    They say how far scores vary with the sample of texts, not with the seed of training.

    Args:
        counts: What is right in each unit.
        level: The share of such intervals that hold the true score, between 0 and 1.
        resamples: The number of samples with replacement.
        seed: The random seed; the result depends on nothing else.

    Raises:
        ConfigError: There are no samples, or the level is no such share.
    """
    scored = counts.scored
    units, labels, kinds = counts.counts.shape
    rows = counts.counts.reshape(units, labels * kinds)

    def statistic(sums: Floats) -> Floats:
        """Return the main score, the mean over labels, and F1 of each label (B S)."""
        by_label = sums.reshape(len(sums), labels, kinds)
        own = by_label[:, scored]
        scores = f1_scores(own)
        present = own[..., 1:].any(axis=-1)
        macro = (scores * present).sum(axis=1) / np.maximum(present.sum(axis=1), 1)
        return np.column_stack([f1_scores(by_label.sum(axis=1)), macro, scores])

    found = bootstrap(rows, statistic, resamples=resamples, level=level, seed=seed)
    score, macro, *per_label = intervals_of(found)
    names = [counts.labels[i] for i in scored]
    return ScoreIntervals(
        unit=counts.unit,
        units=units,
        metric=counts.metric,
        score=score,
        macro=macro,
        per_label=dict(zip(names, per_label, strict=True)),
        level=level,
        resamples=resamples,
        seed=seed,
    )


def seed_interval(scores: Sequence[float], level: float = LEVEL) -> Interval:
    """Compute the mean of the scores of several seeds, and the t interval of the mean.

    It says how far the mean would vary with other seeds on the same data. It is wide for few
    seeds, and may leave the range from 0 to 1.

    Args:
        scores: The scores of the runs, at least two.
        level: The share of such intervals that hold the true mean, between 0 and 1.

    Raises:
        ConfigError: The level is no such share.
        ValueError: There are fewer than two scores.

    Source: Student, "The Probable Error of a Mean", Biometrika 6(1), 1908.
    """
    check_level(level)
    if len(scores) < 2:
        raise ValueError(f"scores: must be at least two. Got {len(scores)}.")
    quantile = require("scipy.special", "Evaluation", "eval").stdtrit
    mean = statistics.mean(scores)
    error = statistics.stdev(scores) / len(scores) ** 0.5
    reach = float(quantile(len(scores) - 1, (1 + level) / 2)) * error
    return Interval(mean, mean - reach, mean + reach)


def intervals_of(found: Bootstrap) -> list[Interval]:
    """List the interval of each score of a bootstrap."""
    ends = zip(found.points, found.low, found.high, strict=True)
    return [Interval(*map(float, each)) for each in ends]
