"""Compare the speed of this package with that of `baseline.py` and of other tools, in one run.

python scripts/benchmark/benchmark.py eng.train --dev eng.testa --out runs/benchmark

The contenders take turns, `--rounds` times, `--seconds` each, so that a busy moment of the machine
affects all of them. The ratios, which are computed round by round, say more than the figures. The
folder `--out` gets benchmark.json, benchmark.md and benchmark.png.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import ner  # before torch, so that its settings for threads hold
from ner.data.sentence import Sentence
from ner.errors import NerError

# isort: split
import phases
import torch
from baseline import Baseline
from comparison import TRAINING, WARM, Comparison, beside, draw, markdown
from contenders import say
from ours import Ours, agreement
from tagging_phase import tagging

# Tokens per second of the baseline with 100 units per direction on CoNLL-2003, on the machine of
# the published figures: 2 cores of a Zen 4 server, AVX-512, no GPU.
EXPECTED = {TRAINING: (7_000, 8_000), WARM: (46_000, 46_000)}
TOLERANCE = 0.3
PACKAGES = ("lattice-ner", "torch", "pytorch-crf", "numpy")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the options ask for, and write the results."""
    options = parse(arguments)
    try:
        train, dev = (read(path, options.columns) for path in (options.train, options.dev))
        options.out.mkdir(parents=True, exist_ok=True)
    except NerError as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(f"{options.out}: {error.strerror}.")
    torch.set_num_threads(options.threads)
    os.environ["OMP_NUM_THREADS"] = str(options.threads)  # for new processes
    loads = [os.getloadavg()]
    comparison = Comparison()
    records: dict[str, Any] = {"memory": [], "agreement": [], "beside": []}
    groups = [
        [Baseline(train, size), Ours(train, size), Ours(train, size, "bf16")]
        for size in options.sizes
    ]
    notes: list[str] = []
    if options.peers is not None:
        from peers import installed_peers

        peers, notes = installed_peers(train, options.peers)
        groups[0] += peers
    contenders = [contender for group in groups for contender in group]
    for note in notes:
        say(note)
    phases.training(comparison, contenders, options.rounds, options.seconds)
    # A model that was trained in bf16 tags like any other.
    taggers = [c for c in contenders if c.name != "ours, bf16"]
    with tempfile.TemporaryDirectory() as folder:
        records["f1"] = tagging(
            comparison, taggers, dev, options.rounds, options.seconds, Path(folder)
        )
        for i, contender in enumerate(taggers):
            if contender.name == "ours":
                records["agreement"].append(agreement(Path(folder) / str(i), dev))
    peer_taggers = [name for peer in groups[0][3:] for name in peer.taggers]
    for name in ("ours", "ours, int8"):
        records["beside"] += comparison.beside(name, peer_taggers)
    phases.crf(comparison, train, options.rounds, options.seconds)
    if options.memory_epochs:
        for size in options.sizes:
            records["memory"] += phases.memory(
                comparison, options.train, size, options.memory_epochs
            )
    loads.append(os.getloadavg())
    write(options, comparison, records, notes, loads)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("train", help="training sentences: any corpus that `ner train` reads")
    parser.add_argument("--dev", required=True, help="annotated sentences to tag")
    parser.add_argument("--columns", nargs="+", help="names of the columns in a column file")
    parser.add_argument(
        "--sizes",
        type=positive,
        nargs="+",
        default=[100],
        help="widths of one direction of the LSTM to measure (100)",
    )
    parser.add_argument("--rounds", type=positive, default=5, help="number of turns (%(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="seconds of each measurement (%(default)s)"
    )
    parser.add_argument("--threads", type=positive, default=2, help="CPU threads (%(default)s)")
    parser.add_argument(
        "--memory-epochs", type=int, default=0, help="measure memory over this many epochs"
    )
    parser.add_argument(
        "--peers", nargs="*", help="measure other tools too: these, or all that are installed"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/benchmark"), help="folder to write (%(default)s)"
    )
    return parser.parse_args(arguments)


def positive(text: str) -> int:
    """Read an integer of at least 1."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1. Got {text}.")
    return number


def read(path: str, columns: Sequence[str] | None) -> list[Sentence]:
    """Read annotated sentences."""
    sentences = ner.read_sentences(path, columns=columns)
    unmarked = next((s for s in sentences if s.spans is None), None)
    if unmarked is not None:
        raise ner.DataError(f"{unmarked.source or path}: sentences must have tags. Got none.")
    return sentences


def flags(comparison: Comparison, sizes: Sequence[int]) -> list[str]:
    """List where the baseline is slower or faster than expected, which makes ratios doubtful."""
    messages: list[str] = []
    for measure, (low, high) in EXPECTED.items():
        speed = comparison.median(measure, 100, "baseline") if 100 in sizes else None
        if speed and not low * (1 - TOLERANCE) <= speed <= high * (1 + TOLERANCE):
            expected = f"{low:,}" if low == high else f"{low:,} to {high:,}"
            messages.append(
                f"baseline: {measure.name} must be within {TOLERANCE:.0%} of {expected} tokens/s. "
                f"Got {speed:,.0f}."
            )
    return messages


def write(
    options: argparse.Namespace,
    comparison: Comparison,
    records: dict[str, Any],
    notes: Sequence[str],
    loads: Sequence[tuple[float, ...]],
) -> None:
    """Write table, JSON and picture, and print the table."""
    rows = comparison.rows()
    flagged = flags(comparison, options.sizes)
    facts = {
        "settings": {k: str(v) if isinstance(v, Path) else v for k, v in vars(options).items()},
        "machine": machine(),
        "load_average": {"before": loads[0], "after": loads[-1]},
        "flags": flagged,
        "notes": list(notes),
        "results": rows,
        **records,
    }
    text = json.dumps(facts, indent=1, ensure_ascii=False) + "\n"
    (options.out / "benchmark.json").write_text(text, encoding="utf-8")
    before, after = (" ".join(f"{load:.2f}" for load in loads[i]) for i in (0, -1))
    remarks = [*(f"FLAG: {flag}" for flag in flagged), *notes]
    scores = (f"{row['contender']} ({row['size']}) {row['f1']:.2f}" for row in records["f1"])
    remarks.append(f"Development F1 after the timed training: {', '.join(scores)}.")
    remarks.append(f"Load average before: {before}; after: {after}.")
    for record in records["agreement"]:
        remarks.append(
            f"ONNX Runtime and torch: spans differ in {record['unlike']} of {record['sentences']} "
            f"sentences, scores by at most {record['largest_difference_of_scores']:.1e}."
        )
    table = (
        markdown(rows)
        + "\n"
        + beside(records["beside"])
        + "".join(f"- {remark}\n" for remark in remarks)
    )
    (options.out / "benchmark.md").write_text(table, encoding="utf-8")
    draw(rows, options.out / "benchmark.png")
    print(table, end="")


def machine() -> dict[str, Any]:
    """Describe the machine, the threads and the versions of the measurement."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    threads = {name: os.environ[name] for name in os.environ if name.startswith(("OMP", "ONEDNN"))}
    return {
        "platform": platform.platform(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "environment": threads,
        "versions": versions,
    }


if __name__ == "__main__":
    main()
