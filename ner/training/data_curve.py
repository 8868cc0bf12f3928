"""Training on samples of a corpus: how the score rises with the sentences, and what more are worth.

The samples of a seed are nested: a larger one contains the smaller ones.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ner.config.loading import Config, read_config
from ner.data.formats.read import CorpusSource
from ner.errors import ConfigError, DataError
from ner.evaluation.power_law import Forecast, forecast
from ner.evaluation.scores import table
from ner.files import write_json
from ner.messages import Notify, tell
from ner.plots import data_curve_plot
from ner.training.kept_results import KeptResults, training_key
from ner.training.result import METRIC_NAMES
from ner.training.run_folder import run_name
from ner.training.sentence_weights import read_weights
from ner.training.splits import Corpus, read_corpus
from ner.training.train import Settings, run_training

CURVE, PICTURE = "curve.json", "curve.png"
FRACTIONS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0)


@dataclass(frozen=True)
class CurvePoint:
    """The runs with samples of one size.

    Args:
        fraction: Share of the training sentences, above 0 and at most 1.
        sentences: Sentences of a sample.
        scores: The score of each run on the development data.
        baselines: The score of the baseline with each sample.
        seconds: The time that each training took.
    """

    fraction: float
    sentences: int
    scores: Sequence[float]
    baselines: Sequence[float]
    seconds: Sequence[float]

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as JSON can hold it; scores are between 0 and 1."""
        sd = statistics.stdev(self.scores) if len(self.scores) > 1 else None
        return {
            **{name: list(v) if isinstance(v, tuple) else v for name, v in vars(self).items()},
            "mean": statistics.mean(self.scores),
            "sd": sd,
            "baseline": statistics.mean(self.baselines),
        }

    def cells(self) -> list[str]:
        """Return the row of a table."""
        facts = self.to_dict()
        spread = "" if facts["sd"] is None else f" ± {100 * facts['sd']:.2f}"
        return [
            f"{self.fraction:g}",
            f"{self.sentences:,}",
            f"{100 * facts['mean']:.2f}{spread}",
            f"{100 * facts['baseline']:.2f}",
            f"{statistics.mean(self.seconds):.0f}",
        ]


