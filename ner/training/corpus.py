"""The splits of a run: which sentences there are, and where those of training are kept."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ner.config import Config
from ner.data.corpus import CorpusSource
from ner.data.sentence import Sentence
from ner.data.tokenizer import Tokenizer
from ner.errors import ConfigError, DataError
from ner.features.counts import CorpusCounts, count_corpus
from ner.training.reading import Notify, SplitReader, blank_target
from ner.training.storage import TrainingStorage, goes_to_disk, storage_key


@dataclass(frozen=True)
class Corpus:
    """The sentences of all splits, and what is known about where they came from.

    Args:
        train: Read anew by each iteration, where they are kept on the disk.
        dev: In memory.
        test: In memory.
        counts: Of the training split.
        record: What a model folder tells of each split.
        storage: Where the encoded training sentences go; None keeps them in memory.
    """

    train: Iterable[Sentence]
    dev: Sequence[Sentence]
    test: Sequence[Sentence]
    counts: CorpusCounts
    record: Mapping[str, Any] = field(default_factory=dict)
    storage: TrainingStorage | None = None

    def name(self, indices: Collection[int]) -> list[str]:
        """Say where some training sentences were read."""
        return [
            str(sentence.source or f"sentence {i + 1}")
            for i, sentence in enumerate(self.train)
            if i in indices
        ]


def read_corpus(
    config: Config,
    sources: Mapping[str, CorpusSource],
    tokenizer: Tokenizer,
    notify: Notify,
    *,
    folder: Path | None = None,
    init: str | None = None,
) -> Corpus:
    """Read the splits that a run uses; without a development split, hold out a tenth of training.

    Args:
        config: Says how files are read, and where they are if `sources` do not.
        sources: For `train`, `dev` and `test`.
        tokenizer: For data that are not cut into tokens.
        notify: Gets a line for everything that a user should know.
        folder: Of the run; None keeps training sentences in memory.
        init: Digest of the model that training goes on from.
    """
    target = blank_target(config)
    given = {s: sources.get(s, getattr(config.data, s)) for s in ("train", "dev", "test")}
    if given["train"] == "":
        raise ConfigError("data.train: a file, a folder, hub:NAME or sample:train. Got none.")
    readers = {
        split: SplitReader(split, source, config.data, target, tokenizer, notify)
        for split, source in given.items()
        if source != ""
    }
    storage = None
    if folder is not None and goes_to_disk(config, given["train"], given["dev"]):
        storage = TrainingStorage.find(folder, storage_key(config, given["train"], init))
    train: Iterable[Sentence] = readers["train"] if storage else list(readers["train"])
    counts = None
    if storage is not None and storage.corpus is not None:
        readers["train"].record = storage.corpus.facts
        counts = storage.corpus.counts()
    splits = {s: list(reader) for s, reader in readers.items() if s != "train"}
    held: dict[str, Any] = {}
    if "dev" not in splits:
        assert isinstance(train, list)
        train, splits["dev"] = hold_out(train, config.seed)
        held["dev"] = {"source": "a tenth of train", "sentences": len(splits["dev"])}
        notify(f"No development data: {len(splits['dev'])} sentences of training are held out.")
    if counts is None:
        counts = count_corpus(
            train,
            columns=config.inputs.columns,
            pairs=config.bigrams.size > 0,
            lowercase=config.words.lowercase,
            target=config.data.target if config.task == "tag" else None,
        )
    record = {split: reader.record for split, reader in readers.items()} | held
    return Corpus(train, splits["dev"], splits.get("test", ()), counts, record, storage)


def hold_out(sentences: Sequence[Sentence], seed: int) -> tuple[list[Sentence], list[Sentence]]:
    """Split off a tenth of the sentences, at least one, at random."""
    if len(sentences) < 2:
        raise DataError("train: at least two sentences, where there is no dev. Got one.")
    chosen = np.random.default_rng(seed).permutation(len(sentences))[: max(1, len(sentences) // 10)]
    held = set(chosen.tolist())
    return (
        [s for i, s in enumerate(sentences) if i not in held],
        [sentences[i] for i in sorted(held)],
    )
