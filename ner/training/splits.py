"""The splits of a run: which sentences there are, and what reading them found."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from ner.config import DataConfig
from ner.config.loading import Config
from ner.data.agreement import SAMPLE
from ner.data.formats.detection import detect_format
from ner.data.formats.options import ReadKeywords, ReadOptions
from ner.data.formats.read import CorpusSource, file_digest, source_name, stream_sentences
from ner.data.overlap import SharedSentences, shared_warning
from ner.data.sentence import Sentence
from ner.data.spans import Notes
from ner.data.tokenizer import DEFAULT, Tokenizer
from ner.display import shared_name
from ner.errors import ConfigError, DataError
from ner.features.arrays import Floats
from ner.features.counts import CorpusCounts, count_corpus
from ner.inference.evaluate import unknown_labels_warning
from ner.messages import Notify, ignore
from ner.tasks import Task, make_task
from ner.training.choose_tokenizer import AUTO, choose_tokenizer
from ner.training.sentence_weights import SentenceWeights
from ner.training.storage import TrainingStorage, find_storage

# Takes a line for the user.
SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class Corpus:
    """The sentences of all splits, and where they came from.

    Args:
        train: The training sentences. Each iteration reads them anew if they are kept on the disk.
        dev: The development sentences, in memory.
        test: The test sentences, in memory.
        counts: Counts of the training split.
        tokenizer: Cuts raw text as the training sentences are cut, as well as it can.
        agreement: How well it does that, see `ner.data.agreement`.
        record: Source, digest and sizes of each split, for the model folder.
        storage: Where the encoded training sentences go; None keeps them in memory.
        weights: Factor on the loss of each training sentence (N); None where all are 1.
        raw: Sentences of raw text, which only a teacher annotates.
    """

    train: Iterable[Sentence]
    dev: Sequence[Sentence]
    test: Sequence[Sentence]
    counts: CorpusCounts
    tokenizer: Tokenizer = field(default_factory=Tokenizer)
    agreement: float = 1.0
    record: Mapping[str, Any] = field(default_factory=dict)
    storage: TrainingStorage | None = None
    weights: Floats | None = None
    raw: Sequence[Sentence] = ()

    def places(self, indices: Collection[int]) -> list[str]:
        """Name the places, such as file and line, where some training sentences were read."""
        return [
            str(sentence.source or f"sentence {i + 1}")
            for i, sentence in enumerate(chain(self.train, self.raw))
            if i in indices
        ]


def read_corpus(
    config: Config,
    sources: Mapping[str, CorpusSource],
    notify: Notify,
    *,
    tokenizer: Tokenizer | None = None,
    folder: Path | None = None,
    init: str | None = None,
    weights: SentenceWeights | None = None,
    writes: bool = True,
) -> Corpus:
    """Read all splits. Without a development split, hold out a tenth of the training sentences.

    Args:
        config: Says where the splits are, how they are read, and what is counted.
        sources: Data in memory by split, which win over the files that `config` names.
        notify: Called with a line for everything that a user should know.
        tokenizer: Splits texts that are not tokenized; None means the one of the settings.
        folder: The folder of the run; None keeps the training sentences in memory.
        init: Digest of the model that trains further, if there is one.
        weights: The weight of each training sentence, also of those that are held out.
        writes: Whether the sentences are encoded into that folder; if not, another process has done
            so.

    Raises:
        ConfigError: There is no training split, or it cannot be kept where `data.storage` says.
        DataError: A split cannot be read or used, or the weights are those of other sentences.
        TrainingError: No other process has encoded the sentences.
    """
    task = make_task(config.model_dump())
    sources = find_sources(config.data, sources)
    storage = find_storage(config, sources, folder, init, writes=writes) if folder else None
    rules = config.data.tokenizer
    usual = tokenizer or Tokenizer(DEFAULT if rules == AUTO else rules)
    readers = {
        split: SplitReader(split, source, config.data, task, usual, notify)
        for split, source in sources.items()
    }
    train: Iterable[Sentence] = readers["train"] if storage else list(readers["train"])
    stored = storage.corpus if storage else None
    if stored is not None:
        readers["train"].record = stored.facts
    unheard = SplitReader("train", sources["train"], config.data, task, usual, ignore)
    sample = list(islice(unheard if storage else train, SAMPLE))
    chosen, agreed = choose_tokenizer(rules, sample, notify, tokenizer)
    for reader in readers.values():
        reader.tokenizer = chosen
    splits = {split: list(reader) for split, reader in readers.items() if split != "train"}
    factors = None
    if weights is not None:
        weights.check(train)
        factors = weights.array()
    held_out: dict[str, Any] = {}
    if "dev" not in splits:
        assert isinstance(train, list)
        held = held_out_indices(len(train), config.seed)
        splits["dev"] = [train[i] for i in held]
        train = without(train, held)
        factors = None if factors is None else np.delete(factors, held)
        held_out["dev"] = {"source": "a tenth of train", "sentences": len(splits["dev"])}
        notify(f"No development data: {len(splits['dev'])} sentences of training are held out.")
    if stored is None:
        shared = SharedSentences({s: splits[s] for s in splits if s not in held_out})
        counts = count_training(config, task, shared.watch(train))
        readers["train"].record["sample"] = shared.sample.to_text()
        warn_of_shared(shared.shares(), readers, notify)
    else:
        counts = stored.counts()
    record = {split: reader.record for split, reader in readers.items()} | held_out
    return Corpus(
        train,
        splits["dev"],
        splits.get("test", ()),
        counts,
        chosen,
        agreed,
        record,
        storage,
        factors,
    )


def warn_of_shared(
    shares: Mapping[str, float], readers: Mapping[str, "SplitReader"], notify: Notify
) -> None:
    """Say which splits are the training data, or have many of its sentences.

    Args:
        shares: Which share of each split's sentences the training split has.
        readers: The readers of all splits, which have read them.
        notify: Called with a line for each of these splits.
    """
    digest = readers["train"].record["sha256"]
    for split, reader in readers.items():
        if split == "train":
            continue
        is_same = digest is not None and reader.record["sha256"] == digest
        if warning := shared_warning(1.0 if is_same else shares.get(split)):
            notify(f"Warning: {split} ({source_name(reader.source)}): {warning}")


def warn_of_labels(corpus: Corpus, task: Task, start: Task | None, notify: Notify) -> None:
    """Say which labels of other splits training lacks, and which of an older model it lacks.

    Args:
        corpus: All splits.
        task: Has the labels of the training split, and those of the model that trains on.
        start: The task of the model that trains on, if there is one.
        notify: Called with a line for each of these facts that holds.
    """
    for split, gold in (("dev", corpus.dev), ("test", corpus.test)):
        if warning := unknown_labels_warning(task, gold):
            notify(f"Warning: {split}: {warning}")
    if start is not None:
        found = task.count_labels(corpus.counts.examples)
        if lost := [label for label in start.labels if label not in found]:
            notify(
                f"Warning: train: has none of the labels {', '.join(lost)}, which the model knows "
                "so far. It will forget them, unless some of its old training data are added."
            )


def find_sources(data: DataConfig, sources: Mapping[str, CorpusSource]) -> dict[str, CorpusSource]:
    """Find the source of each split that there is.

    Args:
        data: Names files and data sets.
        sources: Data in memory by split, which win.

    Raises:
        ConfigError: There is no training split.
    """
    named = {split: name for split in SPLITS if (name := getattr(data, split)) != ""}
    found = {**named, **sources}
    if "train" not in found:
        raise ConfigError("data.train: a file, a folder, hub:NAME or sample:train. Got none.")
    return {split: found[split] for split in SPLITS if split in found}


def held_out_indices(count: int, seed: int) -> list[int]:
    """Draw a tenth of the indices below `count`, at least one; ascending.

    Raises:
        DataError: Nothing would be left.
    """
    if count < 2:
        raise DataError("train: at least two sentences, where there is no dev. Got one.")
    return sorted(np.random.default_rng(seed).permutation(count)[: max(1, count // 10)].tolist())


def without(sentences: Sequence[Sentence], indices: Collection[int]) -> list[Sentence]:
    """Return the sentences that are not at some indices."""
    left_out = frozenset(indices)
    return [sentence for i, sentence in enumerate(sentences) if i not in left_out]


def count_training(config: Config, task: Task, train: Iterable[Sentence]) -> CorpusCounts:
    """Count everything in the training split that the model is to read or to learn."""
    return count_corpus(
        train,
        columns=(*config.inputs.columns, *config.auxiliary.columns),
        pairs=config.bigrams.size > 0,
        lowercase=config.words.lowercase,
        target=task.column,
    )


def training_reader(
    config: Config, sources: Mapping[str, CorpusSource], notify: Notify
) -> "SplitReader":
    """Return what reads the training split alone.

    Args:
        config: Says where it is, and how it is read.
        sources: The split in memory as `train`, if it is there; it wins.
        notify: Called with a line for everything that a user should know.

    Raises:
        ConfigError: There is no training split.
    """
    source, rules = find_sources(config.data, sources)["train"], config.data.tokenizer
    tokenizer = Tokenizer(DEFAULT if rules == AUTO else rules)
    return SplitReader(
        "train", source, config.data, make_task(config.model_dump()), tokenizer, notify
    )


class SplitReader:
    """The sentences of a split that have tokens; each iteration reads them anew.

    Args:
        split: Its name.
        source: Where it is.
        data: How it is read.
        task: Refuses sentences that it cannot use.
        tokenizer: Splits texts that are not tokenized.
        notify: Called with a line for everything that a user should know, in the first reading.
    """

    def __init__(
        self,
        split: str,
        source: CorpusSource,
        data: DataConfig,
        task: Task,
        tokenizer: Tokenizer,
        notify: Notify,
    ) -> None:
        self.split = split
        self.source = source
        self.data = data
        self.task = task
        self.tokenizer = tokenizer
        self.notify = notify
        self.record: dict[str, Any] = {}
        """What the first complete reading found, for the model folder."""

    def __iter__(self) -> Iterator[Sentence]:
        """Read the sentences.

        Raises:
            DataError: There are none, or one cannot be read or used.
        """
        notify = ignore if self.record else self.notify
        tally = _Tally(self.tokenizer, notify, [] if self.data.on_error == "skip" else None)
        # Data in memory may be there only once.
        kept: list[Sentence] = []
        options = self.options.updated(
            tokenize=tally.tokenize, problems=tally.problems, notes=tally.notes
        )
        for sentence in stream_sentences(self.source, options):
            tally.report()
            if sentence.tokens:
                self.task.check(sentence, self.split)
                tally.add(sentence)
                if not isinstance(self.source, str | Path):
                    kept.append(sentence)
                yield sentence
        tally.report()
        totals = tally.totals
        if not totals["sentences"]:
            skipped = f" {totals['skipped']} could not be read." if totals["skipped"] else ""
            raise DataError(
                f"{source_name(self.source)}: no sentences.{skipped} At least one is needed."
            )
        if totals["skipped"]:
            notify(f"{totals['skipped']} skipped in {self.split} data.")
        self._finish(totals, notify, kept)

    @property
    def options(self) -> ReadOptions:
        """How the source is read."""
        named: Any = {name: v for name, v in self.data if name in ReadKeywords.__annotations__}
        return ReadOptions(**named).updated(
            format=self._format(),
            columns=self.data.columns or None,
            split=self.split,
            target=self.task.column,
        )

    def _format(self) -> str | None:
        """Name the format of a file; None where the source is none."""
        if self.data.format or not isinstance(self.source, str | Path):
            return self.data.format
        is_labelled = not self.task.is_per_token
        return detect_format(self.source, self.data.encoding, is_labelled=is_labelled).name

    def _finish(self, totals: Mapping[str, int], notify: Notify, kept: Sequence[Sentence]) -> None:
        """Say how the source was read, and keep a record."""
        source = self.source
        if isinstance(source, str) and not (self.data.format or source.startswith("sample:")):
            notify(f"{source}: read as {self._format()}.")
        if not self.record:
            self.record = {
                "source": shared_name(source_name(source)),
                "sha256": file_digest(source if isinstance(source, str | Path) else kept),
                "reading": self.options.to_dict(),
                **totals,
            }


class _Tally:
    """Counts what one reading finds, and passes on what it changes and skips.

    Args:
        tokenizer: Splits texts that are not tokenized.
        notify: Called with a line for each change and each problem.
        problems: Gets the errors of sentences that are skipped; None skips none.
    """

    def __init__(
        self, tokenizer: Tokenizer, notify: Notify, problems: list[DataError] | None
    ) -> None:
        self.tokenizer = tokenizer
        self.notify = notify
        self.problems = problems
        self.notes = Notes()
        self.guessed = 0
        self.totals: dict[str, int] = dict.fromkeys(
            ("sentences", "tokens", "entities", "skipped", "changed", "texts_cut_into_tokens"), 0
        )

    def tokenize(self, text: str) -> tuple[list[str], Sequence[tuple[int, int]]]:
        self.totals["texts_cut_into_tokens"] += 1
        return self.tokenizer(text)

    def add(self, sentence: Sentence) -> None:
        self.totals["sentences"] += 1
        self.totals["tokens"] += len(sentence)
        self.totals["entities"] += len(sentence.spans or ())

    def report(self) -> None:
        """Pass on what was noted, and forget it: a long corpus has many notes."""
        for warning in self.notes.warnings:
            self.notify(f"Warning: {warning}")
        self.notes.warnings.clear()
        for guess in self.notes.guesses[self.guessed :]:
            self.notify(f"guessed: {guess}")
        self.guessed = len(self.notes.guesses)
        for change in self.notes.changes:
            self.notify(f"changed: {change}")
        self.totals["changed"] += len(self.notes.changes)
        self.notes.changes.clear()
        for problem in self.problems or ():
            self.notify(f"skipped: {problem}")
        if self.problems:
            self.totals["skipped"] += len(self.problems)
            self.problems.clear()
