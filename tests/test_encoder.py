import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import ner.nn.encoder
from ner.nn.encoder import BiRNN

CELLS = pytest.mark.parametrize("cell", ["lstm", "gru"])
LENGTHS = torch.tensor([5, 1, 7, 7, 2])
INPUT, SIZE = 3, 4


def make_encoder(cell="lstm", layers=2, **settings):
    """Make an encoder in float64, its biases not zero."""
    torch.manual_seed(1)
    encoder = BiRNN(INPUT, SIZE, layers, cell, **settings).double()
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


@CELLS
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_states_are_those_of_torch_on_packed_sequences(cell, layers):
    encoder, x = make_encoder(cell, layers), make_input()
    kind = {"lstm": nn.LSTM, "gru": nn.GRU}[cell]
    reference = kind(INPUT, SIZE, layers, batch_first=True, bidirectional=True).double()
    weights = {
        f"{name.removesuffix('_l0')}_l{k}{suffix}": parameter
        for rnns, suffix in ((encoder.forwards, ""), (encoder.backwards, "_reverse"))
        for k, rnn in enumerate(rnns)
        for name, parameter in rnn.named_parameters()
    }
    reference.load_state_dict(weights)
    packed = pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
    expected, _ = pad_packed_sequence(reference(packed)[0], batch_first=True)
    hidden = encoder(x, LENGTHS)
    assert hidden.shape == (5, 7, encoder.size)
    torch.testing.assert_close(inside(hidden), inside(expected), rtol=0, atol=1e-12)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_states(rnn, x):
    """Write out the gate equations of Hochreiter and Schmidhuber with the forget gates of Gers.

    h is the output, c the cell; the gates i, f, o and the candidate g of each token are
    i = σ(W_i x + U_i h + b_i), f, o likewise, g = tanh(W_g x + U_g h + b_g),
    c = f c + i g, h = o tanh(c).
    """
    weights = {name: p.detach().numpy() for name, p in rnn.named_parameters()}
    w_i, w_f, w_g, w_o = np.split(weights["weight_ih_l0"], 4)
    u_i, u_f, u_g, u_o = np.split(weights["weight_hh_l0"], 4)
    b_i, b_f, b_g, b_o = np.split(weights["bias_ih_l0"] + weights["bias_hh_l0"], 4)
    h = c = np.zeros(SIZE)
    states = []
    for token in x:
        i = sigmoid(w_i @ token + u_i @ h + b_i)
        f = sigmoid(w_f @ token + u_f @ h + b_f)
        o = sigmoid(w_o @ token + u_o @ h + b_o)
        g = np.tanh(w_g @ token + u_g @ h + b_g)
        c = f * c + i * g
        h = o * np.tanh(c)
        states.append(h)
    return np.array(states)


def test_states_are_those_of_the_gate_equations():
    encoder, x = make_encoder("lstm", layers=2), make_input()
    hidden = encoder(x, LENGTHS).detach().numpy()
    for b, length in enumerate(LENGTHS.tolist()):
        states = x[b, :length].numpy()
        for ahead, back in zip(encoder.forwards, encoder.backwards, strict=True):
            right, left = lstm_states(ahead, states), lstm_states(back, states[::-1])[::-1]
            states = np.concatenate([right, left], axis=1)
        np.testing.assert_allclose(hidden[b, :length], states, rtol=0, atol=1e-12)


@CELLS
def test_sequences_too_long_for_one_call_go_through_in_pieces(cell, monkeypatch):
    encoder, x = make_encoder(cell), make_input()
    expected = encoder(x, LENGTHS)
    for longest in (1, 3, 7):
        monkeypatch.setattr(ner.nn.encoder, "LONGEST_PIECE", longest)
        found = encoder(x, LENGTHS)
        torch.testing.assert_close(inside(found), inside(expected), rtol=0, atol=1e-12)


@CELLS
def test_what_stands_behind_a_sentence_changes_nothing_and_learns_nothing(cell):
    encoder, x = make_encoder(cell), make_input()
    behind = torch.arange(x.shape[1]) >= LENGTHS[:, None]
    other = x.masked_fill(behind[:, :, None], torch.nan)
    assert torch.equal(inside(encoder(x, LENGTHS)), inside(encoder(other, LENGTHS)))
    x.requires_grad_()
    inside(encoder(x, LENGTHS)).square().sum().backward()
    assert not x.grad[behind].any()
    assert x.grad[~behind].all()


def test_shapes_are_checked_in_every_test():
    with pytest.raises(TypeCheckError):
        make_encoder()(make_input(), LENGTHS[:-1])


@CELLS
def test_the_encoder_starts_orthogonal_with_open_forget_gates(cell):
    encoder = BiRNN(INPUT, SIZE, 2, cell)
    for rnn in (*encoder.forwards, *encoder.backwards):
        for gate in rnn.weight_hh_l0.chunk(4 if cell == "lstm" else 3):
            torch.testing.assert_close(gate @ gate.T, torch.eye(SIZE))
        assert not rnn.bias_hh_l0.any()
        expected = [0, 1, 0, 0] if cell == "lstm" else [0, 0, 0]
        assert rnn.bias_ih_l0.tolist() == [bias for bias in expected for _ in range(SIZE)]


def test_dropout_comes_after_each_layer_and_only_in_training():
    encoder, x = make_encoder(dropout=0.5), make_input()
    plain = make_encoder(dropout=0.0)
    assert torch.equal(encoder(x, LENGTHS), plain(x, LENGTHS))
    encoder.train()
    torch.manual_seed(4)
    once, again = encoder(x, LENGTHS), encoder(x, LENGTHS)
    assert not torch.equal(once, again)
    # A dropped feature is zero at every token of a sentence.
    dropped = once == 0
    assert dropped.any()
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    # What was kept differs from the plain states, because the layer below dropped some too.
    kept = ~dropped & (torch.arange(7) < LENGTHS[:, None])[:, :, None]
    assert not torch.isclose(once, 2 * plain(x, LENGTHS))[kept].any()
