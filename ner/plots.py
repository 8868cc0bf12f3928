"""Pictures of training, of corpora and of forecasts, as PNG files.

A file is replaced as a whole, so that nobody ever reads half a picture. Pictures that belong to a
result are left out where matplotlib is not installed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from ner.extras import optional, require
from ner.files import replacing

# The most labels and bars that a picture shows; more could not be told apart.
MOST_LABELS, MOST_BARS = 20, 40
PURPOSE = "Drawing pictures"


def learning_curve(
    history: Sequence[Mapping[str, Any]],
    path: str | Path,
    metric: str = "f1",
    higher_is_better: bool = True,
) -> None:
    """Draw training loss and development metric by epoch, and mark the best epoch.

    Args:
        history: A mapping for each epoch, with `epoch`, `loss` and, if it was evaluated, `metric`.
        path: The file.
        metric: The key of the development metric.
        higher_is_better: Whether the best epoch is the one with the highest metric.
    """
    if optional("matplotlib") is None:
        return
    figure = _new_figure(7, 4)
    ticker = require("matplotlib.ticker", PURPOSE, "plots")
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


def data_curve_plot(curve: Mapping[str, Any], path: str | Path, name: str) -> None:
    """Draw the scores with samples of a corpus, the baseline, and the forecast.

    Args:
        curve: What `DataCurve.to_dict` returns.
        path: The file.
        name: The name of the score.
    """
    if optional("matplotlib") is None:
        return
    figure = _new_figure(7, 4)
    axis = figure.add_subplot()
    points, outlook = curve["points"], curve["forecast"]
    sizes = [point["sentences"] for point in points]
    spreads = [100 * (point["sd"] or 0) for point in points]
    means = [100 * point["mean"] for point in points]
    axis.errorbar(sizes, means, spreads, color="tab:blue", marker=".", capsize=3, label=name)
    baselines = [100 * point["baseline"] for point in points]
    axis.plot(sizes, baselines, color="tab:gray", marker=".", label=curve["baseline"])
    if outlook is not None:
        law, end = outlook["law"], outlook["sentences"]
        steps = [sizes[0] * (end / sizes[0]) ** (k / 100) for k in range(101)]
        errors = [law["floor"] + law["factor"] * step ** -law["power"] for step in steps]
        drawn = [100 * (1 - error) for error in errors]
        axis.plot(steps, drawn, color="tab:red", linestyle="--", label="fitted curve")
    axis.set_xscale("log")
    axis.set(xlabel="training sentences", ylabel=f"{name} on the development data")
    axis.legend(loc="lower right")
    _save(figure, path)


def replay_plot(replay: Mapping[str, Any], path: str | Path) -> None:
    """Draw the scores of ways to choose texts by annotated tokens: each run, and their means.

    Args:
        replay: What `Replay.to_dict` returns.
        path: The file.
    """
    if optional("matplotlib") is None:
        return
    figure = _new_figure(7, 4)
    axis = figure.add_subplot()
    by: dict[str, dict[int, list[Mapping[str, Any]]]] = {}
    for point in replay["points"]:
        by.setdefault(point["by"], {}).setdefault(point["size"], []).append(point)
    for i, (name, sizes) in enumerate(by.items()):
        color = f"C{i}"
        means = [
            [sum(point[key] for point in points) / len(points) for key in ("tokens", "f1")]
            for _, points in sorted(sizes.items())
        ]
        drawn = [(tokens, 100 * f1) for tokens, f1 in means]
        axis.plot(*zip(*drawn, strict=True), color=color, marker="o", label=name)
        runs = [(p["tokens"], 100 * p["f1"]) for points in sizes.values() for p in points]
        axis.plot(*zip(*runs, strict=True), color=color, marker=".", linestyle="none", alpha=0.4)
    axis.set_xscale("log")
    axis.set(xlabel="annotated tokens", ylabel="F1 on the development data")
    axis.legend(loc="lower right")
    _save(figure, path)


def labels_and_lengths(
    labels: Mapping[str, Mapping[str, int]],
    lengths: Mapping[str, Sequence[int]],
    path: str | Path,
) -> None:
    """Draw the shares of labels and of lengths of sentences in the files of a corpus.

    Args:
        labels: For each file, the count of each label.
        lengths: For each file, the number of tokens of each sentence.
        path: The file.
    """
    figure = _new_figure(10, 4)
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
        label_axis.barh(places, shares, height=height, label=_drawable(name))
    label_axis.set_yticks(range(len(shown)), map(_drawable, shown))
    label_axis.invert_yaxis()
    hidden = len(totals) - len(shown)
    label_axis.set(xlabel=f"% of labels ({hidden} more labels)" if hidden else "% of labels")

    # The last bar has the 0.5 % of sentences that are longer, which are too few to see one by one.
    ordered = sorted(chain.from_iterable(lengths.values()))
    end = ordered[-(-995 * len(ordered) // 1000) - 1] + 1 if ordered else 1
    width = max(1, -(-end // MOST_BARS))
    edges = [k * width for k in range(-(-end // width) + 1)]
    for name, numbers in lengths.items():
        weights = [100 / max(1, len(numbers))] * len(numbers)
        clipped = [min(number, edges[-1]) for number in numbers]
        drawn = _drawable(name)
        length_axis.hist(clipped, bins=edges, weights=weights, histtype="step", label=drawn)
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
    """Draw a series and its forecasts.

    Args:
        actual: The actual values.
        first: The row of the first actual value.
        forecasts: The forecast values, by the row of the first one.
        path: The file.
        name: Name of the series.
    """
    if optional("matplotlib") is None:
        return
    figure = _new_figure(9, 4)
    ticker = require("matplotlib.ticker", PURPOSE, "plots")
    axis = figure.add_subplot()
    axis.plot(range(first, first + len(actual)), actual, color="tab:gray", label="actual values")
    for i, (row, values) in enumerate(forecasts.items()):
        label = {} if i else {"label": "forecasts"}
        axis.plot(range(row, row + len(values)), values, color="tab:blue", marker=".", **label)
    axis.set(xlabel="row", ylabel=_drawable(name))
    axis.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    axis.legend()
    _save(figure, path)


def scatter_plot(
    actual: Sequence[float], estimates: Sequence[float], path: str | Path, name: str
) -> None:
    """Draw estimates against actual values, with the line on which they are equal.

    Args:
        actual: The actual values.
        estimates: An estimate of each value.
        path: The file.
        name: Name of the values.
    """
    if optional("matplotlib") is None:
        return
    figure = _new_figure(5, 5)
    axis = figure.add_subplot()
    axis.plot(actual, estimates, color="tab:blue", marker=".", linestyle="none")
    axis.axline((actual[0], actual[0]), slope=1, color="tab:gray")
    shown = _drawable(name)
    axis.set(xlabel=f"{shown}, actual", ylabel=f"{shown}, estimated")
    _save(figure, path)


def _drawable(text: str) -> str:
    """Replace halves of UTF-16 pairs, which no font has; names of files may hold them."""
    return text.encode("utf-8", "replace").decode()


def _new_figure(width: float, height: float) -> Any:
    """Make a figure that is independent of pyplot: without global state, safe in any thread."""
    figure_module = require("matplotlib.figure", PURPOSE, "plots")
    return figure_module.Figure(figsize=(width, height), layout="constrained")


def _save(figure: Any, path: str | Path) -> None:
    with replacing(Path(path)) as temporary:
        figure.savefig(temporary, format="png", dpi=150)
