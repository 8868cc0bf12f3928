"""Weights of training sentences: what a file must hold, and what they do to a run."""

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import ner
from ner.data.formats.conll import write_conll
from ner.data.sentence import Sentence
from ner.errors import ConfigError, DataError
from ner.nn.heads import ClassifierHead, CRFHead, SoftmaxHead
from ner.nn.pooling import build_pooling
from ner.training.sentence_weights import read_weights, write_weights

TINY = {
    "words": {"size": 8},
    "characters": {"size": 4, "output_size": 4},
    "affixes": {"rows": 64, "size": 4},
    "encoder": {"size": 8},
}
TRAIN = [
    Sentence(["Ada", "left", "."], spans=[(0, 1, "PER")]),
    Sentence(["London", "is", "large"], spans=[(0, 1, "LOC")]),
    Sentence(["Nobody", "came"], spans=[]),
    Sentence(["Mary", "Shelley", "wrote"], spans=[(0, 2, "PER")]),
] * 3
CLOUDY = [
    text.replace(spans=None, labels=[label]) for text, label in zip(TRAIN, "ab" * 6, strict=True)
]
COLUMNS = [text.replace(spans=None, columns={"upos": list("XYXY")[: len(text)]}) for text in TRAIN]
PARTIAL = [*TRAIN, Sentence(["Bob", "met", "Ada"], allowed=[(), ("O",), ("S-PER",)])]


def run(out, train=TRAIN, *, training=None, **options):
    settings = {"epochs": 2, "threads": 1, "device": "cpu", "batch_size": 4, "export": False}
    options = {"dev": TRAIN[:4]} | options
    return ner.train(
        out=out,
        train=train,
        progress=False,
        training=settings | (training or {}),
        **TINY | options,
    )


def tensors(folder):
    return {k: v.tobytes() for k, v in load_file(folder / "model/model.safetensors").items()}


def weights_file(path, sentences=TRAIN, weights=None):
    write_weights(path, sentences, weights or [0.5] * len(sentences))
    return path


def test_written_weights_are_read_again(tmp_path):
    found = read_weights(weights_file(tmp_path / "w.jsonl", TRAIN[:2], [0.25, 2.0]))
    assert found.values == (0.25, 2.0)
    found.check(TRAIN[:2])
    first = json.loads((tmp_path / "w.jsonl").read_text().splitlines()[0])
    assert (first["index"], first["place"], first["weight"]) == (0, "sentence 1", 0.25)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", "w.jsonl: must have a weight above 0. Got none.", id="empty"),
        pytest.param("{", "w.jsonl:1: not JSON", id="no JSON"),
        pytest.param("3", "w.jsonl:1: must be a record with index, digest and weight", id="number"),
        pytest.param(
            '{"index": 0, "weight": 1}', "w.jsonl:1: must be a record", id="without a digest"
        ),
        pytest.param(
            '{"index": 1, "digest": "a", "weight": 1}',
            "w.jsonl:1: index must count the sentences from 0, so it is 0 here. Got 1.",
            id="another index",
        ),
        pytest.param(
            '{"index": 0, "digest": "a", "weight": -0.5}',
            "w.jsonl:1: weight: must be a finite number of at least 0. Got -0.5.",
            id="negative",
        ),
        pytest.param('{"index": 0, "digest": "a", "weight": NaN}', "Got nan.", id="not a number"),
        pytest.param('{"index": 0, "digest": "a", "weight": true}', "Got True.", id="a boolean"),
        pytest.param('{"index": 0, "digest": "a", "weight": "1"}', "Got '1'.", id="a text"),
        pytest.param(
            '{"index": 0, "digest": "a", "weight": 0}', "must have a weight above 0.", id="all zero"
        ),
    ],
)
def test_a_broken_file_is_refused_in_one_line(tmp_path, text, words):
    (tmp_path / "w.jsonl").write_text(text)
    with pytest.raises(DataError) as caught:
        read_weights(tmp_path / "w.jsonl")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        pytest.param([1.0] * 11, "weights: must hold a weight for each of the 12", id="too few"),
        pytest.param([1.0] * 13, "training sentences. Got 13.", id="too many"),
        pytest.param([float("inf")] * 12, r"weights\[0\]: must be a finite", id="infinite"),
        pytest.param([1.0, None], r"weights\[1\]: must be a finite number", id="none"),
        pytest.param(3, "weights: must be a list of numbers", id="a number"),
    ],
)
def test_a_broken_list_is_refused(tmp_path, weights, words):
    with pytest.raises(DataError, match=words):
        run(tmp_path / "run", weights=weights)
    assert not (tmp_path / "run").exists()


