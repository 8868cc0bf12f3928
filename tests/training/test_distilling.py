"""Training on teachers that err: what goes into it, and what is refused."""

import pytest

from ner.data.formats.read import file_digest
from ner.data.sentence import Sentence
from ner.errors import ConfigError, DataError
from ner.training import distilling
from ner.training.distilling import distil

GOLD = [Sentence([name, "sang"], spans=[(0, 1, "PER")]) for name in ("Ada", "Bob")]
TEACHER = [{"text": f"{name} sang", "spans": [[0, 3, "PER"]]} for name in ("Ada", "Eve", "Ida")]


@pytest.fixture
def given(monkeypatch):
    """Record what would be trained."""
    seen = {}
    monkeypatch.setattr(
        distilling, "run_training", lambda config, **more: seen.update(more, config=config)
    )
    return seen


def test_gold_sentences_have_their_weight_and_replace_those_of_teachers(given):
    said = []
    distil({"gpt": TEACHER}, GOLD, GOLD[:1], gold_weight=3, notify=said.append)
    assert [s.tokens[0] for s in given["sources"]["train"]] == ["Ada", "Bob", "Eve", "Ida"]
    assert given["weights"] == [3, 3, 1.0, 1.0]
    assert given["sources"]["dev"] == GOLD[:1]
    assert said[0].startswith("gpt: of 1 gold entities, 0.0% are missed")
    assert said[-1].startswith("2 gold sentences with weight 3, 1 of them labelled by teachers")


def test_teachers_that_label_no_gold_text_are_warned_of(given):
    said = []
    distil({"gpt": TEACHER[1:]}, GOLD, GOLD, notify=said.append)
    assert any("their errors are not known" in line for line in said)


def test_a_few_mended_suggestions_are_shown(given):
    said = []
    records = [{"text": f"Eve {i}", "spans": [{"text": "Ann", "label": "PER"}]} for i in range(12)]
    distil({"gpt": records}, GOLD, GOLD, notify=said.append)
    assert sum("dropped" in line for line in said) == 11
    assert "12 suggestions in all were moved, searched for or dropped." in said


def test_settings_go_to_training(given):
    distil({"gpt": TEACHER}, GOLD, GOLD, set={"training.epochs": 3}, notify=lambda _: None)
    assert given["config"].training.epochs == 3


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        pytest.param(
            {"gold_weight": -1}, ConfigError, "gold-weight: must be a number of", id="weight"
        ),
        pytest.param({"set": {"task": "classify"}}, ConfigError, "must find spans, as", id="task"),
        pytest.param(
            {"gold": [Sentence(["a"])]}, DataError, "annotated with spans. Got none", id="no gold"
        ),
        pytest.param(
            {"dev": [Sentence(["a"], allowed=[()])]},
            DataError,
            "annotated with spans. Got partial annotation",
            id="partial",
        ),
    ],
)
def test_wrong_settings_and_gold_are_refused(changes, error, words):
    arguments = {"teachers": {"gpt": TEACHER}, "gold": GOLD, "dev": GOLD, "notify": lambda _: None}
    with pytest.raises(error, match=words):
        distil(**(arguments | changes))


def test_weights_of_tags_are_part_of_what_a_run_is_known_by():
    soft, other = (
        Sentence(["Eve"], allowed=[("O", "B-PER")], allowed_weights=[(1.0, weight)])
        for weight in (0.2, 0.3)
    )
    assert file_digest([soft]) != file_digest([other])
