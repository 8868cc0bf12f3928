"""All commands together."""

from typing import Annotated, ClassVar

import typer

from ner.cli.commands import QUIET, VERBOSE, Commands, choose_level
from ner.cli.lazy import LazyGroup
from ner.cli.printing import print_line
from ner.training.launch import read_launch, refuse_several


class AllCommands(LazyGroup):
    """All commands, in the order of `ner --help`."""

    homes: ClassVar = {
        "train": "ner.cli.train:train",
        "curve": "ner.cli.curve:curve",
        "sweep": "ner.cli.sweep:sweep",
        "extend": "ner.cli.extend:extend",
        "distil": "ner.cli.distil:distil",
        "eval": "ner.cli.eval:eval_command",
        "compare": "ner.cli.compare:compare",
        "tag": "ner.cli.tag:tag",
        "classify": "ner.cli.tag:classify",
        "tag-files": "ner.cli.tag_files:tag_files",
        "serve": "ner.cli.serve:serve",
        "redact": "ner.cli.redact:redact",
        "suggest": "ner.cli.suggest:suggest",
        "simulate": "ner.cli.simulate:simulate",
        "calibrate": "ner.cli.thresholds:calibrate",
        "thresholds": "ner.cli.thresholds:thresholds",
        "documents": "ner.cli.documents:documents",
        "ensemble": "ner.cli.models:ensemble",
        "check": "ner.cli.models:check",
        "export": "ner.cli.models:export",
        "push": "ner.cli.hub:push",
        "info": "ner.cli.models:info",
        "models": "ner.cli.models:models",
        "rename": "ner.cli.models:rename",
        "doctor": "ner.cli.doctor:doctor",
        "data": "ner.cli.data:data_app",
        "config": "ner.cli.config:config_app",
    }


app = Commands(name="ner", cls=AllCommands, no_args_is_help=True, pretty_exceptions_enable=False)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        import ner

        print_line(f"ner {ner.__version__}")
        raise typer.Exit


@app.callback()
def ner(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version and exit."
        ),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help=QUIET)] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help=VERBOSE)] = False,
) -> None:
    """Train, evaluate and use models that label names, tokens and texts."""
    choose_level(quiet, verbose)
    if read_launch().is_torchrun and context.invoked_subcommand != "train":
        refuse_several(f"ner {context.invoked_subcommand}")