def test_weights_of_another_corpus_are_refused(tmp_path):
    file = weights_file(tmp_path / "w.jsonl", [*TRAIN[:-1], TRAIN[0]])
    with pytest.raises(DataError) as caught:
        run(tmp_path / "run", weights=file)
    assert str(caught.value) == (
        f"{file}: index 11: must be the weight of the training sentence at train[11]. Got one of "
        "other tokens. Weigh the training data again."
    )


@pytest.mark.parametrize(
    ("options", "train"),
    [
        pytest.param({"task": "ner"}, TRAIN, id="spans"),
        pytest.param({"task": "ner", "head": {"kind": "softmax"}}, TRAIN, id="softmax"),
        pytest.param({"task": "ner"}, PARTIAL, id="partial annotation"),
        pytest.param({"task": "tag", "data": {"target": "upos"}}, COLUMNS, id="tokens"),
        pytest.param({"task": "classify"}, CLOUDY, id="texts"),
        pytest.param({"task": "ner", "training": {"weight_decay": 0.1}}, TRAIN, id="decay"),
    ],
)
def test_weights_of_one_change_no_bit_and_others_do(tmp_path, options, train):
    dev = train[:4]
    run(tmp_path / "without", train, dev=dev, **options)
    run(tmp_path / "ones", train, dev=dev, weights=[1] * len(train), **options)
    run(tmp_path / "other", train, dev=dev, weights=[1, 0] * 6 + [1] * (len(train) - 12), **options)
    assert tensors(tmp_path / "ones") == tensors(tmp_path / "without")
    assert tensors(tmp_path / "other") != tensors(tmp_path / "without")


def test_a_weight_stays_with_its_sentence_when_others_are_held_out(tmp_path):
    batches = []
    texts = [Sentence([f"w{i}", "x", "y"], spans=[(0, 1, "PER")]) for i in range(40)]

    def collect(model):
        loss = model.loss

        def spy(batch):
            batches.append((batch["words"][batch["tokens"][:, 0]], batch["sentence_weights"]))
            return loss(batch)

        model.loss = spy
        return model

    def weigh(text):
        return float(text.tokens[0][1:])

    tagger, _ = run(
        tmp_path / "run",
        texts,
        dev=None,
        build=collect,
        weights=[weigh(text) for text in texts],
        training={"epochs": 1},
        words={"size": 8, "replace_singletons": 0.0},
    )
    rows = tagger.featurizer.words.rows
    names = {row: word for word, row in rows.items()}
    found = {
        names[r]: w
        for words, ws in batches
        for r, w in zip(words.tolist(), ws.tolist(), strict=True)
    }
    assert len(found) == 36
    assert found == {f"w{int(weight)}": weight for weight in found.values()}


def test_a_file_is_recorded_and_a_resumption_with_other_weights_is_refused(tmp_path):
    train = tmp_path / "train.conll"
    train.write_text("\n".join(write_conll(TRAIN)) + "\n")
    file = weights_file(tmp_path / "w.jsonl")
    run(tmp_path / "run", train, training={"weights": str(file)})
    assert f'weights = "{file}"' in (tmp_path / "run/config.toml").read_text()
    assert 'weights = "w.jsonl"' in (tmp_path / "run/model/config.toml").read_text()
    recorded = json.loads((tmp_path / "run/run.json").read_text())["weights"]
    assert recorded == read_weights(file).digest
    weights_file(tmp_path / "w.jsonl", weights=[0.25] * len(TRAIN))
    with pytest.raises(ConfigError, match="Got other content of weights"):
        run(tmp_path / "run", train, training={"weights": str(file)}, resume=True)


