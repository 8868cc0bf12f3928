"""Results of trainings that are kept, and taken from there again."""

import json

import pytest

from ner.config.loading import Config
from ner.data.sentence import Sentence
from ner.errors import InUseError
from ner.training.kept_results import KeptResults, training_key
from ner.training.run_folder import CONFIG

TRAIN = [Sentence(["Ada", "left"], spans=[(0, 1, "PER")])]
DEV = [Sentence(["Bob"], spans=[])]


def test_a_training_is_done_once_for_each_key(tmp_path):
    calls = []

    def train(run, resume):
        calls.append((run.name, resume))
        run.mkdir()
        return {"score": len(calls)}

    with KeptResults.open(tmp_path / "kept") as kept:
        assert kept.get({"a": 1}, train) == {"score": 1}
        assert kept.get({"a": 1}, train) == {"score": 1}
        assert kept.get({"a": 2}, train) == {"score": 2}
    with KeptResults.open(tmp_path / "kept") as kept:
        assert kept.get({"a": 1}, train) == {"score": 1}
    assert len(calls) == 2
    files = sorted(path.name for path in (tmp_path / "kept").iterdir())
    assert files == sorted(f"{name}.json" for name, _ in calls)


def test_an_interrupted_training_is_resumed_only_if_it_had_begun(tmp_path):
    calls = []

    def fail(run, resume):
        calls.append(resume)
        run.mkdir(exist_ok=True)
        (run / "vectors.safetensors").touch()
        if len(calls) == 2:
            (run / CONFIG).touch()
        if len(calls) < 3:
            raise KeyboardInterrupt
        return 7

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt), KeptResults.open(tmp_path / "kept") as kept:
            kept.get({"a": 1}, fail)
    with KeptResults.open(tmp_path / "kept") as kept:
        assert kept.get({"a": 1}, fail) == 7
    assert calls == [False, False, True]


def test_two_processes_do_not_use_one_folder(tmp_path):
    with KeptResults.open(tmp_path), pytest.raises(InUseError):
        KeptResults.open(tmp_path).__enter__()


def test_the_key_names_all_that_decides_a_result_and_nothing_else(tmp_path):
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("a 1 2\n")
    base = {"vectors.path": str(vectors), "words.size": 2}

    def key(changes=(), train=TRAIN, dev=DEV, weights=None):
        return json.dumps(training_key(Config().updated(base | dict(changes)), train, dev, weights))

    same = {"training.threads": 3, "training.device": "cpu", "data.train": "x", "data.dev": "y"}
    assert key(same) == key()
    others = [
        key({"seed": 2}),
        key({"encoder.size": 9}),
        key(train=DEV),
        key(dev=TRAIN),
        key(weights=[0.5]),
        key(weights=[0.7]),
    ]
    vectors.write_text("a 1 3\n")
    assert len({key(), *others}) == 7
    assert key() not in others
