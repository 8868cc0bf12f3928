"""`ner train`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from ner.cli.options import (
    Columns,
    Device,
    Encoding,
    FormatOption,
    Json,
    OnError,
    OnErrorOption,
    Task,
    split_columns,
)
from ner.extras import require_training

CONFIG_HELP = "A TOML file; without one, --train says what to learn from."


def train(
    config: Annotated[Path | None, typer.Argument(help=CONFIG_HELP)] = None,
    train: Annotated[str | None, typer.Option("--train", help="Training data.")] = None,
    dev: Annotated[
        str | None, typer.Option(help="Development data; by default a tenth of training.")
    ] = None,
    test: Annotated[
        str | None, typer.Option(help="Test data, looked at once when all is over.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run; by default runs/NAME, numbered.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting, such as encoder.size=100; may come repeatedly."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint in --out.")
    ] = False,
    seeds: Annotated[
        int, typer.Option(min=1, help="Train this many times, and report mean and spread.")
    ] = 1,
    task: Annotated[
        Task | None,
        typer.Option(help="What is learnt: spans (ner), one label a token (tag), or of a text."),
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="The column of labels that the task tag learns.")
    ] = None,
    init: Annotated[
        Path | None, typer.Option(help="A model folder to go on from, on new data.")
    ] = None,
    device: Device = "auto",
    format_: FormatOption = None,
    encoding: Encoding = "utf-8",
    columns: Columns = None,
    on_error: OnErrorOption = OnError.RAISE,
    as_json: Json = False,
) -> None:
    """Train a model, and report on its development (and test) data."""
    require_training()
    from ner.config.loading import parse_setting
    from ner.training.seeds import train_seeds
    from ner.training.train import run_training

    changes = dict(parse_setting(text) for text in set_ or ())
    for split, source in (("train", train), ("dev", dev), ("test", test)):
        if source is not None:
            changes[f"data.{split}"] = source
    if task is not None:
        changes["task"] = task.value
    if target is not None:
        changes["data.target"] = target
    if device != "auto":
        changes["training.device"] = device
    if format_ is not None:
        changes["data.format"] = format_
    if encoding != "utf-8":
        changes["data.encoding"] = encoding
    if columns is not None:
        changes["data.columns"] = list(split_columns(columns) or ())
    if on_error is OnError.SKIP:
        changes["data.on_error"] = "skip"
    arguments = {"out": out, "set": changes, "init": init, "resume": resume}
    if seeds > 1:
        summary = train_seeds(config, seeds=seeds, **arguments)
        typer.echo(json.dumps(summary.to_dict(), indent=1) if as_json else str(summary))
        return
    result = run_training(config, **arguments)
    typer.echo(json.dumps(result.to_dict(), indent=1) if as_json else str(result))
