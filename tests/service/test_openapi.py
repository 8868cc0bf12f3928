"""What the application answers to requests made from its own `/openapi.json`, good ones and bad."""

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("schemathesis")

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import positive_data_acceptance

from tests.service.running import make_service
from tests.test_arrow import untrained

JSON = "application/json"

# Why a request of the right shape may be refused: its parts do not fit a text, a model or another.
BY_MEANING = {
    "invalid_option",
    "invalid_spans",
    "too_many_tokens",
    "unknown_model",
    "wrong_task",
}
EXAMPLES = settings(
    max_examples=30,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "texts"
    app = make_service({"en": "en", "texts": str(untrained("texts", folder))})
    loaded = schemathesis.openapi.from_dict(app.openapi())

    async def without_lifespan(scope, receive, send):
        """Answer requests. Schemathesis would end the application after each test."""
        assert scope["type"] == "http"
        await app(scope, receive, send)

    loaded.app = without_lifespan
    yield loaded
    app.state.models.close()


def fuzz(operation, mode):
    """Send requests of a right or a wrong shape, and check the answers; returns their statuses."""
    statuses = []

    @seed(1)
    @EXAMPLES
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case):
        response = case.call()
        statuses.append(response.status_code)
        case.validate_response(response, excluded_checks=[positive_data_acceptance])
        if response.status_code >= 400:
            error = response.json()["error"]
            assert set(error) == {"code", "message"}
            assert "\n" not in error["message"]
            assert mode is GenerationMode.NEGATIVE or error["code"] in BY_MEANING, error

    run()
    return statuses


@pytest.mark.parametrize("path", ["/v1/tag", "/v1/classify"])
def test_requests_of_the_right_shape_are_answered_or_refused_by_their_meaning(schema, path):
    statuses = fuzz(schema[path]["POST"], GenerationMode.POSITIVE)
    assert 200 in statuses
    assert set(statuses) <= {200, 404, 413, 422}


@pytest.mark.parametrize("path", ["/v1/tag", "/v1/classify"])
def test_requests_of_a_wrong_shape_are_refused(schema, path):
    assert set(fuzz(schema[path]["POST"], GenerationMode.NEGATIVE)) <= {400, 415, 422}


@pytest.mark.parametrize("path", ["/v1/models", "/livez", "/readyz"])
def test_addresses_that_take_nothing_answer(schema, path):
    assert set(fuzz(schema[path]["GET"], GenerationMode.POSITIVE)) == {200}


def test_examples_of_the_schema_are_answers_to_its_examples(schema):
    """An example in `/openapi.json` is what somebody tries first."""
    schemas = schema.raw_schema["components"]["schemas"]
    for path, name in (("/v1/tag", "TagRequest"), ("/v1/classify", "ClassifyRequest")):
        for example in schemas[name]["examples"]:
            response = schema[path]["POST"].Case(body=example, media_type=JSON).call()
            assert response.status_code == 200
