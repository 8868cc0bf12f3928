"""Poolings in pieces equal those of `ner.nn.pooling`, which see a text as a whole."""

import numpy as np
import pytest
import torch

from ner.inference.pooling_in_pieces import PoolingWeights
from ner.nn.heads import ClassifierHead
from ner.nn.pooling import build_pooling

WIDTH, LENGTH, LABELS = 6, 23, ("a", "b", "c")
# Sentences of several lengths; one goes over two ends of pieces.
SENTENCES = np.repeat([0, 1, 2, 5], [3, 1, 14, 5])
KINDS = {
    "mean": {"kinds": ["mean"]},
    "max": {"kinds": ["max"]},
    "last": {"kinds": ["last"]},
    "one-head": {"kinds": ["attention"]},
    "three-heads": {"kinds": ["attention"], "heads": 3},
    "structured": {"kinds": ["structured"], "hops": 4},
    "several": {"kinds": ["last", "attention", "max", "structured", "mean"], "heads": 2},
}


@pytest.mark.parametrize("size", [1, 4, 30])
@pytest.mark.parametrize("hierarchical", [False, True], ids=["flat", "hierarchical"])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["forwards", "both-ways"])
@pytest.mark.parametrize("kind", KINDS)
def test_pieces_equal_the_whole(kind, bidirectional, hierarchical, size):
    torch.manual_seed(5)
    settings = {**KINDS[kind], "hierarchical": hierarchical}
    pooling = build_pooling(WIDTH, size=5, **settings, bidirectional=bidirectional)
    head = ClassifierHead(pooling, LABELS)
    states = 3 * torch.randn(1, LENGTH, WIDTH)
    ids = torch.from_numpy(SENTENCES)[None] if hierarchical else None
    with torch.no_grad():
        expected = head.outputs(states, torch.tensor([LENGTH]), ids)

    weights = {f"head.{name}": array.numpy() for name, array in head.state_dict().items()}
    reader = PoolingWeights(weights, settings, num_directions=1 + bidirectional)
    pieces = reader.pooling(SENTENCES if hierarchical else None)
    for start in range(0, LENGTH, size):
        pieces.add(states[0, start : start + size].numpy())
    found = reader.outputs(pieces)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == np.float32
        np.testing.assert_allclose(found[name], array.numpy(), atol=1e-5)


def test_a_token_that_outweighs_all_others_comes_last_or_first():
    """Sums relative to the largest score so far neither overflow nor lose what came before."""
    weights = {
        "head.pooling.attention.keys.weight": np.float32([[1]]),
        "head.pooling.attention.keys.bias": np.float32([0]),
        "head.pooling.attention.queries.weight": np.float32([[2000]]),
        "head.projection.weight": np.float32([[1]]),
        "head.projection.bias": np.float32([0]),
    }
    reader = PoolingWeights(weights, {"kinds": ["attention"]}, num_directions=2)
    for order in ([-9, 9], [9, -9]):
        pieces = reader.pooling(None)
        for state in order:
            pieces.add(np.float32([[state]]))
        found = reader.outputs(pieces)
        assert found["logits"].tolist() == [[9]]
        assert found["attention"].tolist() == [[[float(state == 9) for state in order]]]
