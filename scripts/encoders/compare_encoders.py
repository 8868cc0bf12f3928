"""Train one tagger after the other, each with another encoder or head, and compare them.

python scripts/encoders/compare_encoders.py eng.train eng.testa \
    --config configs/conll2003_glove.toml --set vectors.path=glove.6B.50d.txt.gz \
    --epochs 8 --threads 1 --out runs/encoders.json
python scripts/encoders/compare_encoders.py … --threads 2 --rounds 3    # and then the speeds of all

All have one recipe, that of the configuration, and one seed. Each result is written to the file
`--out` as soon as it is there; what the file holds is not done again, and a run that was
interrupted goes on from its last checkpoint, so the same command continues, and may run more than
once at a time with other rows in each. Speeds are measured by themselves, with `--rounds`: all
rows take turns, on a machine that has nothing else to do.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ner.config.loading import Config, load_config, parse_setting
from ner.data.formats.read import file_digest
from ner.errors import ConfigError, NerError
from ner.files import write_json
from ner.model_folder import load_model

# What each row changes in the recipe.
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
    # Filters, block, iterations and rate of Strubell et al. (2017); at their rate of 0.5 for
    # recurrent networks, dropout after each of five layers would leave little.
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
    """Train what is missing, and print the table."""
    options = parse(arguments)
    try:
        recipe = make_recipe(options)
        facts = described(recipe)
        for name in options.only or ROWS:
            if name not in read_results(options.out, facts)["rows"]:
                say(f"{name} ...")
                row = measure(name, recipe, options.out.with_suffix("") / name)
                # Another process may have written rows of its own meanwhile.
                results = read_results(options.out, facts)
                results["rows"][name] = row
                write_json(options.out, results)
        results = read_results(options.out, facts)
        if options.rounds:
            from encoder_speeds import measure_speeds

            configs = {name: recipe.updated(ROWS[name]) for name in ROWS if name in results["rows"]}
            results["threads"] = options.threads
            results["speeds"] = measure_speeds(configs, options.rounds, options.seconds, say)
            write_json(options.out, results)
    except NerError as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(f"{error.filename}: {(error.strerror or 'cannot be written').lower()}.")
    except KeyboardInterrupt:
        sys.exit(130)
    print(markdown(results["rows"], results.get("speeds", {})))


def say(line: str) -> None:
    """Report progress."""
    print(line, file=sys.stderr, flush=True)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("train", help="training sentences: any corpus that `ner train` reads")
    parser.add_argument("dev", help="development sentences")
    parser.add_argument("--config", type=Path, help="the recipe; by default all defaults")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the recipe"
    )
    parser.add_argument("--epochs", type=int, help="of each row; by default as the recipe says")
    parser.add_argument("--threads", type=int, default=2, help="in training and tagging")
    parser.add_argument(
        "--rounds", type=int, default=0, help="of measuring the speeds of all rows that are there"
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement of speed")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=ROWS, help=", ".join(ROWS))
    parser.add_argument(
        "--out", type=Path, default=Path("runs/encoders.json"), help="results (%(default)s)"
    )
    return parser.parse_args(arguments)


def make_recipe(options: argparse.Namespace) -> Config:
    """Give the settings that all rows have in common."""
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
    """Give what must be the same for all rows of a file: settings and digests of what is read.

    Files are known by their names, wherever they lie. Threads are how a row is run, not what.
    """
    read = {"train": recipe.data.train, "dev": recipe.data.dev, "vectors": recipe.vectors.path}
    names = {key: Path(path).name for key, path in read.items()}
    settings = recipe.model_dump(mode="json")
    del settings["training"]["threads"]
    settings["data"] |= {"train": names["train"], "dev": names["dev"]}
    settings["vectors"]["path"] = names["vectors"]
    digests = {names[key]: file_digest(path) for key, path in read.items() if path}
    return {"settings": settings, "sha256": digests}


def read_results(path: Path, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Read what is there already.

    Raises:
        ConfigError: It was made with another recipe.
    """
    if not path.is_file():
        return {"recipe": recipe, "rows": {}}
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        before, rows = results["recipe"], results["rows"]
    except (ValueError, KeyError, TypeError):
        raise ConfigError(f"{path}: results of this program. Got something else.") from None
    if before != recipe:
        raise ConfigError(f"{path}: one recipe for all its {len(rows)} rows. Got another.")
    return results


def measure(name: str, recipe: Config, folder: Path) -> dict[str, Any]:
    """Train one row, in a folder that is removed afterwards."""
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
        "epochs": config.training.epochs,
        "threads": config.training.threads,
        "settings": ROWS[name],
        "versions": versions(),
    }
    shutil.rmtree(folder)
    return row


def markdown(
    rows: Mapping[str, Mapping[str, Any]], speeds: Mapping[str, Mapping[str, Mapping[str, float]]]
) -> str:
    """Write the table, in the order of `ROWS`; speeds as far as they were measured."""
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
                    found = speeds[name][key]
                    cells += [f"{found['median']:,.0f}", f"{found['times']:.2f}"]
                cells.append(f"{speeds[name]['one_sentence']['median']:.3f}")
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
