"""Train taggers that differ in their encoder or head, and compare their F1, sizes and speeds.

python scripts/encoders/compare_encoders.py eng.train eng.testa \
    --config configs/conll2003_glove.toml --set vectors.path=glove.6B.50d.txt.gz \
    --epochs 8 --threads 1 --out runs/encoders.json
python scripts/encoders/compare_encoders.py … --threads 2 --rounds 3    # and then the speeds of all

All rows have the same configuration and seed, apart from their encoder or head. Each result is
written to the file `--out` as soon as it is known, and is not computed again; an interrupted run
continues from its last checkpoint. So the same command continues, and several may run at a time
with different rows. Speeds are measured with `--rounds`: all rows take turns, on a machine that
should do nothing else.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# Speeds are measured as in the benchmark.
sys.path.insert(0, str(Path(__file__).parents[1] / "benchmark"))

# isort: split
from contenders import say

from ner.config.loading import Config, load_config, parse_setting
from ner.data.formats.read import file_digest
from ner.errors import ConfigError, NerError
from ner.files import write_json
from ner.model_folder import load_model

# The settings of each row that differ from the configuration.
ROWS: dict[str, dict[str, Any]] = {
    "lstm": {},
    "lstm-forward": {"encoder.bidirectional": False},
    "lstm-forward-wide": {"encoder.bidirectional": False, "encoder.size": 400},
    "gru": {"encoder.cell": "gru"},
    "lstm-2": {"encoder.layers": 2},
    "lstm-2-residual": {"encoder.layers": 2, "encoder.residual": True},
    "lstm-projection": {"encoder.size": 400, "encoder.projection": 100},
    "lstm-layer-norm": {"encoder.layer_norm": True},
    "lstm-weight-drop": {"encoder.weight_drop": 0.3},
    "lstm-attention": {"encoder.attention_heads": 4},
    # Filters, block, iterations and rate of Strubell et al. (2017). The rate of 0.5 for recurrent
    # networks would leave little after the dropout of five layers.
    "idcnn": {
        "encoder.kind": "idcnn",
        "encoder.size": 300,
        "encoder.layers": 2,
        "encoder.dropout": 0.15,
    },
    "mingru": {"encoder.cell": "mingru"},
    "mingru-2": {"encoder.cell": "mingru", "encoder.layers": 2},
    "minlstm": {"encoder.cell": "minlstm"},
    "minlstm-2": {"encoder.cell": "minlstm", "encoder.layers": 2},
    "softmax": {"head.kind": "softmax"},
    "crf-without-ends": {"head.ends": False},
    "softmax-margin": {"head.cost": 1.0},
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train the rows that are missing, and print the table."""
    options = parse(arguments)
    try:
        recipe = make_recipe(options)
        facts = described(recipe)
        for name in options.only or ROWS:
            if name not in read_results(options.out, facts)["rows"]:
                say(f"{name} ...")
                row = measure(name, recipe, options.out.with_suffix("") / name)
                # Another process may have written rows in the meantime.
                results = read_results(options.out, facts)
                results["rows"][name] = row
                write_json(options.out, results)
        results = read_results(options.out, facts)
        if options.rounds:
            from encoder_speeds import measure_speeds

            configs = {name: recipe.updated(ROWS[name]) for name in ROWS if name in results["rows"]}
            results["threads"] = options.threads
            results["speeds"] = measure_speeds(configs, options.rounds, options.seconds)
            write_json(options.out, results)
    except NerError as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(f"{error.filename}: {(error.strerror or 'cannot be written').lower()}.")
    except KeyboardInterrupt:
        sys.exit(130)
    print(markdown(results["rows"], results.get("speeds", {})))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("train", help="training sentences: any corpus that `ner train` reads")
    parser.add_argument("dev", help="development sentences")
    parser.add_argument("--config", type=Path, help="configuration file (all defaults)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting"
    )
    parser.add_argument("--epochs", type=int, help="epochs of each row (as configured)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (%(default)s)")
    parser.add_argument(
        "--rounds", type=int, default=0, help="measure the speeds of all rows in this many turns"
    )
    parser.add_argument(
        "--seconds", type=float, default=3.0, help="seconds of each measurement (%(default)s)"
    )
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", choices=ROWS, help=f"rows: {', '.join(ROWS)}"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/encoders.json"), help="results (%(default)s)"
    )
    return parser.parse_args(arguments)


