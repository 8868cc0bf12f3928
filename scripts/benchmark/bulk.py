"""Compare ways to tag many texts: tokens per second of processors, and memory of processes.

python scripts/benchmark/bulk.py --tokens 2000000 --engines plain local ray

The texts are sentences of the sample, repeated; so words repeat more often than in real texts, and
all ways profit alike. Run it on a machine that does nothing else.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path

from process_meter import PROC, Measured, measure

import ner
from ner.cores import count_cores

ENGINES = ("plain", "local", "ray")

# Files of the texts for each worker, so that all workers end at about the same time.
FILES_PER_WORKER = 4

# A row of the measurement of memory.
SHORT = "Ada Lovelace left {}."


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print tables in Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="en", help="model folder, or the name of a model")
    parser.add_argument("--tokens", type=int, default=2_000_000, help="tokens to tag")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES[:2])
    parser.add_argument("--workers", type=int, default=count_cores(), help="processes of engines")
    parser.add_argument("--rounds", type=int, default=1, help="how often each way has its turn")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows to measure memory; or 0")
    options = parser.parse_args(arguments)
    if not PROC.exists():
        sys.exit("bulk.py: must run on Linux, which lists processes in /proc. Got another system.")
    if min(options.tokens, options.workers, options.rounds) < 1 or options.rows < 0:
        sys.exit("--tokens, --workers, --rounds: must be at least 1, and --rows at least 0.")
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder), options.model, options.workers)
        run.compare(options.engines, options.tokens, options.rounds)
        if options.rows:
            run.watch_memory(options.rows)


class Run:
    """Measurements with files in a folder.

    Args:
        folder: An empty folder.
        model: The model.
        workers: Processes of the engines.
    """

    def __init__(self, folder: Path, model: str, workers: int) -> None:
        self.folder, self.model, self.workers = folder, model, workers
        self.tokens = 0

    def compare(self, engines: Sequence[str], tokens: int, rounds: int) -> None:
        """Print how much each engine does, compared with the first one in the same round."""
        files = list(self._write_sample(tokens))
        print(f"{self.workers} workers, model {self.model}\n")
        print("| round | engine | tokens | seconds | tokens/s | tokens/CPU s | share | MB |")
        print("|---|---|---|---|---|---|---|---|")
        for i in range(rounds):
            first = None
            for engine in engines:
                count, found = self._tag(engine, files)
                speed = count / found.cpu
                first = first or speed
                print(
                    f"| {i + 1} | {engine} | {count:,} | {found.seconds:.1f} "
                    f"| {count / found.seconds:,.0f} | {speed:,.0f} | {speed / first:.2f} "
                    f"| {found.megabytes:.0f} |",
                    flush=True,
                )

    def watch_memory(self, rows: int) -> None:
        """Print the most memory of a process for a tenth of the rows, and for all of them."""
        print("\n| rows | seconds | MB of the largest process |")
        print("|---|---|---|")
        for count in (max(1, rows // 10), rows):
            path = self.folder / f"{count}.txt"
            path.write_text("".join(SHORT.format(i % 1000) + "\n" for i in range(count)))
            _, found = self._tag("local", [path])
            print(f"| {count:,} | {found.seconds:.1f} | {found.megabytes:.0f} |", flush=True)

    def _write_sample(self, tokens: int) -> Iterator[Path]:
        """Write texts with so many tokens, in files of about the same size."""
        sample = [s.text for s in ner.read_sentences("sample:train") if "\n" not in s.text]
        cut = ner.load(self.model).tokenizer
        texts: list[str] = []
        for text, length in cycle([(text, len(cut(text)[0])) for text in sample]):
            if self.tokens >= tokens:
                break
            texts.append(text)
            self.tokens += length
        files = self.workers * FILES_PER_WORKER
        for i in range(files):
            path = self.folder / f"texts-{i}.txt"
            path.write_text("".join(f"{line}\n" for line in texts[i::files]), encoding="utf-8")
            yield path

    def _tag(self, engine: str, files: Sequence[Path]) -> tuple[int, Measured]:
        """Return the number of tokens, and what their tagging took."""
        printed = self.folder / "printed"
        command = [sys.executable, "-m", "ner"]
        if engine == "plain":
            options = ["--model", self.model, "--format", "lines", "--output", "jsonl"]
            found = measure([*command, "tag", *files, *options], printed)
            return self.tokens, found
        options = ["--model", self.model, "--output", "jsonl", "--overwrite", "--json"]
        options += ["--engine", engine, "--workers", str(self.workers)]
        out = self.folder / engine
        found = measure([*command, "tag-files", *files, "--out", out, *options], printed)
        return json.loads(printed.read_text())["tokens"], found


if __name__ == "__main__":
    main()
