"""Curves over samples of a corpus: samples, runs that are kept, all tasks, weights."""

import itertools
import json

import pytest

import ner
from ner.data.sentence import Sentence
from ner.errors import ConfigError, DataError
from ner.evaluation.power_law import Forecast, PowerLaw
from ner.training import data_curve
from ner.training.data_curve import (
    CurvePoint,
    DataCurve,
    nested_sample,
    sample_sizes,
    train_curve,
)
from ner.training.sentence_weights import write_weights

TINY = {
    "words.size": 4,
    "characters.size": 2,
    "characters.output_size": 2,
    "affixes.rows": 8,
    "encoder.size": 4,
    "training.epochs": 1,
    "training.threads": 1,
    "training.device": "cpu",
}
NAMES = ["Ada", "Bob", "Eve", "Joe"]
TRAIN = [
    Sentence([name, "left", str(i)], spans=[(0, 1, "PER")]) for i, name in enumerate(NAMES * 5)
]
DEV = TRAIN[:4]


def curve(out, *, train=TRAIN, dev=DEV, **options):
    sources = {"train": train} if dev is None else {"train": train, "dev": dev}
    settings = TINY | options.pop("set", {})
    return train_curve(out=out, sources=sources, set=settings, notify=lambda _: None, **options)


@pytest.fixture
def trained(monkeypatch):
    """Note the arguments of each training."""
    calls = []
    train = data_curve.run_training

    def spy(config, **arguments):
        calls.append((config, arguments))
        return train(config, **arguments)

    monkeypatch.setattr(data_curve, "run_training", spy)
    return calls


def test_a_larger_sample_contains_the_smaller_ones_of_its_seed():
    samples = [nested_sample(100, size, 3) for size in (5, 20, 100, 200)]
    assert [len(s) for s in samples] == [5, 20, 100, 100]
    assert all(set(a) <= set(b) for a, b in itertools.pairwise(samples))
    assert all(s == sorted(s) for s in samples)
    assert nested_sample(100, 5, 4) != samples[0]


def test_fractions_become_numbers_of_sentences():
    assert sample_sizes([1, 0.1, 0.25], 14041) == {0.1: 1404, 0.25: 3510, 1: 14041}
    assert sample_sizes([0.001], 20) == {0.001: 1}


@pytest.mark.parametrize(
    ("fractions", "words"),
    [
        pytest.param([0.0, 1.0], "must be above 0 and at most 1. Got 0.", id="zero"),
        pytest.param([-0.5], "must be above 0 and at most 1. Got -0.5.", id="negative"),
        pytest.param([0.5, 1.5], "must be above 0 and at most 1. Got 1.5.", id="more than one"),
        pytest.param([float("nan")], "must be above 0 and at most 1. Got nan.", id="no number"),
        pytest.param([], "at least one is required. Got none.", id="none"),
        pytest.param(
            [0.5, 0.5, 1],
            "different numbers of sentences. Got 0.5 and 0.5, which are both 10 of 20.",
            id="twice",
        ),
        pytest.param(
            [0.01, 0.05], "Got 0.01 and 0.05, which are both 1 of 20.", id="the same sentences"
        ),
    ],
)
def test_wrong_fractions_are_refused_before_anything_is_trained(
    tmp_path, trained, fractions, words
):
    with pytest.raises(ConfigError) as caught:
        curve(tmp_path / "c", fractions=fractions)
    assert str(caught.value).startswith("--fractions: ")
    assert words in str(caught.value)
    assert not trained
    assert not (tmp_path / "c").exists()


def test_a_curve_has_the_scores_of_each_seed_and_its_files(tmp_path, trained):
    found = curve(tmp_path / "c", fractions=[0.25, 0.5, 1], seeds=2)
    assert [(p.fraction, p.sentences, len(p.scores)) for p in found.points] == [
        (0.25, 5, 2),
        (0.5, 10, 2),
        (1, 20, 2),
    ]
    assert [arguments["out"].name for _, arguments in trained] != []
    seeds = [config.seed for config, _ in trained]
    assert seeds == [1, 2, 1, 2, 1, 2]
    sizes = [len(arguments["sources"]["train"]) for _, arguments in trained]
    assert sizes == [5, 5, 10, 10, 20, 20]
    first, second = (arguments["sources"]["train"] for _, arguments in trained[:2])
    assert first != second
    facts = json.loads((tmp_path / "c/curve.json").read_text())
    assert facts == json.loads(json.dumps(found.to_dict()))
    assert (tmp_path / "c/curve.png").is_file()
    assert facts["points"][2]["mean"] == sum(found.points[2].scores) / 2


def test_finished_runs_are_not_trained_again_and_others_are_added(tmp_path, trained):
    first = curve(tmp_path / "c", fractions=[0.5], seeds=1)
    again = curve(tmp_path / "c", fractions=[0.5, 1], seeds=2)
    assert [config.seed for config, _ in trained] == [1, 2, 1, 2]
    assert again.points[0].scores[0] == first.points[0].scores[0]
    curve(tmp_path / "c", fractions=[0.5, 1], seeds=2)
    assert len(trained) == 4
    curve(tmp_path / "c", fractions=[0.5], seeds=1, set={"encoder.size": 5})
    assert len(trained) == 5


