import itertools
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from onnxruntime.quantization import quantize_dynamic

import ner
from ner.config.loading import Config
from ner.data.schemes import tag_set
from ner.data.sentence import Sentence
from ner.data.tokenizer import Tokenizer
from ner.errors import ConfigError, DataError, ModelFolderError
from ner.exporting import build_graphs, check_graphs, measure_int8, quantize, write_graphs
from ner.features.featurizer import build_featurizer
from ner.features.made_up import make_sentences
from ner.features.vocabulary import UNKNOWN
from ner.inference.onnx_runtime import OnnxRuntime
from ner.model_folder import (
    INT8_GRAPH,
    MODEL_GRAPH,
    WORDS_GRAPH,
    ModelFolder,
    load_model,
    save_model,
)
from ner.nn.building import build_model
from ner.nn.embeddings import ColumnEmbedding, Embedder, WordEmbedding
from ner.nn.encoders import RecurrentEncoder
from ner.nn.heads import CRFHead
from ner.nn.model import Model
from ner.nn.runtime import TorchRuntime, load_network
from ner.tasks import SpanTask
from ner.training.settings import network_settings
from tests.networks import case_name, choices, feature_sets, networks, write_store
from tests.tolerance import additions, float32_bound

WIDTH = 8
LINES = """
Maria Costa , who chairs the committee , left Lisbon on 12 May
SHARES FALL IN TOKYO
McKinley beat O'Neill 6-3 6-4
"""
# Words with a vector of their own, for a form of it, or without; and one longer than what is read.
NEW = ["quokka", "Quokka", "xylophone-1", "zyxwv", "中文", "ab" * 100]
VECTORS = ["quokka", "xylophone-0"]


# Every kind of encoder, and every option where it has a use.
ENCODERS = [
    {"cell": cell, "layers": layers}
    for cell, layers in itertools.product(choices("encoder", "cell"), (1, 3))
]
ENCODERS += [{"cell": cell, "bidirectional": False} for cell in choices("encoder", "cell")]
ENCODERS += [{"kind": "idcnn", "layers": 2, "iterations": 2}, {"projection": 4, "layers": 2}]
ENCODERS += [
    base | {"layer_norm": True, "residual": True, "attention_heads": 2}
    for base in ({"projection": 4, "layers": 2}, {"cell": "mingru", "layers": 2}, {"kind": "idcnn"})
]
NETWORKS = networks(ENCODERS)
NETWORKS += [{"characters.width": width} for width in choices("characters", "width")]
# All features in every network; and once without each of them.
EVERYTHING = {
    "shapes": True,
    "affix_rows": 64,
    "columns": ("pos", "chunk"),
    "bigram_count": 1,
    "vectors": True,
}
FEATURES = feature_sets(EVERYTHING, {"columns": ("pos",)})
CASES = [(network, EVERYTHING) for network in NETWORKS] + [({}, each) for each in FEATURES]
BARE = ({"characters.kind": "none"}, FEATURES[-1])


def sentence(tokens):
    columns = {"pos": [t[-1] for t in tokens], "chunk": [t[0] for t in tokens]}
    return Sentence(tokens, columns=columns)


TRAINING = [sentence(line.split()) for line in LINES.strip().splitlines()]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return write_store(tmp_path_factory.mktemp("vectors") / "vectors", VECTORS, WIDTH)


def make_model(network, features, store, std=0.5):
    """Make a model with random weights of a standard deviation."""
    features = {"characters": network.get("characters.kind") != "none"} | features
    features["vectors"] = store if features["vectors"] else None
    featurizer = build_featurizer(TRAINING, **features)
    sizes = {"words.size": WIDTH, "encoder.size": 6, "characters.output_size": 6}
    sizes["bigrams.size"] = 3
    settings = network_settings(Config().updated(sizes | network))
    task = SpanTask(tuple(tag_set(["LOC", "PER"], "BIOES")), "BIOES")
    torch.manual_seed(2)
    built = build_model(settings, featurizer, task)
    with torch.no_grad():
        for name, parameter in built.named_parameters():
            # States that grow with each convolution of a block would be rounded too coarsely.
            if "table" not in name and "block" not in name:
                parameter.normal_(std=std)
    weights = {name: tensor.numpy() for name, tensor in built.state_dict().items()}
    return ModelFolder(featurizer, task, settings, weights, Tokenizer())


