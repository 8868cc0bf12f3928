import numpy as np
import pytest
import torch
from torch.nn.utils import parameters_to_vector

from ner.config.loading import Config
from ner.data.schemes import tag_set
from ner.data.sentence import Sentence
from ner.features.batches import EncodedSentences, TaggingBatches
from ner.features.distinct_words import WordRows
from ner.features.featurizer import build_featurizer
from ner.features.vectors import VectorStore
from ner.nn.building import build_model
from ner.nn.runtime import TorchRuntime, to_tensors
from ner.tasks import SpanTask

SENTENCES = [
    Sentence(tokens.split(), columns={"pos": tuple("NVNVN"[: len(tokens.split())])})
    for tokens in ("Ada saw Berlin", "it rains", "Bob of Rome left early")
]
TAGS = tag_set(["LOC", "PER"], "BIOES")
TARGET = SpanTask(tuple(TAGS), "BIOES")
SMALL = {"words.size": 6, "encoder.size": 5, "characters.output_size": 4}


def settings(**changes):
    """Give the sections of a small configuration, with some keys changed (`__` for the dot)."""
    dotted = {key.replace("__", "."): value for key, value in changes.items()}
    return Config().updated(SMALL | dotted).model_dump(mode="json")


def make(featurizer=None, seed=1, **changes):
    featurizer = featurizer or build_featurizer(SENTENCES)
    torch.manual_seed(seed)
    return featurizer, build_model(settings(**changes), featurizer, TARGET)


def batch_of(featurizer, sentences=SENTENCES):
    tags = np.zeros(sum(map(len, sentences)), dtype=np.int64)
    encoded = EncodedSentences(sentences, featurizer, {"tags": tags})
    return encoded.batch(np.arange(len(sentences)))


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        pytest.param({"characters": False, "shapes": False}, {"words": 6}, id="words alone"),
        pytest.param({}, {"words": 6, "characters": 4, "shapes": 10}, id="default"),
        pytest.param(
            {"shapes": False, "affix_rows": 9},
            {"words": 6, "characters": 4, "affixes": 100},
            id="affixes",
        ),
        pytest.param(
            {"characters": False, "columns": ["pos"]},
            {"words": 6, "shapes": 10, "columns": 20},
            id="columns",
        ),
    ],
)
def test_the_featurizer_decides_which_parts_there_are(features, expected):
    featurizer, model = make(build_featurizer(SENTENCES, **features))
    parts = {**dict(model.embedder.word_parts), **dict(model.embedder.token_parts)}
    assert {name: part.size for name, part in parts.items()} == expected
    assert model.embedder.size == sum(expected.values())
    assert model(to_tensors(batch_of(featurizer)))["emissions"].shape == (3, 5, len(TAGS))


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        pytest.param({}, ("CharacterCNN", "LSTM", "CRFHead"), id="default"),
        pytest.param(
            {"characters__kind": "lstm", "encoder__cell": "gru", "head__kind": "softmax"},
            ("CharacterLSTM", "GRU", "SoftmaxHead"),
            id="other kinds",
        ),
    ],
)
def test_settings_decide_of_which_kind_the_parts_are(changes, kinds):
    _, model = make(**changes, encoder__layers=2)
    parts = (model.embedder.word_parts["characters"], model.encoder.forwards[1], model.head)
    assert tuple(type(part).__name__ for part in parts) == kinds
    assert model.encoder.size == 10


