"""Measure whether memory in training grows with the corpus, on made-up files that are deleted.

python scripts/benchmark/big_corpus.py --tokens 50_000_000 --steps 2000
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from contenders import say

from ner.errors import NerError

STATUS = Path("/proc/self/status")
WORDS = 50_000
LABELS = ("", "PER", "LOC", "ORG")
DEV_TOKENS = 50_000
CHUNK = 1_000_000
# A token takes 10 bytes in the text and 10 in the arrays. The rest is for the run.
BYTES_PER_TOKEN = 25
PHASES = ("read", "encode", "train")


def main() -> None:
    """Make up a corpus and one of a tenth of its size, and train on each in a new process."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--tokens", type=int, default=50_000_000, help="size of the corpus (%(default)s)"
    )
    parser.add_argument("--steps", type=int, default=2000, help="training steps (%(default)s)")
    parser.add_argument("--folder", type=Path, help="folder of the files (a temporary one)")
    parser.add_argument(
        "--in-memory", action="store_true", help="train on the smaller corpus in memory too"
    )
    parser.add_argument("--file", help="measure this training file only, and print JSON")
    parser.add_argument(
        "--storage",
        choices=["memory", "disk"],
        default="disk",
        help="where arrays are kept, with --file (%(default)s)",
    )
    options = parser.parse_args()
    if not STATUS.exists():
        sys.exit(f"{STATUS}: must exist, to measure memory. Got another system.")
    if options.folder is not None and not options.folder.is_dir():
        sys.exit(f"--folder: must exist. Got {str(options.folder)!r}.")
    if options.tokens < 1000 or options.steps < 1:
        got = f"Got {options.tokens} and {options.steps}"
        sys.exit(f"--tokens, --steps: must be at least 1000 and 1. {got}.")
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="big-corpus-") as name:
        folder = Path(name)
        if options.file:
            try:
                print(json.dumps(measure(options.file, folder, options.storage, options.steps)))
            except NerError as error:
                sys.exit(str(error))
            return
        free = shutil.disk_usage(folder).free
        if free < BYTES_PER_TOKEN * options.tokens:
            need = f"{BYTES_PER_TOKEN * options.tokens / 1e9:.1f} GB"
            sys.exit(f"{folder.parent}: must have {need} free. Got {free / 1e9:.1f} GB.")
        runs = [(options.tokens // 10, "disk"), (options.tokens, "disk")]
        runs[:0] = [(options.tokens // 10, "memory")] if options.in_memory else []
        results: list[dict[str, Any]] = []
        for tokens, storage in runs:
            file = folder / f"{tokens}.conll"
            if not file.exists():
                write_corpus(file, tokens, seed=1)
            results.append(measure_apart(file, storage, options.steps))
    print(table(results))


def write_corpus(path: Path, tokens: int, seed: int) -> None:
    """Write sentences of 5 to 34 words, whose frequencies follow Zipf's law.

    A fifth of the words are names. Neighbours with the same label are one name.
    """
    import numpy as np

    random = np.random.default_rng(seed)
    letters = np.array(list("aeinorst"))
    words = [
        "".join(letters[row]) + str(i) for i, row in enumerate(random.integers(8, size=(WORDS, 4)))
    ]
    shares = 1 / np.arange(1, WORDS + 1)
    steps = np.cumsum(shares / shares.sum())
    labels = np.where(np.arange(WORDS) % 5 == 4, 1 + np.arange(WORDS) // 5 % 3, 0)
    # Axes: word, whether it continues a name (no: O or B; yes: I), whether the sentence ends.
    lines = np.empty((WORDS, 2, 2), dtype=object)
    for i, word in enumerate(words):
        for goes_on, prefix in enumerate("BI"):
            tag = f"{prefix}-{LABELS[labels[i]]}" if labels[i] else "O"
            lines[i, goes_on] = [f"{word} {tag}\n{end}".encode() for end in ("", "\n")]
    with path.open("wb") as file:
        for start in range(0, tokens, CHUNK):
            count = min(CHUNK, tokens - start)
            drawn = np.minimum(np.searchsorted(steps, random.random(count)), WORDS - 1)
            ends = np.zeros(count, dtype=int)
            places = np.cumsum(random.integers(5, 35, count // 5 + 1)) - 1
            ends[places[places < count]] = 1
            ends[-1] = 1
            goes_on = np.zeros(count, dtype=int)
            goes_on[1:] = (labels[drawn[1:]] == labels[drawn[:-1]]) & (ends[:-1] == 0)
            file.write(b"".join(lines[drawn, goes_on, ends].tolist()))


def measure_apart(file: Path, storage: str, steps: int) -> dict[str, Any]:
    """Measure in a new process, whose memory nothing else has used."""
    arguments = ["--file", file, "--storage", storage, "--steps", steps]
    arguments += ["--folder", file.parent]
    command = [sys.executable, __file__, *map(str, arguments)]
    result = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(result.stdout)


def measure(file: str, folder: Path, storage: str, steps: int) -> dict[str, Any]:
    """Read, encode and train. Return the seconds and the peaks of memory in MB of each phase."""
    import torch
    from ours import ENDLESS

    from ner.config.loading import parse_config
    from ner.training.prepare import make_batches, prepare
    from ner.training.splits import read_corpus
    from ner.training.storage import ENCODED
    from ner.training.train import build_trainer
    from ner.training.trainer import Step

    dev = folder / "dev.conll"
    write_corpus(dev, DEV_TOKENS, seed=2)
    places = {"data.train": file, "data.dev": str(dev), "data.storage": storage}
    changes = {**places, "training.batch_size": 32, "training.epochs": ENDLESS}
    config = parse_config({}).updated(changes).resolved()
    with Watch() as watch:
        with watch.phase("read"):
            corpus = read_corpus(config, {}, say, folder=folder)
        with watch.phase("encode"):
            prepared = prepare(config, corpus.counts)
            batches = make_batches(config, corpus, prepared)
            trainer = build_trainer(config, prepared, batches, (), torch.device("cpu"))
        with watch.phase("train"):
            events = islice(trainer.run(), steps)
            *_, last = (event for event in events if isinstance(event, Step))
    arrays = sum(path.stat().st_size for path in (folder / ENCODED).glob("*.arrow"))
    return {
        "tokens": corpus.counts.tokens,
        "storage": storage,
        "text": Path(file).stat().st_size / 1e6,
        "arrays": arrays / 1e6,
        "speed": last.tokens / last.seconds,
        "phases": watch.phases,
    }


class Watch:
    """Measures the memory of the process every quarter of a second."""

    def __init__(self) -> None:
        self.phases: dict[str, dict[str, float]] = {}
        self._name = "start"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure the code in the context as a phase of its own."""
        began, before = (time.monotonic(), time.process_time()), self._name
        self.phases[name] = {"seconds": 0.0, "cpu": 0.0}
        self._name = name
        try:
            yield
        finally:
            self._note()
            self.phases[name]["seconds"] = time.monotonic() - began[0]
            self.phases[name]["cpu"] = time.process_time() - began[1]
            self._name = before

    def _look(self) -> None:
        shown = time.monotonic()
        while not self._over.wait(0.25):
            now = self._note()
            if time.monotonic() - shown > 10:
                shown = time.monotonic()
                say(f"{self._name}: " + ", ".join(f"{k} {v:.0f} MB" for k, v in now.items()))

    def _note(self) -> dict[str, float]:
        now = memory()
        phase = self.phases.get(self._name, {})
        for kind, size in now.items():
            phase[kind] = max(size, phase.get(kind, 0.0))
        return now


def memory() -> dict[str, float]:
    """Measure the resident memory in MB, and how much of it is not pages of a file."""
    fields = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    kinds = {"anonymous": "RssAnon", "resident": "VmRSS"}
    return {kind: int(fields[name].split()[0]) / 1e3 for kind, name in kinds.items()}


def table(rows: list[dict[str, Any]]) -> str:
    """Write the measurements as a table in Markdown."""
    memories = [f"{phase}: anonymous / resident MB" for phase in PHASES]
    head = ["tokens", "kept", "text MB", "arrays MB", "read s (CPU s)", "encode s (CPU s)"]
    head += [*memories, "trained tok/s"]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        phases = row["phases"]
        seconds = [[phases[name][kind] for kind in ("seconds", "cpu")] for name in PHASES[:2]]
        peaks = [[phases[name][kind] for kind in ("anonymous", "resident")] for name in PHASES]
        lines.append(
            [
                f"{row['tokens']:,}",
                f"in {row['storage']}" if row["storage"] == "memory" else "on disk",
                f"{row['text']:,.0f}",
                f"{row['arrays']:,.0f}",
                *(f"{wall:,.0f} ({cpu:,.0f})" for wall, cpu in seconds),
                *(f"{anonymous:,.0f} / {resident:,.0f}" for anonymous, resident in peaks),
                f"{row['speed']:,.0f}",
            ]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
