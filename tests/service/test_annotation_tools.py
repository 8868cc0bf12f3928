"""Label Studio and doccano, with the requests that they send."""

import json

import pytest

pytest.importorskip("fastapi")

import jinja2
from fastapi.testclient import TestClient

import ner
from ner.service.app import make_app
from ner.service.metrics import Metrics
from ner.service.models import Models
from ner.service.settings import Settings

CONFIG = """
<View>
  <Header value="Names"/>
  <Labels name="names" toName="article">
    <Label value="Person" predicted_values="PER, PERSON" background="#ffaa00"/>
    <Label value="Place" alias="LOC"/>
  </Labels>
  <Text name="article" value="$body" granularity="word"/>
</View>
"""
BIKE = "\U0001f6b2 Ada Lovelace was in London."


@pytest.fixture(scope="module")
def client():
    settings, metrics = Settings(max_texts=3), Metrics()
    models = Models({"en": "en"}, lambda name: ner.load(name, threads=1), settings, metrics)
    with TestClient(make_app(models, settings, metrics)) as opened:
        yield opened


def predict(client, *texts, config=CONFIG, path="/predict"):
    """Send tasks as Label Studio does: `MLApi.make_predictions` of its api_connector.py."""
    tasks = [
        {
            "id": i,
            "data": {"body": text},
            "meta": {},
            "created_at": "2024-05-02T09:12:28.310283Z",
            "updated_at": "2024-05-02T09:12:28.310296Z",
            "is_labeled": False,
            "overlap": 1,
            "inner_id": i,
            "total_annotations": 0,
            "cancelled_annotations": 0,
            "total_predictions": 0,
            "comment_count": 0,
            "unresolved_comment_count": 0,
            "last_comment_updated_at": None,
            "project": 7,
            "updated_by": None,
            "file_upload": None,
            "comment_authors": [],
            "annotations": [],
            "predictions": [],
        }
        for i, text in enumerate(texts, 1)
    ]
    params = {"login": None, "password": None, "hostname": "http://localhost:8080", "context": None}
    body = {"tasks": tasks, "project": "7.1714640000", "label_config": config, "params": params}
    return client.post(path, json=body)


def setup(client, config=CONFIG, path="/setup"):
    """Connect a project as Label Studio does: `MLApi.setup`."""
    body = {
        "project": "7.1714640000",
        "schema": config,
        "hostname": "http://localhost:8080",
        "access_token": "abc",
        "extra_params": None,
    }
    return client.post(path, json=body)


def test_label_studio_connects(client):
    assert client.get("/health").json()["status"] == "UP"
    digest = client.get("/v1/models").json()["models"][0]["digest"]
    version = f"en-{digest[:12]}"
    assert setup(client).json() == {"model_version": version}
    assert client.get("/versions").json() == {"versions": [version]}
    # A project may be connected before it has a configuration.
    assert setup(client, "<View></View>").status_code == 200


def test_predictions_are_regions_of_the_configuration(client):
    (found,) = predict(client, BIKE).json()["results"]
    version = setup(client).json()["model_version"]
    # Label Studio counts code points.
    expected = [(2, 14, "Ada Lovelace", "Person"), (22, 28, "London", "LOC")]
    tagged = ner.load("en").tag(BIKE)
    scores = [entity.score for entity in tagged.entities]
    assert found == {
        "model_version": version,
        "score": min(scores),
        "result": [
            {
                "id": f"entity-{i}",
                "from_name": "names",
                "to_name": "article",
                "type": "labels",
                "value": {"start": start, "end": end, "text": text, "labels": [label]},
                "score": pytest.approx(score),
            }
            for i, ((start, end, text, label), score) in enumerate(
                zip(expected, scores, strict=True), 1
            )
        ],
    } | {"score": pytest.approx(min(scores))}


def test_there_is_a_prediction_for_each_task_in_its_order(client):
    texts = ["London", "", "Nothing here.", 7, "Ada Lovelace", "Nobody was in Paris."]
    results = predict(client, *texts).json()["results"]
    found = [[each["value"]["text"] for each in result["result"]] for result in results]
    assert found == [["London"], [], [], [], ["Ada Lovelace"], ["Paris"]]
    assert [("score" in result) for result in results] == [bool(texts) for texts in found]


