"""`ner serve`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from ner.cli.options import MODEL_HELP, running, with_options
from ner.extras import require

if TYPE_CHECKING:
    from ner.inference.predictor import Predictor


@with_options(load=running)
def serve(
    *,
    models: Annotated[list[str], typer.Argument(metavar="MODEL", help=MODEL_HELP)],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8000,
    load: "Callable[[str], Predictor]",
) -> None:
    """Answer requests over HTTP."""
    require("fastapi", "ner serve", "serve")
    from ner.service.app import make_app
    from ner.service.metrics import Metrics
    from ner.service.models import Models, name_models
    from ner.service.server import serve
    from ner.service.settings import Settings

    settings, metrics = Settings(), Metrics()
    named = Models(name_models(models), load, settings, metrics)
    serve(make_app(named, settings, metrics), settings, host, port)