def test_an_interrupted_run_goes_on_with_its_weights(tmp_path):
    weights = [0.25, 1.0, 2.0, 0.5] * 3
    run(tmp_path / "whole", weights=weights)
    run(tmp_path / "cut", weights=weights, callbacks=[lambda event: event.epoch > 0])
    run(tmp_path / "cut", weights=weights, resume=True)
    assert tensors(tmp_path / "cut") == tensors(tmp_path / "whole")


def test_weights_go_with_sentences_on_the_disk(tmp_path):
    train = tmp_path / "train.conll"
    train.write_text("\n".join(write_conll(TRAIN)) + "\n")
    file = weights_file(tmp_path / "w.jsonl", weights=[0.25, 1.0, 2.0, 0.5] * 3)
    for kept in ("memory", "disk"):
        data = {"storage": kept}
        run(tmp_path / kept, train, data=data, training={"weights": str(file)})
    assert tensors(tmp_path / "disk") == tensors(tmp_path / "memory")
    other = weights_file(tmp_path / "other.jsonl", TRAIN[:-1])
    with pytest.raises(DataError, match="for each of the 12 training sentences"):
        run(tmp_path / "b", train, data={"storage": "disk"}, training={"weights": str(other)})


def heads():
    torch.manual_seed(1)
    pooling = build_pooling(6, kinds=["structured"], size=4, hops=2, penalty=0.5)
    return {
        "crf": (CRFHead(6, ["O", "B-X", "I-X"], "BIO", cost=0.5), torch.tensor([[1, 2], [0, 1]])),
        "softmax": (
            SoftmaxHead(6, ["O", "B-X", "I-X"], "BIO", {"X": 2.0}),
            torch.tensor([[1, 2], [0, 1]]),
        ),
        "partial": (
            CRFHead(6, ["O", "B-X", "I-X"], "BIO"),
            torch.tensor([[[1, 1, 0], [1, 1, 1]], [[1, 0, 0], [0, 1, 0]]]).bool(),
        ),
        "classes": (ClassifierHead(pooling, ["a", "b"]), torch.tensor([0, 1])),
    }


@pytest.mark.parametrize("name", ["crf", "softmax", "partial", "classes"])
def test_the_loss_is_the_mean_of_each_sentence_times_its_weight(name):
    head, gold = heads()[name]
    hidden = torch.from_numpy(np.random.default_rng(2).normal(size=(2, 2, 6))).float()
    lengths = torch.tensor([2, 2])
    alone = [head.loss(hidden[i : i + 1], lengths[i : i + 1], gold[i : i + 1]) for i in range(2)]
    weighted = head.loss(hidden, lengths, gold, sentence_weights=torch.tensor([0.5, 3.0]))
    torch.testing.assert_close(weighted, (0.5 * alone[0] + 3.0 * alone[1]) / 2)


class Deaf(torch.nn.Module):
    """A head that takes no weights."""

    gold = "tags"

    def __init__(self, head):
        super().__init__()
        self.head = head

    def loss(self, hidden, lengths, gold):
        return self.head.loss(hidden, lengths, gold)

    def outputs(self, hidden, lengths):
        return self.head.outputs(hidden, lengths)

    def edges(self):
        return self.head.edges()


def test_a_head_that_takes_no_weights_is_refused_only_with_weights(tmp_path):
    def deaf(model):
        return ner.nn.Model(model.embedder, model.encoder, Deaf(model.head))

    with pytest.raises(ConfigError, match="whose loss takes sentence_weights"):
        run(tmp_path / "with", build=deaf, weights=[0.5] * len(TRAIN))
    run(tmp_path / "without", build=deaf)
