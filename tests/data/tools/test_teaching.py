"""Soft annotation of teachers, whose errors are counted on the texts of gold."""

import math

import pytest

from ner.data.sentence import Sentence
from ner.data.tools.teaching import taught
from ner.errors import DataError


def record(name, *spans):
    return {"text": f"{name} sang .", "spans": list(spans)}


PERSON = [0, 3, "PER"]
GOLD = [Sentence([name, "sang", "."], spans=[(0, 1, "PER")]) for name in ("Ada", "Bob")]


def test_texts_of_gold_tell_the_rates_and_others_become_soft():
    teacher = [record("Ada", PERSON), record("Bob"), record("Eve", PERSON)]
    found = taught({"gpt": teacher}, GOLD)
    assert found.shared == 2
    assert found.rates["gpt"].missed == 0.5
    (sentence,) = found.sentences
    assert sentence.tokens == ("Eve", "sang", ".")
    assert sentence.spans is None
    assert sentence.allowed[0] == ("O", "B-PER", "I-PER")
    weights = dict(zip(sentence.allowed[0], sentence.allowed_weights[0], strict=True))
    assert weights["B-PER"] == 1.0
    assert weights["O"] < 0.05


def test_several_teachers_weigh_together():
    one = {"gpt": [record("Ada"), record("Eve", PERSON)]}
    two = one | {"rules": [record("Bob"), record("Eve")]}
    alone, together = (taught(teachers, GOLD).sentences[0] for teachers in (one, two))
    odds = [each.allowed_weights[0][0] / each.allowed_weights[0][1] for each in (alone, together)]
    # The second teacher sees nothing there.
    assert odds[1] > 3 * odds[0]
    assert all(math.isfinite(weight) for row in together.allowed_weights for weight in row)


def test_words_decide_where_spans_are_and_changes_are_listed():
    teacher = [
        {"text": "Eve sang .", "spans": [{"start": 4, "end": 7, "text": "Eve", "label": "PER"}]}
    ]
    found = taught({"gpt": teacher}, GOLD)
    assert found.shared == 0
    assert found.rates["gpt"].entities == 0
    assert "repaired" in found.changes[0]


def test_a_teacher_without_texts_of_its_own_is_refused():
    with pytest.raises(DataError, match="must label texts that --gold lacks"):
        taught({"gpt": [record("Ada", PERSON)]}, GOLD)
