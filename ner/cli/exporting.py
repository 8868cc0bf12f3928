"""`ner export`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ner.cli.options import Columns, Json, split_columns
from ner.extras import require


def export(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    int8: Annotated[
        bool, typer.Option("--int8", help="Write model.int8.onnx too, and measure its cost.")
    ] = False,
    dev: Annotated[
        str | None, typer.Option(help="Tagged data to check and to measure on; else made up.")
    ] = None,
    columns: Columns = None,
    as_json: Json = False,
) -> None:
    """Write model.onnx into a model folder, so that tagging needs no torch."""
    for module in ("torch", "onnx"):
        require(module, "Exporting")
    from ner.exporting.entry import export

    reading = {"columns": split_columns(columns)} if columns else {}
    cost = export(model, int8=int8, dev=dev, **reading)
    if as_json:
        typer.echo(json.dumps({"model": str(model), "int8": asdict(cost) if cost else None}))
        return
    typer.echo(f"{model}: model.onnx gives the tags of torch.")
    if cost:
        typer.echo(f"{model}: model.int8.onnx: {cost}")
