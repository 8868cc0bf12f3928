"""Options of the commands that train."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ner.errors import ConfigError

RunOut = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="FOLDER", help="Folder of the run. By default, a new one in runs."
    ),
]

Resume = Annotated[
    bool, typer.Option("--resume", help="Continue from the last checkpoint in --out.")
]

Init = Annotated[
    str | None,
    typer.Option(metavar="MODEL", help="Model to start from, for training on new data."),
]

Dev = Annotated[
    str | None,
    typer.Option(
        help="Development corpus, on which all models are scored. By default, a tenth of the "
        "training sentences is held out."
    ),
]


def read_changes(
    command: str, changes: Sequence[str] | None, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the settings that `--set` and other options change.

    Args:
        command: The name of the command, for messages.
        changes: What `--set` says.
        options: The values of other options by the settings that they stand for; None for those
            that are not given.

    Raises:
        ConfigError: A setting is given twice, or is none.
    """
    from ner.config.loading import parse_setting

    found: dict[str, Any] = {}
    given = (item for item in options.items() if item[1] is not None)
    for name, value in (*map(parse_setting, changes or ()), *given):
        if name in found:
            raise ConfigError(
                f"ner {command}: {name} must be given only once. Got {found[name]!r} and {value!r}."
            )
        found[name] = value
    return found
