"""`ner eval`."""

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
    Precision,
    PrecisionOption,
    Runtime,
    RuntimeOption,
    TagScheme,
    Threads,
    list_skipped,
    split_columns,
)
from ner.errors import ConfigError, DataError


def eval_command(
    model: Annotated[Path | None, typer.Argument(help="A model folder.")] = None,
    data: Annotated[str | None, typer.Argument(metavar="FILE", help="Tagged data.")] = None,
    predictions: Annotated[
        str | None,
        typer.Option(
            help="Score a column file whose last columns are gold and predicted tags; no model."
        ),
    ] = None,
    scheme: Annotated[
        TagScheme | None,
        typer.Option(help="Of the tags in --predictions, for strict mode; else inferred."),
    ] = None,
    format_: FormatOption = None,
    encoding: Encoding = "utf-8",
    columns: Columns = None,
    runtime: RuntimeOption = Runtime.AUTO,
    precision: PrecisionOption = Precision.FP32,
    device: Device = "cpu",
    threads: Threads = None,
    on_error: OnErrorOption = OnError.RAISE,
    as_json: Json = False,
) -> None:
    """Compare a model's predictions, or those in a file, with gold tags."""
    if predictions is not None:
        if (model, columns, format_) != (None, None, None):
            raise ConfigError(
                "ner eval: --predictions FILE takes no model, data, --columns or --format."
            )
        if on_error is OnError.SKIP:
            raise ConfigError(
                "ner eval: --predictions FILE is scored as a whole; nothing is skipped."
            )
        from ner.data.lines import read_lines
        from ner.evaluation.predictions import score_predictions

        lines = read_lines(predictions, encoding)
        report = score_predictions(lines, predictions, scheme=scheme.value if scheme else None)
    elif model is None or data is None:
        raise ConfigError("ner eval: needs MODEL and FILE, or --predictions FILE.")
    elif scheme is not None:
        raise ConfigError("ner eval: --scheme is for --predictions; a model has its own.")
    else:
        from ner.annotator import evaluate
        from ner.loading import load

        problems: list[DataError] | None = [] if on_error is OnError.SKIP else None
        tagger = load(
            model, runtime=runtime.value, precision=precision.value, device=device, threads=threads
        )
        reading = {"format": format_, "encoding": encoding, "columns": split_columns(columns)}
        report = evaluate(tagger, data, problems=problems, **reading)
        list_skipped(problems)
    typer.echo(json.dumps(report.to_dict(), indent=1) if as_json else str(report))
