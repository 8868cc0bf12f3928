"""How fast contenders tag, each time in a new process that holds nothing else."""

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
from contenders import Contender, Say, fresh_process

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
    say: Say,
) -> list[dict[str, Any]]:
    """Measure every way to tag of every contender, which all take turns.

    Gives the F1 that each has reached with the training so far.
    """
    # Nothing but the tokens, so that no contender sees what it should find.
    many = [s.tokens for s in sentences]
    chosen = np.linspace(0, len(many) - 1, min(LATENCY_SENTENCES, len(many))).astype(int)
    corpus = folder / "sentences.json"
    inputs = {"first": many[0], "many": many, "some": [many[i] for i in chosen]}
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
                (first, cold), (found, _), (then, _) = fresh_process(arguments)
                waits = sorted(then["one"])
                for measure, value in (
                    (COLD_START, cold),
                    (COLD_MEMORY, first["megabytes"]),
                    (FIRST_PASS, tokens / found["first_pass"]),
                    (WARM, tokens / then["warm"]),
                    (LATENCY_50, 1e3 * statistics.median(waits)),
                    (LATENCY_95, 1e3 * waits[int(0.95 * len(waits))]),
                ):
                    comparison.add(measure, contender.size, name, value)
                if "text" in then:
                    median = 1e3 * statistics.median(then["text"])
                    comparison.add(TEXT_50, contender.size, name, median)
                spans = [[Span(*span) for span in of_one] for of_one in found["spans"]]
                scores[name, contender.size] = 100 * f1(gold, spans)
                speed = f"{tokens / then['warm']:,.0f} tokens/s warm"
                say(f"tagging {number + 1}/{rounds}: {name} {speed}")
    return [{"contender": n, "size": size, "f1": score} for (n, size), score in scores.items()]
