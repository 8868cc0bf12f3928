"""Learn from a noisy teacher and a little gold, or from annotation in parts; compare with gold.

python scripts/benchmark/noise.py eng.train eng.testa --set words.size=50 \
    --set vectors.path=glove.6B.50d.txt.gz

A teacher is made of gold: it drops some entities, gives some another label, and moves a border of
some by a token. Gold keeps a small share of the sentences. The rows train on this share alone, on
it and the teacher's labels as if they were gold, on the same from the model of gold alone, on both
by `ner.distil`, which also starts there, and on all gold. With --quarters, each label is annotated
in another part of the corpus, and unknown in the others. Scores are F1 on the development data,
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
from ner.data.schemes import Span
from ner.data.sentence import Sentence
from ner.evaluation.scores import table
from ner.training.completion import opened
from ner.training.distilling import distil
from ner.training.extension import only
from ner.training.result import RunResult
from ner.training.train import run_training

# How gold alone is trained, which has few sentences.
ALONE: dict[str, Any] = {"training.epochs": "auto", "training.batch_size": "auto"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, and print a table."""
    options = parse(arguments)
    sentences = [s for s in read_sentences(options.train) if s.tokens]
    dev = [s for s in read_sentences(options.dev) if s.tokens]
    settings = {
        "training.threads": 1,
        "training.export": False,
        **dict(parse_setting(text) for text in options.set),
    }
    scores: dict[str, list[float]] = {}
    for seed in range(options.seed, options.seed + options.seeds):
        random = np.random.default_rng(seed)
        order = random.permutation(len(sentences)).tolist()[: options.sentences]
        experiment = Experiment(
            options.folder / f"seed-{seed}", dev, settings | {"seed": seed}, options.rows
        )
        corpus = [sentences[i] for i in order]
        if options.quarters:
            found = experiment.quarters(corpus)
        else:
            found = experiment.noise(corpus, options.gold, random)
        for name, score in found.items():
            scores.setdefault(name, []).append(score)
    rows = [["", "F1", "sd"]]
    for name, each in scores.items():
        percent = [100 * score for score in each]
        mean, deviation = statistics.mean(percent), statistics.pstdev(percent)
        rows.append([name, f"{mean:.2f}", f"{deviation:.2f}"])
    print(table(rows))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("train", help="annotated corpus")
    parser.add_argument("dev", help="development data")
    parser.add_argument("--gold", type=float, default=0.05, help="share of gold (%(default)s)")
    parser.add_argument("--sentences", type=int, help="training sentences (all)")
    parser.add_argument("--quarters", action="store_true", help="annotate each label in a part")
    parser.add_argument("--rows", help="names of the rows to train, with commas (all)")
    parser.add_argument("--seed", type=int, default=1, help="first seed (%(default)s)")
    parser.add_argument("--seeds", type=int, default=1, help="repetitions (%(default)s)")
    parser.add_argument("--folder", type=Path, default=Path("runs/noise-benchmark"))
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of all trainings"
    )
    return parser.parse_args(arguments)


def noisy(sentences: Sequence[Sentence], random: np.random.Generator) -> list[Sentence]:
    """Return what the teacher says: of 10 entities 2 dropped, 1 with a wrong label, 1 moved."""
    labels = sorted({span.label for sentence in sentences for span in sentence.spans or ()})
    return [s.replace(spans=noisy_spans(s, labels, random)) for s in sentences]


def noisy_spans(
    sentence: Sentence, labels: Sequence[str], random: np.random.Generator
) -> list[Span]:
    """Return the spans of the teacher for a sentence."""
    taken = {t for span in sentence.spans or () for t in range(span.start, span.end)}
    spans: list[Span] = []
    for span in sentence.spans or ():
        draw = random.random()
        if draw < 0.2:
            continue
        if draw < 0.3:
            others = [label for label in labels if label != span.label]
            span = span._replace(label=others[random.integers(len(others))])
        elif draw < 0.4:
            moved = moves(span, len(sentence), taken)
            # A single token between others can only be dropped.
            if not moved:
                continue
            span = moved[random.integers(len(moved))]
            taken.update(range(span.start, span.end))
        spans.append(span)
    return spans


def moves(span: Span, length: int, taken: set[int]) -> list[Span]:
    """List a span with one border moved by a token, without tokens of others."""
    start, end, label = span
    found = [Span(start + 1, end, label), Span(start, end - 1, label)] if end - start > 1 else []
    if start > 0 and start - 1 not in taken:
        found.append(Span(start - 1, end, label))
    if end < length and end not in taken:
        found.append(Span(start, end + 1, label))
    return found


class Experiment:
    """The trainings with one seed.

    Args:
        folder: Keeps them.
        dev: Development data.
        settings: Of all trainings, by dotted keys.
        rows: The names of those to run; None for all.
    """

    def __init__(
        self, folder: Path, dev: Sequence[Sentence], settings: dict[str, Any], rows: str | None
    ) -> None:
        self.folder = folder
        self.dev = dev
        self.settings = settings
        self.rows = rows.split(",") if rows else None

    def noise(
        self, sentences: Sequence[Sentence], share: float, random: np.random.Generator
    ) -> dict[str, float]:
        """Return the F1 of what a noisy teacher and a share of gold teach."""
        count = round(share * len(sentences))
        gold = list(sentences[:count])
        teacher = noisy(sentences, random)

        def by_distil(out: Path) -> RunResult:
            # The row of gold alone is the training with which `ner.distil` begins.
            start = out.with_name("gold-alone") / "model"
            return distil(
                {"teacher": teacher},
                gold,
                self.dev,
                out=out,
                set=self.settings,
                init=start if start.is_dir() else None,
                progress=False,
            )

        return self.scored(
            {
                "gold alone": lambda out: self.train(out, gold, **ALONE),
                "noise as gold": lambda out: self.train(out, gold + teacher[count:]),
                "noise from gold": lambda out: self.train(
                    out, gold + teacher[count:], init=out.with_name("gold-alone") / "model"
                ),
                "distil": by_distil,
                "full gold": lambda out: self.train(out, sentences),
            }
        )

    def quarters(self, sentences: Sequence[Sentence]) -> dict[str, float]:
        """Return the F1 of annotation in parts."""
        labels = sorted({span.label for sentence in sentences for span in sentence.spans or ()})
        parts: list[Sentence] = []
        for i, label in enumerate(labels):
            others = [each for each in labels if each != label]
            parts += [opened(s, others) for s in only([label], sentences[i :: len(labels)])]
        return self.scored(
            {
                "quarters": lambda out: self.train(out, parts),
                "full gold": lambda out: self.train(out, sentences),
            }
        )

    def train(
        self, out: Path, train: Sequence[Sentence], init: Path | None = None, **changes: Any
    ) -> RunResult:
        """Train on some annotation, from scratch or from a model."""
        sources = {"train": train, "dev": self.dev}
        settings = self.settings | changes
        return run_training(None, out=out, set=settings, sources=sources, init=init, progress=False)

    def scored(self, runs: dict[str, Callable[[Path], RunResult]]) -> dict[str, float]:
        """Train what was not trained before, and return the F1 of each row."""
        scores: dict[str, float] = {}
        for name, run in runs.items():
            if self.rows is not None and name not in self.rows:
                continue
            kept = self.folder / f"{name.replace(' ', '-')}.json"
            if not kept.exists():
                result = run(kept.with_suffix(""))
                kept.write_text(json.dumps(result.reports["dev"].score))
            scores[name] = float(json.loads(kept.read_text()))
            print(f"{self.folder.name}, {name}: {scores[name]}", flush=True)
        return scores


if __name__ == "__main__":
    main()
