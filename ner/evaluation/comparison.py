"""Compare systems on the same corpus: differences, their intervals, and how likely is chance.

A system is a list of runs, such as trainings with several seeds. Its score is the mean of the
scores of its runs, of the corpus as of any sample of it. The tests ask whether the difference could
be one of the sample of texts; how far runs differ is beside it, as standard deviation.
"""

import itertools
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ner.choices import Unit
from ner.data.frozen_dict import plain
from ner.errors import ConfigError
from ner.evaluation.intervals import Interval, intervals_of, seed_interval
from ner.evaluation.randomisation import ROUNDING, RandomisationTest, randomisation_test
from ner.evaluation.resampling import (
    LEVEL,
    RESAMPLES,
    Bootstrap,
    Floats,
    Ints,
    bootstrap,
    f1_scores,
)
from ner.evaluation.scores import METRIC_NAMES, table
from ner.evaluation.unit_counts import UnitCounts


@dataclass(frozen=True)
class SystemScore:
    """The score of a system.

    Args:
        name: Its name.
        score: The mean over runs, with the interval over units of the corpus.
        runs: The score of each run.
        seeds: The mean over runs with the t interval over runs; None for a single run.
    """

    name: str
    score: Interval
    runs: tuple[float, ...]
    seeds: Interval | None

    @property
    def sd(self) -> float | None:
        """The standard deviation of the runs; None for a single run."""
        return statistics.stdev(self.runs) if len(self.runs) > 1 else None


@dataclass(frozen=True)
class PairScore:
    """The difference between two systems.

    Args:
        first: The name of the first system.
        second: The name of the second system.
        difference: The score of the second less that of the first, with its interval.
        better: The share of samples in which the second is better; ties count half.
        effect: The difference in standard deviations of what single units add to it, which does
            not grow with the corpus (Cohen's d of pairs). 0 if no unit differs.
        p_randomisation: The probability of a difference at least as large, in either direction, if
            the two were the same system.
        exact: Whether all swaps were counted for it, rather than a sample of them.
        p_bootstrap: The same by the bootstrap, shifted to a difference of 0.
        holm_randomisation: `p_randomisation` after Holm's correction over all pairs.
        holm_bootstrap: `p_bootstrap` after Holm's correction over all pairs.
    """

    first: str
    second: str
    difference: Interval
    better: float
    effect: float
    p_randomisation: float
    exact: bool
    p_bootstrap: float
    holm_randomisation: float
    holm_bootstrap: float


