"""Where the training sentences are kept: in memory, or in a file."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

from numpy.typing import NDArray

from ner.config.loading import Config
from ner.data.formats.read import CorpusSource, file_digest
from ner.data.sentence import Sentence
from ner.errors import ConfigError
from ner.features.arrow_store import StoredCorpus, StoredSentences, open_stored, store_sentences
from ner.features.batches import EncodedSentences
from ner.features.counts import CorpusCounts
from ner.features.distinct_words import DistinctWords
from ner.features.featurizer import Featurizer
from ner.tasks import Task

# In the folder of a run, until the run is over.
ENCODED = "encoded"

# Bytes of a training file above which its sentences, as Python objects, would fill several GB.
LARGE = 1 << 28


def goes_to_disk(config: Config, train: CorpusSource, dev: CorpusSource) -> bool:
    """Decide where the training sentences are kept.

    Raises:
        ConfigError: They are to be kept on the disk, but there is no development data, they come
            from where they cannot be read twice, or the model reads their neighbours.
    """
    storage, context = config.data.storage, config.transformer.context
    if storage == "memory" or not isinstance(train, str | Path):
        return False
    if storage == "auto":
        is_large = Path(train).is_file() and Path(train).stat().st_size >= LARGE
        return is_large and dev != "" and not context
    if dev == "":
        raise ConfigError("data.dev: is needed where data.storage is 'disk'. Got none.")
    if train == "-":
        raise ConfigError("data.train: a file, where data.storage is 'disk'. Got '-'.")
    if context:
        # A part of the corpus is encoded without the sentences around it.
        raise ConfigError(
            f"transformer.context: must be 0 where data.storage is 'disk'. Got {context}."
        )
    return True


def storage_key(config: Config, train: CorpusSource, init: str | None) -> dict[str, Any]:
    """Name all that the encoded sentences depend on.

    Args:
        config: Of the run.
        train: The training data.
        init: Digest of the model that training goes on from, if there is one.
    """
    settings = config.model_dump(mode="json", exclude={"seed", "training"})
    for elsewhere in ("dev", "test", "storage"):
        del settings["data"][elsewhere]
    return {"settings": settings, "sha256": file_digest(train), "init": init}


@dataclass
class TrainingStorage:
    """A folder for sentences that are encoded once for a run and all its resumptions.

    Args:
        folder: Its path.
        key: See `storage_key`.
        corpus: What is in it, if it has that key.
    """

    folder: Path
    key: Mapping[str, Any]
    corpus: StoredCorpus | None

    @classmethod
    def find(cls, run: Path, key: Mapping[str, Any]) -> Self:
        """Look into the folder of a run."""
        folder = run / ENCODED
        return cls(folder, key, open_stored(folder, key))


def encode_training(
    sentences: Iterable[Sentence],
    counts: CorpusCounts,
    featurizer: Featurizer,
    task: Task,
    rare: set[str],
    *,
    spellings: Iterable[str] = (),
    storage: TrainingStorage | None = None,
    record: Any = None,
) -> EncodedSentences | StoredSentences:
    """Encode the training sentences, in memory or, unless that was done before, in a file.

    Args:
        sentences: They are read once more.
        counts: Of them.
        featurizer: What to encode.
        task: What to learn.
        rare: Forms of words that training shows at times as if they were unknown.
        spellings: See `DistinctWords`.
        storage: Where they go; None keeps them in memory.
        record: What is known about them, as JSON can hold it; `StoredCorpus.facts` gives it back.
    """
    if storage is None:
        sentences = list(sentences)
        gold = task.gold(sentences)
        per_token, per_sentence = (gold, {}) if task.is_per_token else ({}, gold)
        return EncodedSentences(
            sentences,
            featurizer,
            per_token,
            rare,
            sentence_targets=per_sentence,
            spellings=spellings,
        )
    if storage.corpus is None:
        storage.corpus = store_sentences(
            storage.folder,
            sentences,
            counts,
            per_token=partial(_per_token, featurizer=featurizer, task=task, counts=counts),
            per_sentence=lambda chunk: {} if task.is_per_token else task.gold(chunk),
            key=storage.key,
            facts=record,
        )
    return StoredSentences(
        storage.corpus, DistinctWords(list(counts.words), featurizer, rare, spellings)
    )


def _per_token(
    sentences: Sequence[Sentence], *, featurizer: Featurizer, task: Task, counts: CorpusCounts
) -> dict[str, NDArray[Any]]:
    arrays = featurizer.encode_tokens(sentences)
    if task.is_per_token:
        # A part of the corpus may have no open tags, but all parts must have one form.
        arrays |= task.gold(sentences, is_partial=counts.is_partial)
    return arrays
