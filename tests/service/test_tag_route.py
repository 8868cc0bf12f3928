"""What `/v1/tag`, `/v1/classify` and `/v1/models` answer."""

import pytest

import ner
from tests.inference.test_loading import TASKS
from tests.service.running import TEXT, client_of
from tests.test_arrow import untrained

TEXTS = [TEXT, "", "😀 Maria Müller lives in Zürich. She works for Siemens.", "Nothing here."]


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    others = {name: str(untrained(name, folder / name)) for name in TASKS if name != "spans"}
    return {"en": "en", **others}


@pytest.fixture(scope="module")
def client(sources):
    with client_of(sources) as client:
        yield client


@pytest.fixture(scope="module")
def model():
    return ner.load("en")


def tag(client, *texts, **options):
    response = client.post("/v1/tag", json={"texts": texts, **options})
    assert response.status_code == 200, response.text
    return response.json()["results"]


def places(entities):
    return [(e["start"], e["end"], e["label"]) for e in entities]


def scores(entities):
    return [e["score"] for e in entities]


def test_texts_get_the_entities_that_the_model_finds(client, model):
    found = tag(client, *TEXTS)
    expected = [model.tag(text).entities for text in TEXTS]
    assert sum(map(len, expected)) >= 4
    for result, entities in zip(found, expected, strict=True):
        assert places(result["entities"]) == [(e.start, e.end, e.label) for e in entities]
        assert [e["text"] for e in result["entities"]] == [e.text for e in entities]
        assert scores(result["entities"]) == pytest.approx([e.score for e in entities])
        assert set(result) == {"entities"}


@pytest.mark.parametrize(
    ("unit", "encoding", "size"),
    [
        pytest.param("codepoint", "utf-32-le", 4, id="code points"),
        pytest.param("utf16", "utf-16-le", 2, id="UTF-16"),
        pytest.param("byte", "utf-8", 1, id="bytes"),
    ],
)
def test_offsets_count_what_was_asked_for_in_both_directions(client, unit, encoding, size):
    text = TEXTS[2]
    (result,) = tag(client, text, offsets=unit, tokens=True)
    encoded = text.encode(encoding)
    for entity in result["entities"]:
        part = encoded[entity["start"] * size : entity["end"] * size].decode(encoding)
        assert part == entity["text"]
    token = next(
        t
        for t in result["tokens"]
        if encoded[t["start"] * size :].startswith("lives".encode(encoding))
    )
    (again,) = tag(client, text, offsets=unit, required=[[{**token, "label": "ORG"}]])
    assert (token["start"], token["end"], "ORG") in places(again["entities"])


def test_tokens_are_those_of_the_model(client, model):
    (result,) = tag(client, TEXT, tokens=True)
    expected = [{"start": a, "end": b} for a, b in model.read(TEXT).offsets]
    assert result["tokens"] == expected


def test_required_and_forbidden_spans_change_the_rest_of_one_text_alone(client, model):
    required, forbidden = [(0, 3, "ORG")], [(25, 31, "LOC")]
    (first, second) = tag(
        client,
        TEXT,
        TEXT,
        required=[[{"start": 0, "end": 3, "label": "ORG"}], []],
        forbidden=[[{"start": 25, "end": 31, "label": "LOC"}], []],
    )
    expected = model.tag(TEXT, required=required, forbidden=forbidden).entities
    assert places(first["entities"]) == [(e.start, e.end, e.label) for e in expected]
    assert scores(first["entities"]) == pytest.approx([e.score for e in expected])
    assert first["entities"][0]["score"] == pytest.approx(1)
    assert second == tag(client, TEXT)[0]


def test_the_best_taggings_obey_what_is_required_and_forbidden(client):
    spans = {
        "required": [[{"start": 0, "end": 12, "label": "ORG"}]],
        "forbidden": [[{"start": 25, "end": 31, "label": "LOC"}]],
    }
    (result,) = tag(client, TEXT, nbest=5, **spans)
    assert len(result["nbest"]) == 5
    shares = [each["probability"] for each in result["nbest"]]
    assert shares == sorted(shares, reverse=True) and 0 < sum(shares) <= 1
    assert places(result["nbest"][0]["entities"]) == places(result["entities"])
    for each in result["nbest"]:
        assert (0, 12, "ORG") in places(each["entities"])
        assert not any(e["end"] > 25 and e["label"] == "LOC" for e in each["entities"])


def test_a_lowest_score_holds_for_all_labels_or_for_some(client):
    (every,) = tag(client, TEXT)
    lowest = max(scores(every["entities"]))
    assert scores(tag(client, TEXT, min_score=lowest)[0]["entities"]) == [lowest]
    (some,) = tag(client, TEXT, min_score={"LOC": None})
    assert {e["label"] for e in some["entities"]} == {e["label"] for e in every["entities"]} - {
        "LOC"
    }


