"""Options that several commands share."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ner.errors import ConfigError, DataError

Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]

Columns = Annotated[
    str | None,
    typer.Option(
        help="Names of a CoNLL file's columns, such as 'token pos - ner'; - leaves one out. "
        "By default the first is token and the last is ner."
    ),
]

Threads = Annotated[
    int | None, typer.Option(min=1, help="How many the network may use; by default all cores.")
]

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class Runtime(StrEnum):
    """What runs the network."""

    AUTO = "auto"
    ONNX = "onnx"
    TORCH = "torch"


class Precision(StrEnum):
    """Of the network's numbers."""

    FP32 = "fp32"
    INT8 = "int8"


RuntimeOption = Annotated[
    Runtime,
    typer.Option(
        "--runtime", help="auto: ONNX Runtime where the model has its files and runs on the CPU."
    ),
]

PrecisionOption = Annotated[
    Precision, typer.Option("--precision", help="int8 is faster, and changes a tag now and then.")
]


class Task(StrEnum):
    """What a model learns."""

    NER = "ner"
    TAG = "tag"
    CLASSIFY = "classify"


class TagScheme(StrEnum):
    """How the tags of a file with predictions are scored."""

    BIO = "BIO"
    BIOES = "BIOES"
    IOB1 = "IOB1"


class WrittenScheme(StrEnum):
    """How tags are spelt in a file."""

    IOB1 = "IOB1"
    BIO = "BIO"
    IOB2 = "IOB2"
    BIOES = "BIOES"
    BILOU = "BILOU"
    BMES = "BMES"


class OnError(StrEnum):
    """What to do with a sentence that cannot be read."""

    RAISE = "raise"
    SKIP = "skip"


OnErrorOption = Annotated[
    OnError, typer.Option(help="Stop at a sentence that cannot be read, or skip and list it.")
]


class MisalignedSpans(StrEnum):
    """What to do with spans that do not start and end at token borders."""

    REFUSE = "refuse"
    SNAP = "snap"
    DROP = "drop"


class OverlappingSpans(StrEnum):
    """What to do with spans that overlap, nest or have gaps."""

    REFUSE = "refuse"
    DROP = "drop"


FormatOption = Annotated[
    str | None,
    typer.Option("--format", help="Of the input; by default it is detected, and printed."),
]

Encoding = Annotated[str, typer.Option(help="Of the input, such as latin-1.")]

MisalignedOption = Annotated[
    MisalignedSpans,
    typer.Option(
        help="Spans that do not meet token borders: refuse them, snap them outwards, or drop them."
    ),
]

OverlappingOption = Annotated[
    OverlappingSpans,
    typer.Option(
        help="Spans that overlap, nest or have gaps: refuse them, or drop all but the longest."
    ),
]

Tags = Annotated[
    str | None, typer.Option(help="Column, or key in CoNLL-U, of entity tags; usually ner.")
]

TargetColumn = Annotated[
    str | None, typer.Option(help="A column of labels without prefixes, such as upos.")
]

Pretokenized = Annotated[
    bool, typer.Option("--pretokenized", help="Tokens of texts stand between blanks.")
]

BatchTokens = Annotated[
    int | None, typer.Option(min=1, help="Tokens of a batch, padding included.")
]


def split_columns(columns: str | None) -> tuple[str, ...] | None:
    """Read the names of columns."""
    return tuple(columns.replace(",", " ").split()) if columns else None


def refuse_own_input(source: str, out: str) -> None:
    """Refuse to write over the file that is read.

    Raises:
        ConfigError: The output is the input.
    """
    with suppress(OSError, ValueError):  # one of them is no file
        if Path(source).is_file() and Path(source).samefile(out):
            raise ConfigError(f"OUT: another file than the one that is read. Got {out!r}.")


def list_skipped(problems: Sequence[DataError] | None) -> None:
    """Say on stderr what `--on-error skip` left out."""
    for problem in problems or ():
        typer.echo(f"skipped: {problem}", err=True)
    if problems:
        typer.echo(f"{len(problems)} skipped.", err=True)


def list_lost(lost: Mapping[str, int], format_: str) -> None:
    """Say on stderr how many sentences lost what in writing a format."""
    for kind, count in lost.items():
        if count:
            typer.echo(f"lost: {kind} ({count}), which {format_} cannot hold.", err=True)
