"""Training on teachers that err: what goes into it, and what is refused."""

from types import SimpleNamespace

import pytest

from ner.data.formats.read import file_digest
from ner.data.sentence import Sentence
from ner.errors import ConfigError, DataError, TrainingError
from ner.files import write_json
from ner.training import distilling, gold_first
from ner.training.distilling import distil

GOLD = [Sentence([name, "sang"], spans=[(0, 1, "PER")]) for name in ("Ada", "Bob")]
TEACHER = [{"text": f"{name} sang", "spans": [[0, 3, "PER"]]} for name in ("Ada", "Eve", "Ida")]


@pytest.fixture
def given(monkeypatch, tmp_path):
    """Record what would be trained, and what on gold alone; their F1 are 0.4 and 0.5."""
    seen = {}

    def learn_all(config, **more):
        seen.update(more, config=config)
        return SimpleNamespace(reports={"dev": SimpleNamespace(metric="f1", score=0.4)})

    def learn_gold(config, **more):
        seen["gold"] = {**more, "config": config}
        more["out"].mkdir(parents=True, exist_ok=True)
        write_json(more["out"] / "report.json", {"dev": {"score": 0.5}})
        return SimpleNamespace(reports={"dev": SimpleNamespace(metric="f1", score=0.5)})

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(distilling, "run_training", learn_all)
    monkeypatch.setattr(gold_first, "run_training", learn_gold)
    return seen


def test_gold_sentences_have_their_weight_and_replace_those_of_teachers(given):
    said = []
    distil({"gpt": TEACHER}, GOLD, GOLD[:1], gold_weight=3, notify=said.append)
    assert [s.tokens[0] for s in given["sources"]["train"]] == ["Ada", "Bob", "Eve", "Ida"]
    assert given["weights"] == [3, 3, 1.0, 1.0]
    assert given["sources"]["dev"] == GOLD[:1]
    assert said[0].startswith("gpt: of 1 gold entities, 0.0% are missed")
    assert said[-3].startswith("2 gold sentences with weight 3, 1 of them labelled by teachers")


def test_a_model_of_gold_alone_is_the_start(given, tmp_path):
    said = []
    settings = {"training.epochs": 3, "encoder.size": 7}
    out = tmp_path / "taught"
    distil({"gpt": TEACHER}, GOLD, GOLD[:1], out=out, set=settings, notify=said.append)
    first = given["gold"]
    assert first["sources"] == {"train": GOLD, "dev": GOLD[:1]}
    assert first["out"] == tmp_path / "taught-gold"
    assert not first["resume"]
    assert first["config"].encoder.size == given["config"].encoder.size == 7
    # Two gold sentences, and two of the teacher.
    assert (first["config"].training.epochs, given["config"].training.epochs) == (6, 3)
    assert given["init"] == tmp_path / "taught-gold" / "model"
    assert "taught-gold: gold alone has F1 50.00 on the development data" in said[-2]
    assert "gold alone is better on the development data: F1 50.00, and now 40.00." in said[-1]


def test_what_is_there_goes_on_with_resume(given, tmp_path):
    gold, run = tmp_path / "taught-gold", tmp_path / "taught"

    def go_on():
        given.pop("gold", None)
        distil({"gpt": TEACHER}, GOLD, GOLD, out=run, resume=True, notify=lambda _: None)
        return "gold" in given and given["gold"]["resume"], given["resume"]

    with pytest.raises(TrainingError, match="no run to resume"):
        go_on()
    (gold / "checkpoints").mkdir(parents=True)
    assert go_on() == (True, False)
    (gold / "model").mkdir()
    write_json(gold / "report.json", {"dev": {"score": 0.3}})
    assert go_on() == (False, False)
    (run / "checkpoints").mkdir(parents=True)
    assert go_on() == (False, True)
    assert given["init"] == gold / "model"


def test_a_start_that_is_given_and_gold_without_entities_need_no_first_training(given, tmp_path):
    for gold, init in ((GOLD, "names"), ([Sentence(["Ada"], spans=[])], None)):
        distil({"gpt": TEACHER}, gold, GOLD, init=init, notify=lambda _: None)
        assert given["init"] == init
        assert "gold" not in given


def test_a_folder_that_holds_something_is_refused_before_any_training(given, tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(TrainingError, match="a new run needs a new or empty folder"):
        distil({"gpt": TEACHER}, GOLD, GOLD, out=tmp_path, notify=lambda _: None)
    assert "gold" not in given


def test_texts_of_teachers_are_cut_as_gold_is(given):
    gold = [Sentence([*"我叫李明。"], spans=[(2, 4, "PER")])]
    teacher = [{"text": "他叫王芳。", "spans": [{"text": "王芳", "label": "PER"}]}]
    distil({"gpt": teacher}, gold, gold, notify=lambda _: None)
    assert given["sources"]["train"][1].tokens == tuple("他叫王芳。")
    cut = Sentence(["Ada", "Lee-Poe", "sang"], spans=[(0, 2, "PER")])
    english = [{"text": "Bob Lee-Poe sang", "spans": []}]
    for rules, tokens in (("auto", 3), ("ud", 5), ("character", 14)):
        set_ = {"data.tokenizer": rules}
        distil({"gpt": english}, [cut], [cut], set=set_, notify=lambda _: None)
        assert len(given["sources"]["train"][1]) == tokens


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
            {"set": {"training.document_folds": 2}},
            ConfigError,
            "training.document_folds: must be 0 where there is a model to go on from",
            id="evidence from documents",
        ),
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