@dataclass(frozen=True, repr=False)
class Comparison:
    """Scores of systems and the differences of all pairs; printing it gives two tables.

    Args:
        name: The name of the data.
        metric: The score that is compared: "f1" (micro) or "accuracy".
        unit: What is drawn and swapped: sentences, or documents.
        units: The number of units.
        systems: The systems, in the order given.
        pairs: All pairs, the first one with each of the others first.
        level: The share of such intervals that hold the true value.
        resamples: The number of samples of the bootstrap, and of the randomisation test.
        seed: The random seed.
    """

    name: str
    metric: str
    unit: Unit
    units: int
    systems: tuple[SystemScore, ...]
    pairs: tuple[PairScore, ...]
    level: float
    resamples: int
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as JSON can hold it."""
        facts = plain(self)
        for facts_of_one, system in zip(facts["systems"], self.systems, strict=True):
            facts_of_one["sd"] = system.sd
        return facts

    def __repr__(self) -> str:
        names = ", ".join(system.name for system in self.systems)
        return f"<Comparison {self.name}: {self.metric} of {names}>"

    def __str__(self) -> str:
        metric, count = METRIC_NAMES[self.metric], len(self.systems)
        return "\n\n".join(
            [
                f"{self.name}: {metric} of {count} systems, {self.units} {self.unit}s",
                self._system_table(),
                self._pair_table(),
                "\n".join(self._notes()),
            ]
        )

    def _system_table(self) -> str:
        """Write the scores of the systems, and of their runs if one has several."""
        rows = [["", METRIC_NAMES[self.metric], "from", "to"]]
        rows += [[system.name, *system.score.cells()] for system in self.systems]
        if self._has_seeds:
            rows[0] += ["runs", "sd", "from", "to"]
            for row, system in zip(rows[1:], self.systems, strict=True):
                row += [str(len(system.runs)), *_run_cells(system)]
        return table(rows)

    def _pair_table(self) -> str:
        header = ["", "points", "from", "to", "effect", "better", "p", "Holm", "p boot.", "Holm"]
        return table([header, *map(_pair_cells, self.pairs)])

    def _notes(self) -> Iterator[str]:
        """Say what the columns of the tables are."""
        level, drawn = f"{100 * self.level:g} %", f"{self.resamples} samples, seed {self.seed}"
        yield f"from, to: {level} interval over {self.unit}s (BCa bootstrap, {drawn})."
        if self._has_seeds:
            yield (
                "runs, sd: the score is the mean over runs; their standard deviation and the "
                f"{level} t interval of the mean."
            )
        yield (
            "points: the difference of the scores; effect: in standard deviations of what one "
            f"{self.unit} adds;"
        )
        yield "  better: percent of the samples in which the difference is positive."
        how = "all swaps" if all(pair.exact for pair in self.pairs) else drawn
        yield f"p: paired approximate randomisation ({how}); p boot.: paired bootstrap;"
        yield "  Holm: the probability before it, corrected for the number of pairs."

    @property
    def _has_seeds(self) -> bool:
        return any(len(system.runs) > 1 for system in self.systems)


def compare_counts(
    systems: Mapping[str, Sequence[UnitCounts]],
    *,
    name: str = "",
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 1,
    exact: bool | None = None,
) -> Comparison:
    """Compare systems by what is right in each unit of the same corpus.

    Args:
        systems: The runs of each system by its name, at least one each: counts of the same units.
        name: The name of the data, for the report.
        level: The share of such intervals that hold the true value, between 0 and 1.
        resamples: The number of samples of each kind.
        seed: The random seed; the result depends on nothing else.
        exact: As for `randomisation_test`.

    Raises:
        ConfigError: There are fewer than two systems, or an option has no such value.
        ValueError: A system has no run, or units or scores differ.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 16, for the
    paired bootstrap; Berg-Kirkpatrick, Burkett and Klein, "An Empirical Investigation of
    Statistical Significance in NLP", EMNLP 2012, which counts one direction, while this counts
    both; Holm, "A Simple Sequentially Rejective Multiple Test Procedure", 1979.
    """
    first = _check_systems(systems)
    totals = {own: [counts.totals for counts in runs] for own, runs in systems.items()}
    drawn = _bootstrap(list(totals.values()), resamples, level, seed)
    intervals = intervals_of(drawn)
    tests = [
        randomisation_test(totals[one], totals[other], resamples=resamples, seed=seed, exact=exact)
        for one, other in itertools.combinations(totals, 2)
    ]
    return Comparison(
        name=name,
        metric=first.metric,
        unit=first.unit,
        units=len(first.counts),
        systems=tuple(
            _system_score(own, interval, runs, level)
            for (own, runs), interval in zip(totals.items(), intervals, strict=False)
        ),
        pairs=_pair_scores(list(totals), drawn, tests, len(first.counts)),
        level=level,
        resamples=resamples,
        seed=seed,
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct probabilities for testing several times, in the same order.

    The smallest of m is multiplied by m, the next one by m - 1, and so on; none becomes smaller
    than one before it, nor larger than 1.

    >>> holm([0.03, 0.01, 0.04])
    [0.06, 0.03, 0.06]
    """
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min((len(p_values) - rank) * p_values[i], 1.0))
        corrected[i] = largest
    return corrected


