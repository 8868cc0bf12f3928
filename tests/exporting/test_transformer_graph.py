"""Small encoders made here, of each kind that can be a graph; there is no network."""

from itertools import pairwise
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from ner.errors import ConfigError, ModelFolderError
from ner.exporting.graph import WeightFile
from ner.exporting.int8 import quantize_products
from ner.exporting.transformer import ANATOMIES, build_transformer_graph
from ner.features.subwords import Subwords
from ner.inference.onnx_runtime import Graph
from ner.inference.onnx_transformer import STATES, groups_of, read_windows
from ner.model_folder import TRANSFORMER_GRAPHS, WEIGHTS
from ner.nn.transformer import Transformer
from tests.nn.test_transformer import (
    LONGEST,
    PIECES,
    WIDTH,
    alone,
    batch_of,
    bound_of,
    crowd,
    make_tokenizer,
)

transformers = pytest.importorskip("transformers", reason="needs the extra transformers")

GRAPH = TRANSFORMER_GRAPHS["fp32"]
SIZES = {"hidden_size": WIDTH, "num_hidden_layers": 5, "intermediate_size": 24}
SIZES |= {"num_attention_heads": 2, "max_position_embeddings": LONGEST + 1, "pad_token_id": 0}
DISTILBERT = {"dim": WIDTH, "n_layers": 3, "hidden_dim": 24, "n_heads": 2}
DISTILBERT |= {"max_position_embeddings": LONGEST}
KINDS = {
    "Bert": SIZES,
    "Roberta": SIZES,
    "XLMRoberta": SIZES | {"hidden_act": "relu"},
    "Camembert": SIZES | {"num_hidden_layers": 2},
    "Electra": SIZES | {"embedding_size": 6},
    "DistilBert": DISTILBERT,
}


def make_encoder(kind, **changes):
    torch.manual_seed(3)
    settings = KINDS[kind] | {"vocab_size": len(PIECES), "initializer_range": 0.3} | changes
    config = getattr(transformers, f"{kind}Config")(**settings)
    config.attn_implementation = "eager"
    encoder = getattr(transformers, f"{kind}Model")(config)
    encoder.pooler = None
    for parameter in encoder.parameters():
        if parameter.ndim == 1:  # biases of zero would hide that they are left out
            parameter.data += 0.1 * torch.randn(parameter.shape)
    return encoder


def embedding(kind="Bert", layers: Any = "mean4", **changes):
    part = Transformer(make_encoder(kind, **changes), layers)
    if part.mix is not None:
        part.mix.load_state_dict(
            {"weights": torch.randn(len(part.mix.weights)), "factor": torch.tensor([2.0])}
        )
    return part.eval()


def written(part, folder, *, copies=None):
    """Write the weights of an embedding and its graph."""
    names = {tensor: name for name, tensor in part.named_parameters()}
    save_file({name: p.detach().numpy() for p, name in names.items()}, folder / WEIGHTS)
    content = build_transformer_graph(part, WeightFile(folder / WEIGHTS), names, copies=copies)
    (folder / GRAPH).write_bytes(content)
    return content


def make_subwords(**settings):
    tokenizer = make_tokenizer().backend_tokenizer.to_str()
    known: dict[str, Any] = {
        "window": LONGEST,
        "overlap": 4,
        "context": 5,
        "padding": 0,
        "unknown": 1,
    }
    return Subwords(tokenizer, **known | settings)


def arrays_of(batch):
    return {name: tensor.numpy() for name, tensor in batch.items()}


def test_every_kind_is_tested():
    assert {f"{kind}Model" for kind in KINDS} == set(ANATOMIES)


