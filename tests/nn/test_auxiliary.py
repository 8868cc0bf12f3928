"""The loss of columns that a network learns beside its task."""

import numpy as np
import pytest
import torch

from ner.nn.auxiliary import AuxiliaryHead

LENGTHS = torch.tensor([3, 1])
SIZES = [2, 4]
# Past the end of the second sentence is padding, with a valid number.
GOLD = torch.tensor([[[0, 3], [1, 0], [1, 2]], [[0, 1], [0, 0], [0, 0]]])


@pytest.fixture
def head():
    torch.manual_seed(1)
    return AuxiliaryHead(5, SIZES, weight=0.5)


@pytest.fixture
def hidden():
    return torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(2))


def surprises(head, hidden):
    """Compute the surprise of each sentence in numpy, column by column and token by token."""
    weight, bias = (p.detach().double().numpy() for p in head.projection.parameters())
    total = np.zeros(len(LENGTHS))
    for b, length in enumerate(LENGTHS.tolist()):
        for t in range(length):
            scores = weight @ hidden[b, t].double().numpy() + bias
            for k, column in enumerate(np.split(scores, np.cumsum(SIZES)[:-1])):
                probabilities = np.exp(column) / np.exp(column).sum()
                total[b] -= np.log(probabilities[GOLD[b, t, k]])
    return total


def test_the_loss_is_the_weighted_surprise_of_all_columns_and_the_mean_over_sentences(head, hidden):
    expected = 0.5 * surprises(head, hidden).mean()
    assert head.loss(hidden, LENGTHS, GOLD).item() == pytest.approx(expected, rel=1e-5)


def test_the_loss_of_each_sentence_is_multiplied_by_its_weight(head, hidden):
    expected = 0.5 * (surprises(head, hidden) @ [2.0, 0.25]) / 2
    found = head.loss(hidden, LENGTHS, GOLD, torch.tensor([2.0, 0.25]))
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_padding_changes_neither_the_loss_nor_its_gradients(head, hidden):
    longer = torch.cat([hidden, torch.full((2, 2, 5), 7.0)], dim=1).requires_grad_()
    padded = torch.cat([GOLD, torch.ones(2, 2, 2, dtype=torch.int64)], dim=1)
    found = head.loss(longer, LENGTHS, padded)
    found.backward()
    assert found.item() == pytest.approx(head.loss(hidden, LENGTHS, GOLD).item(), rel=1e-6)
    assert longer.grad is not None
    assert not longer.grad[0, 3:].any()
    assert not longer.grad[1, 1:].any()
    assert longer.grad[0, :3].all()


def test_states_in_half_precision_are_scored_in_single_precision(head, hidden):
    half = hidden.bfloat16()
    found = head.loss(half, LENGTHS, GOLD)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(head.loss(half.float(), LENGTHS, GOLD).item(), rel=1e-6)
