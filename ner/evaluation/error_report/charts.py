"""Charts as drawings inside of the page, each with its numbers in a table below."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ner.data.html_view import Hues, escape
from ner.evaluation.error_report.elements import columns, data_table
from ner.evaluation.precision_recall import Curve
from ner.evaluation.span_calibration import Reliability, SpanCalibration

# The size of the plotted square, and the room beside it for numbers and names, in pixels.
SIZE, LEFT, BELOW, ABOVE = 260, 42, 36, 10
TICKS = 5


@dataclass(frozen=True)
class Axes:
    """Two axes from some number to 1.

    Args:
        x: The name of the horizontal axis.
        y: The name of the vertical axis.
        low_x: Where the horizontal axis begins, less than 1.
        low_y: Where the vertical axis begins, less than 1.
    """

    x: str
    y: str
    low_x: float = 0.0
    low_y: float = 0.0

    def right(self, x: float) -> float:
        """Return the distance from the left border of the drawing, in pixels."""
        return LEFT + SIZE * (x - self.low_x) / (1 - self.low_x)

    def down(self, y: float) -> float:
        """Return the distance from the upper border of the drawing, in pixels."""
        return ABOVE + SIZE * (1 - y) / (1 - self.low_y)

    def line(
        self, points: Iterable[tuple[float, float]], style: str, hue: int | None = None
    ) -> str:
        """Draw a line through points.

        Args:
            points: Their coordinates.
            style: The class of the line.
            hue: Its colour, as an angle; None leaves it to the class.
        """
        places = " ".join(f"{self.right(x):.1f},{self.down(y):.1f}" for x, y in points)
        colour = "" if hue is None else f' style="--hue: {hue}"'
        return f'<polyline class="{style}"{colour} points="{places}"/>'

    def draw(self, title: str, shapes: Iterable[str]) -> str:
        """Return the whole drawing.

        Args:
            title: What it shows, for those who cannot see it.
            shapes: What is drawn over the axes.
        """
        width, height = LEFT + SIZE + 12, ABOVE + SIZE + BELOW
        shown = [f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">']
        for i in range(TICKS):
            share = i / (TICKS - 1)
            x, y = (low + share * (1 - low) for low in (self.low_x, self.low_y))
            right, down = self.right(x), self.down(y)
            shown += [
                f'<path class="axis" d="M{right:.1f} {ABOVE}v{SIZE}M{LEFT} {down:.1f}h{SIZE}"/>',
                f'<text x="{right:.1f}" y="{ABOVE + SIZE + 14}" class="x">{x:.4g}</text>',
                f'<text x="{LEFT - 5}" y="{down + 4:.1f}" class="y">{y:.4g}</text>',
            ]
        middle = ABOVE + SIZE / 2
        return "\n".join(
            [
                *shown,
                *shapes,
                f'<text x="{LEFT + SIZE / 2}" y="{height - 5}" class="x">{escape(self.x)}</text>',
                f'<text x="11" y="{middle}" class="x" transform="rotate(-90 11 {middle})">'
                f"{escape(self.y)}</text>",
                "</svg>",
            ]
        )


def reliability_diagram(reliability: Reliability, items: str) -> str:
    """Draw how often predictions are right, by their score; nothing where there are none.

    Args:
        reliability: The bins of predictions.
        items: What is predicted.
    """
    if not reliability.bins:
        return ""
    axes = Axes("score", "share that is right")
    bars = []
    for each in reliability.bins:
        x, y = axes.right(each.low), axes.down(each.right)
        size = f'width="{axes.right(each.high) - x:.1f}" height="{axes.down(0) - y:.1f}"'
        bars.append(f'<rect class="bar" x="{x:.1f}" y="{y:.1f}" {size}/>')
    points = [(each.score, each.right) for each in reliability.bins]
    dots = [
        f'<circle cx="{axes.right(x):.1f}" cy="{axes.down(y):.1f}" r="2.5"/>' for x, y in points
    ]
    title = f"Reliability of scores of {items}"
    rows = [
        [f"{b.low:.2f} to {b.high:.2f}", str(b.count), f"{b.score:.4f}", f"{b.right:.4f}"]
        for b in reliability.bins
    ]
    return _figure(
        f"{title}: bars on the dashed line are as often right as their score says. Calibration "
        f"error (ECE) {reliability.ece:.4f}, Brier score {reliability.brier:.4f}.",
        axes.draw(title, [*bars, axes.line([(0, 0), (1, 1)], "even"), *dots]),
        data_table(title, ["Score", "Predictions", "Mean score", "Share right"], rows),
    )


def precision_recall_curves(whole: Curve, curves: Mapping[str, Curve], hues: Hues) -> str:
    """Draw precision over recall for all thresholds of the score, of all labels and of each.

    Args:
        whole: The curve of all labels.
        curves: The curve of each label.
        hues: The colours of labels.
    """
    drawn = {label: curve for label, curve in curves.items() if curve.points}
    if not whole.points:
        return ""
    lowest = min(point.precision for curve in (whole, *drawn.values()) for point in curve.points)
    axes = Axes("recall", "precision", low_y=min(0.9, int(10 * lowest) / 10))
    lines = [axes.line(_steps(curve), "curve", hues(label)) for label, curve in drawn.items()]
    lines.append(axes.line(_steps(whole), "curve whole"))
    keys = [f'<li style="--hue: {hues(label)}">{escape(label)}</li>' for label in drawn]
    title = "Precision and recall by the lowest score that is kept"
    rows = [
        [name, str(curve.gold), curve.cell()] for name, curve in {"all": whole, **drawn}.items()
    ]
    return _figure(
        f"{title}.",
        axes.draw(title, lines) + f'<ul class="key"><li class="whole">all</li>{"".join(keys)}</ul>',
        data_table("Area under the curves", ["", "Gold", "Average precision"], rows),
    )


def _steps(curve: Curve) -> list[tuple[float, float]]:
    return [(point.recall, point.precision) for point in curve.points]


def _figure(caption: str, drawing: str, numbers: str) -> str:
    return "\n".join(
        [
            f"<figure><figcaption>{escape(caption)}</figcaption>",
            drawing,
            f"<details><summary>Numbers</summary>{numbers}</details></figure>",
        ]
    )


def calibration_parts(calibration: SpanCalibration, hues: Hues) -> list[str]:
    """Draw how far scores can be trusted, and what thresholds of the score would give.

    Args:
        calibration: How often the scores of a tagger are right.
        hues: The colours of labels.
    """
    diagrams = [
        reliability_diagram(calibration.entities, "spans"),
        precision_recall_curves(calibration.curve, calibration.curves, hues),
    ]
    if calibration.tags is not None:
        diagrams.append(reliability_diagram(calibration.tags, "tags of tokens"))
    rows = [[label, *each.cells()] for label, each in calibration.per_label.items()]
    header = ["", "Predicted", "Mean score", "Share right", "ECE", "Brier"]
    return [columns(diagrams), data_table("Scores by label", header, rows)]
