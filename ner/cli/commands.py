"""Commands that refuse an option given twice, of whose values one would be lost."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand

from ner.errors import ConfigError


class Command(TyperCommand):
    """A command each of whose options may be given once, unless it takes several values."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line, as the base class does.

        Raises:
            ConfigError: An option that takes one value is given several times.
        """
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        given: Counter[Any] = Counter(order)
        for parameter, count in given.items():
            takes_one = parameter.param_type_name == "option" and not (
                parameter.multiple or parameter.is_flag or parameter.count
            )
            if takes_one and count > 1:
                raise ConfigError(
                    f"{ctx.command_path}: {parameter.opts[0]} must be given only once. Got {count} "
                    "values, of which all but the last would be lost."
                )
        return super().parse_args(ctx, args)


class Commands(typer.Typer):
    """A group of such commands."""

    def command(self, name: str | None = None, **options: Any) -> Callable[[Any], Any]:
        """Return what adds a function as a command; the arguments are those of typer."""
        return super().command(name, cls=Command, **options)
