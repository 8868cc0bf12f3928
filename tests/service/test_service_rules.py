"""Word lists and patterns that bind the models of a service, and how they are replaced."""

import asyncio
import logging

import pytest

import ner
from ner.errors import ConfigError
from ner.service.app import reload
from ner.service.schemas import TagRequest
from tests.service.running import TEXT, client_of, make_service
from tests.test_arrow import untrained

RULES = """
[[rules]]
name = "towns"
label = "ORG"
file = "towns.txt"

[[rules]]
name = "nobody"
words = ["Ada Lovelace"]
never = true
"""
SLOW = """
[[rules]]
name = "slow"
label = "MISC"
patterns = ['(a|aa)+c']
"""


@pytest.fixture
def file(tmp_path):
    """Write a file of rules, and the file of words that it names."""
    (tmp_path / "towns.txt").write_text("London\n")
    path = tmp_path / "names.toml"
    path.write_text(RULES)
    return path


@pytest.fixture(scope="module")
def model():
    return ner.load("en", threads=1)


def tag(client, *texts, **options):
    response = client.post("/v1/tag", json={"texts": texts, **options})
    assert response.status_code == 200, response.text
    return [found(result["entities"]) for result in response.json()["results"]]


def found(entities):
    return [(e["start"], e["end"], e["label"], pytest.approx(e["score"])) for e in entities]


def expected(sentence):
    return [(e.start, e.end, e.label, e.score) for e in sentence.entities]


def test_rules_bind_the_model_unless_a_request_does_without(file, model):
    rules, splitter = ner.Rules.load(file), ner.SentenceSplitter()
    texts = [TEXT, f"{TEXT} Ada Lovelace knew London."]
    with client_of({"en": "en"}, rules=file) as client:
        for given in (rules, None):
            wants = given is not None
            assert tag(client, *texts, rules=wants) == [
                expected(model.tag(text, rules=given)) for text in texts
            ]
            assert tag(client, *texts, rules=wants, split=True) == [
                expected(model.tag(text, rules=given, split=splitter)) for text in texts
            ]
        assert tag(client, *texts) == tag(client, *texts, rules=True)
        (facts,) = client.get("/v1/models").json()["models"]
        assert facts["rules"] == ["towns", "nobody"]


def test_what_a_request_says_wins_against_rules(file, model):
    rules, span = ner.Rules.load(file), (0, 12, "PER")
    required = [[{"start": 0, "end": 12, "label": "PER"}]]
    with client_of({"en": "en"}, rules=file) as client:
        (one,) = tag(client, TEXT, required=required)
        assert one == expected(model.tag(TEXT, rules=rules, required=[span]))
        assert {e[:3] for e in one} >= {span, (25, 31, "ORG")}
        body = {"texts": [TEXT], "required": required, "nbest": 3}
        (result,) = client.post("/v1/tag", json=body).json()["results"]
        assert [found(each["entities"]) for each in result["nbest"]] == [
            expected(each) for each in model.nbest(TEXT, 3, rules=rules, required=[span])
        ]


def test_requests_with_and_without_rules_are_computed_together(file, model):
    app = make_service({"en": "en"}, rules=file)

    async def ask():
        served = app.state.models["en"]
        requests = [TagRequest(texts=[TEXT], rules=i % 2 == 0) for i in range(4)]
        return await asyncio.gather(*(served.answer(each) for each in requests))

    answers = [found(each["results"][0]["entities"]) for each in asyncio.run(ask())]
    bound, free = (expected(model.tag(TEXT, rules=each)) for each in (ner.Rules.load(file), None))
    assert bound != free
    assert answers == [bound, free, bound, free]


def test_a_model_that_finds_no_entities_is_not_bound(file, tmp_path):
    sources = {"en": "en", "texts": str(untrained("texts", tmp_path / "texts"))}
    with client_of(sources, rules=file) as client:
        assert [m["rules"] for m in client.get("/v1/models").json()["models"]][1] == []
        assert client.post("/v1/classify", json={"texts": [TEXT]}).status_code == 200
    with pytest.raises(ConfigError, match=r"^--rules: must be for a model that finds entities\."):
        make_service({"texts": sources["texts"]}, rules=file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            RULES.replace("ORG", "TOWN"),
            r"names.toml: rule 'towns': label: must be one of the model's labels .* Got 'TOWN'\.",
            id="label",
        ),
        pytest.param("[[rules]", r"names.toml: must be TOML\.", id="TOML"),
    ],
)
def test_rules_that_do_not_fit_end_the_start(file, text, message):
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        make_service({"en": "en"}, rules=file)


def test_a_text_that_takes_a_pattern_too_long_is_a_mistake_of_the_request(tmp_path, caplog):
    path = tmp_path / "slow.toml"
    path.write_text(SLOW)
    with client_of({"en": "en"}, rules=path) as client:
        answer = client.post("/v1/tag", json={"texts": ["a" * 60]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "slow_rules")
    assert "slow.toml" not in answer.text
    assert "slow.toml: rule 'slow'" in caplog.text and "aaa" not in caplog.text


def labels_of(app):
    """Ask for the label of the town."""
    answer = asyncio.run(app.state.models["en"].answer(TagRequest(texts=[TEXT])))
    return [e["label"] for e in answer["results"][0]["entities"]]


def test_new_rules_are_read_while_the_model_stays(file, caplog):
    app = make_service({"en": "en"}, rules=file)
    before = app.state.models["en"]
    assert labels_of(app) == ["ORG"]
    file.write_text(RULES.replace("ORG", "MISC"))
    with caplog.at_level(logging.INFO, "ner"):
        asyncio.run(reload(app))
        assert labels_of(app) == ["MISC"]
        file.write_text("[[rules]")
        asyncio.run(reload(app))
    assert app.state.models["en"].predictor is before.predictor
    assert labels_of(app) == ["MISC"]
    first, second = caplog.messages
    assert first == "en: the new rules are in use."
    assert second.startswith("en: the new rules cannot be used, and the old ones stay. ")


def test_a_watch_sees_a_file_of_words_once_it_is_whole(file):
    app = make_service({"en": "en"}, rules=file)

    async def look(times):
        for _ in range(times):
            await app.state.models.reload(only_new=True)

    words = file.with_name("towns.txt")
    for content in ("Lond", "Berlin\nLondon"):
        words.write_text(content)
        asyncio.run(look(1))
        assert labels_of(app) == ["ORG"]
    words.write_text("Berlin\n")
    asyncio.run(look(1))
    before = app.state.models["en"].rules
    asyncio.run(look(1))
    assert labels_of(app) == ["LOC"]
    after = app.state.models["en"].rules
    asyncio.run(look(3))
    assert app.state.models["en"].rules is after is not before
