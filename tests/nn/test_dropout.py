import pytest
import torch

from ner.nn.dropout import LockedDropout, WordDropout

BOTH = pytest.mark.parametrize("layer", [LockedDropout, WordDropout])


def ones():
    return torch.ones(40, 30, 50)


@BOTH
def test_nothing_is_dropped_outside_of_training(layer):
    x = torch.randn(2, 3, 4)
    assert torch.equal(layer(0.5).eval()(x), x)
    assert torch.equal(layer(0.0).train()(x), x)


def test_locked_dropout_drops_the_same_features_at_every_token():
    torch.manual_seed(1)
    x = LockedDropout(0.25)(ones())
    assert torch.equal(x, x[:, :1].expand_as(x))
    assert x.unique().tolist() == pytest.approx([0, 1 / 0.75])
    # Within 5 standard deviations of the rate, over 2,000 tosses.
    assert abs((x[:, 0] == 0).float().mean() - 0.25) < 5 * (0.25 * 0.75 / 2000) ** 0.5
    # Each sentence has its own.
    assert len({tuple(row.tolist()) for row in x[:, 0]}) == 40


def test_word_dropout_hides_whole_tokens():
    torch.manual_seed(2)
    x = WordDropout(0.25)(ones())
    assert torch.equal(x, x[:, :, :1].expand_as(x))
    assert x.unique().tolist() == [0, 1]
    assert abs((x[:, :, 0] == 0).float().mean() - 0.25) < 5 * (0.25 * 0.75 / 1200) ** 0.5


@BOTH
def test_what_is_dropped_learns_nothing(layer):
    torch.manual_seed(3)
    x = ones().requires_grad_()
    dropped = layer(0.5)(x)
    dropped.sum().backward()
    assert torch.equal(x.grad, dropped.detach())


@BOTH
def test_half_precision_stays_half_precision(layer):
    assert layer(0.5)(ones().bfloat16()).dtype == torch.bfloat16
