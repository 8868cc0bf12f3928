"""A whole run on a table: training, a comparison with plain methods, a model folder, pictures."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ner.display import fenced, shared_name
from ner.errors import DataError
from ner.files import sha256, write_json
from ner.forecasting.baselines import plain_methods
from ner.forecasting.coding import Coding
from ner.forecasting.forecaster import Forecaster
from ner.forecasting.report import SeriesReport, SplitReport, score
from ner.forecasting.settings import FREE, SeriesSettings
from ner.forecasting.tables import Table
from ner.forecasting.training import train_network
from ner.forecasting.transforms import Origins, Values
from ner.forecasting.windows import Splits, Windows, chronological_splits, random_splits
from ner.inference.runs import MODEL
from ner.messages import Notify, tell
from ner.nn.runtime import choose_device, set_threads
from ner.plots import forecast_plot, scatter_plot
from ner.training.run_folder import REPORT, RunFolder, versions

# Steps of a series in a picture.
MOST_STEPS = 240


@dataclass(frozen=True)
class SeriesResult:
    """The result of a run: the model, its folder, and how good it is."""

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
    notify: Notify = tell,
) -> SeriesResult:
    """Train on the first rows of a table, choose weights by the next ones, report on the last.

    Args:
        table: See `read_table`.
        settings: See `series_settings`.
        column: The column that is forecast: its name, or its number from 1; -1 is the last one.
        inputs: Further columns that the network reads. For `rows`, the default is all columns of
            numbers.
        split: Rows of the training, development and test split, or their shares.
        out: Folder of the run. The run writes model/, report.json, a picture of forecasts, and a
            folder for each seed with its learning curve and checkpoints.
        resume: Continue the run in `out`.
        notify: Called with lines about progress. By default, they are logged.

    Raises:
        NerError: The table, a setting or the folder is not valid.
        KeyboardInterrupt: After Ctrl-C, once the state is saved.
    """
    indices = _columns(table, settings, column, inputs)
    names = tuple(table.names[i] for i in indices)
    values = table.numbers(indices)
    splits = _split_rows(values, split, settings, table.where)
    Windows(settings).check(values, table.where)
    coding = Coding.fit(settings, values, splits.train)
    device = choose_device(settings.training["device"])
    set_threads(settings.training["threads"])
    identity = _identity(settings, values, names, split)
    with RunFolder.open(Path(out), resume=resume) as folder:
        notify(
            f"{names[0]} of {table.where}: {len(splits.train):,} training, {len(splits.dev):,} "
            f"development and {len(splits.test):,} test forecasts, on {device}"
        )
        networks = [
            train_network(
                coding,
                values,
                splits,
                seed,
                device,
                folder.path / f"seed-{seed}",
                identity,
                resume=resume,
                notify=notify,
            )
            for seed in range(settings.seed, settings.seed + settings.seeds)
        ]
        forecaster = Forecaster(coding, names, networks)
        report = _report(forecaster, values, splits, table.where)
        source = {"versions": versions(), "table": shared_name(table.where)}
        record = {**source, **identity, "report": report.to_dict()}
        forecaster = Forecaster(coding, names, networks, record)
        forecaster.save(folder.path / MODEL, _card(report))
        write_json(folder.path / REPORT, report.to_dict())
        _draw(forecaster, values, splits.test, folder.path / "forecasts.png")
        return SeriesResult(forecaster, folder.path / MODEL, report)


def _columns(
    table: Table, settings: SeriesSettings, column: str, inputs: Sequence[str]
) -> list[int]:
    """List the column that is forecast, followed by the further columns that are read."""
    target = table.index(column)
    further = [table.index(name) for name in inputs]
    if settings.task == "rows" and not inputs:
        further = [i for i in range(len(table.names)) if i != target and table.has_numbers(i)]
        if not further:
            raise DataError(
                f"{table.where}: must have columns of numbers besides {table.names[target]!r}. "
                "Got none."
            )
    chosen = [target, *further]
    if len(set(chosen)) < len(chosen):
        raise DataError(
            f"{table.where}: inputs must differ from each other and from the column that is "
            f"forecast. Got {', '.join(table.names[i] for i in chosen)}."
        )
    return chosen


def _split_rows(
    values: Values, split: Sequence[float], settings: SeriesSettings, where: str
) -> Splits:
    if settings.task == "rows":
        return random_splits(len(values), split, settings.seed, where)
    return chronological_splits(len(values), split, settings, where)


def _identity(
    settings: SeriesSettings, values: Values, names: Sequence[str], split: Sequence[float]
) -> dict[str, Any]:
    """Collect everything that the networks depend on, as it is after JSON."""
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


def _report(forecaster: Forecaster, values: Values, splits: Splits, where: str) -> SeriesReport:
    coding = forecaster.coding
    settings = coding.settings
    methods = plain_methods(coding, values, splits)
    title = f"{forecaster.columns[0]} of {shared_name(where)}"
    if settings.task != "rows":
        title += f", {settings.horizon} steps from {settings.window}"
    found: dict[str, SplitReport] = {}
    for name, origins in (("development", splits.dev), ("test", splits.test)):
        truth = coding.windows.truth(values, origins)
        rows = f"rows {origins[0] + 1} to {origins[-1] + settings.horizon}"
        found[name] = SplitReport(
            rows="rows chosen at random" if settings.task == "rows" else rows,
            forecasts=len(origins),
            network=score(forecaster.predict(values, origins), truth),
            networks=[score(each, truth) for each in forecaster.predict_each(values, origins)],
            plain={label: score(method(origins), truth) for label, method in methods.items()},
        )
    return SeriesReport(title, found)


def _draw(forecaster: Forecaster, values: Values, test: Origins, path: Path) -> None:
    """Draw the end of the test split, or all of it for rows without order."""
    settings = forecaster.coding.settings
    name, horizon = forecaster.columns[0], settings.horizon
    if settings.task == "rows":
        estimates = forecaster.predict(values, test)[:, 0]
        scatter_plot(values[test, 0].tolist(), estimates.tolist(), path, name)
        return
    # Each forecast begins where the one before it ends.
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

load_forecaster("path/to/this/folder").forecast(values)  # the last known rows
```

{fenced(str(report))}

`manifest.json` holds all settings, versions and digests.
"""
