"""LSTM and GRU against the equations of their gates, and against torch on packed sequences."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ner.nn.encoders import RecurrentEncoder, recurrent

CELLS = pytest.mark.parametrize("cell", ["lstm", "gru"])
DIRECTIONS = pytest.mark.parametrize("bidirectional", [True, False])
LAYERS = pytest.mark.parametrize("layers", [1, 2, 3])
LENGTHS = torch.tensor([5, 1, 7, 7, 2])
INPUT, SIZE = 3, 4


def make_encoder(cell="lstm", layers=2, **settings):
    """Make an encoder in float64, its biases not zero."""
    torch.manual_seed(1)
    encoder = RecurrentEncoder(INPUT, SIZE, layers, cell, **settings).double()
    for name, parameter in encoder.named_parameters():
        if "bias" in name:
            nn.init.normal_(parameter)
    return encoder.eval()


def make_input(lengths=LENGTHS, seed=2):
    generator = torch.Generator().manual_seed(seed)
    shape = (len(lengths), int(max(lengths)), INPUT)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def inside(hidden, lengths=LENGTHS):
    """Give the states of all tokens, end to end."""
    return torch.cat([row[:n] for row, n in zip(hidden, lengths.tolist(), strict=True)])


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize(("cell", "projection"), [("lstm", 0), ("lstm", 2), ("gru", 0)])
@DIRECTIONS
@LAYERS
def test_states_are_those_of_torch_on_packed_sequences(cell, projection, bidirectional, layers):
    encoder = make_encoder(cell, layers, projection=projection, bidirectional=bidirectional)
    kind = {"lstm": nn.LSTM, "gru": nn.GRU}[cell]
    options = {"proj_size": projection} if projection else {}
    reference = kind(
        INPUT, SIZE, layers, batch_first=True, bidirectional=bidirectional, **options
    ).double()
    weights = {
        f"{name.removesuffix('_l0')}_l{k}{suffix}": parameter
        for rnns, suffix in ((encoder.forwards, ""), (encoder.backwards, "_reverse"))
        for k, rnn in enumerate(rnns)
        for name, parameter in rnn.named_parameters()
    }
    reference.load_state_dict(weights)
    x = make_input()
    packed = pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
    expected, _ = pad_packed_sequence(reference(packed)[0], batch_first=True)
    hidden = encoder(x, LENGTHS)
    assert hidden.shape == (5, 7, encoder.size)
    torch.testing.assert_close(inside(hidden), inside(expected), rtol=0, atol=1e-12)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def arrays_of(rnn):
    return {name: parameter.detach().numpy() for name, parameter in rnn.named_parameters()}


def lstm_states(rnn, x):
    """Write out the gate equations of Hochreiter and Schmidhuber with the forget gates of Gers.

    h is the output, c the cell; the gates i, f, o and the candidate g of each token are
    i = σ(W_i x + U_i h + b_i), f, o likewise, g = tanh(W_g x + U_g h + b_g),
    c = f c + i g, h = o tanh(c); with a projection of Sak et al. h = P (o tanh(c)).
    """
    weights = arrays_of(rnn)
    w_i, w_f, w_g, w_o = np.split(weights["weight_ih_l0"], 4)
    u_i, u_f, u_g, u_o = np.split(weights["weight_hh_l0"], 4)
    b_i, b_f, b_g, b_o = np.split(weights["bias_ih_l0"] + weights["bias_hh_l0"], 4)
    projection = weights.get("weight_hr_l0", np.eye(SIZE))
    h, c = np.zeros(len(projection)), np.zeros(SIZE)
    states = []
    for token in x:
        i = sigmoid(w_i @ token + u_i @ h + b_i)
        f = sigmoid(w_f @ token + u_f @ h + b_f)
        o = sigmoid(w_o @ token + u_o @ h + b_o)
        g = np.tanh(w_g @ token + u_g @ h + b_g)
        c = f * c + i * g
        h = projection @ (o * np.tanh(c))
        states.append(h)
    return np.array(states)


def gru_states(rnn, x):
    """Write out the equations of Cho et al., with the reset gate where torch has it.

    r = σ(W_r x + U_r h + b_r), z likewise, n = tanh(W_n x + b_n + r (U_n h + d_n)),
    h = (1 - z) n + z h.
    """
    weights = arrays_of(rnn)
    w_r, w_z, w_n = np.split(weights["weight_ih_l0"], 3)
    u_r, u_z, u_n = np.split(weights["weight_hh_l0"], 3)
    b_r, b_z, b_n = np.split(weights["bias_ih_l0"], 3)
    d_r, d_z, d_n = np.split(weights["bias_hh_l0"], 3)
    h = np.zeros(SIZE)
    states = []
    for token in x:
        r = sigmoid(w_r @ token + b_r + u_r @ h + d_r)
        z = sigmoid(w_z @ token + b_z + u_z @ h + d_z)
        n = np.tanh(w_n @ token + b_n + r * (u_n @ h + d_n))
        h = (1 - z) * n + z * h
        states.append(h)
    return np.array(states)


@pytest.mark.parametrize(("cell", "projection"), [("lstm", 0), ("lstm", 2), ("gru", 0)])
@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("residual", [False, True])
@DIRECTIONS
@LAYERS
def test_states_are_those_of_the_gate_equations(
    cell, projection, layer_norm, residual, bidirectional, layers
):
    options = {"layer_norm": layer_norm, "residual": residual}
    encoder = make_encoder(
        cell, layers, bidirectional=bidirectional, projection=projection, **options
    )
    x = make_input()
    hidden = encoder(x, LENGTHS).detach().numpy()
    run = {"lstm": lstm_states, "gru": gru_states}[cell]
    for b, length in enumerate(LENGTHS.tolist()):
        states = x[b, :length].numpy()
        for k in range(layers):
            read = states
            states = run(encoder.forwards[k], read)
            if bidirectional:
                left = run(encoder.backwards[k], read[::-1])[::-1]
                states = np.concatenate([states, left], axis=1)
            if layer_norm:
                norm = arrays_of(encoder.norms[k])
                states = states - states.mean(1, keepdims=True)
                states = states / np.sqrt(states.var(1, keepdims=True) + 1e-5)
                states = states * norm["weight"] + norm["bias"]
            if residual and k:
                states = states + read
        np.testing.assert_allclose(hidden[b, :length], states, rtol=0, atol=1e-11)


@pytest.mark.parametrize(("cell", "projection"), [("lstm", 0), ("lstm", 2), ("gru", 0)])
@pytest.mark.parametrize("weight_drop", [0.0, 0.5])
def test_sequences_too_long_for_one_call_go_through_in_pieces(
    cell, projection, weight_drop, monkeypatch
):
    encoder = make_encoder(cell, projection=projection, weight_drop=weight_drop).train()
    x = make_input()

    def states():
        torch.manual_seed(1)
        return inside(encoder(x, LENGTHS))

    expected = states()
    for longest in (1, 3, 7):
        monkeypatch.setattr(recurrent, "CHUNK", longest)
        torch.testing.assert_close(states(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("cell", "projection"), [("lstm", 0), ("lstm", 3), ("gru", 0)])
def test_the_encoder_starts_orthogonal_with_open_forget_gates(cell, projection):
    encoder = RecurrentEncoder(INPUT, SIZE, 2, cell, projection=projection)
    for rnn in (*encoder.forwards, *encoder.backwards):
        for gate in rnn.weight_hh_l0.chunk(4 if cell == "lstm" else 3):
            torch.testing.assert_close(gate.T @ gate, torch.eye(projection or SIZE))
        assert not rnn.bias_hh_l0.any()
        expected = [0, 1, 0, 0] if cell == "lstm" else [0, 0, 0]
        assert rnn.bias_ih_l0.tolist() == [bias for bias in expected for _ in range(SIZE)]


@pytest.mark.parametrize(("cell", "projection"), [("lstm", 0), ("lstm", 2), ("gru", 0)])
def test_dropped_weights_are_zero_and_the_others_larger_for_all_steps_of_a_batch(cell, projection):
    encoder = make_encoder(cell, layers=1, projection=projection, weight_drop=0.4).train()
    x, before = make_input(), {k: v.clone() for k, v in encoder.state_dict().items()}
    torch.manual_seed(3)
    hidden = encoder(x, LENGTHS)
    inside(hidden).square().sum().backward()
    # A weight without a gradient was missing.
    masks = {n: p.grad != 0 for n, p in encoder.named_parameters() if "weight_hh" in n}
    assert len(masks) == 2
    assert all(0.2 < mask.double().mean() < 0.95 for mask in masks.values())
    plain = make_encoder(cell, layers=1, projection=projection)
    plain.load_state_dict({n: w * masks[n] / 0.6 if n in masks else w for n, w in before.items()})
    torch.testing.assert_close(inside(hidden), inside(plain(x, LENGTHS)), rtol=0, atol=1e-12)
    # Another batch, other weights.
    assert not torch.equal(inside(encoder(x, LENGTHS)), inside(hidden))


@CELLS
def test_no_weight_is_dropped_or_changed_where_nothing_is_learnt(cell):
    encoder, x = make_encoder(cell, weight_drop=0.5), make_input()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    encoder.train()(x, LENGTHS)
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    plain = make_encoder(cell)
    assert torch.equal(encoder.eval()(x, LENGTHS), plain(x, LENGTHS))


def test_a_warning_about_kernels_does_not_reach_the_user(recwarn):
    make_encoder(projection=2, weight_drop=0.5).train()(make_input(), LENGTHS)
    assert not recwarn.list
