"""Suggestions for annotation tools: the ML backend of Label Studio, and doccano's auto labelling.

Label Studio asks `/health`, `/setup` and `/versions` below the address that a project has for its
model, and sends tasks to `/predict`. doccano sends one text in a body that its user writes.

Source: https://labelstud.io/guide/ml_create, label_studio/ml/api_connector.py of Label Studio for
what it sends; https://doccano.github.io/doccano/advanced/auto_labelling_config, and
auto_labeling_pipeline/labels.py for what doccano reads.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field

from ner.data.formats.label_studio import choice_result, prediction, span_result
from ner.data.sentence import PredictedEntity
from ner.errors import DataError
from ner.service.errors import ServiceError, busy
from ner.service.label_config import Control, control_for, read_controls
from ner.service.models import Models, ServedModel
from ner.service.routes import answer, read_body
from ner.service.schemas import ClassifyRequest, OffsetName, Score, TagRequest

# Where Label Studio finds a model other than the first one.
NAMED = "/label-studio/{model}"

# The tags of Label Studio that hold the results: labels of parts of a text, or of the whole text.
LABELS, CHOICES = "Labels", "Choices"

# How much of a digest tells models apart.
DIGEST_DIGITS = 12


class FromTool(BaseModel):
    """A part of a request of another program, whose versions send further fields."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False, frozen=True)


class SetupRequest(FromTool):
    """What Label Studio sends when a project is connected to a model."""

    schema_: Annotated[str, Field(alias="schema")] = ""


class Task(FromTool):
    """A text to label, among the data of a task."""

    data: dict[str, Any]


class PredictRequest(FromTool):
    """What Label Studio sends to get predictions."""

    tasks: list[Task]
    label_config: str


class DoccanoRequest(FromTool):
    """What doccano sends: its user writes it into the template of the body."""

    text: str
    model: str | None = None
    min_score: Score | dict[str, Score | None] = 0.0
    # doccano counts as JavaScript does: https://github.com/doccano/doccano/issues/2290
    offsets: OffsetName = "utf16"


def add_annotation_tools(app: FastAPI) -> None:
    """Add the routes for annotation tools to an application."""
    models: Models = app.state.models

    def choose(name: str | None) -> ServedModel:
        if name is not None and name not in models:
            raise ServiceError(
                404,
                "unknown_model",
                f"model: must be one of {', '.join(models)}. Got another name.",
            )
        return models.default if name is None else models[name]

    async def health() -> dict[str, str]:
        """Tell Label Studio that the service works."""
        if app.state.is_draining:
            raise busy(503, "draining", "service: ends when its requests are answered.")
        return {"status": "UP", "model_class": "ner"}

    async def setup(request: Request, model: str | None = None) -> dict[str, str]:
        """Tell Label Studio the version of the model."""
        config = read_body(SetupRequest, await request.body()).schema_
        if config.strip():
            _or_refuse(read_controls, config)
        return {"model_version": _version(choose(model))}

    async def versions(model: str | None = None) -> dict[str, list[str]]:
        """List the versions of the model, which is one."""
        return {"versions": [_version(choose(model))]}

    async def predict(request: Request, model: str | None = None) -> dict[str, Any]:
        """Label texts of tasks, as the labelling configuration of a project says."""
        body = read_body(PredictRequest, await request.body())
        served = choose(model)
        control = _or_refuse(control_for, body.label_config, _tag_of(served))
        texts = [task.data.get(control.key) for task in body.tasks]
        found = iter(await _answers(app, served, [t for t in texts if isinstance(t, str)]))
        results = [_results(control, t, next(found)) if isinstance(t, str) else [] for t in texts]
        return {"results": [prediction(each, _version(served)) for each in results]}

    async def doccano(request: Request) -> list[dict[str, Any]]:
        """Label a text in the shape that doccano reads without a mapping."""
        body = read_body(DoccanoRequest, await request.body())
        served = choose(body.model)
        options = (
            {} if _tag_of(served) == CHOICES else body.model_dump(include={"min_score", "offsets"})
        )
        (found,) = await _answers(app, served, [body.text], **options)
        if _tag_of(served) == CHOICES:
            return [{"label": label} for label in found["labels"]]
        return [
            {"label": each["label"], "start_offset": each["start"], "end_offset": each["end"]}
            for each in _spans(found)
        ]

    for prefix in ("", NAMED):
        for path, method, function in (
            ("/health", "GET", health),
            ("/setup", "POST", setup),
            ("/versions", "GET", versions),
            ("/predict", "POST", predict),
        ):
            app.add_api_route(prefix + path, function, methods=[method], include_in_schema=False)
    app.add_api_route("/doccano", doccano, methods=["POST"], include_in_schema=False)


def _or_refuse(function: Any, *arguments: str) -> Any:
    try:
        return function(*arguments)
    except DataError as error:
        raise ServiceError(422, "invalid_label_config", str(error)) from None


def _version(served: ServedModel) -> str:
    """Return what Label Studio calls the model; a replaced one is called otherwise."""
    return f"{served.name}-{served.digest[:DIGEST_DIGITS]}".removesuffix("-")


def _tag_of(served: ServedModel) -> str:
    """Return the tag of Label Studio that holds what a model finds."""
    return LABELS if served.predictor.task.is_per_token else CHOICES


async def _answers(
    app: FastAPI, served: ServedModel, texts: Sequence[str], **options: Any
) -> list[dict[str, Any]]:
    """Answer for any number of texts, as many together as a request may have."""
    kind = TagRequest if served.predictor.task.is_per_token else ClassifyRequest
    size = app.state.settings.max_texts
    answers: list[dict[str, Any]] = []
    for first in range(0, len(texts), size):
        some = list(texts[first : first + size])
        answers += (await answer(app, kind(texts=some, model=served.name, **options)))["results"]
    return answers


def _results(control: Control, text: str, found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what was found as results of Label Studio; labels that the project lacks are gone."""
    if control.kind == CHOICES:
        names = {label: name for label in found["labels"] if (name := control.name_of(label))}
        if not names:
            return []
        score = min(found["probabilities"][label] for label in names)
        result = choice_result(list(names.values()), control.name, control.to_name)
        return [result | {"id": "choice-1", "score": score}]
    entities = [
        PredictedEntity(
            text[each["start"] : each["end"]], name, each["start"], each["end"], each["score"]
        )
        for each in _spans(found)
        if (name := control.name_of(each["label"]))
    ]
    return [
        span_result(entity, i, control.name, control.to_name)
        for i, entity in enumerate(entities, 1)
    ]


def _spans(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the entities, or else the tokens with their labels."""
    return found["entities"] or found.get("labels") or []
