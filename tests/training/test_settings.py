"""Every setting reaches a run: with another value, other weights are learnt."""

import functools
import json
from itertools import islice

import pytest
from safetensors.numpy import load_file

import ner
from ner.config import Section
from ner.config.loading import Config

PLAIN = {
    "words.size": 8,
    "characters.size": 4,
    "characters.output_size": 8,
    "affixes.rows": 64,
    "affixes.size": 4,
    "encoder.size": 8,
    "training.epochs": 1,
    "training.batch_size": 4,
    "training.threads": 1,
    "training.device": "cpu",
    "training.export": False,
}
BIGRAMS = {"bigrams.size": 4}
COLUMNS = {"inputs.columns": ["pos"]}
CNN = {"encoder.kind": "idcnn"}
STACKED = {"encoder.layers": 2}
SGD = {"training.optimizer": "sgd"}
TEXTS = {"task": "classify", "pooling.size": 4}
HOPS = {**TEXTS, "pooling.kinds": "structured"}
# By key: another value than the default or that of `PLAIN`, and what it needs beside it.
SETTINGS = {
    "seed": (2, {}),
    "words.size": (9, {}),
    "words.lowercase": (False, {}),
    "words.replace_singletons": (0.0, {}),
    "characters.kind": ("lstm", {}),
    "characters.size": (5, {}),
    "characters.output_size": (10, {}),
    "characters.width": (5, {}),
    "shape.size": (0, {}),
    "affixes.rows": (65, {}),
    "affixes.size": (5, {}),
    "bigrams.size": (4, {}),
    "bigrams.min_count": (3, BIGRAMS),
    "bigrams.dropout": (0.5, BIGRAMS),
    "inputs.columns": (["pos"], {}),
    "inputs.size": (3, COLUMNS),
    "embedder.dropout": (0.0, {}),
    "embedder.word_dropout": (0.5, {}),
    "encoder.kind": ("idcnn", {}),
    "encoder.cell": ("mingru", {}),
    "encoder.size": (9, {}),
    "encoder.layers": (2, {}),
    "encoder.dropout": (0.0, {}),
    "encoder.bidirectional": (False, {}),
    "encoder.projection": (4, {}),
    "encoder.weight_drop": (0.5, {}),
    "encoder.layer_norm": (True, {}),
    "encoder.residual": (True, STACKED),
    "encoder.iterations": (2, CNN),
    "encoder.attention_heads": (2, {}),
    "head.kind": ("softmax", {}),
    "head.scheme": ("BIO", {}),
    "head.cost": (1.0, {}),
    "head.ends": (False, {}),
    "head.weights": ({"PER": 3.0}, {}),
    "head.multi_label": (True, TEXTS),
    "head.label_smoothing": (0.3, TEXTS),
    "pooling.kinds": (["max"], TEXTS),
    "pooling.size": (5, TEXTS),
    "pooling.heads": (2, TEXTS),
    "pooling.hops": (2, HOPS),
    "pooling.penalty": (1.0, HOPS),
    "pooling.hierarchical": (True, TEXTS),
    "augmentation.upper": (0.5, {}),
    "augmentation.lower": (0.5, {}),
    "augmentation.title": (0.5, {}),
    "augmentation.mentions": (0.5, {}),
    "augmentation.mention_rate": (1.0, {"augmentation.mentions": 1.0}),
    "augmentation.tokens": (0.5, {}),
    "augmentation.token_rate": (1.0, {"augmentation.tokens": 1.0}),
    "augmentation.delete": (0.5, TEXTS),
    "augmentation.delete_rate": (0.5, {**TEXTS, "augmentation.delete": 1.0}),
    "augmentation.swap": (0.5, TEXTS),
    "augmentation.swap_rate": (0.5, {**TEXTS, "augmentation.swap": 1.0}),
    "training.epochs": (2, {}),
    "training.batch_size": (8, {}),
    "training.batch_tokens": (40, {}),
    "training.optimizer": ("sgd", {}),
    "training.learning_rate": (0.01, {}),
    "training.embedding_rate": (1.0, {}),
    "training.momentum": (0.5, SGD),
    "training.betas": ([0.8, 0.9], {}),
    "training.weight_decay": (0.1, {}),
    "training.l1": (0.01, {}),
    "training.l2": (0.01, {}),
    "training.schedule": ("constant", {}),
    "training.warmup": (0.5, {}),
    "training.decay": (1.0, {"training.schedule": "inverse-epoch", "training.epochs": 2}),
    "training.clip_norm": (0.1, {}),
    "training.plateau_patience": (1, {"training.schedule": "plateau", "training.epochs": 4}),
    "training.ema": (0.0, {}),
    "training.precision": ("bf16", {}),
}
# Settings of what else a run does, and where they are tested.
ELSEWHERE = {
    "task": "test_classifying",
    "data": "test_cli, test_storage and the tests of formats",
    "vectors": "test_training and test_vectors",
    "transformer": "test_transformer",
    "pooling.language": "test_classifying",
    "pooling.hard_wrapped": "test_classifying",
    "training.patience": "test_regularisation",
    "training.device": "test_loading",
    "training.threads": "test_training",
    "training.checkpoint_minutes": "test_training",
    "training.document_folds": "test_document_folds",
    "training.export": "test_exporting",
    "training.raw": "test_teaching",
    "training.teacher": "test_teaching",
    "training.teacher_folds": "test_teaching",
    "training.teacher_weight": "test_teaching",
    "training.weights": "test_sentence_weights",
}


