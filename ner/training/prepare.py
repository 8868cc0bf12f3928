"""From settings to what is trained: corpora, vocabularies, an untrained network."""

import difflib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ner.config.loading import Config
from ner.errors import ConfigError
from ner.features.augmentation import Augmentation
from ner.features.batches import TrainingBatches
from ner.features.featurizer import Featurizer, build_featurizer, rare_forms
from ner.features.subwords import Subwords
from ner.features.vectors import Vectors, VectorStore, read_vectors
from ner.features.vocabulary import coverage, fallback_forms
from ner.model_folder import ModelFolder
from ner.nn.building import build_model
from ner.nn.model import Model
from ner.nn.pretrained import Pretrained, read_pretrained_encoder
from ner.nn.runtime import take_weights
from ner.nn.transformer import fill_encoders, transformers_of
from ner.tasks import TASKS, Task, make_task
from ner.training.splits import Corpus, Notify
from ner.training.storage import encode_training


def read_encoder(config: Config) -> Pretrained | None:
    """Read the encoder that a configuration names, if it names one.

    Raises:
        ConfigError: It cannot be read, or there are vectors of words beside one that is alone.
    """
    chosen = config.transformer
    if not chosen.path:
        return None
    if chosen.alone and config.vectors.path:
        raise ConfigError(
            "transformer.alone: must be false where there are pretrained vectors. Got true."
        )
    return read_pretrained_encoder(chosen.path, chosen.revision)


def make_subwords(encoder: Pretrained | None, config: Config) -> Subwords | None:
    """Make what turns sentences into sub-words as a configuration says.

    Raises:
        ConfigError: The encoder takes no window of this size.
    """
    if encoder is None:
        return None
    chosen = config.transformer
    return encoder.subwords(
        window=chosen.window,
        overlap=chosen.overlap,
        context=chosen.context,
        pooling=chosen.pooling,
    )


# Sections of a configuration that the network is built from.
NETWORK = (
    "words",
    "characters",
    "shape",
    "affixes",
    "bigrams",
    "inputs",
    "transformer",
    "embedder",
    "encoder",
    "pooling",
    "head",
)


def read_pretrained(
    config: Config, corpus: Corpus, store_path: Path, notify: Notify
) -> tuple[Vectors | None, VectorStore | None]:
    """Read pretrained vectors: those of training words, to be trained, and a store of others."""
    if not config.vectors.path:
        return None, None
    lowercase = config.words.lowercase
    seen = {form for word in corpus.counts.words for form in fallback_forms(word, lowercase)}
    keep = None if config.vectors.keep == "all" else config.vectors.keep
    vectors = read_vectors(config.vectors.path, keep, always=seen)
    if vectors.matrix.shape[1] != config.words.size:
        raise ConfigError(
            f"words.size: the width of the vectors in {config.vectors.path}, which is "
            f"{vectors.matrix.shape[1]}. Got {config.words.size}."
        )
    # Words of training have rows of their own, so the store leaves them out.
    other = [i for i, word in enumerate(vectors.words) if word not in seen]
    VectorStore.write(store_path, [vectors.words[i] for i in other], vectors.matrix[other])
    known = set(vectors.words)
    new_words = (t for s in corpus.dev for t in s.tokens if t not in corpus.counts.words)
    train = coverage(known, corpus.counts.words)
    notify(f"Vectors of training words: {train}")
    notify(f"Vectors of development words that training never saw: {coverage(known, new_words)}")
    notify(f"Vectors kept for new words: {len(other):,} of {config.words.size} dimensions")
    return vectors, VectorStore.open(store_path)


@dataclass(frozen=True)
class Prepared:
    """Everything that training starts from."""

    featurizer: Featurizer
    task: Task
    network: dict[str, Any]
    model: Model
    rare: set[str]

    def batches(self, corpus: Corpus, config: Config) -> TrainingBatches:
        """Encode the training sentences with their gold annotation."""
        augmentation = Augmentation(**config.augmentation.model_dump())
        encoded = encode_training(
            corpus.train,
            corpus.counts,
            self.featurizer,
            self.task,
            self.rare,
            spellings=augmentation.spellings,
            storage=corpus.storage,
            record=corpus.record["train"] if corpus.storage else None,
        )
        return TrainingBatches(
            encoded,
            changes=augmentation.changes(encoded, self.task.outputs),
            seed=config.seed,
            batch_size=config.training.batch_size,
            batch_tokens=config.training.batch_tokens,
            replace=config.words.replace_singletons,
        )


