"""When a run ends before its time, and which changes of sentences it refuses."""

import json
from itertools import islice

import pytest

import ner
from ner.errors import ConfigError

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


def run(out, **changes):
    """Train for an epoch or more."""
    splits = {
        split: list(islice(ner.read_sentences(f"sample:{split}"), count))
        for split, count in (("train", 40), ("dev", 10))
    }
    ner.train(out=out, progress=False, **splits, set=PLAIN | changes)


def test_a_run_ends_when_the_score_stalls(tmp_path):
    # Nothing moves at such a rate, so no epoch is better than the first one.
    run(tmp_path, **{"training.epochs": 9, "training.patience": 3, "training.learning_rate": 1e-12})
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]


@pytest.mark.parametrize("name", ["delete", "swap"])
def test_what_would_tear_names_apart_is_refused(tmp_path, name):
    with pytest.raises(
        ConfigError, match=rf"^augmentation\.{name}: must be 0\.0 unless the task is classify\."
    ):
        run(tmp_path / "run", **{f"augmentation.{name}": 0.5})
    assert not (tmp_path / "run").exists()
