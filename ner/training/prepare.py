"""Everything that training starts from: vocabularies, an untrained network, and batches."""

import difflib
import inspect
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ner.config import TransformerConfig
from ner.config.loading import Config
from ner.errors import ConfigError
from ner.features.augmentation import Augmentation
from ner.features.batches import TrainingBatches
from ner.features.counts import CorpusCounts
from ner.features.featurizer import Featurizer, build_featurizer, rare_forms
from ner.features.subwords import Subwords
from ner.features.vectors import Vectors, VectorStore, read_vectors
from ner.features.vocabulary import coverage, fallback_forms
from ner.messages import Notify
from ner.model_folder import ModelFolder
from ner.nn.building import Build, build_model, replace_components
from ner.nn.model import Model
from ner.nn.pretrained import Pretrained, read_pretrained_encoder
from ner.nn.runtime import take_weights
from ner.nn.transformer import fill_encoders, transformers_of
from ner.tasks import Task, make_task
from ner.training.auxiliary import AuxiliaryColumns
from ner.training.settings import network_settings
from ner.training.splits import Corpus
from ner.training.storage import encode_training
from ner.training.teacher_targets import TeacherTargets


@dataclass(frozen=True)
class WordVectors:
    """Pretrained vectors of words.

    Args:
        read: All that were read. Those of training words are where their training starts.
        store: Those of other words, which stay as they are.
    """

    read: Vectors
    store: VectorStore


@dataclass(frozen=True)
class Prepared:
    """What training starts from.

    Args:
        featurizer: Strings to arrays, with the vocabularies of the training data.
        task: What is predicted, with the labels of the training data.
        network: What the network was built from, see `ner.nn.building.build_model`.
        model: The untrained network.
        rare: Forms of words that training shows at times as if they were unknown.
        auxiliary: Columns that the network learns beside its task.
        build: The user's function that replaced components of the network.
    """

    featurizer: Featurizer
    task: Task
    network: dict[str, Any]
    model: Model
    rare: set[str]
    auxiliary: AuxiliaryColumns
    build: Build | None = None


def read_word_vectors(
    config: Config, corpus: Corpus, store_path: Path, notify: Notify, *, writes: bool = True
) -> WordVectors | None:
    """Read the pretrained vectors that a configuration names, if it names any.

    Args:
        config: Its sections `vectors` and `words` are read.
        corpus: The words of its training split get vectors that are trained.
        store_path: File for the vectors of other words.
        notify: Called with lines on how many words have vectors.
        writes: Whether to write that file; if not, another process has written it.

    Raises:
        ConfigError: The vectors have another width than `words.size`.
    """
    chosen = config.vectors
    if not chosen.path:
        return None
    lowercase = config.words.lowercase
    seen = {form for word in corpus.counts.words for form in fallback_forms(word, lowercase)}
    keep = None if chosen.keep == "all" else chosen.keep
    vectors = read_vectors(chosen.path, keep, always=seen)
    if vectors.matrix.shape[1] != config.words.size:
        raise ConfigError(
            f"words.size: the width of the vectors in {chosen.path}, which is "
            f"{vectors.matrix.shape[1]}. Got {config.words.size}."
        )
    # Training words have rows in the network, so the store leaves them out.
    other = [i for i, word in enumerate(vectors.words) if word not in seen]
    if writes:
        VectorStore.write(store_path, [vectors.words[i] for i in other], vectors.matrix[other])
    known = set(vectors.words)
    new_words = (t for s in corpus.dev for t in s.tokens if t not in corpus.counts.words)
    train = coverage(known, corpus.counts.words)
    notify(f"Vectors of training words: {train}")
    notify(f"Vectors of development words that training never saw: {coverage(known, new_words)}")
    notify(f"Vectors kept for new words: {len(other):,} of {config.words.size} dimensions")
    return WordVectors(vectors, VectorStore.open(store_path))


def prepare(
    config: Config,
    counts: CorpusCounts,
    vectors: WordVectors | None = None,
    start: ModelFolder | None = None,
    build: Build | None = None,
    *,
    weighted: bool = False,
) -> Prepared:
    """Build vocabularies and an untrained network.

    Args:
        config: All settings, resolved.
        counts: Counts of the training split, the only one that vocabularies come from.
        vectors: Pretrained vectors of words.
        start: A model to train further, whose network the configuration describes. Its
            vocabularies and labels are extended.
        build: A user's function that replaces components of the network, in which pretrained
            vectors and weights are already filled in. Its name becomes `build` in `network`.
        weighted: Whether training sentences have weights.

    Raises:
        ConfigError: A label that has a weight is not in the training data, the configuration names
            a pretrained encoder that cannot be used, or a user's network takes no weights or no
            auxiliary columns.
        ModelFolderError: The model to train further was built by a function, and there is none.
    """
    task = (start.task if start else make_task(config.model_dump())).extended(counts.examples)
    check_weights(config.head.weights, task.labels)
    network, encoder = network_settings(config), None
    if start is not None:
        featurizer = start.featurizer.extended(counts)
        for key in ("pretrained", "build"):
            if key in start.network:
                network[key] = start.network[key]
    else:
        encoder = read_encoder(config.transformer, has_vectors=vectors is not None)
        featurizer = make_featurizer(config, counts, vectors, encoder)
        if encoder is not None:
            network["pretrained"] = describe_encoder(encoder)
    if build is not None:
        network["build"] = getattr(build, "__name__", type(build).__name__)
    torch.manual_seed(config.seed)
    model = build_model(network, featurizer, task)
    rare = rare_forms(counts, featurizer.words.lowercase)
    if vectors is not None:
        rare -= fill_rows(model, featurizer, vectors.read)
    if encoder is not None:
        fill_encoders(model, encoder.module)
    if start is not None:
        fill_rows_from_store(model, featurizer, len(start.featurizer.words))
    model = replace_components(model, network, build, "init")
    if weighted:
        check_takes(model, "sentence_weights", "training.weights")
    if start is not None:
        take_weights(model, start)
    for transformer in transformers_of(model):
        transformer.keep_vectors(config.transformer.cache << 20)
    auxiliary = AuxiliaryColumns.build(config, counts)
    auxiliary.add_head(model)
    return Prepared(featurizer, task, network, model, rare, auxiliary, build)


