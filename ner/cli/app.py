"""All commands together."""

import typer

from ner.cli.classifying import classify
from ner.cli.converting import data_app
from ner.cli.data import check, sample, split, stats
from ner.cli.evaluating import eval_command
from ner.cli.exporting import export
from ner.cli.inspecting import config_app, info
from ner.cli.tagging import tag
from ner.cli.training import train

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
