"""The measurements of the benchmark, in each of which the contenders take turns."""

import importlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from comparison import (
    COLD_MEMORY,
    COLD_START,
    CRF_DECODE,
    CRF_LOSS,
    FIRST_PASS,
    LATENCY_50,
    LATENCY_95,
    MEMORY_GROWTH,
    TIME_TO_F1,
    TRAINING,
    WARM,
    Comparison,
)
from torch import Tensor, nn
from torchcrf import CRF

from ner.data.schemes import Span, tag_set
from ner.data.sentence import Sentence
from ner.evaluation.metrics import f1

FRESH_PROCESS = Path(__file__).with_name("fresh_process.py")
# Sentences of one measurement of latency, spread over the corpus.
LATENCY_SENTENCES = 300
# Sentences that the CRF alone is measured on.
CRF_SENTENCES = 640

Say = Callable[[str], None]


class Tags(Protocol):
    """A model that is ready to tag."""

    def tag(self, sentences: Sequence[Sentence]) -> Sequence[Any]:
        """Tag many sentences."""
        ...

    def tag_tokens(self, tokens: Sequence[str]) -> Any:
        """Tag one sentence."""
        ...

    def spans(self, tagged: Any) -> Sequence[Sequence[Span]]:
        """Read the spans out of what `tag` gave."""
        ...


class Contender(Protocol):
    """What the benchmark measures; `loader` names a function that reads what `save` wrote."""

    name: str
    loader: str
    size: int | None

    def train(self, seconds: float) -> tuple[int, float]:
        """Train for a while; gives the tokens learnt and the seconds it took."""
        ...

    def train_epoch(self) -> float:
        """Train for one epoch; gives the seconds it took."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model."""
        ...


def training(
    comparison: Comparison,
    contenders: Sequence[Contender],
    rounds: int,
    seconds: float,
    say: Say,
) -> None:
    """Training speed, from sentences to updated weights, development data left out."""
    for contender in contenders:
        contender.train(seconds / 5)  # the first steps are slower: memory, kernels
    for number in range(rounds):
        for contender in contenders:
            tokens, spent = contender.train(seconds)
            comparison.add(TRAINING, contender.size, contender.name, tokens / spent)
            say(f"training {number + 1}/{rounds}: {contender.name} {tokens / spent:,.0f} tokens/s")


def tagging(
    comparison: Comparison,
    contenders: Sequence[Contender],
    sentences: Sequence[Sentence],
    rounds: int,
    seconds: float,
    folder: Path,
    say: Say,
) -> list[dict[str, Any]]:
    """Cold start and first pass in fresh processes; then warm passes and latency in this one.

    Gives the F1 that each contender has reached with its training so far.
    """
    # Nothing but the tokens, so that no contender sees what it should find.
    plain = [Sentence(s.tokens) for s in sentences]
    tokens = sum(map(len, plain))
    corpus = folder / "sentences.json"
    corpus.write_text(json.dumps([s.tokens for s in plain]), encoding="utf-8")
    chosen = np.linspace(0, len(plain) - 1, min(LATENCY_SENTENCES, len(plain))).astype(int)
    gold = [s.spans or () for s in sentences]
    taggers: list[tuple[Contender, Path, Tags]] = []
    scores: list[dict[str, Any]] = []
    for i, contender in enumerate(contenders):
        place = folder / str(i)
        contender.save(place)
        tagger = load(contender.loader, place)
        score = 100 * f1(gold, tagger.spans(tagger.tag(plain)))  # and warm from here on
        scores.append({"contender": contender.name, "size": contender.size, "f1": score})
        taggers.append((contender, place, tagger))
    for number in range(rounds):
        for contender, place, tagger in taggers:
            name, size = contender.name, contender.size
            cold, memory, first = fresh_tagging(contender.loader, place, plain[0].tokens, corpus)
            comparison.add(COLD_START, size, name, cold)
            comparison.add(COLD_MEMORY, size, name, memory)
            comparison.add(FIRST_PASS, size, name, tokens / first)
            warm = repeated(lambda tagger=tagger: tagger.tag(plain), seconds)
            comparison.add(WARM, size, name, tokens / warm)
            waits = sorted(latencies(tagger, [plain[i].tokens for i in chosen]))
            comparison.add(LATENCY_50, size, name, 1e3 * statistics.median(waits))
            comparison.add(LATENCY_95, size, name, 1e3 * waits[int(0.95 * len(waits))])
            say(f"tagging {number + 1}/{rounds}: {name} {tokens / warm:,.0f} tokens/s warm")
    return scores


def load(loader: str, folder: Path) -> Tags:
    """Read a model that a contender saved."""
    module, _, function = loader.partition(":")
    return getattr(importlib.import_module(module), function)(folder)


def latencies(tagger: Tags, sentences: Sequence[Sequence[str]]) -> Iterator[float]:
    """Time sentences one by one, in seconds."""
    for tokens in sentences:
        began = time.perf_counter()
        tagger.tag_tokens(tokens)
        yield time.perf_counter() - began