def _check_systems(systems: Mapping[str, Sequence[UnitCounts]]) -> UnitCounts:
    """Refuse what cannot be compared; return the counts of the first run."""
    if len(systems) < 2:
        raise ConfigError(f"systems: must be at least two. Got {len(systems)}.")
    runs = [counts for own in systems.values() for counts in own]
    kinds = {(counts.metric, counts.unit, len(counts.counts)) for counts in runs}
    if not all(systems.values()) or len(kinds) > 1:
        raise ValueError("systems: must have runs, all with the same score and units")
    return runs[0]


def _bootstrap(
    systems: Sequence[Sequence[Ints]], resamples: int, level: float, seed: int
) -> Bootstrap:
    """Resample units: the scores are those of all systems, and then the differences of all pairs.

    Every system is scored on the same samples.
    """
    rows = np.column_stack([counts for runs in systems for counts in runs])
    sizes = np.array([len(runs) for runs in systems])
    starts = np.cumsum(sizes) - sizes
    pairs = list(itertools.combinations(range(len(systems)), 2))
    one, other = np.array(pairs).T

    def statistic(sums: Floats) -> Floats:
        scores = f1_scores(sums.reshape(len(sums), -1, 3))
        means = np.add.reduceat(scores, starts, axis=1) / sizes
        return np.column_stack([means, means[:, other] - means[:, one]])

    return bootstrap(rows, statistic, resamples=resamples, level=level, seed=seed)


def _system_score(name: str, interval: Interval, runs: Sequence[Ints], level: float) -> SystemScore:
    scores = tuple(float(f1_scores(counts.sum(axis=0))) for counts in runs)
    seeds = seed_interval(scores, level) if len(scores) > 1 else None
    return SystemScore(name, interval, scores, seeds)


def _pair_scores(
    names: Sequence[str], drawn: Bootstrap, tests: Sequence[RandomisationTest], units: int
) -> tuple[PairScore, ...]:
    differences = intervals_of(drawn)[len(names) :]
    samples = drawn.values.T[len(names) :]
    by_bootstrap = [
        _bootstrap_p(difference.point, values)
        for difference, values in zip(differences, samples, strict=True)
    ]
    corrected = holm([test.p for test in tests]), holm(by_bootstrap)
    return tuple(
        PairScore(
            first=one,
            second=other,
            difference=differences[i],
            better=float((samples[i] > 0).mean() + (samples[i] == 0).mean() / 2),
            effect=_effect(differences[i].point, samples[i], units),
            p_randomisation=tests[i].p,
            exact=tests[i].exact,
            p_bootstrap=by_bootstrap[i],
            holm_randomisation=corrected[0][i],
            holm_bootstrap=corrected[1][i],
        )
        for i, (one, other) in enumerate(itertools.combinations(names, 2))
    )


def _bootstrap_p(point: float, values: Floats) -> float:
    """Return how often samples are as far from the difference as the difference is from 0."""
    large = int((abs(values - point) >= abs(point) - ROUNDING).sum())
    return (1 + large) / (1 + len(values))


def _effect(point: float, values: Floats, units: int) -> float:
    """Divide a difference by the standard deviation of what single units add to it.

    The standard deviation of a mean of units is smaller by the root of their number.
    """
    spread = float(values.std()) * units**0.5
    return point / spread if spread > ROUNDING else 0.0


def _run_cells(system: SystemScore) -> list[str]:
    if system.sd is None or system.seeds is None:
        return ["", "", ""]
    return [f"{100 * system.sd:.2f}", *system.seeds.cells()[1:]]


def _pair_cells(pair: PairScore) -> list[str]:
    p_values = (
        *(pair.p_randomisation, pair.holm_randomisation),
        *(pair.p_bootstrap, pair.holm_bootstrap),
    )
    return [
        f"{pair.second} - {pair.first}",
        *pair.difference.cells(),
        f"{pair.effect:.3f}",
        f"{100 * pair.better:.1f}",
        *(f"{p:.4f}" for p in p_values),
    ]
