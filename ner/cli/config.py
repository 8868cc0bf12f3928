"""`ner config`."""

from pathlib import Path
from typing import Annotated

import typer

from ner.cli.commands import Commands
from ner.cli.options import Json
from ner.cli.printing import print_json, print_lines, print_output
from ner.extras import require
from ner.recipes import describe_recipe, recipe_names

config_app = Commands(
    name="config",
    help="Show and explain configurations and settings.",
    no_args_is_help=True,
    add_completion=False,
)


@config_app.command("list")
def list_(as_json: Json = False) -> None:
    """List the configurations that come with the package, and what each is for."""
    found = {name: describe_recipe(name) for name in recipe_names()}
    if as_json:
        print_json(found)
        return
    width = max(map(len, found), default=0)
    print_lines(f"{name:{width}}  {about}" for name, about in found.items())


@config_app.command()
def schema() -> None:
    """Print the JSON schema of configurations, for editors of TOML files."""
    require("pydantic", "A configuration")
    from ner.config.loading import json_schema

    print_json(json_schema())


@config_app.command()
def show(
    config: Annotated[
        Path | None,
        typer.Argument(
            metavar="CONFIG",
            autocompletion=recipe_names,
            help="TOML file with some settings, or the name of a configuration of ner config "
            "list. By default, all have their default values.",
        ),
    ] = None,
) -> None:
    """Print all settings as a TOML file that explains each of them."""
    require("pydantic", "A configuration")
    from ner.config.loading import Config, load_config, to_toml

    settings = (load_config(config) if config else Config()).resolved()
    print_output(to_toml(settings, explain=True).splitlines())
