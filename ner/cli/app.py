"""All commands together."""

from typing import Annotated

import typer

from ner.cli.commands import QUIET, VERBOSE, Commands, choose_level
from ner.cli.compare import compare
from ner.cli.config import config_app
from ner.cli.curve import curve
from ner.cli.data import data_app
from ner.cli.doctor import doctor
from ner.cli.documents import documents
from ner.cli.eval import eval_command
from ner.cli.hub import push
from ner.cli.models import check, export, info, models, rename
from ner.cli.printing import print_line
from ner.cli.redact import redact
from ner.cli.serve import serve
from ner.cli.simulate import simulate
from ner.cli.suggest import suggest
from ner.cli.sweep import sweep
from ner.cli.tag import classify, tag
from ner.cli.tag_files import tag_files
from ner.cli.thresholds import calibrate, thresholds
from ner.cli.train import train
from ner.training.launch import read_launch, refuse_several

app = Commands(name="ner", no_args_is_help=True, pretty_exceptions_enable=False)


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


app.command()(train)

app.command()(curve)

app.command()(sweep)

app.command("eval")(eval_command)

app.command()(compare)

app.command()(tag)

app.command()(classify)

app.command("tag-files")(tag_files)

app.command()(serve)

app.command()(redact)

app.command()(suggest)

app.command()(simulate)

app.command()(calibrate)

app.command()(thresholds)

app.command()(documents)

app.command()(check)

app.command()(export)

app.command()(push)

app.command()(info)

app.command()(models)

app.command()(rename)

app.command()(doctor)

app.add_typer(data_app, name="data")

app.add_typer(config_app, name="config")
