"""`ner eval`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from ner.cli.options import Columns, Device, Json, OnError, OnErrorOption, split_columns
from ner.errors import DataError


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
        str | None, typer.Option(help="Of the tags in --predictions: IOB1, BIO or BIOES.")
    ] = None,
    columns: Columns = None,
    device: Device = "auto",
    on_error: OnErrorOption = OnError.RAISE,
    as_json: Json = False,
) -> None:
    """Compare a model's predictions, or those in a file, with gold tags."""
    if predictions is not None:
        if model is not None:
            raise typer.BadParameter("--predictions FILE stands alone, without a model.")
        report = _score(predictions, scheme)
    elif model is None or data is None:
        raise typer.BadParameter("needs MODEL and FILE, or --predictions FILE.")
    else:
        from ner.tagger import evaluate, load

        problems: list[DataError] | None = [] if on_error is OnError.SKIP else None
        tagger = load(model, device=device)
        report = evaluate(tagger, data, columns=split_columns(columns), problems=problems)
        for problem in problems or ():
            typer.echo(f"skipped: {problem}", err=True)
        if problems:
            typer.echo(f"{len(problems)} sentences skipped.", err=True)
    typer.echo(json.dumps(report.to_dict(), indent=1) if as_json else str(report))


def _score(path: str, scheme: str | None):  # noqa: ANN202
    from ner.data.lines import read_lines
    from ner.data.schemes import PREFIXES
    from ner.evaluation.predictions import score_predictions

    known = {name: name for name in PREFIXES}
    if scheme is not None and scheme not in known:
        raise typer.BadParameter(f"--scheme: {', '.join(known)}. Got {scheme}.")
    return score_predictions(read_lines(path), path, scheme=known[scheme] if scheme else None)
