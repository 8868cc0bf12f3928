"""From settings to what is trained: corpora, vocabularies, an untrained network."""

import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ner.config import Config
from ner.data.corpus import CorpusSource, file_digest, read_sentences
from ner.data.detection import detect_format
from ner.data.sentence import Sentence
from ner.data.spans import Notes
from ner.data.tokenizer import Tokenizer
from ner.errors import ConfigError, DataError
from ner.features.augmentation import Augmentation
from ner.features.batches import EncodedSentences, TrainingBatches
from ner.features.coverage import coverage
from ner.features.featurizer import Featurizer, build_featurizer, rare_forms
from ner.features.vectors import Vectors, VectorStore, read_vectors
from ner.features.vocabulary import fallback_forms
from ner.model_folder import ModelFolder
from ner.nn.loading import take_weights
from ner.nn.model import Model, build_model
from ner.targets import ClassTarget, ColumnTarget, SpanTarget, Target

Notify = Callable[[str], None]
# Sections of a configuration that the network is built from.
NETWORK = (
    "words",
    "characters",
    "shape",
    "affixes",
    "bigrams",
    "inputs",
    "embedder",
    "encoder",
    "pooling",
    "head",
)


@dataclass(frozen=True)
class Corpus:
    """The sentences of all splits, and what is known about where they came from."""

    train: Sequence[Sentence]
    dev: Sequence[Sentence]
    test: Sequence[Sentence]
    record: Mapping[str, Any] = field(default_factory=dict)


def read_corpus(
    config: Config, sources: Mapping[str, CorpusSource], tokenizer: Tokenizer, notify: Notify
) -> Corpus:
    """Read the splits that a run uses; without a development split, hold out a tenth of training.

    Args:
        config: Says how files are read, and where they are if `sources` do not.
        sources: For `train`, `dev` and `test`.
        tokenizer: For data that are not cut into tokens.
        notify: Gets a line for everything that a user should know.
    """
    target = blank_target(config)
    splits: dict[str, list[Sentence]] = {}
    record: dict[str, Any] = {}
    for split in ("train", "dev", "test"):
        source = sources.get(split, getattr(config.data, split))
        if source == "":
            continue
        problems: list[DataError] | None = [] if config.data.on_error == "skip" else None
        notes = Notes()
        cut: list[int] = []

        def tokenize(text: str, cut: list[int] = cut) -> tuple[list[str], list[tuple[int, int]]]:
            cut.append(len(text))
            return tokenizer(text)

        settings = config.data
        sentences = read_sentences(
            source,
            format=settings.format,
            encoding=settings.encoding,
            misaligned=settings.misaligned,
            overlapping=settings.overlapping,
            split=split,
            columns=settings.columns or None,
            tags=settings.tags,
            target=target.column if isinstance(target, ColumnTarget) else None,
            tokenize=tokenize,
            hub_tokens=settings.hub_tokens,
            hub_tags=settings.hub_tags,
            problems=problems,
            notes=notes,
        )
        for change in notes.changes:
            notify(f"changed: {change}")
        for problem in problems or ():
            notify(f"skipped: {problem}")
        if problems:
            notify(f"{len(problems)} skipped in {split} data.")
        splits[split] = [s for s in sentences if len(s)]
        for s in splits[split]:
            target.check(s, split)
        if isinstance(source, str) and not (settings.format or source.startswith("sample:")):
            notify(f"{source}: read as {detect_format(source, settings.encoding).name}.")
        record[split] = {
            "source": str(source) if isinstance(source, str | Path) else "sentences",
            "sha256": file_digest(source),
            "sentences": len(splits[split]),
            "tokens": sum(map(len, splits[split])),
            "entities": sum(len(s.spans or ()) for s in splits[split]),
            "skipped": len(problems or ()),
            "changed": len(notes.changes),
            "texts_cut_into_tokens": len(cut),
        }
    if "train" not in splits:
        raise ConfigError("data.train: a file, a folder, hub:NAME or sample:train. Got none.")
    if "dev" not in splits:
        splits["train"], splits["dev"] = hold_out(splits["train"], config.seed)
        record["dev"] = {"source": "a tenth of train", "sentences": len(splits["dev"])}
        notify(f"No development data: {len(splits['dev'])} sentences of training are held out.")
    return Corpus(splits["train"], splits["dev"], splits.get("test", ()), record)


