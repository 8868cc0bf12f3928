"""Every setting against overfitting reaches a run: it changes what is learnt, or when it ends."""

import json
from itertools import islice

import pytest
from safetensors.numpy import load_file

import ner
from ner.errors import ConfigError

# Nothing that is random in training but the order of the sentences.
PLAIN = {
    "words.size": 8,
    "words.replace_singletons": 0.0,
    "characters.size": 4,
    "characters.output_size": 8,
    "affixes.rows": 64,
    "affixes.size": 4,
    "embedder.dropout": 0.0,
    "embedder.word_dropout": 0.0,
    "encoder.size": 8,
    "encoder.dropout": 0.0,
    "training.epochs": 1,
    "training.threads": 1,
    "training.device": "cpu",
    "training.ema": 0.0,
    "training.export": False,
}
SETTINGS = {
    "words.replace_singletons": 0.5,
    "embedder.dropout": 0.5,
    "embedder.word_dropout": 0.5,
    "encoder.dropout": 0.5,
    "training.weight_decay": 0.1,
    "training.l1": 0.01,
    "training.l2": 0.01,
    "augmentation.upper": 0.5,
    "augmentation.lower": 0.5,
    "augmentation.title": 0.5,
    "augmentation.mentions": 0.5,
    "augmentation.tokens": 0.5,
}


def run(out, **changes):
    """Train for an epoch or more, and give the weights."""
    splits = {
        split: list(islice(ner.read_sentences(f"sample:{split}"), count))
        for split, count in (("train", 40), ("dev", 10))
    }
    ner.train(out=out, progress=False, **splits, set=PLAIN | changes)
    return {k: v.tobytes() for k, v in load_file(out / "model/model.safetensors").items()}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return run(tmp_path_factory.mktemp("plain") / "run")


def test_without_any_of_them_training_is_always_the_same(plain, tmp_path):
    assert run(tmp_path) == plain


@pytest.mark.parametrize("name", SETTINGS)
def test_each_setting_changes_what_is_learnt(plain, tmp_path, name):
    changed = run(tmp_path, **{name: SETTINGS[name]})
    assert changed.keys() == plain.keys()
    assert changed["head.projection.weight"] != plain["head.projection.weight"]


def test_a_run_ends_when_the_score_stalls(tmp_path):
    # Nothing moves at such a rate, so no epoch is better than the first one.
    run(tmp_path, **{"training.epochs": 9, "training.patience": 3, "training.learning_rate": 1e-12})
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]


@pytest.mark.parametrize("name", ["delete", "swap"])
def test_what_would_tear_names_apart_is_refused(tmp_path, name):
    with pytest.raises(
        ConfigError, match=rf"^augmentation\.{name}: 0 unless the task is classify\."
    ):
        run(tmp_path / "run", **{f"augmentation.{name}": 0.5})
    assert not (tmp_path / "run").exists()
