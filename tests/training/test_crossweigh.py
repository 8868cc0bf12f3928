"""`--crossweigh`: what is weighed before a training, and where it is kept."""

import json

import pytest

from ner.cli import main
from ner.data.schemes import Span
from ner.data.sentence import Sentence
from ner.errors import ConfigError
from ner.training import suspect_annotation
from ner.training.crossweigh import crossweigh

SMALL = {
    "words.size": 8,
    "characters.size": 4,
    "characters.output_size": 4,
    "affixes.rows": 64,
    "encoder.size": 8,
    "training.threads": 1,
    "training.device": "cpu",
}
LEARNS = {"training.epochs": 40, "training.batch_size": 4, "training.learning_rate": 0.02}
CORPUS = [
    Sentence([f"N{i}", "met", f"P{i}", "."], spans=[Span(0, 1, "A"), Span(2, 3, "B")])
    for i in range(24)
]
WRONG = Sentence(["N50", "met", "P50", "."], spans=[Span(0, 1, "B"), Span(2, 3, "B")])


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(suspect_annotation, "fast_settings", lambda _: SMALL | LEARNS)


def test_a_wrong_sentence_loses_weight_in_each_round(tmp_path):
    said = []
    sources = {"train": [*CORPUS, WRONG]}
    path = crossweigh(None, 2, out=tmp_path / "run", sources=sources, notify=said.append)
    assert path == tmp_path / "run-crossweigh" / "weights.jsonl"
    weights = [json.loads(line)["weight"] for line in path.read_text().splitlines()]
    assert weights[-1] == pytest.approx(0.49)
    changed = sum(weight < 1 for weight in weights)
    assert said[-1] == f"{path}: written, {changed} of 25 weights are below 1."
    assert not (tmp_path / "run").exists()


def test_weights_that_are_there_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"must be none yet\. Got old\.jsonl\.$"):
        crossweigh(None, 1, out=tmp_path / "run", set={"training.weights": "old.jsonl"})


def test_evidence_from_documents_is_refused_before_the_trainings_that_weigh(tmp_path):
    with pytest.raises(ConfigError, match=r"document_folds: must be 0 where there is training\.we"):
        crossweigh(None, 1, out=tmp_path / "run", set={"training.document_folds": 2})
    assert not list(tmp_path.iterdir())


def test_the_command_trains_with_the_weights(tmp_path):
    train = tmp_path / "train.conll"
    rows = ["\n".join([f"N{i} B-A", "met O", f"P{i} B-B"]) for i in range(12)]
    train.write_text("\n\n".join([*rows, "N50 B-B\nmet O\nP50 B-B", ""]))
    settings = [f"--set={key}={value}" for key, value in SMALL.items()]
    run = tmp_path / "run"
    command = ["train", "--train", str(train), "--dev", str(train), "--out", str(run)]
    with pytest.raises(SystemExit) as ended:
        main([*command, "--epochs", "1", "--crossweigh", "1", *settings])
    assert ended.value.code in (0, None)
    weights = tmp_path / "run-crossweigh" / "weights.jsonl"
    assert f'weights = "{weights}"' in (run / "config.toml").read_text()
    assert json.loads(weights.read_text().splitlines()[-1])["weight"] == 0.7
