"""Whole runs on a few sentences: learning, resuming, going on from a model, what a run leaves."""

import json
import os
import signal
import subprocess
import sys
import time
from itertools import islice

import pytest
import torch
from safetensors.numpy import load_file

import ner
from ner.data.sentence import Sentence
from ner.errors import ConfigError, DataError, TrainingError
from ner.features.vectors import VectorStore

TINY = {
    "words": {"size": 16},
    "characters": {"size": 8, "output_size": 8},
    "affixes": {"rows": 256, "size": 4},
    "encoder": {"size": 16, "dropout": 0.1},
    "embedder": {"dropout": 0.1},
}


def sample(split="train", count=40):
    return list(islice(ner.read_sentences(f"sample:{split}"), count))


def tiny_run(out, *, epochs=2, train=None, dev=None, training=None, **settings):
    return ner.train(
        out=out,
        train=sample() if train is None else train,
        dev=sample("dev", 10) if dev is None else dev,
        progress=False,
        training={"epochs": epochs, "threads": 1, "device": "cpu"} | (training or {}),
        **TINY | settings,
    )


def weights(folder):
    return {k: v.tobytes() for k, v in load_file(folder / "model/model.safetensors").items()}


def sentence(text, *spans):
    return Sentence(text.split(), spans=spans)


EIGHT = [
    sentence("Ada Lovelace lived in London .", (0, 2, "PER"), (4, 5, "LOC")),
    sentence("London is large .", (0, 1, "LOC")),
    sentence("Mary Shelley wrote in Geneva .", (0, 2, "PER"), (4, 5, "LOC")),
    sentence("The Royal Society met .", (1, 3, "ORG")),
    sentence("Nothing happened ."),
    sentence("Geneva and London are cities .", (0, 1, "LOC"), (2, 3, "LOC")),
    sentence("The Royal Society wrote to Mary Shelley .", (1, 3, "ORG"), (5, 7, "PER")),
    sentence("Ada met Mary .", (0, 1, "PER"), (2, 3, "PER")),
]


@pytest.mark.parametrize("head", ["crf", "softmax"])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_eight_sentences_are_learnt_by_heart(tmp_path, head, cell):
    tagger, report = tiny_run(
        tmp_path,
        epochs=25,
        train=EIGHT,
        dev=EIGHT,
        training={"batch_size": 4, "ema": 0.5, "learning_rate": 0.02},
        head={"kind": head},
        encoder={"size": 16, "dropout": 0.1, "cell": cell},
    )
    assert report.f1 == 1.0
    assert [s.entities[0].label for s in map(tagger.tag_tokens, [EIGHT[0].tokens])] == ["PER"]


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        tiny_run(tmp_path / name, epochs=1, seed=seed)
    assert weights(tmp_path / "a") == weights(tmp_path / "b") != weights(tmp_path / "c")


def test_a_run_leaves_its_records(tmp_path):
    _, report = tiny_run(tmp_path, test=sample("test", 10))
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert rows[0]["loss"] > rows[1]["loss"]
    assert (tmp_path / "learning-curve.png").read_bytes().startswith(b"\x89PNG")
    assert list((tmp_path / "tensorboard").glob("events*"))
    facts = json.loads((tmp_path / "run.json").read_text())
    assert facts["versions"]["torch"] == torch.__version__
    assert len(facts["data"]["train"]["sha256"]) == 64
    assert facts["seed"] == 1
    results = json.loads((tmp_path / "report.json").read_text())
    assert results["test"]["f1"] == report.f1
    assert 0 <= results["test"]["baseline"]["f1"] < 1
    assert "size = 16" in (tmp_path / "config.toml").read_text()


def test_the_vocabulary_holds_words_of_training_alone(tmp_path):
    tiny_run(tmp_path, epochs=1, test=sample("test", 10))
    words = set(json.loads((tmp_path / "model/vocabulary/words.json").read_text()))
    forms = {t.lower() for s in sample() for t in s.tokens}
    assert {word for word in words if "0" not in word} <= forms


