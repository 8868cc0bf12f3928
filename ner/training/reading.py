"""Read a split as a configuration says, and tell the user what was changed or left out."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ner.config import Config
from ner.data.corpus import CorpusSource, file_digest, source_name, stream_sentences
from ner.data.detection import detect_format
from ner.data.sentence import Sentence
from ner.data.spans import Notes
from ner.data.tokenizer import Tokenizer
from ner.errors import ConfigError, DataError
from ner.sections import Data
from ner.targets import ClassTarget, ColumnTarget, SpanTarget, Target

Notify = Callable[[str], None]


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


class SplitReader:
    """The sentences of a split; each iteration reads them anew.

    Args:
        split: Its name.
        source: Where it is.
        data: How it is read.
        target: Refuses sentences that it cannot use.
        tokenizer: For data that are not cut into tokens.
        notify: Gets a line for everything that a user should know, in the first reading.
    """

    def __init__(
        self,
        split: str,
        source: CorpusSource,
        data: Data,
        target: Target,
        tokenizer: Tokenizer,
        notify: Notify,
    ) -> None:
        self.split = split
        self.source = source
        self.data = data
        self.target = target
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

        for sentence in stream_sentences(
            self.source,
            format=self._format(),
            encoding=data.encoding,
            misaligned=data.misaligned,
            overlapping=data.overlapping,
            split=self.split,
            columns=data.columns or None,
            tags=data.tags,
            target=self.target.column if isinstance(self.target, ColumnTarget) else None,
            tokenize=tokenize,
            hub_tokens=data.hub_tokens,
            hub_tags=data.hub_tags,
            problems=problems,
            notes=notes,
        ):
            if notes.changes or problems:
                report()
            if sentence.tokens:
                self.target.check(sentence, self.split)
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
        is_labelled = isinstance(self.target, ClassTarget)
        return detect_format(self.source, self.data.encoding, is_labelled=is_labelled).name


def _silent(line: str) -> None:
    """Say nothing: the first reading has said it."""
