"""The shapes of requests and answers, from which `/openapi.json` is made."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _as_whole(number: Any) -> Any:
    """Return a whole number as one: JSON knows a single kind of numbers, and 4.0 is 4."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


Score = Annotated[float, Field(ge=0, le=1)]
Place = Annotated[int, Field(ge=0, lt=1 << 53), BeforeValidator(_as_whole)]

# The most taggings of a text that a request may ask for.
MOST_TAGGINGS = 100

# What offsets count: code points, units of UTF-16 as in JavaScript, or bytes of UTF-8.
OffsetName = Literal["codepoint", "utf16", "byte"]


def _example(**fields: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [fields]})


class Given(BaseModel):
    """A part of a request: no other fields, no other types, no numbers that are not finite."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class GivenSpan(Given):
    """A labelled part of a text."""

    start: Place
    end: Place
    label: str


class TagRequest(Given):
    """Texts to tag."""

    model_config = _example(texts=["Ada Lovelace was born in London."], min_score=0.5)

    texts: Annotated[list[str], Field(min_length=1, description="Raw texts of any length.")]
    model: Annotated[
        str | None, Field(description="Name of the model; by default, the first one.")
    ] = None
    min_score: Annotated[
        Score | dict[str, Score | None],
        Field(
            description="Lowest score of the entities that are kept: one for all, or one for each "
            "label, where null leaves out all entities of the label."
        ),
    ] = 0.0
    required: Annotated[
        list[list[GivenSpan]],
        Field(
            description="For each text, entities that the result contains, just as they are; they "
            "start and end where tokens do."
        ),
    ] = []
    forbidden: Annotated[
        list[list[GivenSpan]],
        Field(
            description="For each text, parts that no entity of that label touches; they start and "
            "end where tokens do."
        ),
    ] = []
    nbest: Annotated[
        Annotated[int, Field(ge=1, le=MOST_TAGGINGS), BeforeValidator(_as_whole)] | None,
        Field(description="Number of the most probable taggings to return, too."),
    ] = None
    split: Annotated[bool, Field(description="Tag each sentence of a text separately.")] = False
    offsets: Annotated[
        OffsetName,
        Field(
            description="What all offsets count: code points, units of UTF-16 as in JavaScript, or "
            "bytes of UTF-8."
        ),
    ] = "codepoint"
    tokens: Annotated[bool, Field(description="Return the places of all tokens, too.")] = False
    rules: Annotated[bool, Field(description="Obey the rules of the service, if it has any.")] = (
        True
    )


class ClassifyRequest(Given):
    """Texts to label as a whole."""

    model_config = _example(texts=["Where was Ada Lovelace born?"])

    texts: Annotated[list[str], Field(min_length=1, description="Raw texts of any length.")]
    model: Annotated[
        str | None, Field(description="Name of the model; by default, the first classifier.")
    ] = None


class Found(BaseModel):
    """A part of an answer."""


class FoundEntity(Found):
    """A labelled part of a text, or the label of a token."""

    start: int
    end: int
    label: str
    score: Annotated[float, Field(description="Calibrated probability, from 0 to 1.")]
    text: str


class TokenPlace(Found):
    """The place of a token."""

    start: int
    end: int


class Alternative(Found):
    """One of the most probable taggings of a text."""

    probability: Annotated[float, Field(description="Probability of this tagging as a whole.")]
    entities: list[FoundEntity]


class TagResult(Found):
    """What a model found in a text."""

    entities: list[FoundEntity]
    labels: Annotated[
        list[FoundEntity] | None,
        Field(description="The label of each token, from a model that labels tokens."),
    ] = None
    tokens: Annotated[
        list[TokenPlace] | None, Field(description="The tokens, if they were asked for.")
    ] = None
    nbest: Annotated[
        list[Alternative] | None, Field(description="Best taggings first, if asked for.")
    ] = None


class TagResponse(Found):
    """What a model found in texts."""

    model_config = _example(
        model="en",
        results=[
            {
                "entities": [
                    {"start": 0, "end": 12, "label": "PER", "score": 0.99, "text": "Ada Lovelace"},
                    {"start": 25, "end": 31, "label": "LOC", "score": 0.98, "text": "London"},
                ]
            }
        ],
    )

    model: str
    results: list[TagResult]


class TokenAttention(Found):
    """The weight of a token in a decision; weights of a text sum to 1."""

    start: int
    end: int
    weight: float


class ClassifyResult(Found):
    """The labels of a text."""

    labels: list[str]
    probabilities: dict[str, float]
    attention: list[TokenAttention]


class ClassifyResponse(Found):
    """The labels of texts."""

    model_config = _example(
        model="questions",
        results=[
            {"labels": ["place"], "probabilities": {"place": 0.97, "person": 0.03}, "attention": []}
        ],
    )

    model: str
    results: list[ClassifyResult]


class ModelFacts(Found):
    """A model of the service."""

    name: str
    task: str
    labels: list[str]
    digest: Annotated[str, Field(description="SHA-256 of the model's files.")]
    default: Annotated[bool, Field(description="Whether requests without a name are for it.")]
    rules: Annotated[list[str], Field(description="Names of the rules that it obeys.")]


class ModelsResponse(Found):
    """The models of the service."""

    models: list[ModelFacts]


class ErrorFacts(Found):
    """Why a request was refused."""

    code: Annotated[str, Field(description="A stable name of the reason.")]
    message: Annotated[str, Field(description="What must hold, in one line.")]


class ErrorResponse(Found):
    """A request that was refused."""

    model_config = _example(
        error={"code": "invalid_json", "message": "body: must be JSON. Got another one."}
    )

    error: ErrorFacts


class Health(Found):
    """Whether the service works."""

    status: str
