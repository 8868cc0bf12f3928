"""The application: routes, limits and errors together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ner.extras import require

require("fastapi", "ner.service", extra="serve")
require("prometheus_client", "ner.service", extra="serve")

from fastapi import FastAPI  # noqa: E402 - what is missing is told first
from starlette.exceptions import HTTPException  # noqa: E402

from ner.service.annotation_tools import add_annotation_tools  # noqa: E402
from ner.service.errors import ServiceError, respond_to_error  # noqa: E402
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
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        app.state.models.close()

    app = FastAPI(
        title="ner",
        summary="Sequence labelling with exact probabilities.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.models, app.state.settings, app.state.metrics = models, settings, metrics
    app.state.is_draining = False
    for kind in (ServiceError, HTTPException):
        app.add_exception_handler(kind, respond_to_error)
    add_routes(app)
    add_annotation_tools(app)
    add_page(app)
    return app
