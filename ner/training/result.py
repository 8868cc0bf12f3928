"""The result of a run, to print and to compute with."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ner.evaluation.report import Report
from ner.inference.predictor import Predictor

METRIC_NAMES = {"f1": "F1", "accuracy": "accuracy"}


@dataclass(frozen=True)
class RunResult:
    """What came of a run.

    Args:
        predictor: The model, ready for use.
        reports: By split.
        baselines: The figure of the baseline by split.
        baseline_name: What the baseline is.
        model: The folder of the model.
        seconds: Of training.
    """

    predictor: Predictor
    reports: Mapping[str, Report]
    baselines: Mapping[str, float]
    baseline_name: str
    model: Path
    seconds: float

    @property
    def report(self) -> Report:
        """On the test data, or on the development data without any."""
        return self.reports.get("test", self.reports["dev"])

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON can hold it."""
        results = {
            split: report.to_dict()
            | {
                "metric": report.metric,
                "score": report.score,
                "baseline": {"name": self.baseline_name, report.metric: self.baselines[split]},
            }
            for split, report in self.reports.items()
        }
        return {"model": str(self.model), "seconds": self.seconds, **results}

    def __str__(self) -> str:
        blocks = [
            f"{report}\n\n{METRIC_NAMES[report.metric]} of {self.baseline_name}: "
            f"{100 * self.baselines[split]:.2f}; of the model: {100 * report.score:.2f}\n"
            for split, report in self.reports.items()
        ]
        return "\n".join([*blocks, f"Trained in {self.seconds:.0f} s. Model: {self.model}"])
