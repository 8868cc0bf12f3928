"""Measure the CPU time of training until a development F1: this package, the baseline, other tools.

python scripts/benchmark/time_to_f1.py eng.train --dev eng.testa --out runs/time-to-f1.json

Contenders take turns, epoch by epoch. The time is that of the CPU, of all threads together, so that
other work on the machine changes it little. It counts all from sentences in memory to weights, with
vocabularies, features and pretrained vectors, but not the scoring after each epoch.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ner.config.loading import Config, read_config
from ner.data.sentence import Sentence
from ner.errors import NerError
from ner.evaluation.scores import table
from ner.evaluation.span_metrics import f1
from ner.features.counts import count_corpus
from ner.files import write_json
from ner.nn.runtime import set_threads
from ner.training.prepare import read_word_vectors
from ner.training.splits import Corpus

# isort: split
from baseline import Baseline
from benchmark import machine, positive, read
from contenders import Contender, find, load, say
from ours import Learner, Ours
from peers import PEERS, Crfsuite

# L-BFGS has no state to go on from, so python-crfsuite trains from the start for each of these.
ITERATIONS = (5, 10, 20, 50, 100)

# Each item trains a contender a little more; it is the seconds so far and the contender.
Stages = Iterator[tuple[float, Any]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Train all contenders, and print the table."""
    options = parse(arguments)
    set_threads(options.threads)
    try:
        train, dev = (read(path, options.columns) for path in (options.train, options.dev))
        curves = measure(stages_of_all(options, train), dev)
    except NerError as error:
        sys.exit(str(error))
    settings = {k: str(v) if isinstance(v, Path) else v for k, v in vars(options).items()}
    facts = {"settings": settings, "machine": machine(), "curves": curves}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(options.out, facts)
    print(table(rows(curves, options.targets)))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("train", help="training sentences: any corpus that `ner train` reads")
    parser.add_argument("--dev", required=True, help="annotated sentences to score")
    parser.add_argument("--columns", nargs="+", help="names of the columns in a column file")
    parser.add_argument(
        "--targets", type=float, nargs="+", default=[80, 85, 90, 93], help="F1 in percent"
    )
    parser.add_argument(
        "--recipes",
        nargs="*",
        default=["conll2003_fast"],
        help="configurations of `ner config list`, or files, each trained to its end (%(default)s)",
    )
    parser.add_argument("--vectors", help="file of vectors for recipes that have some")
    parser.add_argument("--size", type=positive, default=100, help="units of LSTMs (%(default)s)")
    parser.add_argument(
        "--epochs", type=positive, default=8, help="epochs of networks of tools (%(default)s)"
    )
    parser.add_argument(
        "--tools",
        nargs="*",
        default=["baseline"],
        choices=("ours", "baseline", *PEERS),
        help="this package in the widths of the baseline, the baseline, other tools (%(default)s)",
    )
    parser.add_argument("--threads", type=positive, default=1, help="CPU threads (%(default)s)")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/time-to-f1.json"), help="results (%(default)s)"
    )
    return parser.parse_args(arguments)


def stages_of_all(options: argparse.Namespace, train: Sequence[Sentence]) -> dict[str, Stages]:
    """Return the training of each contender by its name."""
    found: dict[str, Stages] = {}
    for name in options.recipes:
        config = read_config(name, {"vectors.path": options.vectors} if options.vectors else {})
        found[Path(name).stem] = stages_of_recipe(Path(name).stem, config, train)
    sized = {"ours": Ours, "baseline": Baseline}
    for name in options.tools:
        if name in sized:
            build = partial(sized[name], train, options.size)
        else:
            build = partial(find(PEERS[name]), train)
        is_network = build.func is not Crfsuite
        found[name] = stages(build, options.epochs) if is_network else stages_of_crfsuite(train)
    return found


def stages_of_recipe(name: str, config: Config, train: Sequence[Sentence]) -> Stages:
    """Train as a configuration says, to its last epoch."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        corpus = Corpus(train, (), (), count_corpus(train))
        vectors = read_word_vectors(config, corpus, Path(folder) / "vectors", lambda _: None)
        learner = Learner(name, None, train, config, vectors, endless=False)
        yield from epochs_of(learner, learner.epochs, time.process_time() - began)


def stages(build: Callable[[], Any], epochs: int) -> Stages:
    """Build a contender, and train it for some epochs."""
    began = time.process_time()
    contender = build()
    yield from epochs_of(contender, epochs, time.process_time() - began)


def epochs_of(contender: Contender, epochs: int, spent: float) -> Stages:
    """Train a contender for some epochs, after it took some seconds to build."""
    for _ in range(epochs):
        began = time.process_time()
        contender.train_epoch()
        spent += time.process_time() - began
        yield spent, contender


def stages_of_crfsuite(train: Sequence[Sentence]) -> Stages:
    """Train python-crfsuite anew for each number of iterations."""
    for iterations in ITERATIONS:
        began = time.process_time()
        contender = Crfsuite(train, iterations)
        contender.train_epoch()
        yield time.process_time() - began, contender


def measure(
    contenders: Mapping[str, Stages], dev: Sequence[Sentence]
) -> dict[str, list[tuple[float, float]]]:
    """Train contenders in turns, a stage at a time, each to its end.

    Returns:
        By name, the seconds and the development F1 (in percent) after each of its stages.
    """
    curves: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    going = dict(contenders)
    while going:
        for name, trained in list(going.items()):
            stage = next(trained, None)
            if stage is None:
                del going[name]
                continue
            seconds, contender = stage
            score = score_of(contender, dev)
            curves[name].append((seconds, score))
            say(f"{name}: {seconds:.1f} s of CPU, F1 {score:.2f}")
    return curves


def score_of(contender: Contender, dev: Sequence[Sentence]) -> float:
    """Compute the F1, in percent, of a contender as it is now."""
    plain = [Sentence(s.tokens) for s in dev]
    with tempfile.TemporaryDirectory() as folder:
        contender.save(Path(folder) / "model")
        (loader, *_) = contender.taggers.values()
        tagger = load(loader, Path(folder) / "model")
        return 100 * f1([s.spans or () for s in dev], tagger.spans(tagger.tag(plain)))


def rows(
    curves: Mapping[str, Sequence[tuple[float, float]]], targets: Sequence[float]
) -> list[list[str]]:
    """Return the table: the seconds to each F1, and the last F1 with its seconds."""
    found = [["", *(f"s to {target:g}" for target in targets), "last F1", "s"]]
    for name, curve in curves.items():
        reached = [next((f"{s:.1f}" for s, f in curve if f >= t), "-") for t in targets]
        seconds, score = curve[-1]
        found.append([name, *reached, f"{score:.2f}", f"{seconds:.1f}"])
    return found


if __name__ == "__main__":
    main()
