"""Forecast a column of a CSV file with the encoders of the taggers, and compare with plain methods.

python scripts/forecast.py airline-passengers.csv --horizon 5 --window 18 --period 12 --log --reference drift
python scripts/forecast.py ETTh1.csv --column OT --horizon 24 --window 96 --split 8640 2880 2880
python scripts/forecast.py housing.csv --task rows
python scripts/forecast.py airline-passengers.csv --model runs/airline-passengers/model

The first rows are for training, the next ones choose the weights, and the report is on the last.
The folder `--out` gets the model, report.json, a picture of forecasts, and learning curves. With
`--model`, the model of an earlier run forecasts the values after the last row, one a line.
"""  # noqa: E501

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from ner.display import visible
from ner.errors import ConfigError, NerError
from ner.forecasting.forecaster import load_forecaster
from ner.forecasting.run import train_series
from ner.forecasting.settings import Task, series_settings
from ner.forecasting.tables import read_table
from ner.forecasting.transforms import REFERENCES, Scaling
from ner.messages import shown

# Options that set one setting each: of the series, of its encoder, and of its training. An option
# that is not given keeps the default, which stands in brackets.
SERIES = {
    "horizon": "number of steps to forecast (1)",
    "window": "number of steps to read (24)",
    "patch": "number of steps that the network reads at once (1)",
    "period": "number of steps in a season",
    "projection": "width that values are projected to before the encoder, 0 for none (0)",
    "seeds": "number of networks whose mean is the forecast (5)",
    "seed": "seed of the first network, and of the random split of rows (1)",
}
ENCODER = {
    "cell": (str, "lstm, gru, mingru or minlstm (lstm)"),
    "size": (int, "width of one direction (32)"),
    "layers": (int, "number of layers (1)"),
    "dropout": (float, "rate of locked dropout (0)"),
}
TRAINING = {
    "epochs": (int, "maximum number of epochs (100)"),
    "patience": (int, "epochs without a better development RMSE before training stops (15)"),
    "batch-size": (int, "windows in a batch (32)"),
    "learning-rate": (float, "peak learning rate (0.005)"),
    "weight-decay": (float, "weight decay of AdamW (0)"),
    "schedule": (str, "schedule of the learning rate (cosine)"),
    "ema": (float, "decay of the averaged weights (0.99)"),
    "device": (str, "auto, cpu, cuda or cuda:N (auto)"),
    "threads": (int, "CPU threads (as many as torch chooses)"),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and report; or, with a model, forecast."""
    options = parse(arguments)
    try:
        with shown(on_stderr=True):
            forecast(options) if options.model else train(options)
    except (NerError, KeyboardInterrupt) as error:
        sys.exit(visible(str(error)) or 130)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file", help="CSV file of numbers")
    parser.add_argument(
        "--column",
        default="-1",
        help="column to forecast: its name, or its number from 1 (the last one)",
    )
    parser.add_argument("--inputs", nargs="+", default=[], help="further columns to read")
    parser.add_argument(
        "--header",
        choices=("auto", "yes", "no"),
        default="auto",
        help="whether the first row names the columns (auto: if none of its cells is a number)",
    )
    parser.add_argument("--delimiter", default=",", help="character between cells (,)")
    parser.add_argument(
        "--task",
        choices=get_args(Task),
        default="many-to-one",
        help="how the network reads and forecasts (%(default)s)",
    )
    parser.add_argument(
        "--split",
        type=float,
        nargs=3,
        default=(0.6, 0.2, 0.2),
        metavar=("TRAIN", "DEV", "TEST"),
        help="rows of each split, or their shares (0.6 0.2 0.2)",
    )
    for name, text in SERIES.items():
        parser.add_argument(f"--{name}", type=int, default=argparse.SUPPRESS, help=text)
    parser.add_argument(
        "--reference",
        choices=list(REFERENCES),
        help="plain forecast that the network corrects (last)",
    )
    parser.add_argument("--log", action="store_true", help="forecast the logarithm of the column")
    parser.add_argument(
        "--phases", action="store_true", help="read where in the season each step is"
    )
    parser.add_argument(
        "--scaling",
        choices=get_args(Scaling),
        default="standard",
        help="mean 0 and deviation 1, or from 0 to 1 (%(default)s)",
    )
    for name, (kind, text) in {**ENCODER, **TRAINING}.items():
        parser.add_argument(f"--{name}", type=kind, default=argparse.SUPPRESS, help=text)
    parser.add_argument(
        "--bidirectional", action="store_true", help="read windows in both directions"
    )
    parser.add_argument("--out", type=Path, help="folder of the run (runs/ and the file's name)")
    parser.add_argument("--resume", action="store_true", help="continue the run in --out")
    parser.add_argument("--model", type=Path, help="use this model instead of training one")
    return parser.parse_args(arguments)


def train(options: argparse.Namespace) -> None:
    """Train networks, and print the report."""
    given = vars(options)
    settings = series_settings(
        task=options.task,
        reference=options.reference,
        log=options.log,
        phases=options.phases,
        scaling=options.scaling,
        encoder={**chosen(given, ENCODER), "bidirectional": options.bidirectional},
        training=chosen(given, TRAINING),
        **chosen(given, SERIES),
    )
    result = train_series(
        read_table(options.file, options.header, options.delimiter),
        settings,
        column=options.column,
        inputs=options.inputs,
        split=options.split,
        out=options.out or Path("runs", Path(options.file).stem),
        resume=options.resume,
    )
    print(visible(f"{result.report}\n\nModel: {result.model}"))


def forecast(options: argparse.Namespace) -> None:
    """Print the values after the last row; or, for rows without order, an estimate of each row."""
    names = (*SERIES, *ENCODER, *TRAINING)
    for name in (name for name in names if name.replace("-", "_") in vars(options)):
        raise ConfigError(f"--{name}: must not be given with --model, which has its own. Got both.")
    forecaster = load_forecaster(options.model)
    table = read_table(options.file, options.header, options.delimiter)
    if forecaster.coding.settings.task == "rows":
        columns = forecaster.columns[1:]
        values = forecaster.estimate(table.numbers([table.index(name) for name in columns]))
    else:
        columns = forecaster.columns
        values = forecaster.forecast(table.numbers([table.index(name) for name in columns]))
    print("\n".join(f"{value:.6g}" for value in values.tolist()))


def chosen(given: dict[str, Any], names: Any) -> dict[str, Any]:
    """Select the options that were given, by the names of the settings."""
    keys = [name.replace("-", "_") for name in names]
    return {key: given[key] for key in keys if key in given}


if __name__ == "__main__":
    main()