def saved(folder, model, *, int8=False):
    save_model(folder, model, lambda target: write_graphs(target, model, int8=int8))
    return folder


def both(folder, model):
    return (
        TorchRuntime(load_network(model)),
        OnnxRuntime(folder, model.task, threads=1),
    )


def make_batch(rows, featurizer, lengths):
    """Make a random batch, whose padding is random too."""
    random = np.random.default_rng(3)
    shape = (len(lengths), max(lengths))
    batch = {
        "rows": rows,
        "tokens": random.integers(0, len(rows), shape),
        "lengths": np.array(lengths),
    }
    if featurizer.columns:
        sizes = [len(vocabulary) for vocabulary in featurizer.columns.values()]
        columns = random.integers(0, sizes, (*shape, len(sizes)))
        batch["columns"] = columns.astype(np.int32)
    if featurizer.bigrams is not None:
        pairs = random.integers(0, len(featurizer.bigrams), (*shape, 2))
        batch["bigrams"] = pairs.astype(np.int32)
    return batch


@pytest.mark.numeric
@pytest.mark.parametrize(("network", "features"), CASES, ids=case_name)
def test_graphs_score_as_torch_does_whatever_the_padding_holds(network, features, store, tmp_path):
    model = make_model(network, features, store)
    torch_runtime, onnx_runtime = both(saved(tmp_path / "model", model), model)
    terms = additions(torch_runtime.model)
    known = [token for s in TRAINING for token in s.tokens]
    for words in (known, [*known, *NEW]):
        arrays = model.featurizer.encode_words(words)
        rows = torch_runtime.word_rows(arrays)
        bound = float32_bound(rows, terms)
        np.testing.assert_allclose(onnx_runtime.word_rows(arrays), rows, rtol=0, atol=bound)
    lengths = [5, 1, 60, 17, 1, 2, 33]
    batch = make_batch(rows, model.featurizer, lengths)
    together = onnx_runtime.outputs(batch)["emissions"]
    assert together.dtype == np.float32
    for b, length in enumerate(lengths):
        alone = {"rows": rows} | {
            name: batch[name][[b], :length]
            for name in ("tokens", "columns", "bigrams")
            if name in batch
        }
        alone["lengths"] = np.array([length])
        (expected,) = torch_runtime.outputs(alone)["emissions"]
        bound = float32_bound(expected, terms)
        np.testing.assert_allclose(together[b, :length], expected, rtol=0, atol=bound)
    for one, other in zip(torch_runtime.edges or (), onnx_runtime.edges or (), strict=True):
        np.testing.assert_array_equal(one, other)


KINDS = [
    (dict(zip(("encoder.kind", "encoder.cell"), kind, strict=True)), EVERYTHING)
    for kind in (("rnn", "minlstm"), ("idcnn", "lstm"))
] + [({"encoder.attention_heads": 2}, EVERYTHING)]


@pytest.mark.parametrize(
    ("network", "features"), [CASES[0], CASES[-1], BARE, *KINDS], ids=case_name
)
def test_graphs_are_valid_onnx_and_leave_the_tables_in_the_file_of_weights(
    network, features, store, tmp_path
):
    model = make_model(network, features, store)
    folder = saved(tmp_path / "model", model)
    for name in (WORDS_GRAPH, MODEL_GRAPH):
        onnx.checker.check_model(folder / name, full_check=True)
    graph = onnx.load(folder / WORDS_GRAPH, load_external_data=True).graph
    arrays = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    words = "embedder.word_parts.words.table.weight"
    np.testing.assert_array_equal(arrays[words], model.weights[words])
    graph = onnx.load(folder / WORDS_GRAPH, load_external_data=False).graph
    outside = {each.name for each in graph.initializer if each.external_data}
    assert outside == {name for name in arrays if name.startswith("embedder.")}
    # Rows that take part in a product are copied into the graph.
    assert outside <= model.weights.keys()
    pairs = "embedder.token_parts.bigrams.table.weight"
    graph = onnx.load(folder / MODEL_GRAPH, load_external_data=False).graph
    outside = {each.name for each in graph.initializer if each.external_data}
    assert outside == {pairs} & model.weights.keys()