def test_without_development_data_a_tenth_is_held_out(tmp_path):
    ner.train(train=sample(), out=tmp_path, progress=False, training={"epochs": 1}, **TINY)
    data = json.loads((tmp_path / "run.json").read_text())["data"]
    assert data["dev"]["sentences"] == 4


@pytest.mark.parametrize(
    "training",
    [
        pytest.param({"optimizer": "sgd", "learning_rate": 0.1, "schedule": "plateau"}, id="sgd"),
        pytest.param({"precision": "bf16"}, id="bf16"),
        pytest.param({"batch_tokens": 64, "schedule": "inverse-epoch"}, id="batches by tokens"),
        pytest.param(
            {"clip_norm": None, "ema": 0.0, "weight_decay": 0.01, "schedule": "constant"},
            id="weight decay",
        ),
        pytest.param({"patience": 1, "schedule": "cosine"}, id="cosine"),
    ],
)
def test_other_ways_to_train_lower_the_loss_too(tmp_path, training, request):
    if training.get("precision") == "bf16":
        request.getfixturevalue("bfloat16")
    tiny_run(tmp_path, epochs=3, training=training)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["loss"] < rows[0]["loss"]


def test_a_word_in_neither_split_has_its_own_vector(tmp_path):
    names = ["london", "geneva", "paris", "zanzibar", "ada", "mary"]
    path = tmp_path / "vectors.txt"
    path.write_text("".join(f"{w} {i % 2} {i} 1 0.5\n" for i, w in enumerate(names)), "utf-8")
    tagger, _ = tiny_run(
        tmp_path / "run",
        train=EIGHT,
        dev=EIGHT[:2],
        vectors={"path": str(path)},
        words={"size": 4},
        characters={"kind": "none"},
        affixes={"rows": 0},
    )
    for other in (tagger, ner.load(tmp_path / "run/model")):
        arrays = other.featurizer.encode_words(["Zanzibar", "xyz", "London"])
        assert arrays["words"].tolist()[:2] == [-1, 0]
        assert arrays["vectors"][0].tolist() == [1, 3, 1, 0.5]
    store = VectorStore.open(tmp_path / "run/model/vocabulary/vectors.safetensors")
    assert len(store) == 2  # paris and zanzibar; the others are rows of the network


