"""Train the English model of the package on openly licensed corpora.

python scripts/train_english.py CORPORA --out runs/english

CORPORA is the folder of the files that `scripts/english/corpora.toml` lists, with their licences;
docs/models.md says where they come from. Nothing is downloaded. On one machine, the same seed gives
the same model; with --seeds 3, OUT/seed-3/model is what the package has as ner/models/en. A tenth
of the documents of each corpus is held out for the figures in OUT/figures.json.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ner.config.loading import parse_setting
from ner.errors import NerError
from ner.inference.loading import load
from ner.training.train import run_training

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "english"))

from measure import CHANGES, figures  # noqa: E402
from open_corpora import Sources, Split  # noqa: E402
from packing import pack, write_card  # noqa: E402


def main(arguments: Sequence[str] | None = None) -> None:
    """Train with each seed, and print and write the figures."""
    options = parse(arguments)
    try:
        sources = Sources.read(options.corpora, options.folder)
        splits = sources.splits()
        changes = dict(parse_setting(text) for text in options.set)
        if sources.vectors:
            changes["vectors.path"] = str(sources.vectors)
        measured = [
            train(options, splits, changes | {"seed": seed}, sources.vectors)
            for seed in range(options.seed, options.seed + options.seeds)
        ]
    except NerError as error:
        sys.exit(str(error))
    (options.out / "figures.json").write_text(json.dumps(measured, indent=1), encoding="utf-8")
    print(table(measured))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of the corpora and of the vectors")
    parser.add_argument("--out", type=Path, default=Path("runs/english"), help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="first seed (%(default)s)")
    parser.add_argument("--seeds", type=int, default=1, help="number of seeds (%(default)s)")
    parser.add_argument(
        "--corpora",
        type=Path,
        default=HERE / "english" / "corpora.toml",
        help="list of the corpora (%(default)s)",
    )
    parser.add_argument(
        "--config",
        type=Path,
        default=HERE.parent / "configs" / "english.toml",
        help="settings of training (%(default)s)",
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting"
    )
    return parser.parse_args(arguments)


def train(
    options: argparse.Namespace,
    splits: Sequence[Split],
    changes: dict[str, Any],
    vectors: Path | None,
) -> dict[str, Any]:
    """Train once, write the model for the package, and measure it."""
    folder = options.out / f"seed-{changes['seed']}"
    sources = {
        "train": [s for split in splits for s in split.train],
        "dev": [s for split in splits for s in split.held_out],
    }
    result = run_training(options.config, out=folder / "run", set=changes, sources=sources)
    model = folder / "model"
    cost = pack(result.model, model, splits, vectors)
    found = figures(load(model), splits)
    write_card(model, splits, found, cost)
    print(f"{model}: {cost}")
    return found


def table(measured: Sequence[Any]) -> str:
    """Write the mean F1 of all seeds for each corpus and change, and the calibration error."""
    rows = [("corpus", *CHANGES)]
    for name in measured[0]["f1"]:
        means = (statistics.mean(each["f1"][name][c] for each in measured) for c in CHANGES)
        rows.append((name, *(f"{mean:.2f}" for mean in means)))
    lines = [" | ".join(row) for row in rows]
    errors = ", ".join(f"{each['ece']:.4f}" for each in measured)
    return "\n".join([*lines, f"calibration error of entities: {errors}"])


if __name__ == "__main__":
    main()
