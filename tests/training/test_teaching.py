"""A model learns from a teacher: from what it thinks of annotated sentences and of raw text."""

import itertools
import json

import numpy as np
import pytest

import ner
from ner.crf.forward_backward import Edges
from ner.data.schemes import Span
from ner.data.sentence import Sentence
from ner.errors import ConfigError, NerError
from ner.model_folder import load_model
from ner.tasks import SpanTask
from ner.training import teaching
from ner.training.teacher_targets import TeacherTargets, think, write
from ner.training.train import run_training

SMALL = {
    "words.size": 8,
    "characters.kind": "none",
    "affixes.rows": 0,
    "shape.size": 0,
    "encoder.size": 8,
    "embedder.dropout": 0.0,
    "embedder.word_dropout": 0.0,
    "encoder.dropout": 0.0,
    "words.replace_singletons": 0.0,
    "training.threads": 1,
    "training.device": "cpu",
    "training.export": False,
    "training.ema": 0.0,
    "training.batch_size": 4,
    "training.learning_rate": 0.03,
}
LEFT = [f"a{i}" for i in range(8)]
RIGHT = [f"b{i}" for i in range(8)]
GOLD = [
    Sentence([left, "met", right, "."], spans=[Span(0, 1, "A"), Span(2, 3, "B")], document=left)
    for left, right in zip(LEFT, RIGHT, strict=True)
]
SWAPPED = [
    Sentence(s.tokens, spans=[Span(0, 1, "B"), Span(2, 3, "A")], document=s.document) for s in GOLD
]


def learn(out, gold=GOLD, dev=GOLD, epochs=16, **settings):
    changes = {**SMALL, "training.epochs": epochs} | {
        name.replace("__", "."): value for name, value in settings.items()
    }
    sources = {"train": gold, "dev": dev}
    return run_training(out=out, set=changes, sources=sources, progress=False).predictor


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """Return the folder of a model that knows the sentences, and an unusual order of labels."""
    out = tmp_path_factory.mktemp("teacher") / "run"
    learn(out)
    return out / "model"


def labels(model, sentence):
    return [span.label for span in model.tag_sentences([sentence])[0].prediction.spans]


def test_what_a_teacher_thinks_is_exact():
    task = SpanTask(("O", "B-X", "I-X"), "BIO", temperature=1.5)
    random = np.random.default_rng(1)
    edges = Edges(random.normal(size=3), random.normal(size=(3, 3)), random.normal(size=3))
    scores = [random.normal(size=(length, 3)).astype(np.float32) for length in (3, 1)]
    lattice = task.lattice(edges)
    for found, own in zip(think(task, edges, scores), scores, strict=True):
        length = len(own)
        tags, steps, total = np.zeros((length, 3)), np.zeros((3, 3)), 0.0
        for path in itertools.product(range(3), repeat=length):
            score = lattice.start[path[0]] + lattice.end[path[-1]]
            score += sum(own[t, tag] / 1.5 for t, tag in enumerate(path))
            score += sum(lattice.transitions[pair] for pair in itertools.pairwise(path))
            share = np.exp(score)
            total += share
            tags[np.arange(length), path] += share
            for pair in itertools.pairwise(path):
                steps[pair] += share
        assert found.tags == pytest.approx(tags / total, rel=1e-6)
        assert found.steps == pytest.approx(steps / total, rel=1e-6)


def test_batches_get_what_was_written(tmp_path):
    task = SpanTask(("O", "B-X", "I-X"), "BIO")
    random = np.random.default_rng(1)
    scores = [random.normal(size=(length, 3)).astype(np.float32) for length in (3, 1, 2)]
    thoughts, legal = think(task, None, scores), np.ones((3, 3), np.bool_)
    legal[0, 2] = False
    path, weights = tmp_path / "t.safetensors", np.array([0.5, 0.5, 1], np.float32)
    write(path, "key", [3, 1, 2], legal, thoughts)
    assert TeacherTargets.open(path, "other", [3, 1, 2], legal, weights) is None
    opened = TeacherTargets.open(path, "key", [3, 1, 2], legal, weights)
    batch = opened(np.array([2, 0]))
    assert batch["teacher_weights"].tolist() == [1, 0.5]
    assert batch["teacher_tags"].shape == (2, 3, 3)
    assert batch["teacher_tags"][0, :2] == pytest.approx(thoughts[2].tags)
    assert not batch["teacher_tags"][0, 2].any()
    assert batch["teacher_steps"][1] == pytest.approx(thoughts[0].steps * legal)
    assert not list(tmp_path.glob(".*"))


def test_a_file_that_no_disk_holds_is_refused_in_a_line(tmp_path):
    legal = np.ones((4000, 4000), np.bool_)
    with pytest.raises(
        ConfigError, match=r"^training\.teacher: .* at most 64 GiB\. Got .* tags\.$"
    ):
        write(tmp_path / "t", "key", [9] * 9000, legal, [])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("weight", "dev", "expected"),
    [
        pytest.param(1.0, GOLD, ["A", "B"], id="the teacher alone"),
        pytest.param(0.0, SWAPPED, ["B", "A"], id="gold alone"),
    ],
)
def test_its_weight_decides_between_it_and_gold(weight, dev, expected, teacher, tmp_path):
    student = learn(
        tmp_path / "run",
        gold=SWAPPED,
        dev=dev,
        training__teacher=str(teacher),
        training__teacher_weight=weight,
    )
    assert labels(student, GOLD[0]) == expected
    assert not (tmp_path / "run" / "teacher.safetensors").exists()


