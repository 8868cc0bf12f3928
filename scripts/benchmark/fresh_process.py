"""Measure tagging, or memory in training, in a process of its own, as the benchmark does.

python scripts/benchmark/fresh_process.py tag baseline:load MODEL SENTENCES SECONDS
python scripts/benchmark/fresh_process.py train baseline:Baseline TRAIN SIZE EPOCHS
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contenders import find, load, repeated

STATUS = Path("/proc/self/status")


def megabytes(key: str) -> float:
    """Measure the memory of this process in MB: at its largest (`VmHWM`) or now (`VmRSS`)."""
    if STATUS.exists():
        # On Linux, ru_maxrss of a child starts at that of its parent.
        line = next(row for row in STATUS.read_text().splitlines() if row.startswith(key))
        return int(line.split()[1]) / 1024
    # Other systems know only the maximum. macOS counts bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def tag(loader: str, folder: str, corpus: str, seconds: str) -> None:
    """Load a model and tag one sentence, all of them, all again and again, then one by one."""
    sentences = json.loads(Path(corpus).read_text(encoding="utf-8"))
    tagger: Any = load(loader, Path(folder))
    tagger.tag_tokens(sentences["first"])
    # The parent stops its clock when it reads this line.
    tell_parent({"megabytes": megabytes("VmHWM")})

    from ner.data.sentence import Sentence

    many = [Sentence(tokens) for tokens in sentences["many"]]
    began = time.perf_counter()
    tagged = tagger.tag(many)
    tell_parent({"first_pass": time.perf_counter() - began, "spans": tagger.spans(tagged)})
    del tagged
    facts: dict[str, Any] = {"warm": repeated(lambda: tagger.tag(many), float(seconds))}
    facts["one"] = [timed(tagger.tag_tokens, tokens) for tokens in sentences["sample"]]
    if hasattr(tagger, "tag_text"):
        texts = [" ".join(tokens) for tokens in sentences["sample"]]
        facts["text"] = [timed(tagger.tag_text, text) for text in texts]
    tell_parent(facts)


def timed(action: Callable[[Any], Any], argument: Any) -> float:
    """Measure the seconds of one call."""
    began = time.perf_counter()
    action(argument)
    return time.perf_counter() - began


def tell_parent(facts: dict[str, Any]) -> None:
    """Print facts as a line of JSON, which the parent process reads."""
    print(json.dumps(facts), flush=True)


def train(contender: str, corpus: str, size: str, epochs: str) -> None:
    """Train, and report the memory after each epoch."""
    from ner.data.formats.read import read_sentences

    learner = find(contender)(read_sentences(corpus), int(size))
    for _ in range(int(epochs)):
        learner.train_epoch()
        tell_parent({"megabytes": megabytes("VmRSS")})


if __name__ == "__main__":
    {"tag": tag, "train": train}[sys.argv[1]](*sys.argv[2:])
