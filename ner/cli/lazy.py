"""A group whose commands are imported and built only when somebody asks for them."""

import importlib
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup

from ner.cli.commands import Commands


class LazyGroup(TyperGroup):
    """A group of commands that starts as fast as the one command that is called."""

    # Where each command is, such as "ner.cli.train:train": a function, or a group of commands.
    homes: ClassVar[Mapping[str, str]] = {}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands: Any = _Found(self.homes)

    def list_commands(self, ctx: Any) -> list[str]:
        """List the names of the commands, without making them."""
        return list(self.homes)


class _Found(Mapping[str, Any]):
    """Commands by name, each of which is made when it is looked up."""

    def __init__(self, homes: Mapping[str, str]) -> None:
        self._homes = homes

    def __getitem__(self, name: str) -> Any:
        module, _, attribute = self._homes[name].partition(":")
        found = getattr(importlib.import_module(module), attribute)
        if not isinstance(found, typer.Typer):
            alone = Commands(add_completion=False)
            alone.command(name)(found)
            found = alone
        return typer.main.get_command(found)

    def __iter__(self) -> Iterator[str]:
        return iter(self._homes)

    def __len__(self) -> int:
        return len(self._homes)
