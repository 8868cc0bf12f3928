"""Iterated dilated convolutions against loops over tokens and places."""

import numpy as np
import pytest
import torch

from ner.nn.encoders import DilatedCNN

LENGTHS = torch.tensor([5, 1, 12, 12, 2])
INPUT, SIZE = 3, 4


def make_encoder(**settings):
    torch.manual_seed(1)
    encoder = DilatedCNN(INPUT, SIZE, **settings).double()
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return encoder.eval()


def make_input():
    generator = torch.Generator().manual_seed(2)
    return torch.randn(5, 12, INPUT, generator=generator, dtype=torch.float64)


def convolve(layer, x, dilation):
    """Add up what each filter makes of the tokens it reads, those beyond the sentence zero."""
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    # Axes: filter x place in the window x value.
    weight = weight.reshape(len(weight), 3, -1)
    states = np.zeros((len(x), len(weight)))
    for t in range(len(x)):
        states[t] = bias
        for place in range(3):
            at = t + (place - 1) * dilation
            if 0 <= at < len(x):
                states[t] += weight[:, place] @ x[at]
    return np.maximum(states, 0)


@pytest.mark.parametrize(
    ("layers", "dilations"),
    [(1, [1, 1]), (2, [1, 2, 1]), (3, [1, 2, 4, 1])],
    ids=["1 layer", "2 layers", "3 layers"],
)
@pytest.mark.parametrize("iterations", [1, 2, 4])
@pytest.mark.parametrize("residual", [False, True])
def test_states_are_those_of_loops_over_tokens(layers, dilations, iterations, residual):
    encoder = make_encoder(layers=layers, iterations=iterations, residual=residual)
    assert len(encoder.block) == len(dilations)
    x = make_input()
    hidden = encoder(x, LENGTHS).detach().numpy()
    for b, length in enumerate(LENGTHS.tolist()):
        states = convolve(encoder.first, x[b, :length].numpy(), 1)
        for _ in range(iterations):
            read = states
            for layer, dilation in zip(encoder.block, dilations, strict=True):
                states = convolve(layer, states, dilation)
            if residual:
                states = states + read
        np.testing.assert_allclose(hidden[b, :length], states, rtol=0, atol=1e-10)


def test_iterations_share_their_weights():
    def size(**settings):
        return sum(
            parameter.numel() for parameter in DilatedCNN(INPUT, SIZE, **settings).parameters()
        )

    assert size(iterations=1) == size(iterations=4) < size(layers=2)


def test_a_token_sees_as_far_as_the_dilations_reach():
    encoder = make_encoder(layers=2, iterations=1)
    x = torch.rand(1, 31, INPUT, dtype=torch.float64).requires_grad_()
    for parameter in encoder.parameters():
        # No filter is shut, so that nothing is hidden.
        parameter.data.abs_()
    encoder(x, torch.tensor([31]))[0, 15].sum().backward()
    # One token of the first convolution, and four of the block.
    assert x.grad is not None
    assert x.grad[0].any(dim=1).nonzero().flatten().tolist() == list(range(15 - 5, 15 + 5 + 1))