@pytest.fixture(autouse=True, scope="module")
def no_pictures():
    """Draw no curves, which would take ten times as long as the runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ner.training.run_folder.learning_curve", lambda *_: None)
        yield


@functools.cache
def sentences(split, count):
    """Give sentences with spans, a column and a label each."""
    found = islice((s for s in ner.read_sentences(f"sample:{split}") if s.spans), count)
    return [
        s.replace(columns={"pos": tuple(str(len(t)) for t in s.tokens)}, labels=["AB"[i % 2]])
        for i, s in enumerate(found)
    ]


def run(out, changes):
    """Train on a few sentences, and give the weights, and the learning rate of each epoch."""
    splits = {"train": sentences("train", 16), "dev": sentences("dev", 4)}
    ner.train(out=out, progress=False, **splits, set=PLAIN | changes)
    rows = map(json.loads, (out / "metrics.jsonl").read_text().splitlines())
    weights = load_file(out / "model/model.safetensors")
    return {k: v.tobytes() for k, v in weights.items()}, [row["learning_rate"] for row in rows]


@pytest.fixture(scope="module")
def run_with(tmp_path_factory):
    """Give what a run with some changes gave, each of them run once."""
    done = {}

    def find(changes):
        key = json.dumps(changes)
        if key not in done:
            done[key] = run(tmp_path_factory.mktemp("base") / "run", changes)
        return done[key]

    return find


@pytest.mark.parametrize("base", [{}, TEXTS], ids=["names", "texts"])
def test_with_the_same_settings_a_run_is_always_the_same(run_with, tmp_path, base):
    assert run(tmp_path / "run", base) == run_with(base)


@pytest.mark.parametrize("key", SETTINGS)
def test_each_setting_changes_what_is_learnt(run_with, tmp_path, key, request):
    value, base = SETTINGS[key]
    if value == "bf16":
        request.getfixturevalue("bfloat16")
    assert run(tmp_path / "run", base | {key: value}) != run_with(base)


def test_no_setting_is_left_out():
    keys = set()
    for name, value in Config():
        section = type(value).model_fields if isinstance(value, Section) else ()
        keys |= {f"{name}.{key}" for key in section} or {name}
    assert keys >= SETTINGS.keys()
    left = {key for key in keys - SETTINGS.keys() if key not in ELSEWHERE}
    assert {key.partition(".")[0] for key in left} <= ELSEWHERE.keys()
