"""Columns that training learns beside the task, and that a model does without."""

import json

import numpy as np
import onnx
import pytest
from safetensors.numpy import load_file

import ner
from ner.data.sentence import Sentence
from ner.errors import ConfigError, DataError
from ner.nn import Model
from ner.training.trainer import Epoch

ROWS = """Ada NNP B-NP B-PER
wrote VBD B-VP O
home RB B-ADVP O

London NNP B-NP B-LOC
is VBZ B-VP O

The DT B-NP O
Royal NNP I-NP B-ORG
Society NNP I-NP I-ORG
met VBD B-VP O
Mary NNP B-NP B-PER

"""
COLUMNS = ["token", "pos", "chunk", "ner"]
LEARNED = {"columns": ["pos", "chunk"], "weight": 0.5}
TINY = {
    "words": {"size": 8},
    "characters": {"size": 4, "output_size": 4},
    "affixes": {"rows": 64, "size": 4},
    "encoder": {"size": 8},
}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.conll"
    path.write_text(ROWS * 4)
    return path


def train(out, file, *, training=None, data=None, dev=None, **settings):
    return ner.train(
        out=out,
        train=file,
        dev=file if dev is None else dev,
        progress=False,
        data={"columns": COLUMNS, **(data or {})},
        training={
            "epochs": 2,
            "threads": 1,
            "device": "cpu",
            "batch_size": 4,
            "export": False,
            **(training or {}),
        },
        **TINY | settings,
    )


def bare_train(out, file, **settings):
    """Train on a corpus whose file names its own columns, or on one in memory."""
    return ner.train(out=out, train=file, dev=file, progress=False, **TINY | settings)


def last_state(run):
    """Return everything in the last checkpoint of a run, as bytes by name."""
    folder = max((run / "checkpoints").iterdir())
    return {k: v.tobytes() for k, v in sorted(load_file(folder / "state.safetensors").items())}