def test_an_interrupted_run_goes_on_and_the_curve_is_the_same(tmp_path, monkeypatch):
    whole = curve(tmp_path / "whole", fractions=[0.5, 1], seeds=1, set={"training.epochs": 2})
    train = data_curve.run_training

    def stopped(event):
        if event.epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(
            data_curve, "run_training", lambda *a, **k: train(*a, callbacks=[stopped], **k)
        )
        with pytest.raises(KeyboardInterrupt):
            curve(tmp_path / "cut", fractions=[0.5, 1], seeds=1, set={"training.epochs": 2})
    cut = curve(tmp_path / "cut", fractions=[0.5, 1], seeds=1, set={"training.epochs": 2})
    assert [p.scores for p in cut.points] == [p.scores for p in whole.points]


@pytest.mark.parametrize(
    ("settings", "annotation"),
    [
        pytest.param({"task": "classify"}, {"labels": ["a"], "spans": None}, id="texts"),
        pytest.param(
            {"task": "tag", "data.target": "upos"},
            {"columns": {"upos": ["X", "Y", "X"]}, "spans": None},
            id="tokens",
        ),
    ],
)
def test_a_curve_of_another_task_has_its_score(tmp_path, settings, annotation):
    texts = [s.replace(**annotation) for s in TRAIN]
    if "labels" in annotation:
        texts = [s.replace(labels=["ab"[i % 2]]) for i, s in enumerate(texts)]
    found = curve(
        tmp_path / "c", train=texts, dev=texts[:6], fractions=[0.5], seeds=1, set=settings
    )
    assert found.metric == "accuracy"
    assert "accuracy" in str(found)


def test_development_sentences_that_are_held_out_are_the_same_for_all_samples(tmp_path, trained):
    curve(tmp_path / "c", dev=None, fractions=[0.5, 1], seeds=1)
    devs = [arguments["sources"]["dev"] for _, arguments in trained]
    assert devs[0] == devs[1]
    assert len(devs[0]) == 2
    trains = [arguments["sources"]["train"] for _, arguments in trained]
    assert [len(train) for train in trains] == [9, 18]
    assert not set(map(str, trains[1])) & set(map(str, devs[0]))


def test_weights_go_with_the_sentences_of_a_sample(tmp_path, trained):
    file = tmp_path / "w.jsonl"
    write_weights(file, TRAIN, [1 + i for i in range(len(TRAIN))])
    curve(tmp_path / "c", fractions=[0.5], seeds=1, set={"training.weights": str(file)})
    ((_, arguments),) = trained
    numbers = [1.0 + int(s.tokens[2]) for s in arguments["sources"]["train"]]
    assert arguments["weights"] == numbers


def test_a_sample_without_entities_is_named(tmp_path):
    train = [Sentence(["nothing"], spans=[])] * 19 + [TRAIN[0]]
    with pytest.raises(DataError) as caught:
        curve(tmp_path / "c", train=train, fractions=[0.1, 1], seeds=1)
    assert str(caught.value).startswith("2 sentences, seed 1: train: some entities to learn from.")


def test_the_number_of_seeds_is_checked(tmp_path):
    with pytest.raises(ConfigError, match="--seeds: must be at least 1"):
        curve(tmp_path / "c", seeds=0)


def test_test_data_are_not_read(tmp_path):
    missing = {"data.test": str(tmp_path / "none.conll")}
    assert curve(tmp_path / "c", fractions=[1], seeds=1, set=missing).forecast is None


def test_a_curve_says_what_twice_the_sentences_are_worth():
    points = [
        CurvePoint(0.5, 1000, (0.8, 0.82), (0.5, 0.5), (3.0, 5.0)),
        CurvePoint(1.0, 2000, (0.9, 0.9), (0.6, 0.6), (9.0, 9.0)),
    ]
    outlook = Forecast(PowerLaw(0.05, 2.0, 0.5), 4000, 0.918, 0.0131, (0.01, 0.0162), 0.88)
    text = str(DataCurve(points, "f1", "a dictionary", outlook))
    rows = [line.split() for line in text.splitlines()]
    assert rows[1] == ["0.5", "1,000", "81.00", "±", "1.41", "50.00", "4"]
    assert "twice the sentences, 4,000: F1 91.80, after 90.49 on the same curve: +1.31" in text
    assert "error = 0.0500 + 2 * sentences^-0.500" in text
    assert "says 88.00 for it; 90.00 was measured." in text
    text = str(DataCurve(points, "f1", "a dictionary", None))
    assert "A forecast needs at least three fractions." in text


def test_a_curve_of_a_recipe_reads_its_corpus(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = train_curve("sample", fractions=[0.01], seeds=1, set=TINY, notify=lambda _: None)
    assert found.points[0].sentences == round(0.01 * len(ner.read_sentences("sample:train")))
    assert (tmp_path / "runs/sample-curve/curve.json").is_file()