def test_labels_that_a_project_lacks_are_left_out(client):
    config = CONFIG.replace('<Label value="Place" alias="LOC"/>', "")
    (found,) = predict(client, BIKE, config=config).json()["results"]
    assert [each["value"]["labels"] for each in found["result"]] == [["Person"]]


def test_a_project_that_lists_no_labels_gets_those_of_the_model(client):
    config = '<View><Text name="t" value="$body"/><Labels name="l" toName="t" value="$ls"/></View>'
    (found,) = predict(client, BIKE, config=config).json()["results"]
    assert [each["value"]["labels"] for each in found["result"]] == [["PER"], ["LOC"]]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param("<View>", "must be XML. Got no element found", id="no xml"),
        pytest.param(
            '<!DOCTYPE v [<!ENTITY a "b">]><View/>', "must have no document type", id="entities"
        ),
        pytest.param("<View/>", 'must have <Labels name="…" toName="…"> for a', id="no tag"),
        pytest.param(
            CONFIG.replace("<Text ", '<Text valueType="url" '), "must have <Labels", id="addresses"
        ),
        pytest.param(CONFIG.replace("Text", "HyperText"), "must have <Labels", id="no text"),
        pytest.param("<a>" * 200_000, "must be XML", id="deep"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused(client, config, expected):
    answer = predict(client, BIKE, config=config)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "invalid_label_config"
    assert expected in answer.json()["error"]["message"]


def test_a_model_is_chosen_by_the_address(client):
    assert predict(client, BIKE, path="/label-studio/en/predict").json()["results"][0]["result"]
    assert client.get("/label-studio/en/health").status_code == 200
    answer = setup(client, path="/label-studio/none/setup")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_model")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("/predict", "", id="empty"),
        pytest.param("/predict", "[]", id="list"),
        pytest.param("/predict", '{"tasks": [1], "label_config": ""}', id="no task"),
        pytest.param("/setup", '{"schema": 3}', id="no configuration"),
        pytest.param("/doccano", '{"text": null}', id="no text"),
        pytest.param("/doccano", '{"text": "a", "min_score": 2}', id="no score"),
    ],
)
def test_bad_bodies_are_refused(client, path, body):
    headers = {"Content-Type": "application/json"}
    assert client.post(path, content=body, headers=headers).status_code in (400, 422)


def test_classes_are_choices(client, monkeypatch):
    config = (
        '<View><Text name="q" value="$body"/><Choices name="topic" toName="q">'
        '<Choice value="Who" predicted_values="HUM"/><Choice value="Where"/></Choices></View>'
    )
    model = client.app.state.models["en"]
    monkeypatch.setattr(type(model.predictor.task), "is_per_token", False)
    facts = {"labels": ["HUM"], "probabilities": {"HUM": 0.8, "LOC": 0.2}, "attention": []}

    async def answer(_, request):
        return {"model": "en", "results": [facts for _ in request.texts]}

    monkeypatch.setattr("ner.service.annotation_tools.answer", answer)
    (found,) = predict(client, "Who?", config=config).json()["results"]
    assert found["score"] == 0.8
    assert found["result"] == [
        {
            "id": "choice-1",
            "from_name": "topic",
            "to_name": "q",
            "type": "choices",
            "value": {"choices": ["Who"]},
            "score": 0.8,
        }
    ]
    assert client.post("/doccano", json={"text": "Who?"}).json() == [{"label": "HUM"}]


def doccano(client, template, **body):
    """Do what doccano's auto labelling does: write the text into the body, and map the answer.

    Source: find_and_replace_value and MappingTemplate of auto_labeling_pipeline.
    """
    sent = {key: BIKE if value == "{{ text }}" else value for key, value in body.items()}
    response = client.post("/doccano", json=sent).json()
    return json.loads(jinja2.Template(template).render(input=response))


def test_doccano_reads_spans(client):
    # doccano counts UTF-16 units, as browsers do.
    assert doccano(client, "{{ input | tojson }}", text="{{ text }}") == [
        {"label": "PER", "start_offset": 3, "end_offset": 15},
        {"label": "LOC", "start_offset": 23, "end_offset": 29},
    ]
    found = doccano(client, "{{ input | tojson }}", text="{{ text }}", offsets="codepoint")
    assert [BIKE[each["start_offset"] : each["end_offset"]] for each in found] == [
        "Ada Lovelace",
        "London",
    ]
    sure = doccano(client, "{{ input | tojson }}", text="{{ text }}", min_score={"PER": None})
    assert [each["label"] for each in sure] == ["LOC"]
