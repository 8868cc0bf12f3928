"""minGRU and minLSTM against a loop over tokens, and the recurrence that both are."""

import numpy as np
import pytest
import torch

from ner.nn.encoders import MinimalRNN
from ner.nn.encoders import minimal as recurrence
from ner.nn.encoders.minimal import linear_recurrence
from tests.tolerance import float32_bound

CELLS = pytest.mark.parametrize("cell", ["mingru", "minlstm"])
WAYS = pytest.mark.parametrize("way", ["loop", "doubling"])
LENGTHS = torch.tensor([5, 1, 9, 9, 2])
INPUT, SIZE = 3, 4


@pytest.fixture
def take(monkeypatch):
    """Choose the implementation, whatever the device."""

    def choose(way):
        monkeypatch.setattr(recurrence, "on_cpu", lambda x: way == "loop")

    return choose


def make_encoder(cell, layers=2, scale=1.0, **settings):
    torch.manual_seed(1)
    encoder = MinimalRNN(INPUT, SIZE, layers, cell, **settings).double()
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter, std=scale)
    return encoder.eval()


def random(*shape, seed=2):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def mingru_states(products, size):
    """z = σ(k), h = (1 - z) h + z v, for each token's k and v."""
    h, states = np.zeros(size), []
    for k, v in products.reshape(len(products), 2, size):
        z = sigmoid(k)
        h = (1 - z) * h + z * v
        states.append(h)
    return np.array(states)


def minlstm_states(products, size):
    """f = σ(k), i = σ(l), h = f / (f + i) h + i / (f + i) v, for each token's k, l and v."""
    h, states = np.zeros(size), []
    for k, i, v in products.reshape(len(products), 3, size):
        f, i = sigmoid(k), sigmoid(i)
        h = f / (f + i) * h + i / (f + i) * v
        states.append(h)
    return np.array(states)


@WAYS
@CELLS
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("layers", [1, 3])
def test_states_are_those_of_the_equations(way, cell, bidirectional, layers, take):
    take(way)
    encoder = make_encoder(cell, layers, bidirectional=bidirectional)
    x = random(5, 9, INPUT)
    hidden = encoder(x, LENGTHS).detach().numpy()
    run = {"mingru": mingru_states, "minlstm": minlstm_states}[cell]
    for b, length in enumerate(LENGTHS.tolist()):
        states = x[b, :length].numpy()
        for product in encoder.products:
            weight, bias = product.weight.detach().numpy(), product.bias.detach().numpy()
            # Axes: token x part x direction x state.
            shape = (length, -1, 2 if bidirectional else 1, SIZE)
            parts = (states @ weight.T + bias).reshape(shape)
            states = run(parts[:, :, 0].reshape(length, -1), SIZE)
            if bidirectional:
                left = run(parts[::-1, :, 1].reshape(length, -1), SIZE)[::-1]
                states = np.concatenate([states, left], axis=1)
        np.testing.assert_allclose(hidden[b, :length], states, rtol=0, atol=1e-12)


@pytest.mark.numeric
@WAYS
@CELLS
def test_gates_far_from_zero_and_long_sentences_stay_exact(way, cell, take):
    take(way)
    # Sigmoids of such products are 0 or 1 in float32, so that logarithms and shares of them are no
    # numbers; and a sum of 3,000 logarithms is more than float32 can tell apart.
    encoder = make_encoder(cell, layers=1, scale=100.0)
    x, lengths = random(2, 3000, INPUT), torch.tensor([3000, 1700])
    expected = encoder(x, lengths)
    found = encoder.float()(x.float(), lengths)
    assert found.isfinite().all()
    scale = expected.abs().max()
    bound = float32_bound(1, 3000)  # a term for each token
    torch.testing.assert_close(found.double() / scale, expected / scale, rtol=0, atol=bound)


def test_forget_gates_start_open():
    encoder = MinimalRNN(INPUT, SIZE, 2, "minlstm")
    expected = [bias for bias in (1, 0, 0) for _ in range(2 * SIZE)]
    assert all(product.bias.tolist() == expected for product in encoder.products)
    assert not any(product.bias.any() for product in MinimalRNN(INPUT, SIZE, 2).products)


@WAYS
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [1, 2, 3, 8, 13])
def test_the_recurrence_is_that_of_a_loop_with_its_gradient(way, reverse, length, take):
    take(way)
    decays, added = random(2, length, 3).requires_grad_(), random(2, length, 3, seed=3)
    added.requires_grad_()
    state, states = torch.zeros(2, 3, dtype=torch.float64), {}
    order = range(length)[::-1] if reverse else range(length)
    for t in order:
        state = decays[:, t] * state + added[:, t]
        states[t] = state
    expected = torch.stack([states[t] for t in range(length)], dim=1)
    found = linear_recurrence(decays, added, reverse)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    weights = random(2, length, 3, seed=4)
    for ours, theirs in zip(
        *(
            torch.autograd.grad((each * weights).sum(), (decays, added))
            for each in (found, expected)
        ),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_half_precision_does_not_reach_the_states():
    encoder = make_encoder("minlstm").float()
    x = random(5, 9, INPUT).float()
    with torch.autocast("cpu", torch.bfloat16):
        hidden = encoder(x, LENGTHS)
    assert hidden.dtype == torch.float32
    torch.testing.assert_close(hidden[:, 0], encoder(x, LENGTHS)[:, 0], rtol=0, atol=0.2)
