"""The application: routes, limits and errors together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ner.errors import ConfigError
from ner.extras import require
from ner.messages import tell

require("fastapi", "ner.service", extra="serve")
require("prometheus_client", "ner.service", extra="serve")

from fastapi import FastAPI  # noqa: E402 - what is missing is told first
from starlette.exceptions import HTTPException  # noqa: E402
from starlette.routing import Route  # noqa: E402

from ner.service.annotation_tools import add_annotation_tools  # noqa: E402
from ner.service.api_keys import ApiKeys  # noqa: E402
from ner.service.errors import ServiceError, respond_to_error  # noqa: E402
from ner.service.gate import Gate  # noqa: E402
from ner.service.metrics import Metrics  # noqa: E402
from ner.service.models import Models  # noqa: E402
from ner.service.page import add_page  # noqa: E402
from ner.service.routes import add_routes  # noqa: E402
from ner.service.settings import Settings  # noqa: E402


def make_app(models: Models, settings: Settings, metrics: Metrics) -> FastAPI:
    """Make the application of a service.

    Args:
        models: The models, which are at `app.state.models`.
        settings: The limits.
        metrics: Counts requests.

    Raises:
        ConfigError: The file of keys cannot be used.
    """
    keys = ApiKeys(settings.api_key_file)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(watch(app)) if settings.watch_seconds else None
        yield
        if watching is not None:
            watching.cancel()
        models.close()

    app = FastAPI(
        title="ner",
        summary="Sequence labelling with exact probabilities.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.models, app.state.settings, app.state.metrics = models, settings, metrics
    app.state.keys = keys
    app.state.is_draining = False
    # Whether the service has one request alone. Whoever runs the application may know.
    app.state.is_only = lambda: False
    for kind in (ServiceError, HTTPException):
        app.add_exception_handler(kind, respond_to_error)
    add_routes(app)
    add_annotation_tools(app)
    add_page(app)
    paths = {route.path for route in app.routes if isinstance(route, Route)}
    app.add_middleware(
        Gate,
        settings=settings,
        keys=keys,
        metrics=metrics,
        paths=paths,
        is_full=lambda: models.are_full,
    )
    return app


async def reload(app: FastAPI) -> None:
    """Read the file of keys again, and replace models whose folders hold other ones.

    What cannot be read leaves the old in its place, and a line says so.
    """
    try:
        app.state.keys.reload()
    except ConfigError as error:
        tell(f"Warning: the old keys stay in use. {error}")
    await app.state.models.reload()


async def watch(app: FastAPI) -> None:
    """Look at the folders of models from time to time, and replace models that changed."""
    while True:
        await asyncio.sleep(app.state.settings.watch_seconds)
        await app.state.models.reload(only_new=True)
