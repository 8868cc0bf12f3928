"""Self-attention against loops over heads and tokens."""

import numpy as np
import pytest
import torch

from ner.nn.encoders import EncoderStack, RecurrentEncoder, SelfAttention

LENGTHS = torch.tensor([5, 1, 7, 7, 2])
SIZE = 6


def make_input():
    generator = torch.Generator().manual_seed(2)
    return torch.randn(5, 7, SIZE, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("heads", [1, 2, 3, 6])
def test_states_are_those_of_loops_over_heads_and_tokens(heads):
    torch.manual_seed(1)
    layer = SelfAttention(SIZE, heads).double().eval()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    arrays = {name: parameter.detach().numpy() for name, parameter in layer.named_parameters()}
    width, x = SIZE // heads, make_input()
    hidden = layer(x, LENGTHS).detach().numpy()
    for b, length in enumerate(LENGTHS.tolist()):
        states = x[b, :length].numpy()
        normal = states - states.mean(1, keepdims=True)
        normal /= np.sqrt(normal.var(1, keepdims=True) + 1e-5)
        normal = normal * arrays["norm.weight"] + arrays["norm.bias"]
        products = normal @ arrays["products.weight"].T + arrays["products.bias"]
        query, key, value = np.split(products, 3, axis=1)
        found = np.zeros_like(states)
        for head in range(heads):
            own = slice(head * width, (head + 1) * width)
            for t in range(length):
                scores = key[:, own] @ query[t, own] / np.sqrt(width)
                shares = np.exp(scores - scores.max())
                found[t, own] = shares / shares.sum() @ value[:, own]
        added = found @ arrays["output.weight"].T + arrays["output.bias"]
        expected = states + arrays["scale"] * added
        np.testing.assert_allclose(hidden[b, :length], expected, rtol=0, atol=1e-10)


def test_a_stack_lets_each_encoder_read_what_the_one_before_it_gives():
    torch.manual_seed(1)
    first, second = RecurrentEncoder(SIZE, 4), SelfAttention(8, 2)
    stack = EncoderStack([first, second]).double()
    x = make_input()
    assert stack.size == 8
    assert torch.equal(stack(x, LENGTHS), second(first(x, LENGTHS), LENGTHS))
