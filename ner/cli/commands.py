"""Commands that refuse an option given twice, of whose values one would be lost."""

import inspect
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from ner.errors import ConfigError
from ner.messages import logger, shown

QUIET = "Print only errors beside the result."
VERBOSE = "Print details for finding errors, too. They may quote texts."


def choose_level(quiet: bool, verbose: bool) -> None:
    """Print errors alone, or details too, beside results.

    Raises:
        ConfigError: Both are asked for, here or before.
    """
    for level, is_asked in ((logging.ERROR, quiet), (logging.DEBUG, verbose)):
        if is_asked and logger.level not in (logging.INFO, level):
            raise ConfigError("ner: --quiet and --verbose exclude each other. Got both.")
        if is_asked:
            logger.setLevel(level)


class Command(TyperCommand):
    """A command each of whose options may be given once, unless it takes several values.

    An option that takes any count of numbers may have them one after the other.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line, as the base class does.

        Raises:
            ConfigError: An option that takes one value is given several times.
        """
        args = self._spread(args)
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

    def _spread(self, args: list[str]) -> list[str]:
        """Repeat the name of an option before each of the numbers that follow it."""
        several = {
            name
            for parameter in self.params
            if getattr(parameter, "multiple", False)
            and parameter.type.name in ("float", "int", "integer")
            for name in parameter.opts
        }
        spread: list[str] = []
        option = None
        for arg in args:
            if option is not None and spread[-1] != option and _is_number(arg):
                spread.append(option)
            elif arg in several:
                option = arg
            elif not _is_number(arg):
                option = None
            spread.append(arg)
        return spread


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class Commands(typer.Typer):
    """A group of such commands, which have the options `--quiet` and `--verbose`, too."""

    def command(self, name: str | None = None, **options: Any) -> Callable[[Any], Any]:
        """Return what adds a function as a command; the arguments are those of typer."""
        add = super().command(name, cls=Command, **options)
        return lambda function: add(_with_levels(function))


def _with_levels(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options that choose how much is printed beside the results of a command."""

    @wraps(function)
    def call(*, quiet: bool, verbose: bool, **given: Any) -> None:
        with shown(on_stderr=True):
            choose_level(quiet, verbose)
            function(**given)

    levels = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=False,
            annotation=Annotated[bool, typer.Option(f"--{name}", help=text)],
        )
        for name, text in (("quiet", QUIET), ("verbose", VERBOSE))
    ]
    return with_parameters(call, [*inspect.signature(function).parameters.values(), *levels])


def with_parameters(
    call: Callable[..., None], parameters: Iterable[inspect.Parameter]
) -> Callable[..., None]:
    """Let typer see parameters in place of a function's own ones; all are given by name."""
    named = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
    call.__annotations__ = {p.name: p.annotation for p in named}
    call.__signature__ = inspect.Signature(named)  # pyright: ignore[reportFunctionMemberAccess]
    return call
