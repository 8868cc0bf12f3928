"""`ner info` and `ner config show`."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ner.cli.options import Json

config_app = typer.Typer(help="Look at settings.", no_args_is_help=True)


def info(
    model: Annotated[Path, typer.Argument(help="A model folder.")], as_json: Json = False
) -> None:
    """Say what a model is: labels, sizes, versions, data, results."""
    from ner.model_folder import load_model

    parts = load_model(model)
    store = parts.featurizer.vectors
    facts: dict[str, Any] = {
        "task": parts.target.task,
        "labels": list(parts.target.labels),
        **{k: v for k, v in parts.target.to_dict().items() if k not in ("labels", "tags")},
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
    from ner.config import Config, load_config, to_toml

    settings = (load_config(config) if config else Config()).resolved()
    typer.echo(to_toml(settings, explain=True), nl=False)