def test_the_same_seed_gives_the_same_weights():
    one, same, other = (parameters_to_vector(make(seed=s)[1].parameters()) for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_a_word_that_is_in_neither_split_is_embedded_as_its_own_vector(tmp_path):
    vectors = np.arange(12, dtype=np.float32).reshape(2, 6)
    VectorStore.write(tmp_path / "vectors", ["quokka", "rome"], vectors)
    store = VectorStore.open(tmp_path / "vectors")
    featurizer, model = make(build_featurizer(SENTENCES, vectors=store))
    batch = to_tensors(batch_of(featurizer, [Sentence(["Rome", "QUOKKA", "xyzzy"])]))
    embedded = model.eval().embedder(batch)[0, :, :6]
    table = model.embedder.word_parts["words"].table.weight
    row = featurizer.words.rows["rome"]
    assert torch.equal(embedded, torch.stack([table[row], torch.from_numpy(vectors[0]), table[0]]))


def test_the_loss_is_that_of_the_head():
    featurizer, model = make()
    batch = to_tensors(batch_of(featurizer))
    model.eval()
    expected = model.head.loss(model.hidden(batch), batch["lengths"], batch["tags"])
    assert model.loss(batch).item() == expected.item()


def test_every_weight_learns():
    featurizer, model = make(build_featurizer(SENTENCES, affix_rows=9, columns=["pos"]))
    model.eval().loss(to_tensors(batch_of(featurizer))).backward()
    assert [
        name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()
    ] == []


@pytest.mark.usefixtures("bfloat16")
def test_bfloat16_is_for_embedder_and_encoder_in_training_only():
    featurizer, model = make()
    batch = to_tensors(batch_of(featurizer))
    expected = model.eval().hidden(batch)
    model.autocast = True
    # Of what type the states are depends on the CPU.
    halved = []
    for part in (model.embedder, model.encoder):
        part.register_forward_pre_hook(lambda *_: halved.append(torch.is_autocast_enabled("cpu")))
    assert torch.equal(model.eval().hidden(batch), expected)
    model.train().hidden(batch)
    assert halved == [False, False, True, True]
    loss = model.loss(batch)
    assert loss.dtype == torch.float32
    loss.backward()
    assert all(p.grad.dtype == torch.float32 for p in model.parameters())


def test_arrays_become_tensors_of_two_types():
    arrays = {"a": np.array([1], np.int32), "b": np.array([2.5], np.float16), "c": np.array([3])}
    tensors = to_tensors(arrays)
    assert {name: tensor.dtype for name, tensor in tensors.items()} == {
        "a": torch.int64,
        "b": torch.float32,
        "c": torch.int64,
    }
    assert [tensor.item() for tensor in tensors.values()] == [1, 2.5, 3]


def test_a_runtime_neither_drops_nor_learns():
    featurizer, model = make()
    runtime = TorchRuntime(model.train())
    words = WordRows(featurizer, runtime.word_rows)
    batch = TaggingBatches(SENTENCES, featurizer, words).batch(np.arange(3))
    emissions = runtime.outputs(batch)["emissions"]
    assert (emissions == runtime.outputs(batch)["emissions"]).all()
    assert emissions.dtype == np.float32
    assert emissions.shape == (3, 5, len(TAGS))
    assert len(runtime.edges.start) == len(TAGS)


@pytest.mark.parametrize("kind", ["crf", "softmax"])
def test_a_model_of_an_older_version_knows_no_options_of_heads(kind):
    old = settings(head__kind=kind)
    del old["head"]["cost"], old["head"]["bonus"], old["head"]["weights"]
    featurizer = build_featurizer(SENTENCES)
    assert build_model(old, featurizer, TARGET).head.tags == tuple(TAGS)


def test_cost_and_weights_reach_the_crf():
    _, model = make(head__cost=0.5, head__weights={"PER": 2.0})
    assert model.head.crf.cost == 0.5
    assert model.head.crf.weights.tolist() == [2.0 if "PER" in tag else 1.0 for tag in TAGS]


def test_a_bonus_reaches_the_tags_that_begin_an_entity():
    _, model = make(head__bonus=1.5)
    assert model.head.handicap.tolist() == [1.5 if tag[0] in "BS" else 0.0 for tag in TAGS]


def test_weights_reach_the_softmax():
    _, model = make(head__kind="softmax", head__weights={"LOC": 3.0})
    assert model.head.weights.tolist() == [3.0 if "LOC" in tag else 1.0 for tag in TAGS]