def repeated(action: Callable[[], object], seconds: float) -> float:
    """Repeat for a while, at least once; gives the mean seconds of one time."""
    began, times = time.perf_counter(), 0
    while not times or time.perf_counter() - began < seconds:
        action()
        times += 1
    return (time.perf_counter() - began) / times


def fresh_tagging(
    loader: str, folder: Path, tokens: Sequence[str], corpus: Path
) -> tuple[float, float, float]:
    """Give seconds to the first answer of a new process, its megabytes, seconds of a first pass."""
    arguments = ["tag", loader, str(folder), json.dumps(tokens), str(corpus)]
    lines = fresh_process(arguments)
    first, after = next(lines)
    (last, _) = next(lines)
    return after, first["megabytes"], last["seconds"]


def fresh_process(arguments: Sequence[str]) -> Iterator[tuple[dict[str, Any], float]]:
    """Run `fresh_process.py`; gives what it prints, and the seconds since it was started."""
    began = time.perf_counter()
    command = [sys.executable, str(FRESH_PROCESS), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            yield json.loads(line), time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"{arguments[1]}: its process ended with {process.returncode}")


def crf(
    comparison: Comparison,
    sentences: Sequence[Sentence],
    rounds: int,
    seconds: float,
    say: Say,
) -> None:
    """The CRF alone, on shuffled batches of 32 and all tags of BIOES, for any widths around it."""
    labels = sorted({span.label for s in sentences for span in s.spans or ()})
    num_tags = len(tag_set(labels, "BIOES"))
    layers: dict[str, Any] = {"baseline": CRF(num_tags, batch_first=True)}
    try:
        layers["ours"] = importlib.import_module("ner.nn.crf").CRF(num_tags, batch_first=True)
        layers["ours"].load_state_dict(layers["baseline"].state_dict())
    except ImportError:
        say("ner.nn.crf: not there, left out.")
    random = np.random.default_rng(1)
    batches: list[tuple[Tensor, Tensor, Tensor]] = []
    tokens = 0
    order = random.permutation(len(sentences))[:CRF_SENTENCES]
    for start in range(0, len(order), 32):
        indices = order[start : start + 32]
        lengths = torch.tensor([len(sentences[i]) for i in indices])
        mask = torch.arange(int(lengths.max())) < lengths[:, None]
        emissions = torch.from_numpy(random.normal(size=(*mask.shape, num_tags))).float()
        tags = torch.from_numpy(random.integers(num_tags, size=mask.shape))
        batches.append((emissions.requires_grad_(), tags, mask))
        tokens += int(lengths.sum())

    def loss_and_gradients(layer: nn.Module) -> None:
        for emissions, tags, mask in batches:
            emissions.grad = None
            layer.zero_grad()
            (-layer(emissions, tags, mask, reduction="mean")).backward()

    @torch.no_grad()
    def decode(layer: Any) -> None:
        for emissions, _, mask in batches:
            layer.decode(emissions, mask)

    for action, measure in ((loss_and_gradients, CRF_LOSS), (decode, CRF_DECODE)):
        for layer in layers.values():
            action(layer)
        for _ in range(rounds):
            for name, layer in layers.items():
                spent = repeated(lambda action=action, layer=layer: action(layer), seconds / 5)
                comparison.add(measure, None, name, 1e6 * spent / tokens)


def memory(
    comparison: Comparison, corpus: str, size: int, epochs: int, say: Say
) -> list[dict[str, Any]]:
    """Memory after each epoch, each contender in a process of its own."""
    records = []
    for name, contender in (("baseline", "baseline:Baseline"), ("ours", "ours:Ours")):
        say(f"memory over {epochs} epochs: {name}")
        arguments = ["train", contender, corpus, str(size), str(epochs)]
        held = [facts["megabytes"] for facts, _ in fresh_process(arguments)]
        comparison.add(MEMORY_GROWTH, size, name, held[-1] - held[0])
        records.append({"contender": name, "size": size, "megabytes": held})
    return records


def time_to_f1(
    comparison: Comparison,
    contenders: Sequence[Contender],
    sentences: Sequence[Sentence],
    target: float,
    max_epochs: int,
    say: Say,
) -> list[dict[str, Any]]:
    """Seconds of training until a development F1 (in percent); who is there first waits.

    Evaluation is not part of the time.
    """
    plain = [Sentence(s.tokens) for s in sentences]
    gold = [s.spans or () for s in sentences]
    curves = [{"contender": c.name, "size": c.size, "seconds": [], "f1": []} for c in contenders]
    for epoch in range(max_epochs):
        for contender, curve in zip(contenders, curves, strict=True):
            if curve["f1"] and max(curve["f1"]) >= target:
                continue
            spent = contender.train_epoch() + (curve["seconds"][-1] if epoch else 0.0)
            with tempfile.TemporaryDirectory() as folder:
                contender.save(Path(folder) / "model")
                tagger = load(contender.loader, Path(folder) / "model")
                score = 100 * f1(gold, tagger.spans(tagger.tag(plain)))
            curve["seconds"].append(spent)
            curve["f1"].append(score)
            say(f"epoch {epoch + 1}: {contender.name} {spent:.0f} s, F1 {score:.2f}")
            if score >= target:
                comparison.add(TIME_TO_F1, contender.size, contender.name, spent)
    return curves