def test_graphs_are_the_same_each_time(store, tmp_path):
    model = make_model({}, EVERYTHING, store)
    save_model(tmp_path / "model", model)
    network = load_network(model)
    once = build_graphs(tmp_path / "model", network, model)
    assert once == build_graphs(tmp_path / "model", network.eval(), model)
    assert list(once) == [WORDS_GRAPH, MODEL_GRAPH]


@pytest.mark.parametrize(
    ("where", "kind", "known"),
    [
        pytest.param("", Model, "Model", id="model"),
        pytest.param("embedder", Embedder, "Embedder", id="embedder"),
        pytest.param(
            "embedder.word_parts.words",
            WordEmbedding,
            "WordEmbedding or CharacterCNN or CharacterLSTM or ShapeEmbedding or AffixEmbedding",
            id="words",
        ),
        pytest.param(
            "embedder.token_parts.columns",
            ColumnEmbedding,
            "ColumnEmbedding or BigramEmbedding or Transformer",
            id="columns",
        ),
        pytest.param(
            "encoder",
            RecurrentEncoder,
            "RecurrentEncoder or MinimalRNN or DilatedCNN or SelfAttention or EncoderStack",
            id="encoder",
        ),
        pytest.param("head", CRFHead, "CRFHead or SoftmaxHead or ClassifierHead", id="head"),
    ],
)
def test_a_module_of_another_kind_is_refused_by_name(where, kind, known, store, tmp_path):
    model = make_model({}, EVERYTHING, store)
    save_model(tmp_path / "model", model)
    network = load_network(model)
    network.get_submodule(where).__class__ = type("Foo", (kind,), {})
    with pytest.raises(ConfigError) as error:
        build_graphs(tmp_path / "model", network, model)
    key = where.replace("word_parts.", "").replace("token_parts.", "") or "network"
    assert str(error.value) == f"{key}: must be {known} to be exported to ONNX. Got Foo."


@pytest.mark.parametrize(("network", "features"), [CASES[0], CASES[-1], BARE], ids=case_name)
def test_a_faithful_graph_passes_the_check(network, features, store, tmp_path):
    model = make_model(network, features, store)
    folder = saved(tmp_path / "model", model)
    check_graphs(folder, model)
    check_graphs(folder, model, [*TRAINING, Sentence([])])
    check_graphs(folder, model, [])


def test_made_up_sentences_are_long_and_short_with_known_and_unknown_words(store):
    featurizer = make_model({}, EVERYTHING, store).featurizer
    sentences = make_sentences(featurizer)
    lengths = [len(s) for s in sentences]
    assert min(lengths) < 5 and max(lengths) > 55
    words = {token for s in sentences for token in s.tokens}
    assert any(word in featurizer.words for word in words)
    assert any(word not in featurizer.words for word in words)
    values = {value for s in sentences for value in s.columns["pos"]}
    assert any(value not in featurizer.columns["pos"] for value in values)
    pairs = featurizer.bigrams.find(sentences)
    assert 0.1 < (pairs == UNKNOWN).mean() < 0.9


def shift_scores(folder, by):
    """Add a number to the scores of a graph."""
    graph = onnx.load(folder / MODEL_GRAPH)
    node = next(node for node in graph.graph.node if node.op_type == "Add")
    array = next(each for each in graph.graph.initializer if each.name in node.input)
    shifted = (numpy_helper.to_array(array) + by).astype(np.float32)
    array.CopyFrom(numpy_helper.from_array(shifted, array.name))
    onnx.save(graph, folder / MODEL_GRAPH)


def changed(model, name):
    return replace(model, weights={**model.weights, name: model.weights[name] + 1})


