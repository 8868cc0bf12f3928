"""The result of a run, to print and to compute with."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ner.evaluation.report import Report
from ner.evaluation.scores import METRIC_NAMES
from ner.inference.predictor import Predictor


@dataclass(frozen=True)
class RunResult:
    """The result of a run.

    Args:
        predictor: The model, ready for use.
        reports: The report on each split that was evaluated.
        baselines: The main score of the baseline on each of these splits.
        baseline_name: A description of the baseline.
        model: The folder of the model.
        seconds: The time that training took.
    """

    predictor: Predictor
    reports: Mapping[str, Report]
    baselines: Mapping[str, float]
    baseline_name: str
    model: Path
    seconds: float

    @property
    def report(self) -> Report:
        """The report on the test data, or on the development data if there are none."""
        return self.reports.get("test", self.reports["dev"])

    @property
    def is_below_baseline(self) -> bool:
        """Whether the baseline scores higher than the model on the development data."""
        return self.reports["dev"].score < self.baselines["dev"]

    def splits(self) -> dict[str, Any]:
        """Return the report and the baseline of each split, as JSON can hold them."""
        return {
            split: report.to_dict()
            | {
                "metric": report.metric,
                "score": report.score,
                "baseline": {"name": self.baseline_name, report.metric: self.baselines[split]},
            }
            for split, report in self.reports.items()
        }

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as JSON can hold it."""
        return {"model": str(self.model), "seconds": self.seconds, **self.splits()}

    def __str__(self) -> str:
        blocks = [
            f"{report}\n\n{METRIC_NAMES[report.metric]} of {self.baseline_name}: "
            f"{100 * self.baselines[split]:.2f}; of the model: {100 * report.score:.2f}\n"
            for split, report in self.reports.items()
        ]
        return "\n".join([*blocks, f"Trained in {self.seconds:.0f} s. Model: {self.model}"])
