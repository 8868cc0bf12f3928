"""Long texts in pieces equal the whole, also for networks that remember their first token."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

import ner
from ner.config.loading import Config
from ner.data.schemes import tag_set
from ner.data.sentence import Sentence
from ner.data.tokenizer import Tokenizer
from ner.errors import DataError
from ner.exporting import write_graphs
from ner.features.featurizer import build_featurizer
from ner.inference import pieces
from ner.inference.classifier import TextClassifier
from ner.inference.onnx_runtime import OnnxRuntime
from ner.inference.tagger import Tagger
from ner.model_folder import MODEL_GRAPH, ModelFolder, save_model
from ner.nn.building import build_model
from ner.nn.cutting import find_cut
from ner.nn.encoders import DilatedCNN, MinimalRNN, RecurrentEncoder
from ner.nn.runtime import TorchRuntime, load_network
from ner.tasks import SpanTask, TextTask
from ner.tasks.base import Cut
from ner.training.settings import network_settings

# Tokens of a piece, and of a text of four pieces, the last of which is shorter.
PIECE, LENGTH = 8, 29
WORDS = ["Ada", "met", "Bob", "in", "Rome", "and", "saw", "old", "ships", ".", "They", "left"]

RECURRENT = {
    "lstm": {},
    "lstm-2": {"layers": 2},
    "lstm-3": {"layers": 3, "layer_norm": True, "residual": True},
    "lstm-forwards": {"layers": 2, "bidirectional": False},
    "projected": {"projection": 3},
    "projected-2": {"projection": 3, "layers": 2},
    "gru": {"cell": "gru"},
    "gru-2": {"cell": "gru", "layers": 2},
    "gru-forwards": {"cell": "gru", "bidirectional": False},
    "mingru": {"cell": "mingru"},
    "minlstm-2": {"cell": "minlstm", "layers": 2},
    "mingru-forwards": {"cell": "mingru", "layers": 2, "bidirectional": False},
}
OTHER = {
    "convolutions": {"kind": "idcnn"},
    "convolutions-2": {"kind": "idcnn", "layers": 2, "iterations": 2, "residual": True},
}
LSTM = [name for name in RECURRENT if name.startswith(("lstm", "projected"))]


def make_text(seed=1, length=LENGTH):
    random = np.random.default_rng(seed)
    tokens = [WORDS[i] for i in random.integers(0, len(WORDS), length)]
    return Sentence(tokens, columns={"pos": [t[-1] for t in tokens]})


def remember(encoder):
    """Let the layers of an encoder keep nearly all of a state at each step."""
    with torch.no_grad():
        for name, bias in encoder.named_parameters():
            if "bias_ih" in name:
                gates = bias.view(-1, encoder.forwards[0].hidden_size)
                gates[1] = 6  # the forget gate of an LSTM, the update gate of a GRU
            elif "products" in name and "bias" in name:
                bias[: encoder.size] = 4 if encoder.cell == "minlstm" else -4


def make_model(task, encoder, **pooling):
    """Make a model with random weights, which remembers what it read long ago."""
    training = [make_text(seed) for seed in (2, 3)]
    featurizer = build_featurizer(training, columns=["pos"], bigram_count=1)
    if pooling.get("hierarchical"):
        featurizer = replace(featurizer, language="en")
    sizes = {"words.size": 8, "encoder.size": 6, "characters.output_size": 6, "bigrams.size": 3}
    own = {f"encoder.{name}": value for name, value in encoder.items()}
    own |= {f"pooling.{name}": value for name, value in pooling.items()}
    settings = network_settings(Config().updated(sizes | own))
    torch.manual_seed(4)
    built = build_model(settings, featurizer, task)
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.normal_(std=0.4)
    if isinstance(built.encoder, RecurrentEncoder | MinimalRNN):
        remember(built.encoder)
    weights = {name: tensor.numpy() for name, tensor in built.state_dict().items()}
    return ModelFolder(featurizer, task, settings, weights, Tokenizer())


def saved(folder, model, *, int8=False):
    save_model(folder, model, lambda target: write_graphs(target, model, int8=int8))
    return folder


SPANS = SpanTask(tuple(tag_set(["LOC", "PER"], "BIOES")), "BIOES")
TEXTS = TextTask(("a", "b", "c"))


@pytest.fixture
def opened(tmp_path):
    """Return a function that makes a model and opens it in a runtime."""

    def call(runtime, encoder, task=SPANS, **pooling):
        model = make_model(task, encoder, **pooling)
        folder = saved(tmp_path / "model", model, int8=runtime == "int8")
        if runtime == "torch":
            found = TorchRuntime(load_network(model))
        else:
            precision = "int8" if runtime == "int8" else "fp32"
            found = OnnxRuntime(folder, task, precision=precision, threads=2)
        kind = Tagger if task is SPANS else TextClassifier
        return kind.of(model, found)

    return call


@pytest.fixture
def in_pieces(monkeypatch):
    """Return a function that lets models read texts in small pieces, and notes the batches."""

    def call(model):
        shapes = []
        read = model.runtime.read_piece

        def noted(batch, *arguments):
            shapes.append(batch["tokens"].shape)
            return read(batch, *arguments)

        monkeypatch.setattr(model.runtime, "read_piece", noted)
        monkeypatch.setattr(pieces, "PIECE_TOKENS", PIECE)
        return shapes

    return call


def scores(model, text):
    return model.emissions([text])[0]


def outputs(model, text):
    return model.runner.run([text], lambda found, _: [found], None)[0]


every_encoder = pytest.mark.parametrize("name", [*RECURRENT, *OTHER])
both_runtimes = pytest.mark.parametrize("runtime", ["onnx", "torch"])


@both_runtimes
@every_encoder
def test_pieces_get_the_scores_that_they_have_in_the_whole_text(name, runtime, opened, in_pieces):
    model = opened(runtime, (RECURRENT | OTHER)[name])
    text = make_text()
    whole = scores(model, text)
    overlap = model.runtime.cut.overlap
    shapes = in_pieces(model)
    assert np.abs(scores(model, text) - whole).max() < 1e-5
    assert max(b * t for b, t in shapes) <= PIECE + 2 * overlap
    if name in OTHER:
        return
    # The first token matters after three borders, so nothing was forgotten.
    other = Sentence(["Rome" if text.tokens[0] != "Rome" else ".", *text.tokens[1:]])
    other = replace(other, columns=text.columns)
    changes = np.abs(scores(model, other) - whole)[3 * PIECE :]
    assert changes.max() > 1e-3
    directions = model.runtime.cut.border_shape[2]
    passes = 1 + (RECURRENT[name].get("layers", 1) if directions == 2 else 0)
    assert len(shapes) == 2 * passes * 4


@pytest.mark.parametrize("name", LSTM)
def test_int8_differs_less_between_pieces_and_the_whole_than_from_fp32(
    name, opened, in_pieces, tmp_path
):
    """Inputs are rounded by their range in a call, which is another one for a piece."""
    model = opened("int8", RECURRENT[name])
    text = make_text()
    fp32 = replace(model, runtime=OnnxRuntime(tmp_path / "model", SPANS))
    exact = scores(fp32, text)
    whole = scores(model, text)
    in_pieces(model)
    cut = scores(model, text)
    rounding = np.sqrt(np.square(whole - exact).mean())
    assert 0 < np.sqrt(np.square(cut - whole).mean()) < rounding


@both_runtimes
@pytest.mark.parametrize("length", [PIECE + 1, 2 * PIECE, 2 * PIECE + 1])
@pytest.mark.parametrize("name", ["lstm-2", "convolutions"])
def test_texts_that_end_where_a_piece_does_are_whole(name, length, runtime, opened, in_pieces):
    model = opened(runtime, (RECURRENT | OTHER)[name])
    text = make_text(length=length)
    whole = scores(model, text)
    in_pieces(model)
    assert np.abs(scores(model, text) - whole).max() < 1e-5


POOLINGS = {
    "attention": {},
    "others": {"kinds": ["last", "structured", "max", "mean"]},
    "hierarchical": {"hierarchical": True},
}


@both_runtimes
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("name", ["lstm-2", "gru-forwards", "minlstm-2"])
def test_a_classifier_reads_pieces_as_the_whole(name, pooling, runtime, opened, in_pieces):
    model = opened(runtime, RECURRENT[name], TEXTS, **POOLINGS[pooling])
    text = make_text()
    whole = outputs(model, text)
    shapes = in_pieces(model)
    cut = outputs(model, text)
    assert max(b * t for b, t in shapes) <= PIECE
    for name in ("logits", "attention"):
        np.testing.assert_allclose(cut[name], whole[name], atol=1e-5)


@both_runtimes
def test_a_classifier_of_convolutions_reads_pieces_as_the_whole(runtime, opened, in_pieces):
    model = opened(runtime, OTHER["convolutions-2"], TEXTS)
    text = make_text()
    whole = outputs(model, text)
    shapes = in_pieces(model)
    cut = outputs(model, text)
    assert len(shapes) == 4
    for name in ("logits", "attention"):
        np.testing.assert_allclose(cut[name], whole[name], atol=1e-5)


def test_a_long_text_without_a_column_is_refused_as_a_short_one_is(opened, in_pieces):
    model = opened("onnx", {}, TEXTS)
    in_pieces(model)
    for length in (3, LENGTH):
        with pytest.raises(DataError, match=r"^input: the model reads the column 'pos'"):
            outputs(model, Sentence(make_text(length=length).tokens))


def test_several_long_texts_are_read_side_by_side(opened, in_pieces):
    model = opened("onnx", {})
    texts = [make_text(seed, length) for seed, length in ((1, 29), (5, 3), (6, 40), (7, 0))]
    whole = model.emissions(texts)
    in_pieces(model)
    for cut, expected in zip(model.emissions(texts), whole, strict=True):
        np.testing.assert_allclose(cut, expected, atol=1e-5)


@both_runtimes
def test_attention_to_all_tokens_cannot_be_cut(runtime, opened, in_pieces):
    encoder = {"attention_heads": 2}
    tagger = opened(runtime, encoder)
    assert tagger.runtime.cut is None
    shapes = in_pieces(tagger)
    assert scores(tagger, make_text()).shape == (LENGTH, len(SPANS.outputs))
    assert len(shapes) == 4
    model = make_model(TEXTS, encoder)
    classifier = TextClassifier.of(model, TorchRuntime(load_network(model)))
    shapes = in_pieces(classifier)
    outputs(classifier, make_text())
    assert shapes == []


@pytest.mark.parametrize("part", ["network", "embedder", "encoder", "head", "token part"])
def test_a_component_of_a_user_cannot_be_cut(part):
    network = load_network(make_model(SPANS, {}))
    assert find_cut(network) == Cut(0, (1, 2, 2, 1, 6))
    parts = {
        "network": network,
        "embedder": network.embedder,
        "encoder": network.encoder,
        "head": network.head,
        "token part": network.embedder.token_parts["bigrams"],
    }
    parts[part].__class__ = type("Own", (type(parts[part]),), {})
    assert find_cut(network) is None


@pytest.mark.parametrize(("layers", "iterations"), [(1, 1), (1, 4), (3, 2)])
def test_convolutions_reach_no_further_than_they_say(layers, iterations):
    torch.manual_seed(1)
    encoder = DilatedCNN(2, 4, layers, iterations).double()
    for parameter in encoder.parameters():
        torch.nn.init.uniform_(parameter, 0.1, 0.5)  # nothing is cut off by a ReLU
    reach = encoder.reach
    x = torch.rand(1, 4 * reach, 2, dtype=torch.float64)
    changed = x.clone()
    changed[0, 2 * reach] += 1
    lengths = torch.tensor([x.shape[1]])
    with torch.no_grad():
        differ = (encoder(x, lengths) != encoder(changed, lengths)).any(dim=2)[0]
    assert differ.nonzero().ravel().tolist() == [*range(reach, 3 * reach + 1)]


def test_a_graph_of_an_older_version_says_nothing():
    golden = Path(__file__).parents[1] / "golden"
    for task in ("spans", "texts", "tokens"):
        assert ner.load(golden / task / "model", runtime="onnx").runtime.cut is None


def change_fact(model, value):
    model.metadata_props[[each.key for each in model.metadata_props].index("overlap")].value = value


def change_shape(model, *shape):
    (entering,) = (each for each in model.graph.initializer if each.name == "entering")
    entering.CopyFrom(numpy_helper.from_array(np.zeros(shape, np.float32), "entering"))
    (port,) = (each for each in model.graph.input if each.name == "entering")
    port.CopyFrom(onnx.helper.make_tensor_value_info("entering", onnx.TensorProto.FLOAT, shape))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda m: change_fact(m, "-1"), id="negative overlap"),
        pytest.param(lambda m: change_fact(m, "9" * 5000), id="huge overlap"),
        pytest.param(lambda m: change_fact(m, "²"), id="no number"),
        pytest.param(lambda m: change_shape(m, 2000, 2, 2, 1, 1), id="many layers"),
        pytest.param(lambda m: change_shape(m, 1, 2, 3, 1, 6), id="three directions"),
        pytest.param(lambda m: change_shape(m, 1, 2, 2, 2, 6), id="two texts"),
        pytest.param(lambda m: change_shape(m, 1, 2, 2, 6), id="four axes"),
        pytest.param(lambda m: change_shape(m, 1, 2, 0, 1, 6), id="no direction"),
        pytest.param(lambda m: change_shape(m, 1, 2, 2, 1, 1 << 19), id="wide states"),
        pytest.param(lambda m: m.graph.output.pop(), id="no states that leave"),
    ],
)
def test_a_graph_that_says_what_no_network_has_is_not_believed(change, tmp_path):
    folder = saved(tmp_path / "model", make_model(SPANS, {}))
    graph = onnx.load(folder / MODEL_GRAPH, load_external_data=False)
    assert OnnxRuntime(folder, SPANS).cut == Cut(0, (1, 2, 2, 1, 6))
    change(graph)
    onnx.save(graph, folder / MODEL_GRAPH)
    assert OnnxRuntime(folder, SPANS).cut is None