def test_a_graph_with_other_scores_is_refused(store, tmp_path):
    model = make_model({}, FEATURES[-1], store)
    folder = saved(tmp_path / "model", model)
    shift_scores(folder, 3e-4)
    with pytest.raises(ModelFolderError) as error:
        check_graphs(folder, model)
    where = "model.onnx: emissions must differ from those in torch by at most 0.0001."
    assert str(error.value) == f"{where} Got 0.0003."
    shift_scores(folder, np.nan)
    with pytest.raises(ModelFolderError, match=r"by at most 0\.0001\. Got nan\."):
        check_graphs(folder, model)


def test_a_graph_with_other_vectors_of_words_is_refused(store, tmp_path):
    model = make_model({}, FEATURES[-1], store)
    folder = saved(tmp_path / "model", model)
    with pytest.raises(ModelFolderError) as error:
        check_graphs(folder, changed(model, "embedder.word_parts.characters.convolution.bias"))
    expected = (
        "words.onnx: vectors of words must differ from those in torch by at most 0.0001. Got "
    )
    assert str(error.value).startswith(expected)


def test_other_transition_scores_are_refused(store, tmp_path):
    model = make_model({}, FEATURES[-1], store)
    folder = saved(tmp_path / "model", model)
    with pytest.raises(ModelFolderError) as error:
        check_graphs(folder, changed(model, "head.crf.transitions"))
    expected = "model.safetensors: transition scores must equal those in torch. Got different ones."
    assert str(error.value) == expected


def test_small_differences_that_add_up_to_other_tags_are_refused(store, tmp_path):
    model = make_model({}, FEATURES[-1], store)
    weights = {name: np.zeros_like(array) for name, array in model.weights.items()}
    single = model.task.tags.index("S-LOC")
    weights["head.projection.bias"][single] = 5e-5
    model = replace(model, weights=weights)
    folder = saved(tmp_path / "model", model)
    check_graphs(folder, model)
    shift_scores(folder, 9e-5 * (np.arange(len(model.task.tags)) == model.task.tags.index("O")))
    check_graphs(folder, model, [Sentence(["Lisbon"])])
    with pytest.raises(ModelFolderError) as error:
        check_graphs(folder, model, [Sentence(["Lisbon"] * 4)])
    assert str(error.value) == (
        "model.onnx: tags must equal those in torch, unless their scores differ by at most 0.0001. "
        "Got different tags with scores that differ by 0.0002."
    )


@pytest.mark.numeric
@pytest.mark.parametrize(
    "encoder", [{}, {"encoder.bidirectional": False}, {"encoder.projection": 12}], ids=case_name
)
def test_int8_is_that_of_onnx_runtimes_own_quantizer(encoder, store, tmp_path):
    model = make_model({"encoder.layers": 2, "encoder.size": 20} | encoder, EVERYTHING, store)
    folder = saved(tmp_path / "model", model, int8=True)
    ours = OnnxRuntime(folder, model.task, precision="int8")
    rows = ours.word_rows(model.featurizer.encode_words(NEW))
    batch = make_batch(rows, model.featurizer, [5, 1, 60, 17])
    found = ours.outputs(batch)["emissions"]
    bound = float32_bound(found, additions(load_network(model)))
    quantize_dynamic(
        folder / MODEL_GRAPH,
        folder / INT8_GRAPH,
        op_types_to_quantize=["LSTM"],
        per_channel=True,
        reduce_range=True,
    )
    theirs = OnnxRuntime(folder, model.task, precision="int8")
    np.testing.assert_allclose(found, theirs.outputs(batch)["emissions"], rtol=0, atol=bound)


@pytest.mark.parametrize(
    "encoder",
    [
        {},
        {"encoder.bidirectional": False},
        {"encoder.layers": 2, "encoder.layer_norm": True, "encoder.attention_heads": 2},
    ],
    ids=case_name,
)
def test_int8_differs_little_and_knows_the_lengths(encoder, store, tmp_path):
    model = make_model({"encoder.size": 20} | encoder, EVERYTHING, store)
    folder = saved(tmp_path / "model", model, int8=True)
    fp32, int8 = (OnnxRuntime(folder, model.task, precision=name) for name in ("fp32", "int8"))
    rows = fp32.word_rows(model.featurizer.encode_words(NEW))
    lengths = [5, 1, 60, 17]
    batch = make_batch(rows, model.featurizer, lengths)
    inside = np.arange(60) < np.array(lengths)[:, None]
    # The longest sentence has no padding.
    inside[2] = False
    exact, rounded = (each.outputs(batch)["emissions"][inside] for each in (fp32, int8))
    difference = np.sqrt(np.square(exact - rounded).mean())
    # States that read padding would differ as much as they vary.
    assert 0 < difference < 0.15 * exact.std()


