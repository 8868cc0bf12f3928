"""Values over HTTP that can be worked out by hand: offsets, probabilities, thresholds."""

import pytest

pytest.importorskip("fastapi")

from tests.service.running import client_of

# The bicycle has two units of UTF-16 and four bytes, and each ü has two bytes.
TEXT = "\U0001f6b2 Maria Müller lives in Zürich."
PLACES = {
    "codepoint": [(2, 14), (24, 30)],
    "utf16": [(3, 15), (25, 31)],
    "byte": [(5, 18), (28, 35)],
}
UNITS = [pytest.param(unit, id=unit) for unit in PLACES]
# One token, so each tagging is a label or none.
WORD = "Jordan"


@pytest.fixture(scope="module")
def client():
    with client_of({"en": "en"}) as client:
        yield client


@pytest.fixture(scope="module")
def chances(client):
    """Return the probability of each label of the only token, and that of none."""
    return chances_of(tag(client, WORD, nbest=10)[0])


def tag(client, *texts, **options):
    response = client.post("/v1/tag", json={"texts": texts, **options})
    assert response.status_code == 200, response.text
    return response.json()["results"]


def chances_of(result):
    found = {}
    for each in result["nbest"]:
        (label,) = [entity["label"] for entity in each["entities"]] or [None]
        found[label] = each["probability"]
    return found


def span(unit, i, label):
    start, end = PLACES[unit][i]
    return {"start": start, "end": end, "label": label}


def labelled(entities):
    return [(e["start"], e["end"], e["label"]) for e in entities]


@pytest.mark.parametrize("unit", UNITS)
def test_offsets_of_entities_count_the_unit(client, unit):
    (found,) = tag(client, TEXT, offsets=unit)
    (first, second) = PLACES[unit]
    assert labelled(found["entities"]) == [(*first, "PER"), (*second, "LOC")]
    assert [e["text"] for e in found["entities"]] == ["Maria Müller", "Zürich"]


@pytest.mark.parametrize("unit", UNITS)
def test_offsets_of_required_and_forbidden_spans_count_the_unit(client, unit):
    spans = {
        "required": [[span(unit, 0, "ORG")]],
        "forbidden": [[span(unit, 1, label) for label in ("LOC", "PER", "ORG", "MISC")]],
    }
    (found,) = tag(client, TEXT, offsets=unit, **spans)
    (first, _) = PLACES[unit]
    assert labelled(found["entities"]) == [(*first, "ORG")]
    assert found["entities"][0]["score"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("unit", "start"),
    [
        pytest.param("utf16", 1, id="second half of a pair"),
        pytest.param("byte", 2, id="within four bytes"),
        pytest.param("byte", 13, id="within two bytes"),
        pytest.param("byte", 99, id="past the end"),
    ],
)
def test_an_offset_within_a_character_is_refused(client, unit, start):
    required = [[], [{"start": start, "end": PLACES[unit][0][1], "label": "PER"}]]
    body = {"texts": ["x", TEXT], "offsets": unit, "required": required}
    response = client.post("/v1/tag", json=body)
    assert response.status_code == 422
    assert response.json()["error"] == {
        "code": "invalid_spans",
        "message": "texts.1: span: must start and end at characters of the text. Got the offset "
        f"{start}.",
    }


def test_probabilities_of_all_taggings_sum_to_one_and_are_those_of_entities(client, chances):
    assert set(chances) == {"PER", "LOC", "ORG", "MISC", None}
    assert sum(chances.values()) == pytest.approx(1)
    (found,) = tag(client, WORD)
    (entity,) = found["entities"]
    assert entity["label"] == max(chances, key=chances.get)
    assert entity["score"] == pytest.approx(chances[entity["label"]])


def test_a_forbidden_label_leaves_its_probability_to_the_others(client, chances):
    best = max(chances, key=chances.get)
    forbidden = [[{"start": 0, "end": len(WORD), "label": best}]]
    found = chances_of(tag(client, WORD, nbest=10, forbidden=forbidden)[0])
    rest = {label: p / (1 - chances[best]) for label, p in chances.items() if label != best}
    assert found == pytest.approx(rest)


def test_a_required_label_is_certain(client):
    required = [[{"start": 0, "end": len(WORD), "label": "MISC"}]]
    (found,) = tag(client, WORD, nbest=10, required=required)
    assert chances_of(found) == pytest.approx({"MISC": 1})
    assert found["entities"][0]["score"] == pytest.approx(1)


def test_there_are_as_many_taggings_as_were_asked_for_and_the_best_are_first(client, chances):
    (found,) = tag(client, WORD, nbest=2)
    best = sorted(chances.values(), reverse=True)[:2]
    assert [each["probability"] for each in found["nbest"]] == pytest.approx(best)


@pytest.mark.parametrize("more", [pytest.param(0, id="reached"), pytest.param(1e-6, id="missed")])
def test_a_lowest_score_keeps_what_reaches_it(client, more):
    (every,) = tag(client, TEXT)
    lower, higher = sorted(entity["score"] for entity in every["entities"])
    assert lower < higher < 1
    (kept,) = tag(client, TEXT, min_score=lower + more)
    assert len(kept["entities"]) == (1 if more else 2)
    low, high = (
        {e["label"]: score for e in every["entities"]} for score in (lower + more, higher + more)
    )
    label = min(every["entities"], key=lambda e: e["score"])["label"]
    (some,) = tag(client, TEXT, min_score={label: low[label]})
    assert len(some["entities"]) == (1 if more else 2)
    assert tag(client, TEXT, min_score=high["PER"] - 2 * more)[0]["entities"] != []


def test_sentences_that_are_split_are_tagged_as_if_each_were_a_text(client):
    first, second = "Jordan left Zürich.", "London fell."
    (joined,) = tag(client, f"{first} {second}", split=True)
    alone = tag(client, first, second)
    shift = len(first) + 1
    expected = [(e, 0) for e in alone[0]["entities"]] + [(e, shift) for e in alone[1]["entities"]]
    assert labelled(joined["entities"]) == [
        (e["start"] + by, e["end"] + by, e["label"]) for e, by in expected
    ]
    assert [e["score"] for e in joined["entities"]] == pytest.approx(
        [e["score"] for e, _ in expected]
    )
    # Together, they are read as one sentence, which gives other scores.
    (together,) = tag(client, f"{first} {second}")
    assert [e["score"] for e in together["entities"]] != [e["score"] for e, _ in expected]