def test_a_text_is_split_where_it_is_asked_for(client, model):
    text = "Ada left Zürich. London fell."
    (result,) = tag(client, text, split=True)
    expected = model.tag(text, split=ner.SentenceSplitter()).entities
    assert places(result["entities"]) == [(e.start, e.end, e.label) for e in expected]
    assert scores(result["entities"]) == pytest.approx([e.score for e in expected])


def test_a_model_of_tokens_labels_each(client, sources):
    (result,) = tag(client, TEXT, model="tokens", offsets="utf16")
    found = ner.load(sources["tokens"]).tag(TEXT)
    assert result["entities"] == []
    assert [e["text"] for e in result["labels"]] == list(found.tokens)
    (column,) = found.prediction.columns.values()
    assert [e["label"] for e in result["labels"]] == list(column)


def test_a_classifier_returns_labels_probabilities_and_attention(client, sources):
    response = client.post("/v1/classify", json={"texts": [TEXT, ""]})
    assert response.status_code == 200
    assert response.json()["model"] == "texts"
    first, _ = response.json()["results"]
    found = ner.load(sources["texts"]).classify(TEXT)
    assert first["labels"] == list(found.labels)
    assert first["probabilities"] == pytest.approx(dict(found.probabilities))
    assert [(a["start"], a["end"]) for a in first["attention"]] == [
        (a.start, a.end) for a in found.attention
    ]


def test_models_are_listed_with_their_labels_and_digests(client, model):
    first, *others = client.get("/v1/models").json()["models"]
    assert first == {
        "name": "en",
        "task": "ner",
        "labels": list(model.labels),
        "digest": model.origin.digest,
        "default": True,
        "rules": [],
    }
    assert [(each["name"], each["task"]) for each in others] == [
        (name, task) for name, task in (("tokens", "tag"), ("texts", "classify"))
    ] or {each["name"] for each in others} == {"tokens", "texts"}
    assert not any(each["default"] for each in others)


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        pytest.param("tag", {"model": "e"}, 404, "unknown_model", id="unknown model"),
        pytest.param("tag", {"model": "texts"}, 422, "wrong_task", id="classifier that tags"),
        pytest.param("classify", {"model": "en"}, 422, "wrong_task", id="tagger that classifies"),
        pytest.param("tag", {"nbest": 101}, 422, "invalid_value", id="many taggings"),
        pytest.param("tag", {"nbest": 2, "split": True}, 422, "invalid_option", id="both"),
        pytest.param("tag", {"nbest": 2, "model": "tokens"}, 422, "wrong_task", id="no n-best"),
        pytest.param(
            "tag", {"min_score": 0.5, "model": "tokens"}, 422, "wrong_task", id="no scores"
        ),
        pytest.param("tag", {"min_score": {"X": 1}}, 422, "invalid_option", id="label of a score"),
        pytest.param("tag", {"required": []}, 200, None, id="no spans"),
        pytest.param("tag", {"required": [[], []]}, 422, "invalid_spans", id="lists of spans"),
        pytest.param(
            "tag",
            {"required": [[{"start": 0, "end": 2, "label": "PER"}]]},
            422,
            "invalid_spans",
            id="within a token",
        ),
        pytest.param(
            "tag",
            {"forbidden": [[{"start": 0, "end": 99, "label": "PER"}]]},
            422,
            "invalid_spans",
            id="outside",
        ),
        pytest.param(
            "tag",
            {"required": [[{"start": 0, "end": 3, "label": "X"}]]},
            422,
            "invalid_spans",
            id="unknown label",
        ),
        pytest.param(
            "tag",
            {
                "required": [[{"start": 0, "end": 3, "label": "PER"}]],
                "forbidden": [[{"start": 0, "end": 3, "label": "PER"}]],
            },
            422,
            "invalid_spans",
            id="contradiction",
        ),
    ],
)
def test_what_a_model_cannot_do_is_refused_with_a_stable_code(client, path, body, status, code):
    response = client.post(f"/v1/{path}", json={"texts": [TEXT], **body})
    assert response.status_code == status, response.text
    if code is not None:
        error = response.json()["error"]
        assert error["code"] == code
        assert error["message"].endswith((".", "?")) and "\n" not in error["message"]


def test_limits_of_texts_and_tokens_are_kept():
    with client_of({"en": "en"}, max_texts=2, max_tokens=8) as client:
        for texts, nbest, code in (
            (["a"] * 3, None, "too_many_texts"),
            (["a b c d e", "f g h i"], None, "too_many_tokens"),
            (["a b c d e"], 2, "too_many_tokens"),
        ):
            response = client.post("/v1/tag", json={"texts": texts, "nbest": nbest})
            assert (response.status_code, response.json()["error"]["code"]) == (413, code)
        assert tag(client, "a b c d", "e f g h") is not None
