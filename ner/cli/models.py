"""`ner eval`."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

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
from ner.extras import require


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
        from ner.evaluation.predicted_file import score_predictions

        lines = read_lines(predictions, encoding)
        report = score_predictions(lines, predictions, scheme=scheme.value if scheme else None)
    elif model is None or data is None:
        raise ConfigError("ner eval: needs MODEL and FILE, or --predictions FILE.")
    elif scheme is not None:
        raise ConfigError("ner eval: --scheme is for --predictions; a model has its own.")
    else:
        from ner.data.formats.options import ReadOptions
        from ner.inference.evaluate import evaluate
        from ner.inference.loading import load

        problems: list[DataError] | None = [] if on_error is OnError.SKIP else None
        tagger = load(
            model, runtime=runtime.value, precision=precision.value, device=device, threads=threads
        )
        options = ReadOptions(
            format=format_, encoding=encoding, columns=split_columns(columns), problems=problems
        )
        report = evaluate(tagger, data, options)
        list_skipped(problems)
    typer.echo(json.dumps(report.to_dict(), indent=1) if as_json else str(report))


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
    from ner.exporting.model import export

    cost = export(model, int8=int8, dev=dev, columns=split_columns(columns))
    if as_json:
        typer.echo(json.dumps({"model": str(model), "int8": asdict(cost) if cost else None}))
        return
    typer.echo(f"{model}: model.onnx gives the tags of torch.")
    if cost:
        typer.echo(f"{model}: model.int8.onnx: {cost}")


config_app = typer.Typer(help="Look at settings.", no_args_is_help=True)


def info(
    model: Annotated[Path, typer.Argument(help="A model folder.")], as_json: Json = False
) -> None:
    """Say what a model is: labels, sizes, versions, data, results."""
    from ner.model_folder import load_model

    parts = load_model(model)
    store = parts.featurizer.vectors
    facts: dict[str, Any] = {
        "task": parts.task.name,
        "labels": list(parts.task.labels),
        **{k: v for k, v in parts.task.to_dict().items() if k not in ("labels", "tags")},
        "words": len(parts.featurizer.words.entries),
        "vectors for new words": 0 if store is None else len(store),
        "weights": sum(array.size for array in parts.weights.values()),
        "megabytes": round(sum(f.stat().st_size for f in model.rglob("*") if f.is_file()) / 1e6, 1),
        **parts.record,
    }
    if as_json:
        typer.echo(json.dumps(facts, indent=1))
        return
    for name, value in _flattened(facts):
        typer.echo(f"{name:24} {value}")


def _flattened(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{prefix}{name}.")
        else:
            yield prefix + name, " ".join(value) if isinstance(value, list) else value


@config_app.command()
def show(
    config: Annotated[Path | None, typer.Argument(help="A TOML file, or the defaults.")] = None,
) -> None:
    """Print all settings as a TOML file that explains each of them."""
    from ner.extras import require

    require("pydantic", "A configuration")
    from ner.config.loading import Config, load_config, to_toml

    settings = (load_config(config) if config else Config()).resolved()
    typer.echo(to_toml(settings, explain=True), nl=False)
