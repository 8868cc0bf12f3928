"""A whole run over a table: train, compare with plain methods, keep a model and pictures."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ner.errors import DataError
from ner.files import sha256, write_json
from ner.forecasting.baselines import plain_methods
from ner.forecasting.coding import Coding
from ner.forecasting.forecaster import Forecaster
from ner.forecasting.report import PartReport, SeriesReport, score
from ner.forecasting.settings import FREE, SeriesSettings
from ner.forecasting.tables import Table
from ner.forecasting.training import train_network
from ner.forecasting.transforms import Origins, Values
from ner.forecasting.windows import Parts, Windows, chronological_parts, random_parts
from ner.nn.runtime import choose_device, set_threads
from ner.plots import forecast_plot, scatter_plot
from ner.training.run_folder import RunFolder, versions

# Steps of a series that a picture can show.
MOST_STEPS = 240


@dataclass(frozen=True)
class SeriesResult:
    """What a run gives: the model, where it is, and what it can do."""

    forecaster: Forecaster
    model: Path
    report: SeriesReport


def train_series(
    table: Table,
    settings: SeriesSettings,
    *,
    column: str = "-1",
    inputs: Sequence[str] = (),
    split: Sequence[float] = (0.6, 0.2, 0.2),
    out: str | Path,
    resume: bool = False,
    notify: Callable[[str], None] = lambda _: None,
) -> SeriesResult:
    """Train on the first part of a table, choose by the second, report on the last.

    Args:
        table: See `read_table`.
        settings: See `series_settings`.
        column: What is forecast: a name, or a number from 1; -1 is the last column.
        inputs: Further columns that are read; for `rows`, by default all that hold numbers.
        split: Rows of the three parts, or their shares.
        out: Folder of the run. It gets model/, report.json, a picture of forecasts, and a folder
            for each seed with its learning curve and checkpoints.
        resume: Go on with the run in `out`.
        notify: Gets a line on what happens.

    Raises:
        NerError: The table, a setting or the folder is not as it must be.
        KeyboardInterrupt: After Ctrl-C, when the state is saved.
    """
    indices = _columns(table, settings, column, inputs)
    names = tuple(table.names[i] for i in indices)
    values = table.numbers(indices)
    parts = _parts(values, split, settings, table.where)
    Windows(settings).check(values, table.where)
    coding = Coding.fit(settings, values, parts.train)
    device = choose_device(settings.training["device"])
    set_threads(settings.training["threads"])
    identity = _identity(settings, values, names, split)
    folder = RunFolder.open(Path(out), resume=resume).path
    notify(
        f"{names[0]} of {table.where}: {len(parts.train):,} training, {len(parts.dev):,} "
        f"development and {len(parts.test):,} test forecasts, on {device}"
    )
    networks = [
        train_network(
            coding,
            values,
            parts,
            seed,
            device,
            folder / f"seed-{seed}",
            identity,
            resume=resume,
            notify=notify,
        )
        for seed in range(settings.seed, settings.seed + settings.seeds)
    ]
    forecaster = Forecaster(coding, names, networks)
    report = _report(forecaster, values, parts, table.where)
    record = {"versions": versions(), "table": table.where, **identity, "report": report.to_dict()}
    forecaster = Forecaster(coding, names, networks, record)
    forecaster.save(folder / "model", _card(report))
    write_json(folder / "report.json", report.to_dict())
    _draw(forecaster, values, parts.test, folder / "forecasts.png")
    return SeriesResult(forecaster, folder / "model", report)


def _columns(
    table: Table, settings: SeriesSettings, column: str, inputs: Sequence[str]
) -> list[int]:
    """Find the column that is forecast, and after it those that are read beside it."""
    target = table.index(column)
    others = [table.index(name) for name in inputs]
    if settings.task == "rows" and not inputs:
        others = [i for i in range(len(table.names)) if i != target and table.has_numbers(i)]
        if not others:
            raise DataError(
                f"{table.where}: rows need columns of numbers beside {table.names[target]!r}. "
                "Got none."
            )
    chosen = [target, *others]
    if len(set(chosen)) < len(chosen):
        raise DataError(
            f"{table.where}: inputs must differ from each other and from the column that is "
            f"forecast. Got {', '.join(table.names[i] for i in chosen)}."
        )
    return chosen


def _parts(values: Values, split: Sequence[float], settings: SeriesSettings, where: str) -> Parts:
    if settings.task == "rows":
        return random_parts(len(values), split, settings.seed, where)
    return chronological_parts(len(values), split, settings, where)


def _identity(
    settings: SeriesSettings, values: Values, names: Sequence[str], split: Sequence[float]
) -> dict[str, Any]:
    """Name everything that the networks depend on, as JSON gives it back."""
    chosen = settings.to_dict()
    for free in FREE:
        del chosen["training"][free]
    facts = {
        "settings": chosen,
        "columns": names,
        "split": split,
        "values": sha256([values.tobytes()]),
    }
    return json.loads(json.dumps(facts))


def _report(forecaster: Forecaster, values: Values, parts: Parts, where: str) -> SeriesReport:
    coding = forecaster.coding
    settings = coding.settings
    methods = plain_methods(coding, values, parts)
    title = f"{forecaster.columns[0]} of {where}"
    if settings.task != "rows":
        title += f", {settings.horizon} steps from {settings.window}"
    found: dict[str, PartReport] = {}
    for name, origins in (("development", parts.dev), ("test", parts.test)):
        truth = coding.windows.truth(values, origins)
        rows = f"rows {origins[0] + 1} to {origins[-1] + settings.horizon}"
        found[name] = PartReport(
            rows="rows chosen at random" if settings.task == "rows" else rows,
            forecasts=len(origins),
            network=score(forecaster.predict(values, origins), truth),
            networks=[score(each, truth) for each in forecaster.predict_each(values, origins)],
            plain={label: score(method(origins), truth) for label, method in methods.items()},
        )
    return SeriesReport(title, found)


def _draw(forecaster: Forecaster, values: Values, test: Origins, path: Path) -> None:
    """Draw the end of the test part, or for rows all of it."""
    settings = forecaster.coding.settings
    name, horizon = forecaster.columns[0], settings.horizon
    if settings.task == "rows":
        estimates = forecaster.predict(values, test)[:, 0]
        scatter_plot(values[test, 0].tolist(), estimates.tolist(), path, name)
        return
    # Forecasts one after the other, each beginning where the one before it ends.
    origins = test[len(test) - 1 :: -horizon][: max(1, MOST_STEPS // horizon)][::-1]
    begin, end = max(0, int(origins[0]) - settings.window), int(origins[-1]) + horizon
    forecasts = {
        int(origin) + 1: row.tolist()
        for origin, row in zip(origins, forecaster.predict(values, origins), strict=True)
    }
    forecast_plot(values[begin:end, 0].tolist(), begin + 1, forecasts, path, name)


def _card(report: SeriesReport) -> str:
    return f"""# Forecaster

```python
from ner.forecasting.forecaster import load_forecaster

load_forecaster("path/to/this/folder").forecast(values)  # the last rows that are known
```

```
{report}
```

`manifest.json` holds all settings, versions and digests.
"""
