"""Where the encoded training sentences are kept: in memory, or in a file."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

from ner.config.loading import Config
from ner.data.formats.read import CorpusSource, file_digest
from ner.data.sentence import Sentence
from ner.errors import ConfigError, TrainingError
from ner.features.arrays import Arrays
from ner.features.arrow_store import StoredCorpus, StoredSentences, open_stored, store_sentences
from ner.features.batches import EncodedSentences
from ner.features.counts import CorpusCounts
from ner.features.distinct_words import DistinctWords
from ner.features.featurizer import Featurizer
from ner.tasks import Task
from ner.training.auxiliary import AuxiliaryColumns
from ner.training.run_folder import ENCODED

# Bytes of a training file above which its sentences, as Python objects, would fill several GB.
LARGE = 1 << 28


def goes_to_disk(
    storage: Literal["auto", "memory", "disk"],
    sources: Mapping[str, CorpusSource],
    *,
    context: int = 0,
) -> bool:
    """Decide whether the training sentences are kept on the disk.

    Args:
        storage: The setting `data.storage`.
        sources: The source of each split that there is.
        context: The setting `transformer.context`.

    Raises:
        ConfigError: They are to be kept on the disk, but there are no development data, they come
            from where they cannot be read twice, or the model reads neighbouring sentences.
    """
    train = sources["train"]
    if storage == "memory" or not isinstance(train, str | Path):
        return False
    if storage == "auto":
        is_large = Path(train).is_file() and Path(train).stat().st_size >= LARGE
        return is_large and "dev" in sources and not context
    if "dev" not in sources:
        raise ConfigError("data.dev: is needed where data.storage is 'disk'. Got none.")
    if train == "-":
        raise ConfigError("data.train: a file, where data.storage is 'disk'. Got '-'.")
    if context:
        # A chunk of the corpus is encoded without the sentences around it.
        raise ConfigError(
            f"transformer.context: must be 0 where data.storage is 'disk'. Got {context}."
        )
    return True


def storage_key(config: Config, train: CorpusSource, init: str | None) -> dict[str, Any]:
    """Name everything that the encoded sentences depend on.

    Args:
        config: All settings.
        train: The training data.
        init: Digest of the model that trains further, if there is one.
    """
    settings = config.model_dump(mode="json", exclude={"seed", "training"})
    for elsewhere in ("dev", "test", "storage"):
        del settings["data"][elsewhere]
    return {"settings": settings, "sha256": file_digest(train), "init": init}


def find_storage(
    config: Config,
    sources: Mapping[str, CorpusSource],
    run: Path,
    init: str | None,
    *,
    writes: bool = True,
) -> "TrainingStorage | None":
    """Find or plan the storage of a run; None keeps the sentences in memory.

    Args:
        config: All settings.
        sources: The source of each split that there is.
        run: The folder of the run.
        init: Digest of the model that trains further, if there is one.
        writes: Whether this process encodes them; if not, another one has done so.

    Raises:
        ConfigError: The sentences cannot be kept where `data.storage` says.
        TrainingError: No other process has encoded them.
    """
    if not goes_to_disk(config.data.storage, sources, context=config.transformer.context):
        return None
    storage = TrainingStorage.find(run, storage_key(config, sources["train"], init))
    if storage.corpus is None and not writes:
        raise TrainingError(
            f"{storage.folder}: must hold the sentences that rank 0 has encoded. Got others, or "
            "none. All ranks need the same data, and a folder of the run that all of them see."
        )
    return storage


@dataclass
class TrainingStorage:
    """A folder with sentences that are encoded once, for a run and all its resumptions.

    Args:
        folder: Its path.
        key: See `storage_key`.
        corpus: Its content, if there is any with that key.
    """

    folder: Path
    key: Mapping[str, Any]
    corpus: StoredCorpus | None

    @classmethod
    def find(cls, run: Path, key: Mapping[str, Any]) -> Self:
        """Look into the folder of a run for encoded sentences with this key."""
        folder = run / ENCODED
        return cls(folder, key, open_stored(folder, key))


def encode_training(
    sentences: Iterable[Sentence],
    counts: CorpusCounts,
    featurizer: Featurizer,
    task: Task,
    rare: set[str],
    auxiliary: AuxiliaryColumns,
    *,
    spellings: Iterable[str] = (),
    storage: TrainingStorage | None = None,
    record: Any = None,
) -> EncodedSentences | StoredSentences:
    """Encode the training sentences, in memory or, unless that was done before, in a file.

    Args:
        sentences: The sentences, which are read once more.
        counts: Their counts.
        featurizer: Turns strings into arrays.
        task: Makes the gold arrays.
        rare: Forms of words that training shows at times as if they were unknown.
        auxiliary: Columns that are learned beside the task.
        spellings: See `DistinctWords`.
        storage: Where they go; None keeps them in memory.
        record: What is known about them, as JSON can hold it; it becomes `StoredCorpus.facts`.
    """
    if storage is None:
        sentences = list(sentences)
        gold = {**task.gold(sentences), **auxiliary.encode(sentences)}
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
            per_token=partial(
                _per_token, featurizer=featurizer, task=task, counts=counts, auxiliary=auxiliary
            ),
            per_sentence=lambda chunk: {} if task.is_per_token else task.gold(chunk),
            key=storage.key,
            facts=record,
        )
    return StoredSentences(
        storage.corpus, DistinctWords(list(counts.words), featurizer, rare, spellings)
    )


def _per_token(
    sentences: Sequence[Sentence],
    *,
    featurizer: Featurizer,
    task: Task,
    counts: CorpusCounts,
    auxiliary: AuxiliaryColumns,
) -> Arrays:
    arrays = featurizer.encode_tokens(sentences)
    if not task.is_per_token:
        return arrays
    # A chunk of the corpus may have no open tags, but all chunks must have one form.
    gold = task.gold(sentences, is_partial=counts.is_partial)
    return {**arrays, **gold, **auxiliary.encode(sentences)}
