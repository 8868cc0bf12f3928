"""The measurements of the benchmark, except tagging. In each of them, contenders take turns."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from comparison import (
    CRF_DECODE,
    CRF_LOSS,
    MEMORY_GROWTH,
    TRAINING,
    Comparison,
)
from contenders import Contender, fresh_process, repeated, say
from torch import Tensor, nn
from torchcrf import CRF

import ner
from ner.data.schemes import tag_set
from ner.data.sentence import Sentence

# Sentences on which the CRF alone is measured.
CRF_SENTENCES = 640


def training(
    comparison: Comparison, contenders: Sequence[Contender], rounds: int, seconds: float
) -> None:
    """Measure the speed of training, from sentences to updated weights, without evaluation."""
    for contender in contenders:
        contender.train(seconds / 5)  # the first steps are slower
    for number in range(rounds):
        for contender in contenders:
            tokens, spent = contender.train(seconds)
            comparison.add(TRAINING, contender.size, contender.name, tokens / spent)
            say(f"training {number + 1}/{rounds}: {contender.name} {tokens / spent:,.0f} tokens/s")


def crf(comparison: Comparison, sentences: Sequence[Sentence], rounds: int, seconds: float) -> None:
    """Measure the CRF alone, on shuffled batches of 32 with the tags of BIOES."""
    labels = sorted({span.label for s in sentences for span in s.spans or ()})
    num_tags = len(tag_set(labels, "BIOES"))
    layers: dict[str, Any] = {
        "baseline": CRF(num_tags, batch_first=True),
        "ours": ner.nn.CRF(num_tags, batch_first=True),
    }
    layers["ours"].load_state_dict(layers["baseline"].state_dict())
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


def memory(comparison: Comparison, corpus: str, size: int, epochs: int) -> list[dict[str, Any]]:
    """Measure the memory after each epoch, for each contender in a process of its own."""
    records = []
    for name, contender in (("baseline", "baseline:Baseline"), ("ours", "ours:Ours")):
        say(f"memory over {epochs} epochs: {name}")
        arguments = ["train", contender, corpus, str(size), str(epochs)]
        held = [facts["megabytes"] for facts, _ in fresh_process(arguments)]
        comparison.add(MEMORY_GROWTH, size, name, held[-1] - held[0])
        records.append({"contender": name, "size": size, "megabytes": held})
    return records
