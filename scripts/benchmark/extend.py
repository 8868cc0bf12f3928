"""Add a type to a model of the other types, and compare with models that learn all at once.

python scripts/benchmark/extend.py eng.train eng.testa --type PER --set words.size=50 \
    --set vectors.path=glove.6B.50d.txt.gz

The old model learns all types but one, which is unmarked. Then `ner.extend` adds it from other
sentences, which mark only this type. The other rows train on the same sentences: "all marked at
once" with all entities of all of them, "same marks at once" from scratch with the types that each
part marks and the others unknown, and "old model trained on" with the new sentences as they are.
"new ones marked in full" has all entities of the new sentences, and so bounds what can be learned
from them, whatever an older model knows of the other types. Scores are F1 on the development data,
which also choose the epochs. The same command reuses the trainings of its folder.
"""

import argparse
import json
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ner.config.loading import parse_setting
from ner.data.formats.read import read_sentences
from ner.data.sentence import Sentence
from ner.evaluation.scores import table
from ner.evaluation.span_metrics import f1
from ner.inference.loading import load
from ner.training.completion import opened
from ner.training.extension import extend, only
from ner.training.train import run_training


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, extend, and print a table."""
    options = parse(arguments)
    sentences = [s for s in read_sentences(options.train) if s.tokens]
    dev = [s for s in read_sentences(options.dev) if s.tokens]
    labels = sorted({span.label for s in sentences for span in s.spans or ()})
    settings = {
        "training.threads": 1,
        "training.export": False,
        **dict(parse_setting(text) for text in options.set),
    }
    scores: dict[str, list[tuple[float, float]]] = {}
    for seed in range(options.seed, options.seed + options.seeds):
        order = np.random.default_rng(seed).permutation(len(sentences)).tolist()
        count = min(options.new, len(order) // 2)
        new, old = order[:count], order[count:][: options.old]
        parts = ([sentences[i] for i in sorted(part)] for part in (old, new))
        experiment = Experiment(
            options.folder / f"{options.type}-seed-{seed}",
            options.type,
            [label for label in labels if label != options.type],
            dev,
            settings | {"seed": seed},
            options.set_extend,
            options.rows.split(",") if options.rows else (),
        )
        for name, score in experiment.run(*parts).items():
            scores.setdefault(name, []).append(score)
    rows = [["", "old types", "sd", options.type, "sd"]]
    for name, pairs in scores.items():
        columns = [[100 * pair[i] for pair in pairs] for i in (0, 1)]
        cells = [[f"{statistics.mean(c):.2f}", f"{statistics.pstdev(c):.2f}"] for c in columns]
        rows.append([name, *cells[0], *cells[1]])
    print(table(rows))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("train", help="annotated corpus")
    parser.add_argument("dev", help="development data")
    parser.add_argument("--type", required=True, help="type that is added")
    parser.add_argument("--new", type=int, default=1000, help="sentences with it (%(default)s)")
    parser.add_argument("--old", type=int, help="sentences of the old model (all others)")
    parser.add_argument("--rows", help="names of the rows to train, with commas (all)")
    parser.add_argument("--seed", type=int, default=1, help="first seed (%(default)s)")
    parser.add_argument("--seeds", type=int, default=1, help="repetitions (%(default)s)")
    parser.add_argument("--folder", type=Path, default=Path("runs/extend-benchmark"))
    for name, help_ in (("--set", "of all trainings"), ("--set-extend", "of the extension")):
        parser.add_argument(
            name, action="append", default=[], metavar="KEY=VALUE", help=f"a setting {help_}"
        )
    return parser.parse_args(arguments)


class Experiment:
    """The trainings with one seed.

    Args:
        folder: Keeps them.
        new: The type that is added.
        old: The other types.
        dev: Development data, with all types.
        settings: Of all trainings, by dotted keys.
        changes: Settings of the extension, `KEY=VALUE`.
        rows: The names of the rows to train; none for all.
    """

    def __init__(
        self,
        folder: Path,
        new: str,
        old: Sequence[str],
        dev: Sequence[Sentence],
        settings: dict[str, Any],
        changes: Sequence[str],
        rows: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.new = new
        self.old = old
        self.dev = dev
        self.settings = settings
        self.changes = dict(map(parse_setting, changes))
        self.rows = rows

    def run(self, old: list[Sentence], new: list[Sentence]) -> dict[str, tuple[float, float]]:
        """Return the F1 of the old types and of the new one, by what was trained."""
        marks_old, marks_new = only(self.old, old), only([self.new], new)
        start = self.folder / "old" / "model"
        everything = [*self.old, self.new]
        open_old = [opened(s, [self.new]) for s in marks_old]
        open_new = [opened(s, self.old) for s in marks_new]
        rows = {
            "old model": lambda: self.train("old", marks_old, self.old),
            "extended": lambda: self.extend(start, marks_new),
            "old model trained on": lambda: self.train("on", marks_new, everything, init=start),
            "same marks at once": lambda: self.train("same", open_old + open_new, everything),
            "new ones marked in full": lambda: self.train("full", open_old + new, everything),
            "all marked at once": lambda: self.train("all", old + new, everything),
        }
        return {name: row() for name, row in rows.items() if not self.rows or name in self.rows}

    def extend(self, start: Path, new: list[Sentence]) -> tuple[float, float]:
        """Extend the old model."""
        kept = ("seed", "training.threads", "training.export")
        settings = {k: self.settings[k] for k in kept} | self.changes
        name = "-".join(["extended", *(f"{k}={v}" for k, v in self.changes.items())])

        def run(out: Path) -> None:
            dev = only([self.new], self.dev)
            extend(
                start,
                new,
                [self.new],
                dev=dev,
                old_dev=only(self.old, self.dev),
                out=out,
                set=settings,
                progress=False,
            )

        return self.scored(name, run)

    def train(
        self, name: str, train: list[Sentence], labels: Sequence[str], init: Path | None = None
    ) -> tuple[float, float]:
        """Train on some annotation."""
        sources = {"train": train, "dev": only(labels, self.dev)}
        own = self.settings
        if init is not None:
            own = {k: v for k, v in own.items() if k.partition(".")[0] in ("seed", "training")}
        return self.scored(
            name,
            lambda out: run_training(
                None, out=out, set=own, sources=sources, init=init, progress=False
            ),
        )

    def scored(self, name: str, run: Callable[[Path], object]) -> tuple[float, float]:
        """Train unless it was done before, and score the model."""
        kept = self.folder / f"{name}.json"
        if not kept.exists():
            run(self.folder / name)
            found = load(self.folder / name / "model").tag_sentences(self.dev)
            pairs = [
                [
                    [span for span in spans or () if span.label in labels]
                    for spans in (s.spans for s in self.dev)
                ]
                for labels in (self.old, [self.new])
            ]
            predicted = [
                [[span for span in s.found_spans or () if span.label in labels] for s in found]
                for labels in (self.old, [self.new])
            ]
            kept.write_text(json.dumps([*map(f1, pairs, predicted)]))
        scores: tuple[float, float] = tuple(json.loads(kept.read_text()))
        print(f"{self.folder.name}, {name}: {scores}", flush=True)
        return scores


if __name__ == "__main__":
    main()