def test_raw_text_teaches_words_that_gold_lacks(teacher, tmp_path):
    raw = tmp_path / "raw.txt"
    raw.write_text("a7 met b7 .\n\nb6 met a6 .\n" * 3, encoding="utf-8")
    student = learn(
        tmp_path / "run",
        gold=GOLD[:4],
        dev=GOLD[:4],
        training__teacher=str(teacher),
        training__raw=str(raw),
    )
    assert "a7" in student.featurizer.words.entries
    assert labels(student, GOLD[7]) == labels(ner.load(teacher), GOLD[7])
    facts = json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))
    assert facts["teacher"]["digest"] == load_model(teacher).digest


def test_folds_ask_teachers_that_have_not_seen_the_sentence(teacher, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(teaching, "think", lambda *given: asked.append(given) or think(*given))
    learn(tmp_path / "run", epochs=1, training__teacher=str(teacher), training__teacher_folds=2)
    assert [len(scores) for _, _, scores in asked] == [4, 4]
    kept = [p.name for p in (tmp_path / "run-teacher").iterdir() if p.suffix == ".json"]
    assert len(kept) == 2
    # Words of the part are unknown to a model of the other part, whose scores are other ones.
    own = ner.load(teacher).emissions(GOLD[:4])
    assert not np.allclose(np.concatenate(asked[0][2]), np.concatenate(own), atol=0.1)


def test_an_interrupted_run_with_a_teacher_equals_an_uninterrupted_one(
    teacher, tmp_path, monkeypatch
):
    given = {**SMALL, "training.epochs": 3, "training.teacher": str(teacher)}
    sources = {"train": GOLD, "dev": GOLD}
    whole = run_training(out=tmp_path / "a", set=given, sources=sources, progress=False)
    stops = lambda event: getattr(event, "step", None) != 1  # noqa: E731
    run_training(out=tmp_path / "b", set=given, sources=sources, progress=False, callbacks=[stops])
    resumed = run_training(
        out=tmp_path / "b", set=given, sources=sources, progress=False, resume=True
    )
    one, other = (load_model(each.model).weights for each in (whole, resumed))
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_what_the_teacher_thinks_is_computed_once(teacher, tmp_path, monkeypatch):
    def kill(*_):
        raise InterruptedError

    given = {**SMALL, "training.epochs": 2, "training.teacher": str(teacher)}
    sources = {"train": GOLD, "dev": GOLD}
    start = {"out": tmp_path / "run", "set": given, "sources": sources, "progress": False}
    with pytest.raises(InterruptedError):
        run_training(**start, callbacks=[kill])
    assert (tmp_path / "run" / "teacher.safetensors").is_file()
    monkeypatch.setattr(teaching, "think", kill)
    run_training(**start, resume=True)
    # Another teacher makes another run.
    learn(tmp_path / "second", epochs=1)
    given["training.teacher"] = str(tmp_path / "second" / "model")
    monkeypatch.undo()
    with pytest.raises(
        NerError, match=r"a resumed run keeps its settings and data\. Got .*teacher"
    ):
        run_training(**start, resume=True)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param(
            {"training.raw": "x.txt"},
            "training.raw: needs training.teacher, a model. Got x.txt without.",
            id="raw text without a teacher",
        ),
        pytest.param(
            {"training.teacher_folds": 2},
            "training.teacher_folds: needs training.teacher, a model. Got 2 without.",
            id="folds without a teacher",
        ),
        pytest.param(
            {"training.teacher": "T", "augmentation.mentions": 0.5},
            "augmentation.mentions: must be 0 where there is a teacher, who has not seen the "
            "changed sentences. Got 0.5.",
            id="other sentences",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings, message, teacher, tmp_path):
    given = {k: str(teacher) if v == "T" else v for k, v in settings.items()}
    with pytest.raises(ConfigError) as error:
        learn(tmp_path / "run", **given)
    assert str(error.value) == message
    assert not (tmp_path / "run").exists()


def test_a_teacher_of_other_labels_is_refused(teacher, tmp_path):
    gold = [Sentence(s.tokens, spans=[Span(0, 1, "C")]) for s in GOLD]
    with pytest.raises(ConfigError) as error:
        learn(tmp_path / "run", gold=gold, dev=gold, training__teacher=str(teacher))
    assert str(error.value) == (
        "training.teacher: must have the labels of the training data. "
        "Got one that lacks C and also has A, B."
    )
    assert not (tmp_path / "run").exists()


def test_the_command_takes_a_teacher(teacher, tmp_path, run):
    rows = "a1 A\nmet O\nb1 B\n\n"
    text = rows.replace(" A\n", " S-A\n").replace(" B\n", " S-B\n") * 4
    (tmp_path / "gold.conll").write_text(text, encoding="utf-8")
    settings = [word for k, v in SMALL.items() for word in ("--set", f"{k}={json.dumps(v)}")]
    code, _, err = run(
        *("train", "--train", "gold.conll", "--dev", "gold.conll", "--out", "o", "--epochs", 1),
        *("--teacher", teacher, "--teacher-weight", 0.7, *settings),
    )
    assert code == 0, err
    assert "teaches 4 sentences." in err
    assert "teacher_weight = 0.7" in (tmp_path / "o" / "config.toml").read_text("utf-8")
