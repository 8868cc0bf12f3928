"""Train on samples of a corpus, of several sizes, and compare the scores with the baseline.

python scripts/small_corpora.py eng.train --dev eng.testa --sizes 50 100 500 --seeds 3

A larger sample contains the smaller ones, and all seeds train on the same sample. Each row is
printed when its runs are over.
"""

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ner.config.loading import Config, load_config, parse_setting, read_config
from ner.data.sentence import Sentence
from ner.training.data_curve import nested_sample
from ner.training.result import RunResult
from ner.training.splits import read_corpus
from ner.training.train import run_training

SEED = 7  # of the samples
HEADER = "| sentences | batch size | epochs | score | seeds | baseline | seconds a run |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, and print a row of a table for each size."""
    options = parse(arguments)
    places = {"data.train": options.train, "data.dev": options.dev}
    changes = places | dict(parse_setting(text) for text in options.set)
    config = read_config(None, changes)
    corpus = read_corpus(config, {}, lambda _: None)
    train, dev = list(corpus.train), sample(corpus.dev, options.dev_sentences)
    print(HEADER)
    print("|".join(["", *["---"] * HEADER.count("| "), ""]))
    for size in options.sizes:
        splits = {"train": sample(train, size), "dev": dev}
        runs = [run(config, splits, seed) for seed in range(1, options.seeds + 1)]
        print(row(len(splits["train"]), runs), flush=True)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("train", help="training sentences, from which samples are drawn")
    parser.add_argument("--dev", default="", help="development sentences (a tenth of the others)")
    parser.add_argument("--sizes", type=int, nargs="+", default=[50, 100, 500], metavar="N")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each size (%(default)s)")
    parser.add_argument(
        "--dev-sentences", type=int, metavar="N", help="score on a sample of this size (all)"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting"
    )
    return parser.parse_args(arguments)


def sample(sentences: Sequence[Sentence], count: int | None) -> Sequence[Sentence]:
    """Draw sentences, in their order; all if there are no more, or `count` is None."""
    if count is None or count >= len(sentences):
        return sentences
    return [sentences[i] for i in nested_sample(len(sentences), count, SEED)]


def run(config: Config, splits: dict[str, Any], seed: int) -> tuple[Config, RunResult]:
    """Train once; return the settings, resolved, and the result."""
    changes = {"seed": seed, "training.export": False}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        result = run_training(config, out=out, set=changes, sources=splits, progress=False)
        return load_config(out / "config.toml"), result


def row(size: int, runs: Sequence[tuple[Config, RunResult]]) -> str:
    """Write a row of the table."""
    scores = [100 * result.reports["dev"].score for _, result in runs]
    spread = f" ± {statistics.stdev(scores):.1f}" if len(scores) > 1 else ""
    training, (_, first) = runs[0][0].training, runs[0]
    cells = [
        f"{size:,}",
        training.batch_size,
        training.epochs,
        f"{statistics.mean(scores):.1f}{spread}",
        ", ".join(f"{score:.1f}" for score in scores),
        f"{100 * first.baselines['dev']:.1f}",
        f"{statistics.mean(result.seconds for _, result in runs):.0f}",
    ]
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    main()