@pytest.mark.numeric
@pytest.mark.parametrize(
    ("kind", "layers"), [*((kind, "mean4") for kind in KINDS), ("Bert", "last"), ("Bert", "mix")]
)
@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_a_graph_computes_what_torch_computes(kind, layers, pooling, tmp_path, monkeypatch):
    monkeypatch.setattr("ner.inference.onnx_transformer.PIECES_AT_ONCE", 50)
    part = embedding(kind, layers)
    written(part, tmp_path)
    onnx.checker.check_model(tmp_path / GRAPH, full_check=True)
    batch = batch_of(make_subwords(pooling=pooling), crowd())
    with torch.inference_mode():
        expected = part(batch).numpy()
    found = read_windows(Graph(tmp_path, GRAPH, STATES).run, arrays_of(batch))
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound_of(part, expected))


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.integers(1, 100))
def test_each_window_is_in_one_group_that_has_room_for_it(lengths, most):
    lengths = np.array(lengths)
    groups = list(groups_of(lengths, most))
    assert sorted(np.concatenate(groups).tolist()) == list(range(len(lengths)))
    for group in groups:
        assert len(group) == 1 or len(group) * lengths[group].max() <= most
    for one, other in pairwise(groups):
        assert lengths[one].max() <= lengths[other].min()
        assert (len(one) + 1) * lengths[other].min() > most


def outside(content):
    graph = onnx.load_from_string(content).graph
    return {each.name for each in graph.initializer if each.external_data}


def test_matrices_and_tables_stay_in_the_file_of_weights(tmp_path):
    part = embedding()
    large = {name for name, p in part.named_parameters() if p.ndim == 2}
    unused = {"encoder.embeddings.token_type_embeddings.weight"}  # its first row alone is used
    assert outside(written(part, tmp_path)) == large - unused
    tables = {name for name in large - unused if "_embeddings" in name}
    assert outside(written(part, tmp_path, copies=True)) == tables


def test_in_eight_bits_vectors_are_nearly_the_same(tmp_path):
    part = embedding(hidden_size=32, num_attention_heads=4)
    content = written(part, tmp_path, copies=True)
    batch = batch_of(make_subwords(), crowd())
    exact = read_windows(Graph(tmp_path, GRAPH, STATES).run, arrays_of(batch))
    rounded = quantize_products(content)
    (tmp_path / GRAPH).write_bytes(rounded)
    kinds = [node.op_type for node in onnx.load_from_string(rounded).graph.node]
    assert "Gemm" not in kinds
    assert kinds.count("DynamicQuantizeMatMul") == 5 * 6
    found = read_windows(Graph(tmp_path, GRAPH, STATES).run, arrays_of(batch))
    inside = exact.any(axis=2)
    lengths = np.linalg.norm(exact[inside], axis=1) * np.linalg.norm(found[inside], axis=1)
    cosines = (exact[inside] * found[inside]).sum(axis=1) / lengths
    assert cosines.min() > 0.97
    assert not np.array_equal(exact, found)


def test_encoders_that_are_built_in_another_way_are_refused_by_name(tmp_path):
    def refusal(part):
        with pytest.raises(ConfigError) as error:
            written(part, tmp_path)
        return str(error.value)

    known = (
        "BertModel, RobertaModel, XLMRobertaModel, CamembertModel, ElectraModel, DistilBertModel"
    )
    wanted = f"transformer.path: must be an encoder like {known} to be exported to ONNX."
    assert refusal(embedding(is_decoder=True)) == f"{wanted} Got BertModel as a decoder."
    part = embedding()
    part.encoder.__class__ = type("FooModel", (type(part.encoder),), {})
    assert refusal(part) == f"{wanted} Got FooModel."
    assert refusal(embedding(hidden_act="gelu_new")) == (
        "transformer.path: must be an encoder with gelu or relu to be exported to ONNX. "
        "Got one with gelu_new."
    )


def test_sub_words_that_the_encoder_has_no_row_for_are_one_line(tmp_path):
    written(embedding(), tmp_path)
    batch = arrays_of(batch_of(make_subwords(), [alone("the", "big")]))
    batch["pieces"] = batch["pieces"] + len(PIECES)
    with pytest.raises(ModelFolderError) as error:
        read_windows(Graph(tmp_path, GRAPH, STATES).run, batch)
    assert "transformer.onnx must be computable." in str(error.value)
    assert "\n" not in str(error.value)