def blank_target(config: Config) -> Target:
    """Give what a configuration asks a model to predict, without any label yet.

    Raises:
        ConfigError: The task needs a column, and none is named.
    """
    match config.task:
        case "ner":
            return SpanTarget(("O",), config.head.scheme)
        case "tag":
            if not config.data.target:
                raise ConfigError(
                    "data.target: the column that the task 'tag' learns, such as upos. Got none."
                )
            return ColumnTarget(config.data.target, ())
        case "classify":
            return ClassTarget((), config.head.multi_label)


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


def read_pretrained(
    config: Config, corpus: Corpus, store_path: Path, notify: Notify
) -> tuple[Vectors | None, VectorStore | None]:
    """Read pretrained vectors: those of training words, to be trained, and a store of others."""
    if not config.vectors.path:
        return None, None
    lowercase = config.words.lowercase
    seen = {form for s in corpus.train for t in s.tokens for form in fallback_forms(t, lowercase)}
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
    train_words = {token for s in corpus.train for token in s.tokens}
    new_words = (t for s in corpus.dev for t in s.tokens if t not in train_words)
    train = coverage(known, (t for s in corpus.train for t in s.tokens))
    notify(f"Vectors of training words: {train}")
    notify(f"Vectors of development words that training never saw: {coverage(known, new_words)}")
    notify(f"Vectors kept for new words: {len(other):,} of {config.words.size} dimensions")
    return vectors, VectorStore.open(store_path)


@dataclass(frozen=True)
class Prepared:
    """Everything that training starts from."""

    featurizer: Featurizer
    target: Target
    network: dict[str, Any]
    model: Model
    rare: set[str]

    def batches(self, sentences: Sequence[Sentence], config: Config) -> TrainingBatches:
        """Encode sentences with their gold annotation for training."""
        augmentation = Augmentation(**config.augmentation.model_dump())
        gold = self.target.gold(sentences)
        encoded = EncodedSentences(
            sentences,
            self.featurizer,
            gold if self.target.is_per_token else None,
            self.rare,
            sentence_targets=None if self.target.is_per_token else gold,
            spellings=augmentation.spellings,
        )
        return TrainingBatches(
            encoded,
            changes=augmentation.changes(encoded, self.target.outputs),
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
    Augmentation(**config.augmentation.model_dump()).check(config.task)
    target = (blank_target(config) if start is None else start.target).extended(corpus.train)
    check_weights(config, target.labels)
    if start is None:
        featurizer = build_featurizer(
            corpus.train,
            lowercase=config.words.lowercase,
            characters=config.characters.kind != "none",
            shapes=config.shape.size > 0,
            affix_rows=int(config.affixes.rows),
            columns=config.inputs.columns,
            bigram_count=config.bigrams.min_count if config.bigrams.size else 0,
            vectors=store,
            language=language_of_parts(config),
        )
    else:
        featurizer = start.featurizer.extended(corpus.train)
    settings = config.model_dump(mode="json")
    network = {name: settings[name] for name in NETWORK}
    torch.manual_seed(config.seed)
    model = build_model(network, featurizer, target)
    if start is not None:
        take_weights(model, start)
        fill_rows_from_store(model, featurizer, len(start.featurizer.words))
    rare = rare_forms(corpus.train, featurizer.words.lowercase)
    if vectors is not None:
        rare -= fill_rows(model, featurizer, vectors)
    return Prepared(featurizer, target, network, model, rare)


def language_of_parts(config: Config) -> str | None:
    """Give the language whose sentences a classifier pools; None where it pools texts whole."""
    is_used = config.task == "classify" and config.pooling.hierarchical
    return config.pooling.language if is_used else None


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
