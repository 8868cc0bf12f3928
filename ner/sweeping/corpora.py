"""The data of a sweep: what trials learn from, what chooses among them, and what no choice sees."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ner.config.loading import Config
from ner.data.formats.read import CorpusSource
from ner.data.sentence import Sentence
from ner.errors import ConfigError, DataError
from ner.evaluation.unit_counts import choose_unit, documents_of, group_units
from ner.files import sha256
from ner.messages import Notify
from ner.training.kept_results import training_key
from ner.training.sentence_weights import read_weights
from ner.training.splits import read_corpus


@dataclass(frozen=True)
class SweepCorpus:
    """The data of all trials.

    Args:
        train: The training sentences.
        dev: The development sentences.
        held_out: Sentences that no trial learns from, and that choose nothing; maybe none.
        weights: The weight of each training sentence; None where all are 1.
    """

    train: Sequence[Sentence]
    dev: Sequence[Sentence]
    held_out: Sequence[Sentence]
    weights: Sequence[float] | None

    @property
    def splits(self) -> dict[str, CorpusSource]:
        """The splits of a run, whose test data are the sentences that choose nothing."""
        held_out = {"test": self.held_out} if self.held_out else {}
        return {"train": self.train, "dev": self.dev, **held_out}

    def key(self, config: Config) -> dict[str, Any]:
        """Name everything that decides the results of a run; see `training_key`."""
        return training_key(config, self.train, self.dev, self.weights)

    def digest(self, config: Config) -> str:
        """Return a digest of everything that decides the results of a run."""
        return sha256([json.dumps(self.key(config), sort_keys=True).encode("ascii")])[:16]


def read_sweep_corpus(
    config: Config, sources: Mapping[str, CorpusSource], holdout: float, notify: Notify
) -> SweepCorpus:
    """Read the data of a sweep; its test data are not read.

    Args:
        config: Says where they are.
        sources: Splits in memory, which win.
        holdout: Share of the training documents, or sentences, that no choice shall see, from 0 to
            below 1.
        notify: Called with a line for everything that a user should know.

    Raises:
        ConfigError: `holdout` is no such share.
        DataError: The data cannot be read, or too few are left.
    """
    if not 0 <= holdout < 1:
        raise ConfigError(f"holdout: must be at least 0 and below 1. Got {holdout:g}.")
    path = config.training.weights
    weights = read_weights(path) if path else None
    corpus = read_corpus(config, sources, notify, weights=weights)
    train, dev = list(corpus.train), list(corpus.dev)
    factors = None if corpus.weights is None else corpus.weights.tolist()
    if holdout == 0:
        return SweepCorpus(train, dev, (), factors)
    held = frozenset(hold_out(train, holdout, config.seed))
    kept = [i for i in range(len(train)) if i not in held]
    held_out = [train[i] for i in sorted(held)]
    if "dev" not in sources and not config.data.dev:
        # Development sentences of the same documents would tell of what nothing shall tell.
        documents = {sentence.document for sentence in held_out} - {None}
        dev = [sentence for sentence in dev if sentence.document not in documents]
    if not kept or not dev:
        raise DataError(
            "train: must have sentences left for training and development beside those of holdout. "
            f"Got {len(kept)} and {len(dev)}."
        )
    notify(f"{len(held_out):,} of {len(train):,} training sentences are held out from all choices.")
    factors = factors and [factors[i] for i in kept]
    return SweepCorpus([train[i] for i in kept], dev, held_out, factors)


def hold_out(sentences: Sequence[Sentence], share: float, seed: int) -> list[int]:
    """Draw the indices of a share of the documents; of the sentences, where there are no documents.

    Args:
        sentences: The sentences.
        share: Above 0 and below 1; at least one document is drawn.
        seed: Random seed.
    """
    documents = documents_of(sentences)
    units = group_units(documents, len(sentences), choose_unit(documents))
    count = max(units, default=-1) + 1
    drawn = np.random.default_rng(seed).permutation(count)[: max(1, round(share * count))]
    chosen = frozenset(drawn.tolist())
    return [i for i, unit in enumerate(units) if unit in chosen]
