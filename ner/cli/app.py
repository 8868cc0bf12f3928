"""All commands together."""

import typer

from ner.cli.convert import data_app
from ner.cli.data import check, sample, split, stats
from ner.cli.models import config_app, eval_command, export, info
from ner.cli.tag import classify, tag
from ner.cli.train import train

app = typer.Typer(
    name="ner",
    help="Train, evaluate and use models that label names, tokens and texts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.command()(train)

app.command("eval")(eval_command)

app.command()(tag)

app.command()(classify)

app.command()(export)

app.command()(info)

for command in (check, stats, split, sample):
    data_app.command()(command)

app.add_typer(data_app, name="data")

app.add_typer(config_app, name="config")
