"""Forecast a column of a CSV file with the encoder of the taggers, beside plain methods.

python scripts/forecast.py airline-passengers.csv --horizon 5 --window 18 --period 12 --log --reference drift
python scripts/forecast.py ETTh1.csv --column OT --horizon 24 --window 96 --split 8640 2880 2880
python scripts/forecast.py housing.csv --task rows
python scripts/forecast.py airline-passengers.csv --model runs/airline-passengers/model

The first part of the rows trains, the second chooses, the last one gives the figures. The folder
`--out` gets the model, report.json, a picture of forecasts, and learning curves. With `--model`, a
model of an earlier run forecasts what follows the last row, one value a line.
"""  # noqa: E501

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from ner.errors import ConfigError, NerError
from ner.forecasting.forecaster import load_forecaster
from ner.forecasting.run import train_series
from ner.forecasting.settings import Task, series_settings
from ner.forecasting.tables import read_table
from ner.forecasting.transforms import REFERENCES, Scaling

# Options that are settings by themselves, of the encoder, and of training; those that are not
# given keep their defaults.
OWN = {
    "horizon": "steps that are forecast (1)",
    "window": "steps that are read (24)",
    "patch": "steps that the network takes in at once (1)",
    "period": "steps of a season",
    "projection": "width that values are projected to before the encoder (0: none)",
    "seeds": "networks, whose mean is the forecast (5)",
    "seed": "the first of their seeds, and that of the parts of rows without order (1)",
}
ENCODER = {
    "cell": (str, "lstm, gru, mingru or minlstm"),
    "size": (int, "width of one direction (32)"),
    "layers": (int, "layers above each other (1)"),
    "dropout": (float, "rate of locked dropout (0)"),
}
TRAINING = {
    "epochs": (int, "at most (100)"),
    "patience": (int, "epochs without a better development RMSE before it stops (15)"),
    "batch-size": (int, "windows in a batch (32)"),
    "learning-rate": (float, "peak (0.005)"),
    "weight-decay": (float, "of AdamW (0)"),
    "schedule": (str, "of the learning rate (cosine)"),
    "ema": (float, "decay of the averaged weights (0.99)"),
    "device": (str, "auto, cpu, cuda or cuda:N"),
    "threads": (int, "of torch"),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and report, or forecast."""
    options = parse(arguments)
    try:
        forecast(options) if options.model else train(options)
    except (NerError, KeyboardInterrupt) as error:
        sys.exit(str(error) or 130)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file", help="a CSV file of numbers")
    parser.add_argument(
        "--column", default="-1", help="what is forecast: a name, or a number from 1 (the last)"
    )
    parser.add_argument("--inputs", nargs="+", default=[], help="further columns that are read")
    parser.add_argument("--header", choices=("auto", "yes", "no"), default="auto")
    parser.add_argument("--delimiter", default=",", help="of cells")
    parser.add_argument("--task", choices=get_args(Task), default="many-to-one")
    parser.add_argument(
        "--split",
        type=float,
        nargs=3,
        default=(0.6, 0.2, 0.2),
        metavar=("TRAIN", "DEV", "TEST"),
        help="rows of the parts, or their shares (0.6 0.2 0.2)",
    )
    for name, text in OWN.items():
        parser.add_argument(f"--{name}", type=int, default=argparse.SUPPRESS, help=text)
    parser.add_argument(
        "--reference",
        choices=list(REFERENCES),
        help="the plain forecast from which the network forecasts the departure (last)",
    )
    parser.add_argument("--log", action="store_true", help="work with logarithms of the column")
    parser.add_argument(
        "--phases", action="store_true", help="show where in its season each step is"
    )
    parser.add_argument("--scaling", choices=get_args(Scaling), default="standard")
    for name, (kind, text) in {**ENCODER, **TRAINING}.items():
        parser.add_argument(f"--{name}", type=kind, default=argparse.SUPPRESS, help=text)
    parser.add_argument("--bidirectional", action="store_true", help="read windows both ways")
    parser.add_argument("--out", type=Path, help="folder of the run (runs/NAME of the file)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument("--model", type=Path, help="a model to use; no training")
    return parser.parse_args(arguments)


def train(options: argparse.Namespace) -> None:
    """Train and report."""
    given = vars(options)
    settings = series_settings(
        task=options.task,
        reference=options.reference,
        log=options.log,
        phases=options.phases,
        scaling=options.scaling,
        encoder={**chosen(given, ENCODER), "bidirectional": options.bidirectional},
        training=chosen(given, TRAINING),
        **chosen(given, OWN),
    )
    result = train_series(
        read_table(options.file, options.header, options.delimiter),
        settings,
        column=options.column,
        inputs=options.inputs,
        split=options.split,
        out=options.out or Path("runs", Path(options.file).stem),
        resume=options.resume,
        notify=lambda line: print(line, file=sys.stderr, flush=True),
    )
    print(result.report)
    print(f"\nModel: {result.model}")


def forecast(options: argparse.Namespace) -> None:
    """Print what follows the last row; or, for rows without order, an estimate of each."""
    names = (*OWN, *ENCODER, *TRAINING)
    for name in (name for name in names if name.replace("-", "_") in vars(options)):
        raise ConfigError(f"--{name}: is for training; a model has its own. Got --model as well.")
    forecaster = load_forecaster(options.model)
    table = read_table(options.file, options.header, options.delimiter)
    if forecaster.coding.settings.task == "rows":
        columns = forecaster.columns[1:]
        found = forecaster.estimate(table.numbers([table.index(name) for name in columns]))
    else:
        columns = forecaster.columns
        found = forecaster.forecast(table.numbers([table.index(name) for name in columns]))
    print("\n".join(f"{value:.6g}" for value in found.tolist()))


def chosen(given: dict[str, Any], names: Any) -> dict[str, Any]:
    """Pick the options that were given, under the names of settings."""
    keys = [name.replace("-", "_") for name in names]
    return {key: given[key] for key in keys if key in given}


if __name__ == "__main__":
    main()
