"""How fast contenders tag: first answers and passes in new processes, warm passes, latency."""

import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
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
from contenders import Contender, Say, fresh_process, load, repeated

from ner.data.sentence import Sentence
from ner.evaluation.metrics import f1

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
    plain = [Sentence(s.tokens) for s in sentences]
    tokens = sum(map(len, plain))
    corpus = folder / "sentences.json"
    corpus.write_text(json.dumps([s.tokens for s in plain]), encoding="utf-8")
    chosen = np.linspace(0, len(plain) - 1, min(LATENCY_SENTENCES, len(plain))).astype(int)
    some = [plain[i] for i in chosen]
    gold = [s.spans or () for s in sentences]
    found: list[tuple[str, int | None, str, Path, Any]] = []
    scores: list[dict[str, Any]] = []
    for i, contender in enumerate(contenders):
        place = folder / str(i)
        contender.save(place)
        for name, loader in contender.taggers.items():
            tagger = load(loader, place)
            score = 100 * f1(gold, tagger.spans(tagger.tag(plain)))  # and warm from here on
            scores.append({"contender": name, "size": contender.size, "f1": score})
            found.append((name, contender.size, loader, place, tagger))
    for number in range(rounds):
        for name, size, loader, place, tagger in found:
            cold, memory, first = fresh_tagging(loader, place, plain[0].tokens, corpus)
            comparison.add(COLD_START, size, name, cold)
            comparison.add(COLD_MEMORY, size, name, memory)
            comparison.add(FIRST_PASS, size, name, tokens / first)
            warm = repeated(lambda tagger=tagger: tagger.tag(plain), seconds)
            comparison.add(WARM, size, name, tokens / warm)
            waits = sorted(latencies(tagger.tag_tokens, [s.tokens for s in some]))
            comparison.add(LATENCY_50, size, name, 1e3 * statistics.median(waits))
            comparison.add(LATENCY_95, size, name, 1e3 * waits[int(0.95 * len(waits))])
            if hasattr(tagger, "tag_text"):
                waits = latencies(tagger.tag_text, [s.text for s in some])
                comparison.add(TEXT_50, size, name, 1e3 * statistics.median(waits))
            say(f"tagging {number + 1}/{rounds}: {name} {tokens / warm:,.0f} tokens/s warm")
    return scores


def latencies(tag: Callable[[Any], Any], inputs: Sequence[Any]) -> Iterator[float]:
    """Time inputs one by one, in seconds; each is met once before."""
    for each in inputs:
        tag(each)
    for each in inputs:
        began = time.perf_counter()
        tag(each)
        yield time.perf_counter() - began


def fresh_tagging(
    loader: str, folder: Path, tokens: Sequence[str], corpus: Path
) -> tuple[float, float, float]:
    """Give seconds to the first answer of a new process, its megabytes, seconds of a first pass."""
    arguments = ["tag", loader, str(folder), json.dumps(tokens), str(corpus)]
    lines = fresh_process(arguments)
    first, after = next(lines)
    (last, _) = next(lines)
    return after, first["megabytes"], last["seconds"]