def make_recipe(options: argparse.Namespace) -> Config:
    """Collect the settings that all rows share."""
    changes = {
        "data.train": options.train,
        "data.dev": options.dev,
        "training.threads": options.threads,
        "training.device": "cpu",
        "training.export": True,
    }
    if options.epochs is not None:
        changes["training.epochs"] = options.epochs
    changes |= dict(parse_setting(each) for each in options.set)
    recipe = Config() if options.config is None else load_config(options.config)
    return recipe.updated(changes)


def described(recipe: Config) -> dict[str, Any]:
    """Collect what all rows of a file must share: settings, and digests of the data.

    Files are identified by their names, not by their folders. Threads may differ.
    """
    sources = {"train": recipe.data.train, "dev": recipe.data.dev, "vectors": recipe.vectors.path}
    names = {key: Path(path).name for key, path in sources.items()}
    settings = recipe.model_dump(mode="json")
    del settings["training"]["threads"]
    settings["data"] |= {"train": names["train"], "dev": names["dev"]}
    settings["vectors"]["path"] = names["vectors"]
    digests = {names[key]: file_digest(path) for key, path in sources.items() if path}
    return {"settings": settings, "sha256": digests}


def read_results(path: Path, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Read the results so far.

    Raises:
        ConfigError: The file has results for other settings or files, or something else.
    """
    if not path.is_file():
        return {"recipe": recipe, "rows": {}}
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        before, rows = results["recipe"], results["rows"]
    except (ValueError, KeyError, TypeError):
        raise ConfigError(
            f"{path}: must have results of this program. Got something else."
        ) from None
    if before != recipe:
        raise ConfigError(
            f"{path}: settings and files must be those of its {len(rows)} rows. Got others."
        )
    return results


def measure(name: str, recipe: Config, folder: Path) -> dict[str, Any]:
    """Train one row in a folder, which is removed afterwards."""
    from ner.training.run_folder import versions
    from ner.training.train import run_training

    config = recipe.updated(ROWS[name])
    result = run_training(config, out=folder, resume=folder.is_dir())
    weights = load_model(result.model).weights
    encoder = [array for key, array in weights.items() if key.startswith("encoder.")]
    row = {
        "f1": result.reports["dev"].f1,
        "parameters": sum(array.size for array in weights.values()),
        "encoder_parameters": sum(array.size for array in encoder),
        "epochs": load_config(folder / "config.toml").training.epochs,
        "threads": config.training.threads,
        "settings": ROWS[name],
        "versions": versions(),
    }
    shutil.rmtree(folder)
    return row


def markdown(
    rows: Mapping[str, Mapping[str, Any]], speeds: Mapping[str, Mapping[str, Mapping[str, float]]]
) -> str:
    """Write the table in the order of `ROWS`, with speeds if they were measured."""
    heads = ["", "development F1", "parameters", "of the encoder"]
    if speeds:
        heads += ["training, tokens/s", "times", "tagging, tokens/s", "times", "one sentence, ms"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name in ROWS:
        if name in rows:
            row = rows[name]
            counts = (f"{row[key]:,}" for key in ("parameters", "encoder_parameters"))
            cells = [name, f"{100 * row['f1']:.2f}", *counts]
            if name in speeds:
                for key in ("training", "tagging"):
                    figures = speeds[name][key]
                    cells += [f"{figures['median']:,.0f}", f"{figures['times']:.2f}"]
                cells.append(f"{speeds[name]['one_sentence']['median']:.3f}")
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
