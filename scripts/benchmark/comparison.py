"""The figures of all contenders: medians, ratios within a round, tables and a picture."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Measure:
    """A quantity that is measured, and which direction is better."""

    name: str
    unit: str
    higher_is_better: bool


TRAINING = Measure("training", "tokens/s", True)
FIRST_PASS = Measure("tagging, first pass", "tokens/s", True)
WARM = Measure("tagging, warm", "tokens/s", True)
LATENCY_50 = Measure("one sentence, p50", "ms", False)
LATENCY_95 = Measure("one sentence, p95", "ms", False)
TEXT_50 = Measure("one raw text, p50", "ms", False)
COLD_START = Measure("cold start", "s", False)
COLD_MEMORY = Measure("cold start, peak memory", "MB", False)
CRF_LOSS = Measure("CRF loss and gradients", "µs/token", False)
CRF_DECODE = Measure("CRF decoding", "µs/token", False)
MEMORY_GROWTH = Measure("memory, last epoch less first", "MB", False)


@dataclass
class Series:
    """The values of one measure and one contender, one for each round."""

    measure: Measure
    size: int | None
    contender: str
    values: list[float] = field(default_factory=list)


class Comparison:
    """All values of a run.

    Args:
        reference: The contender that the others are compared with.
    """

    def __init__(self, reference: str = "baseline") -> None:
        self.reference = reference
        self.series: dict[tuple[Measure, int | None, str], Series] = {}

    def add(self, measure: Measure, size: int | None, contender: str, value: float) -> None:
        """Add the value of a round."""
        key = (measure, size, contender)
        self.series.setdefault(key, Series(*key)).values.append(value)

    def median(self, measure: Measure, size: int | None, contender: str) -> float | None:
        """Compute the median over rounds; None if there is no value."""
        series = self.series.get((measure, size, contender))
        return statistics.median(series.values) if series else None

    def ratios(self, series: Series, reference: str | None = None) -> list[float]:
        """Compute how many times better a series is than the reference, round by round.

        The reference has no ratios. If only one of the two has sizes, its first size counts.
        """
        reference = reference or self.reference
        if series.contender == reference:
            return []
        references = [
            s
            for s in self.series.values()
            if (s.measure, s.contender) == (series.measure, reference)
            and (None in (series.size, s.size) or series.size == s.size)
        ]
        if not references:
            return []
        pairs = zip(series.values, references[0].values, strict=False)
        return [
            value / base if series.measure.higher_is_better else base / value
            for value, base in pairs
            if value > 0 and base > 0
        ]

    def rows(self) -> list[dict[str, Any]]:
        """Return everything in a form that JSON can hold."""
        return [
            {
                "measure": s.measure.name,
                "unit": s.measure.unit,
                "higher_is_better": s.measure.higher_is_better,
                "size": s.size,
                "contender": s.contender,
                **_spread(s.values),
                "values": s.values,
                "times_better": _spread(ratios) if (ratios := self.ratios(s)) else None,
            }
            for s in self.series.values()
        ]

    def beside(self, contender: str, rivals: Sequence[str]) -> list[dict[str, Any]]:
        """Compute how many times better a contender is than each of its rivals."""
        own = [s for s in self.series.values() if s.contender == contender]
        first = {s.measure: s for s in reversed(own)}
        return [
            {"measure": m.name, "contender": contender, "other": rival, **_spread(ratios)}
            for m, series in first.items()
            for rival in rivals
            if (ratios := self.ratios(series, rival))
        ]


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write a table with a line for each measure and contender."""
    lines = [
        "| measure | size | contender | median | range | times the baseline | range |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        better = row["times_better"]
        cells = [
            f"{row['measure']} ({row['unit']})",
            str(row["size"] or "–"),
            row["contender"],
            short(row["median"]),
            f"{short(row['low'])} – {short(row['high'])}",
            f"{better['median']:.2f}" if better else "",
            f"{better['low']:.2f} – {better['high']:.2f}" if better else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def beside(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write `Comparison.beside` as a table with a line for each measure and rival."""
    if not rows:
        return ""
    lines = ["| measure | ours | beside | times better | range |", "|---|---|---|---|---|"]
    for row in rows:
        spread = f"{row['median']:.2f} | {row['low']:.2f} – {row['high']:.2f}"
        lines.append(f"| {row['measure']} | {row['contender']} | {row['other']} | {spread} |")
    return "\n".join(lines) + "\n\n"


def short(value: float) -> str:
    """Write a number with about three significant digits.

    >>> short(12345.6), short(45.678), short(0.01234)
    ('12,346', '45.7', '0.0123')
    """
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def draw(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw how many times better than the baseline each contender is, with the range as a line."""
    from matplotlib.figure import Figure

    bars = [row for row in rows if row["times_better"]]
    figure = Figure(figsize=(8, 1.2 + 0.32 * len(bars)), layout="constrained")
    axis = figure.add_subplot()
    names = sorted({row["contender"] for row in bars})
    for name in names:
        places = [i for i, row in enumerate(bars) if row["contender"] == name]
        spreads = [bars[i]["times_better"] for i in places]
        medians = [s["median"] for s in spreads]
        reach = (
            [s["median"] - s["low"] for s in spreads],
            [s["high"] - s["median"] for s in spreads],
        )
        color = f"C{names.index(name)}"
        axis.barh(places, medians, xerr=reach, label=name, color=color, ecolor="black")
    labels = [f"{row['measure']}" + (f" ({row['size']})" if row["size"] else "") for row in bars]
    axis.set_yticks(range(len(bars)), labels)
    axis.invert_yaxis()
    axis.axvline(1, color="black", linewidth=0.8)
    axis.set_xlabel("times better than the baseline (median and range over rounds)")
    if bars:
        axis.legend()
    figure.savefig(path, dpi=150)
