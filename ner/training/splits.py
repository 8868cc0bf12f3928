"""The splits of a run: which sentences there are, and where those of training are kept."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ner.config import DataConfig
from ner.config.loading import Config
from ner.data.formats.detection import detect_format
from ner.data.formats.options import ReadOptions
from ner.data.formats.read import CorpusSource, file_digest, source_name, stream_sentences
from ner.data.sentence import Sentence
from ner.data.spans import Notes
from ner.data.tokenizer import Tokenizer
from ner.errors import ConfigError, DataError
from ner.features.counts import CorpusCounts, count_corpus
from ner.tasks import Task, make_task
from ner.training.storage import TrainingStorage, goes_to_disk, storage_key

Notify = Callable[[str], None]


class SplitReader:
    """The sentences of a split; each iteration reads them anew.

    Args:
        split: Its name.
        source: Where it is.
        data: How it is read.
        task: Refuses sentences that it cannot use.
        tokenizer: For data that are not cut into tokens.
        notify: Gets a line for everything that a user should know, in the first reading.
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
        """What the first reading found, as a model folder tells it."""

    def __iter__(self) -> Iterator[Sentence]:
        """Read the sentences that have tokens.

        Raises:
            DataError: There are none, or one cannot be read or used.
        """
        data = self.data
        notify = _silent if self.record else self.notify
        problems: list[DataError] | None = [] if data.on_error == "skip" else None
        notes = Notes()
        totals = dict.fromkeys(
            ("sentences", "tokens", "entities", "skipped", "changed", "texts_cut_into_tokens"), 0
        )

        def tokenize(text: str) -> tuple[list[str], list[tuple[int, int]]]:
            totals["texts_cut_into_tokens"] += 1
            return self.tokenizer(text)

        def report() -> None:
            """Pass on what was noted, and forget it: a long corpus has many notes."""
            for change in notes.changes:
                notify(f"changed: {change}")
            for problem in problems or ():
                notify(f"skipped: {problem}")
            totals["changed"] += len(notes.changes)
            totals["skipped"] += len(problems or ())
            notes.changes.clear()
            if problems:
                problems.clear()

        options = ReadOptions(
            format=self._format(),
            encoding=data.encoding,
            misaligned=data.misaligned,
            overlapping=data.overlapping,
            split=self.split,
            columns=data.columns or None,
            tags=data.tags,
            target=self.task.column,
            tokenize=tokenize,
            hub_tokens=data.hub_tokens,
            hub_tags=data.hub_tags,
            problems=problems,
            notes=notes,
        )
        for sentence in stream_sentences(self.source, options):
            if notes.changes or problems:
                report()
            if sentence.tokens:
                self.task.check(sentence, self.split)
                totals["sentences"] += 1
                totals["tokens"] += len(sentence)
                totals["entities"] += len(sentence.spans or ())
                yield sentence
        report()
        skipped = totals["skipped"]
        if not totals["sentences"]:
            left = f" {skipped} could not be read." if skipped else ""
            raise DataError(
                f"{source_name(self.source)}: no sentences.{left} At least one is needed."
            )
        if skipped:
            notify(f"{skipped} skipped in {self.split} data.")
        source = self.source
        is_named = isinstance(source, str | Path)
        if isinstance(source, str) and not (data.format or source.startswith("sample:")):
            notify(f"{source}: read as {self._format()}.")
        if not self.record:
            self.record = {
                "source": str(source) if is_named else "sentences",
                "sha256": file_digest(source),
                **totals,
            }

    def _format(self) -> str | None:
        """Name the format of a file; None where the source is none."""
        if self.data.format or not isinstance(self.source, str | Path):
            return self.data.format
        is_labelled = not self.task.is_per_token
        return detect_format(self.source, self.data.encoding, is_labelled=is_labelled).name


def _silent(line: str) -> None:
    """Say nothing: the first reading has said it."""


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
    task = make_task(config.model_dump())
    given = {s: sources.get(s, getattr(config.data, s)) for s in ("train", "dev", "test")}
    if given["train"] == "":
        raise ConfigError("data.train: a file, a folder, hub:NAME or sample:train. Got none.")
    readers = {
        split: SplitReader(split, source, config.data, task, tokenizer, notify)
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
            target=task.column,
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
