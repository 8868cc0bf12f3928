"""Options that several commands share."""

from enum import StrEnum
from typing import Annotated

import typer

Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Columns = Annotated[
    str | None,
    typer.Option(
        help="Names of a CoNLL file's columns, such as 'token pos - ner'; - leaves one out. "
        "By default the first is token and the last is ner."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class OnError(StrEnum):
    """What to do with a sentence that cannot be read."""

    RAISE = "raise"
    SKIP = "skip"


OnErrorOption = Annotated[
    OnError, typer.Option(help="Stop at a sentence that cannot be read, or skip and list it.")
]


def split_columns(columns: str | None) -> tuple[str, ...] | None:
    """Read the names of columns."""
    return tuple(columns.replace(",", " ").split()) if columns else None