def test_units_whose_weights_are_all_zero_stay_so_in_int8(store, tmp_path):
    model = make_model({}, FEATURES[-1], store)
    weights = {name: np.zeros_like(array) for name, array in model.weights.items()}
    folder = saved(tmp_path / "model", replace(model, weights=weights), int8=True)
    runtime = OnnxRuntime(folder, model.task, precision="int8")
    rows = runtime.word_rows(model.featurizer.encode_words(NEW))
    assert not runtime.outputs(make_batch(rows, model.featurizer, [3, 2]))["emissions"].any()


@pytest.mark.parametrize(
    ("encoder", "got"),
    [
        pytest.param({"encoder.cell": "gru"}, "gru", id="gru"),
        pytest.param({"encoder.cell": "mingru"}, "an encoder of another kind", id="mingru"),
        pytest.param({"encoder.kind": "idcnn"}, "an encoder of another kind", id="idcnn"),
    ],
)
def test_int8_is_refused_where_onnx_runtime_lacks_it(encoder, got, store, tmp_path):
    model = make_model(encoder, EVERYTHING, store)
    with pytest.raises(ConfigError) as error:
        saved(tmp_path / "model", model, int8=True)
    assert str(error.value) == f"encoder.cell: must be lstm to be exported in int8. Got {got}."
    assert not (tmp_path / "model").exists()


def test_int8_is_refused_for_a_graph_without_layers():
    graph = onnx.helper.make_model(onnx.helper.make_graph([], "empty", [], []))
    with pytest.raises(ConfigError, match=r"Got an encoder of another kind\."):
        quantize(graph.SerializeToString())


@pytest.fixture(scope="module")
def tiny_folder(tiny_model, tmp_path_factory):
    model = load_model(tiny_model)
    return saved(tmp_path_factory.mktemp("tiny") / "model", model, int8=True)


def test_the_cost_of_int8_is_measured(tiny_folder):
    gold = [*ner.read_sentences("sample:dev"), Sentence([], spans=())]
    cost = measure_int8(tiny_folder, load_model(tiny_folder), gold)
    taggers = {name: ner.load(tiny_folder, precision=name) for name in ("fp32", "int8")}
    for name, f1 in (("fp32", cost.fp32), ("int8", cost.int8)):
        assert f1 == pytest.approx(ner.evaluate(taggers[name], gold).f1, abs=1e-12)
    assert 0 <= cost.changed < 0.05
    assert 0 <= cost.batch_dependent < 0.05
    assert str(replace(cost, fp32=0.9, int8=0.89, changed=0.0123, batch_dependent=0)) == (
        "F1 with int8: 89.00, without: 90.00. Tags that int8 changes: 1.230 %; tags that depend on "
        "the other sentences in a batch: 0.000 %"
    )


def test_without_annotated_sentences_int8_is_compared_on_random_words(tiny_folder):
    cost = measure_int8(tiny_folder, load_model(tiny_folder))
    assert cost.fp32 is None and cost.int8 is None
    assert 0 < cost.changed < 0.2
    assert 0 < cost.batch_dependent < 0.2
    assert str(cost).startswith("On random words: Tags that int8 changes: ")


@pytest.mark.parametrize(
    ("sentences", "message"),
    [
        pytest.param(
            [Sentence(["Ada"])],
            "development: development data must have tags. Got none.",
            id="no tags",
        ),
        pytest.param(
            [Sentence([], spans=())],
            "sentences: at least one must have tokens. Got none.",
            id="no tokens",
        ),
    ],
)
def test_the_cost_of_int8_cannot_be_measured_without_gold_spans(tiny_folder, sentences, message):
    with pytest.raises(DataError) as error:
        measure_int8(tiny_folder, load_model(tiny_folder), sentences)
    assert str(error.value) == message
