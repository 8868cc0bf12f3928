"""How a corpus is read for a model: as its training corpus was, unless options say otherwise."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, Unpack

from ner.data.formats.options import ReadKeywords, ReadOptions
from ner.data.formats.read import CorpusSource, read_sentences, source_name
from ner.data.sentence import Sentence
from ner.data.tokenizer import Tokenizer
from ner.messages import Notify, tell
from ner.tasks import Task


class Trained(Protocol):
    """What a loaded model and a model folder have in common."""

    @property
    def task(self) -> Task:
        """What the model predicts."""
        ...

    @property
    def tokenizer(self) -> Tokenizer:
        """Cuts raw text into tokens."""
        ...

    @property
    def record(self) -> Mapping[str, Any]:
        """What is known about the model."""
        ...


def options_for(
    model: Trained,
    source: CorpusSource,
    options: ReadOptions,
    *,
    split: str,
    notify: Notify = tell,
) -> ReadOptions:
    """Return how an annotated corpus is read for a model.

    Args:
        model: The model, which knows how its training corpus was read.
        source: The corpus.
        options: What it leaves open is as in training, if the corpus has the same format.
        split: The split of a data set of Hugging Face where the source does not name it.
        notify: Called with a line if something is taken from training. By default, it is logged.
    """
    task = model.task
    if isinstance(source, str | Path) and options.format is None:
        from ner.data.formats.detection import detect_format

        found = detect_format(source, options.encoding, is_labelled=not task.is_per_token)
        options = options.updated(format=found.name)
    options = options.filled(target=task.column, split=split, tokenize=model.tokenizer)
    taken = as_in_training(model.record, options)
    if taken:
        notify(f"{source_name(source)}: {in_words(taken)}")
    return options.updated(**taken)


def read_annotated(
    model: Trained,
    source: CorpusSource,
    options: ReadOptions | None = None,
    *,
    notify: Notify = tell,
    **changes: Unpack[ReadKeywords],
) -> list[Sentence]:
    """Read an annotated corpus for a model.

    Args:
        model: The model, which knows how its training corpus was read.
        source: The corpus.
        options: How it is read. What they leave open is as in training.
        notify: Called with a line for everything that a user should know. By default, it is logged.
        changes: Fields of `ReadOptions` by their names, in place of those in `options`.

    Raises:
        DataError: The corpus cannot be read, or a sentence is not annotated.
    """
    given = (options or ReadOptions()).updated(**changes)
    chosen = options_for(model, source, given, split="dev", notify=notify)
    sentences = read_sentences(source, chosen)
    for sentence in sentences:
        model.task.check(sentence, "dev")
    return sentences


def as_in_training(record: Mapping[str, Any], options: ReadOptions) -> ReadKeywords:
    """Return what options leave open, as it was for the training corpus.

    Args:
        record: What is known about a model.
        options: The options, with a format. If the training corpus had another one, it tells
            nothing.
    """
    usual = ReadOptions()
    taken: Any = {
        option: tuple(value) if isinstance(value, list) else value
        for option, value in training_options(record, options.format).items()
        if getattr(options, option) == getattr(usual, option)
    }
    return taken


def in_words(taken: ReadKeywords) -> str:
    """Say which options are those of training."""
    shown = (f"{n} {' '.join(v) if isinstance(v, tuple) else v}" for n, v in taken.items())
    return f"read as in training: {', '.join(shown)}."


def training_options(record: Mapping[str, Any], format_: str | None) -> dict[str, Any]:
    """Return the options that training read its corpus with; none if its format was another one.

    Args:
        record: What is known about a model.
        format_: The name of a format.
    """
    reading = dict(record.get("data", {}).get("train", {}).get("reading", {}))
    return reading if reading.pop("format", None) == format_ else {}