def test_only_the_most_frequent_vectors_are_kept_if_asked(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("the 1 2\nparis 3 4\nzanzibar 5 6\nlondon 7 8\n", "utf-8")
    tagger, _ = tiny_run(
        tmp_path / "run",
        epochs=1,
        train=EIGHT,
        dev=EIGHT,
        vectors={"path": str(path), "keep": 2},
        words={"size": 2},
    )
    assert tagger.featurizer.encode_words(["paris", "zanzibar"])["words"].tolist() == [-1, 0]


def test_a_model_goes_on_with_new_words_and_types(tmp_path):
    first, _ = tiny_run(tmp_path / "first", epochs=1, train=EIGHT, dev=EIGHT)
    more = [sentence("Saturn rises over Zanzibar .", (0, 1, "STAR"), (3, 4, "LOC"))] * 4
    second, _ = tiny_run(
        tmp_path / "second", epochs=1, train=more, dev=more, init=tmp_path / "first/model"
    )
    assert first.labels == ("LOC", "ORG", "PER")
    assert second.labels == ("LOC", "ORG", "PER", "STAR")
    rows = second.featurizer.words.rows
    assert [w for w in first.featurizer.words.entries if w not in rows] == []
    assert rows["saturn"] > len(first.featurizer.words.entries)


def test_a_model_goes_on_with_new_pairs_of_neighbours(tmp_path):
    settings = {"epochs": 1, "bigrams": {"size": 4, "dropout": 0.5}}
    first, _ = tiny_run(tmp_path / "first", train=EIGHT, dev=EIGHT, **settings)
    more = [sentence("Saturn rises over Geneva .", (0, 1, "STAR"), (3, 4, "LOC"))] * 2
    arguments = {"epochs": 1, "dev": EIGHT, "init": tmp_path / "first/model"}
    second, _ = tiny_run(tmp_path / "second", train=more, **arguments)
    old, new = first.featurizer.bigrams, second.featurizer.bigrams
    assert new.entries[: len(old.entries)] == old.entries
    assert {" saturn", "saturn rises", "rises over", "over geneva"} <= set(new.entries)
    tables = [
        load_file(tmp_path / name / "model/model.safetensors")[
            "embedder.token_parts.bigrams.table.weight"
        ]
        for name in ("first", "second")
    ]
    assert [len(table) for table in tables] == [len(old), len(new)]
    # How it learns may change, what it is made of may not.
    tiny_run(tmp_path / "third", train=more, bigrams={"dropout": 0.1}, **arguments)
    with pytest.raises(ConfigError, match=r"bigrams\.min_count: comes from .*model: 2\. Got 3\."):
        tiny_run(tmp_path / "fourth", train=more, bigrams={"min_count": 3}, **arguments)


def test_what_goes_on_is_made_like_the_model_it_goes_on_from(tmp_path):
    tiny_run(tmp_path / "first", epochs=1, train=EIGHT, dev=EIGHT)
    arguments = {"train": EIGHT, "dev": EIGHT, "progress": False, "init": tmp_path / "first/model"}
    arguments |= {"training": {"epochs": 1}}
    ner.train(out=tmp_path / "second", **arguments)
    assert "size = 16" in (tmp_path / "second/model/config.toml").read_text()
    with pytest.raises(ConfigError, match=r"encoder\.size: comes from .*model: 16\. Got 99\."):
        ner.train(out=tmp_path / "third", encoder={"size": 99}, **arguments)
    assert not (tmp_path / "third").exists()


def test_going_on_starts_from_the_old_weights(tmp_path):
    tiny_run(tmp_path / "first", epochs=1, train=EIGHT, dev=EIGHT)
    rate = {"learning_rate": 1e-12, "ema": 0.0}
    tiny_run(
        tmp_path / "second",
        epochs=1,
        train=EIGHT,
        dev=EIGHT,
        init=tmp_path / "first/model",
        training=rate,
    )
    old = load_file(tmp_path / "first/model/model.safetensors")
    new = load_file(tmp_path / "second/model/model.safetensors")
    assert all(abs(new[name] - old[name]).max() < 1e-6 for name in old)


KILLED = """
import sys, ner
from itertools import islice
data = list(islice(ner.read_sentences("sample:train"), 40))
training = {"epochs": 6, "threads": 1, "device": "cpu", "batch_size": 4}
training["checkpoint_minutes"] = 1e-9  # after each step
ner.train(
    out=sys.argv[1], train=data, dev=data[:10], progress=False, resume=sys.argv[2] == "resume",
    training=training, words={"size": 8}, characters={"output_size": 8}, affixes={"rows": 64},
    encoder={"size": 8},
)
"""


def start(out, how):
    return subprocess.Popen(
        [sys.executable, "-c", KILLED, str(out), how],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.DEVNULL,
    )


def wait_for_checkpoint(folder, past=""):
    for _ in range(3000):
        names = sorted(path.name for path in folder.glob("checkpoints/epoch-*"))
        if names and names[-1] > past:
            return names[-1]
        time.sleep(0.01)
    raise AssertionError("no checkpoint in 30 s")


def test_a_killed_run_goes_on_to_the_same_weights(tmp_path):
    assert start(tmp_path / "whole", "new").wait() == 0

    process = start(tmp_path / "cut", "new")
    reached = wait_for_checkpoint(tmp_path / "cut")
    process.kill()  # wherever it is, most likely while saving
    process.wait()

    process = start(tmp_path / "cut", "resume")
    wait_for_checkpoint(tmp_path / "cut", past=reached)
    process.send_signal(signal.SIGINT)
    assert process.wait() == -signal.SIGINT

    assert start(tmp_path / "cut", "resume").wait() == 0
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    rows = [json.loads(x) for x in (tmp_path / "cut/metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5, 6]


def test_a_finished_run_resumes_to_its_own_result(tmp_path):
    _, report = tiny_run(tmp_path)
    before = weights(tmp_path)
    _, again = tiny_run(tmp_path, resume=True)
    assert (report.f1, before) == (again.f1, weights(tmp_path))


def test_a_resumed_run_keeps_its_settings(tmp_path):
    tiny_run(tmp_path, epochs=1)
    with pytest.raises(ConfigError, match="a resumed run keeps its settings and data"):
        tiny_run(tmp_path, epochs=1, seed=5, resume=True)


def test_a_run_resumes_with_the_settings_that_it_keeps(tmp_path):
    arguments = {"train": "sample:dev", "dev": "sample:dev", "out": tmp_path, "progress": False}
    training = {"epochs": 1, "clip_norm": None, "threads": 1}
    _, report = ner.train(**arguments, training=training, **TINY)
    _, again = ner.train(out=tmp_path, resume=True, progress=False)
    assert again.f1 == report.f1


def test_a_resumption_with_other_settings_leaves_the_run_as_it_was(tmp_path):
    tiny_run(tmp_path, epochs=1)
    before = (tmp_path / "config.toml").read_text()
    with pytest.raises(ConfigError, match="a resumed run keeps its settings and data"):
        tiny_run(tmp_path, epochs=1, encoder={"size": 24}, resume=True)
    with pytest.raises(ConfigError, match="a resumed run keeps its settings and data"):
        tiny_run(tmp_path, epochs=1, train=sample(count=30), resume=True)
    assert (tmp_path / "config.toml").read_text() == before


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_anew(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    _, report = tiny_run(tmp_path, epochs=1, resume=True)
    assert report.sentences == 10


def test_there_must_be_a_run_to_resume(tmp_path):
    with pytest.raises(TrainingError, match=r"none: no run to resume\."):
        tiny_run(tmp_path / "none", resume=True)


def test_a_new_run_never_overwrites_an_old_one(tmp_path):
    tiny_run(tmp_path, epochs=1)
    with pytest.raises(TrainingError, match="a new run needs a new or empty folder"):
        tiny_run(tmp_path, epochs=1)


def test_a_loss_that_is_not_finite_names_its_sentences(tmp_path):
    with pytest.raises(TrainingError, match=r"step \d+: the loss must be finite.*sample:train:\d+"):
        tiny_run(tmp_path, training={"learning_rate": 1e30, "clip_norm": None})


def test_data_without_entities_cannot_be_learnt(tmp_path):
    with pytest.raises(DataError, match=r"train: some entities to learn from\. Got none\."):
        tiny_run(tmp_path, train=[sentence("Nothing happened .")] * 4)


def test_vectors_of_another_width_are_refused(tmp_path):
    (tmp_path / "v.txt").write_text("a 1 2\n")
    with pytest.raises(
        ConfigError, match=r"words\.size: the width of the vectors .* is 2\. Got 16"
    ):
        tiny_run(tmp_path / "run", vectors={"path": str(tmp_path / "v.txt")})
    assert not (tmp_path / "run/model").exists()


def test_a_run_that_cannot_begin_leaves_no_folder(tmp_path):
    with pytest.raises(DataError, match="the model reads the column 'pos'"):
        tiny_run(tmp_path / "run", inputs={"columns": ["pos"]})
    assert not (tmp_path / "run").exists()


def test_empty_development_data_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"sentences: no sentences\."):
        tiny_run(tmp_path / "run", dev=[])


COLUMNS = """Ada NNP B-PER
wrote VBD O

London NNP B-LOC
is VBZ O

"""


def test_a_column_of_the_corpus_is_a_feature_when_training_and_tagging(tmp_path):
    (tmp_path / "a.conll").write_text(COLUMNS * 3)
    tagger, _ = ner.train(
        train=tmp_path / "a.conll",
        dev=tmp_path / "a.conll",
        out=tmp_path / "run",
        progress=False,
        data={"columns": ["token", "pos", "ner"]},
        inputs={"columns": ["pos"], "size": 4},
        training={"epochs": 2},
        **TINY,
    )
    assert ner.evaluate(tagger, tmp_path / "a.conll").sentences == 6
    with pytest.raises(DataError, match="the model reads the column 'pos' beside the tokens"):
        tagger.tag("Ada wrote.")


def opened(sentence, unknown):
    """Leave the tags of some tokens open."""
    tags = ["O"] * len(sentence)
    for start, end, label in sentence.spans:
        tags[start:end] = [f"B-{label}", *[f"I-{label}"] * (end - start - 1)]
    allowed = [() if i in unknown else (tag,) for i, tag in enumerate(tags)]
    return Sentence(sentence.tokens, allowed=allowed)


@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_partial_annotation_is_learnt_from(tmp_path, head):
    partial = [opened(s, unknown={2}) if i % 2 else s for i, s in enumerate(EIGHT)]
    _, report = tiny_run(
        tmp_path,
        epochs=30,
        train=partial,
        dev=EIGHT,
        training={"batch_size": 4, "ema": 0.5, "learning_rate": 0.02},
        head={"kind": head},
    )
    assert report.f1 > 0.9


@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_of_two_labels_for_the_same_words_the_one_that_weighs_more_is_learnt(tmp_path, head):
    both = [sentence("Geneva met .", (0, 1, label)) for label in ("LOC", "ORG")]
    for label in ("LOC", "ORG"):
        tagger, _ = tiny_run(
            tmp_path / label,
            epochs=15,
            train=both * 6,
            dev=both,
            head={"kind": head, "weights": {label: 50.0}},
            training={"batch_size": 4, "ema": 0.0, "learning_rate": 0.02},
        )
        assert [e.label for e in tagger.tag("Geneva met.").entities] == [label]


def test_a_run_with_a_cost_learns_and_its_model_loads(tmp_path):
    tiny_run(
        tmp_path,
        epochs=15,
        train=EIGHT,
        dev=EIGHT,
        training={"batch_size": 4, "ema": 0.5, "learning_rate": 0.02},
        head={"cost": 1.0, "weights": {"PER": 2.0}},
    )
    manifest = json.loads((tmp_path / "model/manifest.json").read_text())
    assert manifest["network"]["head"]["weights"] == {"PER": 2.0}
    assert ner.evaluate(ner.load(tmp_path / "model"), EIGHT).f1 > 0.9


@pytest.mark.parametrize(
    ("label", "hint"),
    [
        pytest.param("per", "Did you mean 'PER'?", id="another case"),
        pytest.param("PERS", "Did you mean 'PER'?", id="a letter too many"),
        pytest.param("", "Known: LOC, ORG, PER.", id="empty"),
    ],
)
def test_weights_of_labels_that_the_data_lack_are_refused(tmp_path, label, hint):
    with pytest.raises(ConfigError) as error:
        tiny_run(tmp_path / "run", train=EIGHT, dev=EIGHT, head={"weights": {label: 2.0}})
    message = f"head.weights: labels of the training data. Got {label!r}. {hint}"
    assert str(error.value) == message
    assert not (tmp_path / "run").exists()


def test_a_run_that_goes_on_has_its_own_cost_and_weights(tmp_path):
    for kind, loss in (("crf", {"weights": {"PER": 2.0}}), ("softmax", {})):
        tiny_run(tmp_path / kind, epochs=1, train=EIGHT, dev=EIGHT, head={"kind": kind, **loss})
    model = tmp_path / "crf/model"
    tiny_run(tmp_path / "b", epochs=1, train=EIGHT, dev=EIGHT, init=model, head={"cost": 0.5})
    head = json.loads((tmp_path / "b/model/manifest.json").read_text())["network"]["head"]
    assert (head["kind"], head["cost"], head["weights"]) == ("crf", 0.5, {})
    with pytest.raises(
        ConfigError, match=r"head\.cost: must be 0 where the kind is softmax\. Got 0\.5\.$"
    ):
        tiny_run(
            tmp_path / "c",
            train=EIGHT,
            dev=EIGHT,
            init=tmp_path / "softmax/model",
            head={"cost": 0.5},
        )
