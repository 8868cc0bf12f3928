"""What the benchmark measures in a process of its own: first answers, first passes, memory.

python scripts/fresh_process.py tag baseline:load MODEL TOKENS SENTENCES
python scripts/fresh_process.py train baseline:Baseline TRAIN SIZE EPOCHS
"""

import importlib
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

STATUS = Path("/proc/self/status")


def megabytes(key: str) -> float:
    """Give the memory of this process: `VmHWM` the most it ever held, `VmRSS` now."""
    if STATUS.exists():
        # Not ru_maxrss: on Linux a child starts with that of its parent.
        line = next(row for row in STATUS.read_text().splitlines() if row.startswith(key))
        return int(line.split()[1]) / 1024
    # Elsewhere only the maximum is known; macOS counts bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def tag(loader: str, folder: str, tokens: str, sentences: str) -> None:
    """Load a model, tag one sentence and say so; then time the first pass over many."""
    tagger = _find(loader)(Path(folder))
    tagger.tag_tokens(json.loads(tokens))
    # The parent stops its clock when it reads this line.
    print(json.dumps({"megabytes": megabytes("VmHWM")}), flush=True)

    from ner.data.sentence import Sentence

    corpus = [Sentence(s) for s in json.loads(Path(sentences).read_text(encoding="utf-8"))]
    began = time.perf_counter()
    tagger.tag(corpus)
    print(json.dumps({"seconds": time.perf_counter() - began}), flush=True)


def train(contender: str, corpus: str, size: str, epochs: str) -> None:
    """Train, and give the memory held after each epoch."""
    from ner.data.corpus import read_sentences

    learner = _find(contender)(read_sentences(corpus), int(size))
    for _ in range(int(epochs)):
        learner.train_epoch()
        print(json.dumps({"megabytes": megabytes("VmRSS")}), flush=True)


def _find(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


if __name__ == "__main__":
    {"tag": tag, "train": train}[sys.argv[1]](*sys.argv[2:])
