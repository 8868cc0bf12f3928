"""The model of a run as it goes into the package: calibrated, compact, with card and licence."""

import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from measure import CHANGES, confidence
from open_corpora import Split

from ner.exporting import CompactCost, check_graphs, compacted, measure_compact, write_graphs
from ner.features.vectors import read_vectors
from ner.features.vocabulary import fallback_forms
from ner.files import folder_size
from ner.inference.loading import build_predictor
from ner.model_folder import LICENCE, ModelFolder, load_model, save_model

HERE = Path(__file__).parent
TERMS = "CC BY-SA 4.0"

# Scores are divided by one of these.
TEMPERATURES = tuple(np.round(np.arange(0.8, 2.05, 0.1), 2).tolist())

# The weights that scores of tags are proportional to.
SCORES = ("head.projection.", "head.crf.")

# Facts of a run that say something about the machine, or repeat the corpora.
RUN_FACTS = ("data", "metrics")


def pack(run: Path, out: Path, splits: Sequence[Split], vectors: Path | None) -> CompactCost:
    """Write the model for the package, without a card.

    Args:
        run: The model folder of the run.
        out: The folder to write.
        splits: Their held-out sentences choose the temperature.
        vectors: The file of word vectors.

    Returns:
        What compact storage costs, on the held-out sentences whose labels are all marked.
    """
    full = load_model(run)
    temperature = fit_temperature(full, splits)
    cooled = replace(
        full,
        weights=divided(full.weights, temperature),
        config=re.sub(r'(?m)^path = ".*/', 'path = "', full.config),
        card="",
        record={k: v for k, v in full.record.items() if k not in RUN_FACTS}
        | {"licence": TERMS, "temperature": temperature},
    )
    small = compacted(cooled, leave_out=rare_words(splits, vectors))
    save_packed(out, small)
    sentences = [s for split in splits for s in split.held_out if len(split.corpus.certain) == 4]
    return measure_compact(out, cooled, small, sentences, folder_size(run))


def save_packed(out: Path, model: ModelFolder) -> None:
    """Write a model with its graphs and its licence."""

    def add(folder: Path) -> None:
        write_graphs(folder, model)
        check_graphs(folder, model)
        shutil.copyfile(HERE / LICENCE, folder / LICENCE)

    save_model(out, model, add)


def divided(weights: Mapping[str, Any], temperature: float) -> dict[str, Any]:
    """Return weights whose scores of tags are divided by a number; the best tags stay the same."""
    return {
        name: array / np.float32(temperature) if name.startswith(SCORES) else array
        for name, array in weights.items()
    }


def fit_temperature(model: ModelFolder, splits: Sequence[Split]) -> float:
    """Choose the temperature under which the predicted entities are as often right as they say.

    It is the one with the least negative log-likelihood of right and wrong.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2.
    """
    losses: dict[float, float] = {}
    for temperature in TEMPERATURES:
        cooled = replace(model, weights=divided(model.weights, temperature))
        shares, right = confidence(build_predictor(cooled), splits)
        likely = np.where(right, shares, 1 - shares)
        losses[temperature] = float(-np.log(np.maximum(likely, 1e-12)).mean())
    return min(losses, key=losses.__getitem__)


def rare_words(splits: Sequence[Split], vectors: Path | None) -> set[str]:
    """Find training words that tell more about people than about the language.

    They have no pretrained vector, and occur once, or only as somebody's handle.
    """
    counts: Counter[str] = Counter()
    handles: Counter[str] = Counter()
    for sentence in (s for split in splits for s in split.train):
        for before, token in zip(("", *sentence.tokens), sentence.tokens, strict=False):
            for form in set(fallback_forms(token, lowercase=True)):
                counts[form] += 1
                handles[form] += before == "@"
    rare = {form for form, count in counts.items() if count == 1 or handles[form] == count}
    if vectors is None:
        return rare
    known = set(read_vectors(vectors, keep=0, always=rare).words)
    return rare - known


def write_card(
    out: Path, splits: Sequence[Split], figures: Mapping[str, Any], cost: CompactCost
) -> None:
    """Put the card of the model into its folder."""
    model = load_model(out)
    card = (
        (HERE / "card.md")
        .read_text(encoding="utf-8")
        .format(
            corpora="\n".join(_corpus_row(split) for split in splits),
            changes=" | ".join(CHANGES),
            rule=" | ".join("---:" for _ in CHANGES),
            f1="\n".join(
                f"| {name} | " + " | ".join(f"{row[change]:.1f}" for change in CHANGES) + " |"
                for name, row in figures["f1"].items()
            ),
            ece=figures["ece"],
            entities=f"{figures['entities']:,}",
            seed=model.record["seed"],
            temperature=model.record["temperature"],
            num_vectors=f"{len(model.featurizer.vectors or ()):,}",
            num_weights=f"{sum(array.size for array in model.weights.values()):,}",
            megabytes=f"{cost.bytes_after / 1e6:.1f}",
            cost=cost,
        )
    )
    save_packed(out, replace(model, card=card, weights=dict(model.weights)))


def _corpus_row(split: Split) -> str:
    corpus = split.corpus
    entities = sum(len(sentence.spans or ()) for sentence in split.held_out)
    facts = (corpus.name, corpus.source, corpus.licence, f"{len(split.train):,}")
    return f"| {' | '.join(facts)} | {len(split.held_out):,} | {entities:,} |"
