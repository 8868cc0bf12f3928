"""The measurement of tagging, each time in a new process that does nothing else."""

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from comparison import (
    COLD_MEMORY,
    COLD_START,
    FIRST_PASS,
    LATENCY_50,
    LATENCY_95,
    TEXT_50,
    WARM,
    Comparison,
)
from contenders import Contender, fresh_process, say

from ner.data.schemes import Span
from ner.data.sentence import Sentence
from ner.evaluation.span_metrics import f1

# Sentences of one measurement of latency, spread over the corpus.
LATENCY_SENTENCES = 300


def tagging(
    comparison: Comparison,
    contenders: Sequence[Contender],
    sentences: Sequence[Sentence],
    rounds: int,
    seconds: float,
    folder: Path,
) -> list[dict[str, Any]]:
    """Measure all ways to tag of all contenders, which take turns.

    Args:
        comparison: Where figures are added.
        contenders: After their training.
        sentences: Annotated sentences to tag.
        rounds: How often each contender has a turn.
        seconds: Seconds of the repeated measurement.
        folder: Where models and sentences are written.

    Returns:
        The F1 of each way to tag, in percent.
    """
    # The new process gets the tokens only, so that no contender sees the annotation.
    many = [s.tokens for s in sentences]
    chosen = np.linspace(0, len(many) - 1, min(LATENCY_SENTENCES, len(many))).astype(int)
    corpus = folder / "sentences.json"
    inputs = {"first": many[0], "many": many, "sample": [many[i] for i in chosen]}
    corpus.write_text(json.dumps(inputs), encoding="utf-8")
    tokens = sum(map(len, many))
    gold = [s.spans or () for s in sentences]
    for i, contender in enumerate(contenders):
        contender.save(folder / str(i))
    scores: dict[tuple[str, int | None], float] = {}
    for number in range(rounds):
        for i, contender in enumerate(contenders):
            for name, loader in contender.taggers.items():
                arguments = ["tag", loader, folder / str(i), corpus, seconds]
                (start, cold), (first, _), (later, _) = fresh_process(arguments)
                waits = sorted(later["one"])
                for measure, value in (
                    (COLD_START, cold),
                    (COLD_MEMORY, start["megabytes"]),
                    (FIRST_PASS, tokens / first["first_pass"]),
                    (WARM, tokens / later["warm"]),
                    (LATENCY_50, 1e3 * statistics.median(waits)),
                    (LATENCY_95, 1e3 * waits[int(0.95 * len(waits))]),
                ):
                    comparison.add(measure, contender.size, name, value)
                if "text" in later:
                    median = 1e3 * statistics.median(later["text"])
                    comparison.add(TEXT_50, contender.size, name, median)
                spans = [[Span(*span) for span in sentence] for sentence in first["spans"]]
                scores[name, contender.size] = 100 * f1(gold, spans)
                speed = f"{tokens / later['warm']:,.0f} tokens/s warm"
                say(f"tagging {number + 1}/{rounds}: {name} {speed}")
    return [{"contender": n, "size": size, "f1": score} for (n, size), score in scores.items()]
