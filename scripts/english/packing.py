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

from ner.evaluation.calibration import lowest
from ner.exporting import CompactCost, check_graphs, compacted, measure_compact, write_graphs
from ner.features.vectors import read_vectors
from ner.features.vocabulary import fallback_forms
from ner.files import folder_size
from ner.inference.loading import build_predictor
from ner.model_folder import LICENCE, ModelFolder, load_model, save_model
from ner.tasks import SpanTask

HERE = Path(__file__).parent
TERMS = "CC BY-SA 4.0"

# Facts of a run that say something about the machine, or repeat the corpora.
RUN_FACTS = ("data", "metrics", "calibration")


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
    sentences = [s for split in splits for s in split.held_out if len(split.corpus.certain) == 4]
    calibrated = replace(
        with_temperature(full, fit_temperature(full, splits)),
        config=re.sub(r'(?m)^path = ".*/', 'path = "', full.config),
        card="",
        record={k: v for k, v in full.record.items() if k not in RUN_FACTS} | {"licence": TERMS},
    )
    small = compacted(calibrated, leave_out=rare_words(splits, vectors))
    save_packed(out, small)
    return measure_compact(out, calibrated, small, sentences, folder_size(run))


def with_temperature(model: ModelFolder, temperature: float) -> ModelFolder:
    """Return a tagger with another temperature."""
    assert isinstance(model.task, SpanTask)
    return replace(model, task=replace(model.task, temperature=temperature))


def fit_temperature(model: ModelFolder, splits: Sequence[Split]) -> float:
    """Find the temperature with which predicted entities are as often right as they say.

    Training fits on whole sentences, which few corpora mark with all labels. This takes the
    entities of those labels that a corpus marks.
    """

    def loss(temperature: float) -> float:
        predictor = build_predictor(with_temperature(model, temperature))
        shares, right = confidence(predictor, splits)
        likely = np.where(right, shares, 1 - shares)
        return -float(np.log(np.maximum(likely, 1e-12)).sum())

    return lowest(loss)


def save_packed(out: Path, model: ModelFolder) -> None:
    """Write a model with its graphs and its licence."""

    def add(folder: Path) -> None:
        write_graphs(folder, model)
        check_graphs(folder, model)
        shutil.copyfile(HERE / LICENCE, folder / LICENCE)

    save_model(out, model, add)


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
            temperature=f"{model.task.to_dict()['temperature']:.3f}",
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
