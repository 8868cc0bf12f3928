"""`ner config`."""

from pathlib import Path
from typing import Annotated

import typer

from ner.cli.commands import Commands
from ner.cli.printing import print_output
from ner.extras import require

config_app = Commands(help="Show and explain all settings.", no_args_is_help=True)


@config_app.command()
def show(
    config: Annotated[
        Path | None,
        typer.Argument(
            metavar="CONFIG",
            help="TOML file with some settings. By default, all have their default values.",
        ),
    ] = None,
) -> None:
    """Print all settings as a TOML file that explains each of them."""
    require("pydantic", "A configuration")
    from ner.config.loading import Config, load_config, to_toml

    settings = (load_config(config) if config else Config()).resolved()
    print_output(to_toml(settings, explain=True).splitlines())
