"""The few pictures we draw."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ner.extras import require
from ner.files import replacing

# A picture shows no more labels and bars than one can tell apart.
MOST_LABELS, MOST_BARS = 20, 40


def learning_curve(
    history: Sequence[Mapping[str, Any]],
    path: str | Path,
    metric: str = "f1",
    higher_is_better: bool = True,
) -> None:
    """Draw training loss and development metric by epoch, the best epoch marked, as a PNG file.

    Args:
        history: One mapping an epoch, with `epoch`, `loss` and, where it was evaluated, `metric`.
        path: The file; it is replaced as a whole, so that nobody ever reads half a picture.
        metric: The key of the development metric.
        higher_is_better: Whether the best epoch is the one with the highest metric.
    """
    figure_module = require("matplotlib.figure", "The learning curve")
    ticker = require("matplotlib.ticker", "The learning curve")
    # A figure of its own, not pyplot's: no global state, no window, safe in any thread.
    figure = figure_module.Figure(figsize=(7, 4), layout="constrained")
    loss_axis = figure.add_subplot()
    metric_axis = loss_axis.twinx()

    epochs = [row["epoch"] for row in history]
    losses = [row["loss"] for row in history]
    lines = loss_axis.plot(epochs, losses, color="tab:gray", marker=".", label="training loss")
    evaluated = [(row["epoch"], row[metric]) for row in history if row.get(metric) is not None]
    if evaluated:
        lines += metric_axis.plot(
            *zip(*evaluated, strict=True),
            color="tab:blue",
            marker=".",
            label=f"development {metric}",
        )
        choose = max if higher_is_better else min
        epoch, value = choose(evaluated, key=lambda point: point[1])
        label = f"best: {value:.4f} in epoch {epoch}"
        style = {"color": "tab:red", "marker": "o", "linestyle": "none"}
        lines += metric_axis.plot([epoch], [value], label=label, **style)
    loss_axis.set(xlabel="epoch", ylabel="training loss")
    loss_axis.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    metric_axis.set_ylabel(f"development {metric}")
    metric_axis.legend(handles=lines, loc="center right")

    _save(figure, path)


def labels_and_lengths(
    labels: Mapping[str, Mapping[str, int]],
    lengths: Mapping[str, Sequence[int]],
    path: str | Path,
) -> None:
    """Draw the share of each label, and of sentences by length, in the files of a corpus, as a PNG.

    Args:
        labels: For each file, how often each label comes.
        lengths: For each file, the tokens of each sentence.
        path: The file; it is replaced as a whole.
    """
    figure_module = require("matplotlib.figure", "The picture of labels and lengths")
    figure = figure_module.Figure(figsize=(10, 4), layout="constrained")
    label_axis, length_axis = figure.subplots(1, 2)

    totals: Counter[str] = Counter()
    for counts in labels.values():
        totals.update(counts)
    shown = [label for label, _ in totals.most_common(MOST_LABELS)]
    height = 0.8 / max(1, len(labels))
    for i, (name, counts) in enumerate(labels.items()):
        total = max(1, sum(counts.values()))
        places = [k + (i - (len(labels) - 1) / 2) * height for k in range(len(shown))]
        shares = [100 * counts.get(label, 0) / total for label in shown]
        label_axis.barh(places, shares, height=height, label=name)
    label_axis.set_yticks(range(len(shown)), shown)
    label_axis.invert_yaxis()
    hidden = len(totals) - len(shown)
    label_axis.set(xlabel=f"% of labels ({hidden} more labels)" if hidden else "% of labels")

    # Beyond this there are too few to see; the last bar has all of them.
    ordered = sorted(length for some in lengths.values() for length in some)
    end = ordered[-(-995 * len(ordered) // 1000) - 1] + 1 if ordered else 1
    width = max(1, -(-end // MOST_BARS))
    edges = [k * width for k in range(-(-end // width) + 1)]
    for name, some in lengths.items():
        weights = [100 / max(1, len(some))] * len(some)
        clipped = [min(length, edges[-1]) for length in some]
        length_axis.hist(clipped, bins=edges, weights=weights, histtype="step", label=name)
    length_axis.set(xlabel="tokens of a sentence", ylabel="% of sentences")
    length_axis.legend()
    _save(figure, path)


def forecast_plot(
    actual: Sequence[float],
    first: int,
    forecasts: Mapping[int, Sequence[float]],
    path: str | Path,
    name: str,
) -> None:
    """Draw a series and forecasts of it, as a PNG file.

    Args:
        actual: The values that came.
        first: The row of the first of them.
        forecasts: By the row at which each begins.
        path: The file; it is replaced as a whole.
        name: What the series is called.
    """
    figure_module = require("matplotlib.figure", "The picture of forecasts")
    ticker = require("matplotlib.ticker", "The picture of forecasts")
    figure = figure_module.Figure(figsize=(9, 4), layout="constrained")
    axis = figure.add_subplot()
    axis.plot(range(first, first + len(actual)), actual, color="tab:gray", label="what came")
    for i, (row, values) in enumerate(forecasts.items()):
        label = {} if i else {"label": "forecasts"}
        axis.plot(range(row, row + len(values)), values, color="tab:blue", marker=".", **label)
    axis.set(xlabel="row", ylabel=name)
    axis.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    axis.legend()
    _save(figure, path)


def scatter_plot(
    actual: Sequence[float], estimates: Sequence[float], path: str | Path, name: str
) -> None:
    """Draw estimates against what they estimate, as a PNG file; on the line they are exact.

    Args:
        actual: The true values.
        estimates: One for each of them.
        path: The file; it is replaced as a whole.
        name: What is estimated.
    """
    figure_module = require("matplotlib.figure", "The picture of estimates")
    figure = figure_module.Figure(figsize=(5, 5), layout="constrained")
    axis = figure.add_subplot()
    axis.plot(actual, estimates, color="tab:blue", marker=".", linestyle="none")
    axis.axline((actual[0], actual[0]), slope=1, color="tab:gray")
    axis.set(xlabel=f"{name}, true", ylabel=f"{name}, estimated")
    _save(figure, path)


def _save(figure: Any, path: str | Path) -> None:
    with replacing(Path(path)) as beside:
        figure.savefig(beside, format="png", dpi=150)