def prepare(
    config: Config,
    corpus: Corpus,
    vectors: Vectors | None,
    store: VectorStore | None,
    start: ModelFolder | None = None,
) -> Prepared:
    """Build vocabularies from the training split alone, and an untrained network.

    Args:
        config: Resolved.
        corpus: All splits.
        vectors: First rows of the words that they hold.
        store: Vectors for words that training never sees.
        start: A model to go on from, whose network the configuration describes; its vocabularies
            and tags are extended.

    Raises:
        ConfigError: The head is given weights or a cost that it has no use for.
    """
    blank = make_task(config.model_dump()) if start is None else start.task
    task = blank.extended(corpus.counts.examples)
    check_weights(config, task.labels)
    encoder = read_encoder(config) if start is None else None
    if start is None:
        featurizer = build_featurizer(
            corpus.counts,
            lowercase=config.words.lowercase,
            characters=config.characters.kind != "none",
            shapes=config.shape.size > 0,
            affix_rows=int(config.affixes.rows),
            columns=config.inputs.columns,
            bigram_count=config.bigrams.min_count if config.bigrams.size else 0,
            vectors=store,
            subwords=make_subwords(encoder, config),
            language=config.pooling.language if config.pooling.hierarchical else None,
            hard_wrapped=config.pooling.hard_wrapped,
        )
    else:
        featurizer = start.featurizer.extended(corpus.counts)
    settings = config.model_dump(mode="json")
    network = {name: settings[name] for name in NETWORK}
    if encoder is not None:
        network["pretrained"] = {"architecture": encoder.architecture, "digest": encoder.digest}
    elif start is not None and "pretrained" in start.network:
        network["pretrained"] = start.network["pretrained"]
    torch.manual_seed(config.seed)
    model = build_model(network, featurizer, task)
    if encoder is not None:
        fill_encoders(model, encoder.module)
    for transformer in transformers_of(model):
        transformer.keep_vectors(config.transformer.cache << 20)
    if start is not None:
        take_weights(model, start)
        fill_rows_from_store(model, featurizer, len(start.featurizer.words))
    rare = rare_forms(corpus.counts, featurizer.words.lowercase)
    if vectors is not None:
        rare -= fill_rows(model, featurizer, vectors)
    return Prepared(featurizer, task, network, model, rare)


def check_task(config: Config) -> None:
    """Refuse settings that the task has no use for, unless they are as by default.

    Raises:
        ConfigError: One is set.
    """
    default = Config()
    used = {name: settings_of(task) for name, task in TASKS.items()}
    for key in dict.fromkeys(key for keys in used.values() for key in keys):
        section, _, name = key.partition(".")
        value, usual = (getattr(getattr(given, section), name) for given in (config, default))
        if key not in used[config.task] and value != usual:
            tasks = " or ".join(task for task, keys in used.items() if key in keys)
            raise ConfigError(
                f"{key}: must be {'none' if usual is None else usual} unless the task is "
                f"{tasks}. Got {value} for {config.task}."
            )


def settings_of(task: type[Task]) -> list[str]:
    """List the dotted keys of the settings that not every task uses, but this one does."""
    settings: list[str] = []
    for key in task.own_settings:
        section, dot, _ = key.partition(".")
        fields = type(getattr(Config(), section)).model_fields
        settings += [key] if dot else [f"{section}.{name}" for name in fields]
    return settings


def check_weights(config: Config, labels: Collection[str]) -> None:
    """Refuse weights of labels that the training data lack."""
    for label in config.head.weights:
        if label not in labels:
            folded = {known.casefold(): known for known in sorted(labels)}
            close = difflib.get_close_matches(label.casefold(), folded, n=1)
            hint = (
                f"Did you mean {folded[close[0]]!r}?"
                if close
                else f"Known: {', '.join(folded.values())}."
            )
            raise ConfigError(f"head.weights: labels of the training data. Got {label!r}. {hint}")


def fill_rows(model: Model, featurizer: Featurizer, vectors: Vectors) -> set[str]:
    """Start the rows of words with their pretrained vectors; gives the words that have one."""
    at = {word: i for i, word in enumerate(vectors.words)}
    table = word_table(model)
    filled: set[str] = set()
    for entry, row in featurizer.words.rows.items():
        form = next((f for f in fallback_forms(entry) if f in at), None)
        if form is not None:
            table[row] = torch.from_numpy(vectors.matrix[at[form]])
            filled.add(entry)
    return filled


def fill_rows_from_store(model: Model, featurizer: Featurizer, first: int) -> None:
    """Start the rows from `first` on with the vectors that the store has for their words."""
    new = featurizer.words.entries[first - 1 :]
    if featurizer.vectors is None or not new:
        return
    found = featurizer.vectors.find(new)
    rows = torch.from_numpy(np.flatnonzero(found >= 0) + first)
    word_table(model)[rows] = torch.from_numpy(featurizer.vectors.rows(found[found >= 0]))


def word_table(model: Model) -> torch.Tensor:
    """Give the rows of words, to be written to."""
    return model.get_parameter("embedder.word_parts.words.table.weight").data
