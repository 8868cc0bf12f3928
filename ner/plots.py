"""The few pictures we draw."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ner.extras import require


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

    path = Path(path)
    beside = path.with_name(f".{path.name}.partial")
    with beside.open("wb") as file:
        figure.savefig(file, format="png", dpi=150)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
