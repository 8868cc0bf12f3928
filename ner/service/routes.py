"""The routes of the service's own API."""

import asyncio
from importlib.metadata import version
from typing import Any, TypeVar

from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ValidationError
from pydantic.json_schema import models_json_schema
from pydantic_core import to_json

from ner.errors import NerError
from ner.service.errors import ServiceError, busy, of_model, of_validation
from ner.service.metrics import CONTENT_TYPE
from ner.service.models import Models
from ner.service.schemas import (
    ClassifyRequest,
    ClassifyResponse,
    ErrorResponse,
    Health,
    ModelsResponse,
    TagRequest,
    TagResponse,
)

Body = TypeVar("Body", bound=BaseModel)
JSON = "application/json"

# What a request may get in place of an answer.
REFUSALS = (400, 401, 404, 408, 413, 415, 422, 429, 500, 503)

# How the schemas of requests are named in `/openapi.json`.
SCHEMAS = "#/components/schemas/{model}"


def read_body(kind: type[Body], body: bytes) -> Body:
    """Read the body of a request.

    Raises:
        ServiceError: It is no JSON, or none of this shape.
    """
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise of_validation(error) from None


async def answer(app: FastAPI, request: TagRequest | ClassifyRequest) -> dict[str, Any]:
    """Answer a request for a model within the limits of the service.

    Raises:
        ServiceError: It cannot be answered.
    """
    models: Models = app.state.models
    settings = app.state.settings
    verb = "tag" if isinstance(request, TagRequest) else "classify"
    model = models.choose(request.model, verb)
    check(request, len(request.texts), settings.max_texts)
    if isinstance(request, TagRequest):
        try:
            model.predictor.check_min_score(request.min_score)
        except NerError as error:
            raise of_model(error, "request") from None
    app.state.metrics.count_texts(model.name, len(request.texts))
    try:
        async with asyncio.timeout(settings.timeout):
            return await model.answer(request, is_only=app.state.is_only())
    except TimeoutError:
        raise busy(
            503, "timeout", f"service: no answer within {settings.timeout:g} seconds. Try later."
        ) from None


def check(request: TagRequest | ClassifyRequest, count: int, max_texts: int) -> None:
    """Refuse what a service does not allow, or cannot answer.

    Raises:
        ServiceError: There are too many texts, or options exclude each other.
    """
    if count > max_texts:
        raise ServiceError(
            413, "too_many_texts", f"texts: must be at most {max_texts}. Got {count}."
        )
    if not isinstance(request, TagRequest):
        return
    for name, given in (("required", request.required), ("forbidden", request.forbidden)):
        if len(given) not in (0, count):
            raise ServiceError(
                422,
                "invalid_spans",
                f"{name}: must be a list for each of the {count} texts. Got {len(given)}.",
            )
    if request.nbest is not None and request.split:
        raise ServiceError(
            422,
            "invalid_option",
            "nbest: is for whole texts, and goes without split. Got both.",
        )


def add_routes(app: FastAPI) -> None:
    """Add the routes to an application."""

    @app.post("/v1/tag", **_about(TagRequest, TagResponse), operation_id="tag")
    async def tag(request: Request) -> Response:
        """Find entities in texts, or label their tokens."""
        body = read_body(TagRequest, await request.body())
        return Response(to_json(await answer(app, body)), media_type=JSON)

    @app.post("/v1/classify", **_about(ClassifyRequest, ClassifyResponse), operation_id="classify")
    async def classify(request: Request) -> Response:
        """Label whole texts, with probabilities and the attention that each token got."""
        body = read_body(ClassifyRequest, await request.body())
        return Response(to_json(await answer(app, body)), media_type=JSON)

    @app.get("/v1/models", operation_id="models")
    async def list_models() -> ModelsResponse:
        """List the models."""
        models: Models = app.state.models
        facts = [
            {
                "name": name,
                "task": model.predictor.task.name,
                "labels": list(model.predictor.labels),
                "digest": model.digest,
                "default": model is models.default,
                "rules": [] if model.rules is None else [rule.name for rule in model.rules.rules],
            }
            for name, model in models.items()
        ]
        return ModelsResponse.model_validate({"models": facts})

    @app.get("/livez", operation_id="livez")
    async def livez() -> Health:
        """Tell that the process answers."""
        return Health(status="ok")

    @app.get("/readyz", operation_id="readyz", responses={503: {"model": ErrorResponse}})
    async def readyz() -> Health:
        """Tell whether requests are welcome: all models are warm, and the service does not end."""
        if app.state.is_draining:
            raise busy(503, "draining", "service: ends when its requests are answered.")
        return Health(status="ok")

    @app.get("/metrics", operation_id="metrics", include_in_schema=False)
    async def metrics() -> Response:
        """Return numbers for Prometheus."""
        return Response(app.state.metrics.text(), headers={"content-type": CONTENT_TYPE})

    setattr(app, "openapi", lambda: _openapi(app))  # noqa: B010 - as FastAPI's documentation says


def _about(request: type[BaseModel], response: type[BaseModel]) -> dict[str, Any]:
    """Describe a route that reads its body itself, within its limits, for `/openapi.json`."""
    reference = {"$ref": SCHEMAS.format(model=request.__name__)}
    errors = {status: {"model": ErrorResponse} for status in REFUSALS}
    return {
        "openapi_extra": {
            "requestBody": {"required": True, "content": {JSON: {"schema": reference}}}
        },
        "responses": {200: {"model": response}, **errors},
        "response_class": Response,
    }


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Describe the service; the result is kept."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=version("lattice-ner"), summary=app.summary, routes=app.routes
        )
        requests: list[Any] = [(TagRequest, "validation"), (ClassifyRequest, "validation")]
        _, definitions = models_json_schema(requests, ref_template=SCHEMAS)
        schema["components"]["schemas"].update(definitions["$defs"])
        app.openapi_schema = schema
    return app.openapi_schema
