"""Measure what models cost: loading, many sentences, one sentence, and the size of their folders.

python scripts/benchmark/time_models.py dev.conll models/small models/large:onnx:int8
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ner
from ner.data.sentence import Sentence
from ner.files import folder_size

# Sentences that are also tagged one by one.
SINGLE = 40


def main() -> None:
    """Load each model on one thread, then let them take turns; print a line for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", help="annotated or plain sentences")
    parser.add_argument(
        "models", nargs="+", help="folder, and perhaps :runtime and :precision, as in m:onnx:int8"
    )
    parser.add_argument("--sentences", type=int, default=400, help="at most (%(default)s)")
    parser.add_argument("--columns", nargs="*", help="names of the columns of the file")
    parser.add_argument("--rounds", type=int, default=2, help="turns of each (%(default)s)")
    arguments = parser.parse_args()
    sentences = ner.read_sentences(arguments.data, columns=arguments.columns)
    sentences = [each for each in sentences if len(each)][: arguments.sentences]
    loaded = {name: load(name) for name in arguments.models}
    speeds: dict[str, list[float]] = {name: [] for name in loaded}
    single: dict[str, list[float]] = {name: [] for name in loaded}
    for _ in range(arguments.rounds):
        for name, (model, _) in loaded.items():
            speeds[name].append(sum(map(len, sentences)) / spent(model, sentences))
            single[name] += [spent(model, [each]) for each in sentences[-SINGLE:]]
    print("tokens/s  one sentence, ms  loading, s  MB  model (one thread, CPU time)")
    for name, (_, seconds) in loaded.items():
        median = 1000 * statistics.median(single[name])
        size = folder_size(Path(name.partition(":")[0])) / 1e6
        print(f"{max(speeds[name]):,.0f}  {median:.2f}  {seconds:.2f}  {size:.0f}  {name}")


def load(name: str) -> tuple[Any, float]:
    """Load a model; return it with the seconds of the processor."""
    folder, *chosen = name.split(":")
    options: Any = dict(zip(("runtime", "precision"), chosen, strict=False))
    started = time.process_time()
    model = ner.load(folder, threads=1, **options)
    return model, time.process_time() - started


def spent(model: Any, sentences: Sequence[Sentence]) -> float:
    """Tag sentences; return the seconds of the processor."""
    started = time.process_time()
    model.tag_sentences(sentences)
    return time.process_time() - started


if __name__ == "__main__":
    main()