@dataclass(frozen=True)
class DataCurve:
    """The scores with samples of several sizes, and a forecast.

    Args:
        points: The samples, smallest first.
        metric: The name of the score.
        baseline_name: A description of the baseline.
        forecast: What twice the sentences are worth; None with fewer than three sizes.
    """

    points: Sequence[CurvePoint]
    metric: str
    baseline_name: str
    forecast: Forecast | None

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as JSON can hold it; scores are between 0 and 1."""
        return {
            "metric": self.metric,
            "baseline": self.baseline_name,
            "points": [point.to_dict() for point in self.points],
            "forecast": None if self.forecast is None else self.forecast.to_dict(),
        }

    def __str__(self) -> str:
        name = METRIC_NAMES[self.metric]
        rows = [["fraction", "sentences", name, "baseline", "seconds"]]
        rows += [point.cells() for point in self.points]
        runs = len(self.points[0].scores)
        about = f"{name} on the development data: mean ± standard deviation of {runs} runs each"
        if runs == 1:
            about = f"{name} on the development data, of 1 run each"
        lines = [table(rows), "", f"{about}. The baseline is {self.baseline_name}."]
        return "\n".join([*lines, *self._outlook(name)])

    def _outlook(self, name: str) -> list[str]:
        """Word the forecast."""
        found = self.forecast
        if found is None:
            return ["A forecast needs at least three fractions."]
        law, last = found.law, self.points[-1]
        between = ""
        if found.interval is not None:
            low, high = (f"{100 * gain:+.2f}" for gain in found.interval)
            between = f" (95 % of refits to resampled runs: {low} to {high})"
        lines = [
            f"Forecast for twice the sentences, {found.sentences:,}: {name} "
            f"{100 * found.score:.2f}, after {100 * (found.score - found.gain):.2f} on the same "
            f"curve: {100 * found.gain:+.2f}{between}.",
            f"It extends the curve error = {law.floor:.4f} + {law.factor:.4g} * "
            f"sentences^-{law.power:.3f}, and holds only as far as the curve goes on like that.",
        ]
        if found.checked is not None:
            measured = statistics.mean(last.scores)
            lines.append(
                f"A curve fitted without the largest sample says {100 * found.checked:.2f} for it; "
                f"{100 * measured:.2f} was measured."
            )
        return lines


def train_curve(
    config: str | Path | Config | None = None,
    *,
    fractions: Sequence[float] = FRACTIONS,
    seeds: int = 3,
    out: str | Path | None = None,
    set: Settings | None = None,
    sources: Mapping[str, CorpusSource] | None = None,
    notify: Notify = tell,
) -> DataCurve:
    """Train on samples of the training data, and score all models on the same development data.

    Test data are not read.

    Args:
        config: The settings, as for `ner.train`.
        fractions: Shares of the training sentences, above 0 and at most 1.
        seeds: Runs with each fraction. Their seeds count from the configured one; each draws its
            own samples.
        out: The folder of the curve; by default `runs/NAME-curve`. It keeps the results of finished
            runs, so that the same call goes on where it stopped.
        set: Settings by dotted keys, which win.
        sources: Splits in memory, by name.
        notify: Called with a line for everything that a user should know.

    Raises:
        ConfigError: A setting, a fraction or the number of seeds is wrong.
        DataError: The corpus cannot be read, or a sample is too small to learn from.
    """
    if seeds < 1:
        raise ConfigError(f"--seeds: must be at least 1. Got {seeds}.")
    check_fractions(fractions)
    chosen = read_config(config, set).updated({"data.test": ""})
    splits = {name: source for name, source in (sources or {}).items() if name != "test"}
    path = chosen.training.weights
    weights = read_weights(path) if path else None
    corpus = read_corpus(chosen, splits, notify, weights=weights)
    train = list(corpus.train)
    sizes = sample_sizes(fractions, len(train))
    points: list[CurvePoint] = []
    facts: dict[str, Any] = {}
    folder = Path(out) if out is not None else Path("runs", f"{run_name(config)}-curve")
    with KeptResults.open(folder) as kept:
        for fraction, size in sizes.items():
            runs: list[dict[str, Any]] = []
            for seed in range(chosen.seed, chosen.seed + seeds):
                notify(f"Fraction {fraction:g}, seed {seed}: {size:,} sentences.")
                facts = _train_sample(chosen, corpus, size, seed, kept)
                runs.append(facts)
            columns = ([run[k] for run in runs] for k in ("score", "baseline", "seconds"))
            points.append(CurvePoint(fraction, size, *map(tuple, columns)))
        outlook = forecast([p.sentences for p in points], [p.scores for p in points])
        curve = DataCurve(tuple(points), facts["metric"], facts["baseline_name"], outlook)
        write_json(folder / CURVE, curve.to_dict())
        data_curve_plot(curve.to_dict(), folder / PICTURE, METRIC_NAMES[curve.metric])
    return curve


def check_fractions(fractions: Sequence[float]) -> None:
    """Refuse fractions that name no part of a corpus.

    Raises:
        ConfigError: There are none, or one is not above 0 and at most 1.
    """
    for fraction in fractions:
        if not 0 < fraction <= 1:
            raise ConfigError(f"--fractions: must be above 0 and at most 1. Got {fraction:g}.")
    if not fractions:
        raise ConfigError("--fractions: at least one is required. Got none.")


def sample_sizes(fractions: Sequence[float], sentences: int) -> dict[float, int]:
    """Return the number of sentences for each fraction, at least 1; ascending.

    Raises:
        ConfigError: Two fractions have the same number.
    """
    sizes: dict[float, int] = {}
    by_size: dict[int, float] = {}
    for fraction in sorted(fractions):
        size = max(1, round(fraction * sentences))
        if size in by_size:
            raise ConfigError(
                f"--fractions: must be different numbers of sentences. Got {by_size[size]:g} and "
                f"{fraction:g}, which are both {size} of {sentences:,}."
            )
        sizes[fraction] = size
        by_size[size] = fraction
    return sizes


def nested_sample(total: int, size: int, seed: int) -> list[int]:
    """Draw indices below `total`, ascending. A larger sample of a seed contains the smaller ones.

    Args:
        total: How many there are.
        size: How many to draw; all if there are no more.
        seed: Random seed.
    """
    return sorted(np.random.default_rng(seed).permutation(total)[:size].tolist())


def _train_sample(
    config: Config, corpus: Corpus, size: int, seed: int, kept: KeptResults
) -> dict[str, Any]:
    """Train on a sample; return the scores of the model and the baseline."""
    train = list(corpus.train)
    chosen = nested_sample(len(train), size, seed)
    splits = {"train": [train[i] for i in chosen], "dev": list(corpus.dev)}
    weights = None if corpus.weights is None else corpus.weights[chosen].tolist()
    config = config.updated({"seed": seed, "training.export": False})

    def run(folder: Path, resume: bool) -> dict[str, Any]:
        try:
            result = run_training(
                config, out=folder, sources=splits, weights=weights, resume=resume, progress=False
            )
        except DataError as error:
            raise DataError(f"{size:,} sentences, seed {seed}: {error}") from None
        report = result.reports["dev"]
        return {
            "score": report.score,
            "metric": report.metric,
            "baseline": result.baselines["dev"],
            "baseline_name": result.baseline_name,
            "seconds": result.seconds,
        }

    return kept.get(training_key(config, **splits, weights=weights), run)