def make_batches(
    config: Config,
    corpus: Corpus,
    prepared: Prepared,
    targets: TeacherTargets | None = None,
    part: int | None = None,
) -> TrainingBatches:
    """Encode the training sentences with their gold annotation, and cut them into batches.

    Args:
        config: All settings.
        corpus: The training sentences, and those of raw text.
        prepared: What training starts from.
        targets: What a teacher thinks of all these sentences, if there is one.
        part: See `TrainingBatches`.
    """
    weights = corpus.weights
    if weights is not None:
        weights = np.concatenate([weights, np.ones(len(corpus.raw), dtype=np.float32)])
    augmentation = Augmentation(**config.augmentation.model_dump())
    encoded = encode_training(
        chain(corpus.train, corpus.raw) if corpus.raw else corpus.train,
        corpus.counts,
        prepared.featurizer,
        prepared.task,
        prepared.rare,
        prepared.auxiliary,
        spellings=augmentation.spellings,
        storage=corpus.storage,
        record=corpus.record.get("train"),
    )
    return TrainingBatches(
        encoded,
        changes=augmentation.changes(encoded, prepared.task.outputs),
        seed=config.seed,
        batch_size=int(config.training.batch_size),
        batch_tokens=config.training.batch_tokens,
        replace=config.words.replace_singletons,
        weights=weights,
        more=targets,
        part=part,
    )


def check_takes(model: Model, argument: str, setting: str) -> None:
    """Refuse a head of a user whose loss does not take an argument that a setting needs.

    Raises:
        ConfigError: It does not.
    """
    if argument not in inspect.signature(model.head.loss).parameters:
        raise ConfigError(
            f"{setting}: needs a head whose loss takes {argument}. Got {type(model.head).__name__}."
        )


def check_weights(weights: Mapping[str, float], labels: Collection[str]) -> None:
    """Refuse weights of labels that the training data lack.

    Raises:
        ConfigError: There is such a label.
    """
    for label in weights:
        if label not in labels:
            folded = {known.casefold(): known for known in sorted(labels)}
            close = difflib.get_close_matches(label.casefold(), folded, n=1)
            hint = (
                f"Did you mean {folded[close[0]]!r}?"
                if close
                else f"Known: {', '.join(folded.values())}."
            )
            raise ConfigError(f"head.weights: labels of the training data. Got {label!r}. {hint}")


def read_encoder(transformer: TransformerConfig, *, has_vectors: bool) -> Pretrained | None:
    """Read the pretrained encoder that a configuration names, if it names one.

    Raises:
        ConfigError: It cannot be read, or is to be alone although there are vectors of words.
    """
    if not transformer.path:
        return None
    if transformer.alone and has_vectors:
        raise ConfigError(
            "transformer.alone: must be false where there are pretrained vectors. Got true."
        )
    return read_pretrained_encoder(transformer.path, transformer.revision)


def describe_encoder(encoder: Pretrained) -> dict[str, Any]:
    """Collect what a model says about the pretrained encoder in it."""
    facts = {"architecture": encoder.architecture, "digest": encoder.digest}
    return facts if encoder.licence is None else {**facts, "licence": encoder.licence}


def make_featurizer(
    config: Config,
    counts: CorpusCounts,
    vectors: WordVectors | None,
    encoder: Pretrained | None,
) -> Featurizer:
    """Collect the vocabularies of a training split, with all that the network is to read.

    Raises:
        ConfigError: The encoder takes no window of the configured size.
    """
    return build_featurizer(
        counts,
        lowercase=config.words.lowercase,
        characters=config.characters.kind != "none",
        shapes=config.shape.size > 0,
        affix_rows=int(config.affixes.rows),
        columns=config.inputs.columns,
        bigram_count=config.bigrams.min_count if config.bigrams.size else 0,
        vectors=None if vectors is None else vectors.store,
        subwords=None if encoder is None else make_subwords(config.transformer, encoder),
        language=config.pooling.language if config.pooling.hierarchical else None,
        hard_wrapped=config.pooling.hard_wrapped,
    )


def make_subwords(transformer: TransformerConfig, encoder: Pretrained) -> Subwords:
    """Make what turns sentences into the sub-words of an encoder.

    Raises:
        ConfigError: The encoder takes no window of the configured size.
    """
    return encoder.subwords(
        window=transformer.window,
        overlap=transformer.overlap,
        context=transformer.context,
        pooling=transformer.pooling,
    )


def fill_rows(model: Model, featurizer: Featurizer, vectors: Vectors) -> set[str]:
    """Start the rows of words with their pretrained vectors; return the words that have one."""
    at = {word: i for i, word in enumerate(vectors.words)}
    table = word_table(model)
    filled: set[str] = set()
    for word, row in featurizer.words.rows.items():
        form = next((f for f in fallback_forms(word) if f in at), None)
        if form is not None:
            table[row] = torch.from_numpy(vectors.matrix[at[form]])
            filled.add(word)
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
    """Return the rows of words, to be written to."""
    return model.get_parameter("embedder.word_parts.words.table.weight").data