def weights(run):
    return {k: v.tobytes() for k, v in load_file(run / "model/model.safetensors").items()}


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Train with the columns and without them, and export both; returns the folders of the runs."""
    folder = tmp_path_factory.mktemp("auxiliary")
    (folder / "a.conll").write_text(ROWS * 4)
    for name, settings in {"with": {"auxiliary": LEARNED}, "without": {}}.items():
        train(folder / name, folder / "a.conll", training={"export": True}, **settings)
    return folder / "with", folder / "without"


def test_a_model_has_the_files_and_arrays_of_one_without(both):
    learned, plain = (load_file(run / "model/model.safetensors") for run in both)
    shapes = [{name: array.shape for name, array in each.items()} for each in (learned, plain)]
    assert shapes[0] == shapes[1]
    names = [
        sorted(path.relative_to(run / "model") for path in (run / "model").rglob("*"))
        for run in both
    ]
    assert names[0] == names[1]
    manifests = [json.loads((run / "model/manifest.json").read_text()) for run in both]
    assert manifests[0]["network"] == manifests[1]["network"]
    assert manifests[0]["features"] == manifests[1]["features"]


def test_a_model_has_the_graphs_of_one_without(both):
    def nodes(path):
        # Without the numbers that the weights have, which are trained.
        graph = onnx.load(path, load_external_data=False).graph
        arrays = [(array.name, tuple(array.dims)) for array in graph.initializer]
        return [node.op_type for node in graph.node], arrays

    for name in ("model.onnx", "words.onnx"):
        learned, plain = (nodes(run / "model" / name) for run in both)
        assert learned == plain


def test_tagging_needs_none_of_the_columns(both):
    tagger = ner.load(both[0] / "model")
    assert tagger.tag("Ada wrote home .").tokens == ("Ada", "wrote", "home", ".")


def test_the_columns_change_what_is_learned(both):
    learned, plain = (load_file(run / "model/model.safetensors") for run in both)
    assert all((learned[name] != plain[name]).any() for name in plain if "weight_ih" in name)


def test_a_resumed_run_equals_an_uninterrupted_one(both, file, tmp_path):
    def stop(event):
        return not (isinstance(event, Epoch) and event.epoch == 0)

    settings = {"training": {"export": True}, "auxiliary": LEARNED}
    train(tmp_path / "run", file, callbacks=[stop], **settings)
    assert last_state(tmp_path / "run") != last_state(both[0])
    train(tmp_path / "run", file, resume=True, **settings)
    assert last_state(tmp_path / "run") == last_state(both[0])


def test_checkpoints_hold_the_heads(both):
    names = [name for name in last_state(both[0]) if "auxiliary" in name]
    assert names == [
        f"{kind}.auxiliary.projection.{p}" for kind in ("best", "model") for p in ("bias", "weight")
    ]


def test_a_resumed_run_has_the_same_columns(file, tmp_path):
    train(tmp_path / "run", file, training={"epochs": 1}, auxiliary=LEARNED)
    with pytest.raises(ConfigError, match=r"Got auxiliary\.columns \['pos'\] instead of"):
        train(
            tmp_path / "run",
            file,
            training={"epochs": 1},
            auxiliary={"columns": ["pos"], "weight": 0.5},
            resume=True,
        )


def test_sentences_on_the_disk_teach_the_same(both, file, tmp_path):
    pytest.importorskip("datasets")
    data, training = {"storage": "disk"}, {"export": True}
    train(tmp_path / "run", file, data=data, training=training, auxiliary=LEARNED)
    assert weights(tmp_path / "run") == weights(both[0])


def test_replaced_mentions_and_tokens_bring_their_values_along(file, tmp_path):
    tagger, _ = train(
        tmp_path / "run",
        file,
        augmentation={"mentions": 1.0, "tokens": 0.5, "upper": 0.3},
        auxiliary=LEARNED,
    )
    assert tagger.labels == ("LOC", "ORG", "PER")


def test_development_data_need_no_columns(file, tmp_path):
    dev = [Sentence(["Ada", "wrote"], spans=[(0, 1, "PER")])]
    _, report = train(tmp_path / "run", file, dev=dev, auxiliary=LEARNED)
    assert report.sentences == 1


def test_columns_of_conllu_are_learned_beside_a_column(tmp_path):
    rows = "1\tAda\t_\tPROPN\tNNP\t_\t2\tnsubj\t_\t_\n2\twrote\t_\tVERB\tVBD\t_\t0\troot\t_\t_\n\n"
    (tmp_path / "a.conllu").write_text(rows * 4)
    tagger, _ = bare_train(
        tmp_path / "run",
        tmp_path / "a.conllu",
        task="tag",
        data={"target": "upos"},
        training={"epochs": 1, "export": False},
        auxiliary={"columns": ["xpos", "deprel"]},
    )
    assert tagger.labels == ("PROPN", "VERB")


def test_a_model_trains_further_with_columns(both, file, tmp_path):
    train(tmp_path / "run", file, init=both[1] / "model", auxiliary=LEARNED)
    assert list(weights(tmp_path / "run")) == list(weights(both[1]))


class OwnLoss(Model):
    def loss(self, batch):
        return 2 * super().loss(batch)


def build(model):
    return OwnLoss(model.embedder, model.encoder, model.head)


OTHERS = (
    r"auxiliary\.columns: must be other columns than those that the model reads, or learns as its "
    r"task\. Got "
)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param(
            {"auxiliary": {"columns": ["pos", "pos"]}},
            r"auxiliary\.columns: must name each column once\.",
            id="a column twice",
        ),
        pytest.param(
            {"auxiliary": {"columns": ["pos"]}, "inputs": {"columns": ["pos"]}},
            OTHERS + "'pos'",
            id="a column that is read",
        ),
        pytest.param(
            {"auxiliary": {"columns": ["pos"]}, "task": "tag", "data": {"target": "pos"}},
            OTHERS + "'pos'",
            id="the column of the task",
        ),
        pytest.param(
            {"auxiliary": {"columns": ["ner"]}}, OTHERS + "'ner'", id="the tags of the task"
        ),
        pytest.param(
            {"auxiliary": {"columns": ["pos"]}, "task": "classify"},
            r"auxiliary\.columns: must be \(\) unless the task is ner or tag",
            id="texts",
        ),
        pytest.param(
            {"auxiliary": {"columns": ["pos"]}, "build": build},
            r"auxiliary\.columns: must be none where a network has a loss of its own. Got one of "
            "OwnLoss",
            id="a loss of its own",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(file, tmp_path, settings, words):
    with pytest.raises(ConfigError, match=words):
        train(tmp_path / "run", file, **settings)
    assert not (tmp_path / "run").exists()


def test_a_corpus_without_the_column_is_refused(file, tmp_path):
    words = r"a\.conll:1: must have the column 'lemma', which auxiliary\.columns names\. Got the "
    with pytest.raises(DataError, match=words + r"columns: pos, chunk, ner\."):
        train(tmp_path / "run", file, auxiliary={"columns": ["lemma"]})


def test_raw_text_has_no_columns(both, file, tmp_path):
    (tmp_path / "raw.txt").write_text("Ada met Mary .\n")
    teacher = {"teacher": str(both[1] / "model"), "raw": str(tmp_path / "raw.txt")}
    with pytest.raises(ConfigError, match=r"auxiliary\.columns: must be none where there is raw"):
        train(tmp_path / "run", file, training=teacher, auxiliary=LEARNED)


def test_a_teacher_and_weights_of_sentences_go_with_columns(both, file, tmp_path):
    teacher = {"teacher": str(both[1] / "model"), "epochs": 1}
    train(tmp_path / "run", file, training=teacher, auxiliary=LEARNED, weights=[0.5] * 12)
    assert np.isfinite(
        load_file(tmp_path / "run/model/model.safetensors")["head.projection.bias"]
    ).all()
