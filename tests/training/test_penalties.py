import itertools

import pytest
import torch
from torch import nn
from torchcrf import CRF

from ner.training.optimizers import LazyAdam, build_optimizers, use_sparse_tables
from ner.training.weights import Penalty, shrinkable
from tests.tolerance import float32_bound


class Tagger(nn.Module):
    """A large table that is updated row by row, matrices, vectors and a CRF."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(7000, 3)
        self.lstm = nn.LSTM(3, 2)
        self.norm = nn.LayerNorm(2)
        self.linear = nn.Linear(2, 4)
        self.frozen = nn.Linear(2, 2).requires_grad_(False)
        self.crf = CRF(4)

    def loss(self, words, tags):
        hidden = self.norm(self.lstm(self.table(words))[0])
        return -self.crf(self.linear(hidden), tags, torch.ones_like(tags, dtype=torch.bool))


PENALISED = {"lstm.weight_ih_l0", "lstm.weight_hh_l0", "linear.weight"}
WORDS, TAGS = torch.tensor([[5], [6], [5]]), torch.tensor([[0], [1], [3]])


def make():
    torch.manual_seed(0)
    model = Tagger()
    use_sparse_tables(model)
    return model


def gradients(l1=0.0, l2=0.0):
    model = make()
    loss = model.loss(WORDS, TAGS)
    penalised = Penalty(list(shrinkable(model).values()), l1, l2)(loss)
    penalised.backward()
    return model, (penalised - loss).item(), {n: p.grad for n, p in model.named_parameters()}


def test_matrices_are_penalised_and_neither_vectors_tables_the_crf_nor_what_is_frozen():
    assert set(shrinkable(make())) == PENALISED


@pytest.mark.numeric
@pytest.mark.parametrize(("l1", "l2"), [(0.3, 0.0), (0.0, 0.2), (0.3, 0.2)])
def test_the_loss_grows_by_sums_over_all_weights(l1, l2):
    model, added, _ = gradients(l1, l2)
    values = [
        value
        for name in PENALISED
        for value in model.get_parameter(name).detach().flatten().tolist()
    ]
    expected = l1 * sum(map(abs, values)) + l2 * sum(value * value for value in values)
    assert added == pytest.approx(expected, abs=float32_bound(expected, len(values)))


@pytest.mark.numeric
@pytest.mark.parametrize(("l1", "l2"), [(0.3, 0.0), (0.0, 0.2), (0.3, 0.2)])
def test_gradients_are_those_of_the_formula_and_others_stay(l1, l2):
    _, _, plain = gradients()
    model, _, penalised = gradients(l1, l2)
    for name, weight in model.named_parameters():
        if name in PENALISED:
            expected = plain[name] + l1 * weight.sign() + 2 * l2 * weight
            bound = float32_bound(expected, 3)  # as many gradients are added
            assert torch.allclose(penalised[name], expected, rtol=0, atol=bound)
        elif name.startswith("frozen"):
            assert penalised[name] is None
        elif name == "table.weight":
            # It still has gradients of the rows alone that were looked up.
            rows = [penalised[name].coalesce(), plain[name].coalesce()]
            assert rows[0].indices().tolist() == [[5, 6]]
            assert torch.equal(rows[0].values(), rows[1].values())
        else:
            assert torch.equal(penalised[name], plain[name])


def test_without_rates_a_loss_is_handed_back():
    loss = torch.ones(())
    assert Penalty([torch.ones(2, 2)])(loss) is loss
    assert Penalty([], l1=1.0, l2=1.0)(loss) is loss


def trained(optimizer, **rates):
    model = make()
    penalty = Penalty(list(shrinkable(model).values()), **rates)
    optimizers = build_optimizers(model, name=optimizer, learning_rate=0.02)
    assert any(isinstance(o, LazyAdam) for o in optimizers) == (optimizer == "adamw")
    for _ in range(100):
        penalty(model.loss(WORDS, TAGS)).backward()
        for o in optimizers:
            o.step()
            o.zero_grad()
    return torch.cat([w.detach().flatten() for w in shrinkable(model).values()])


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_the_greater_the_rate_the_smaller_the_weights(optimizer):
    for rate, order in (("l1", 1), ("l2", 2)):
        norms = [trained(optimizer, **{rate: r}).norm(order) for r in (0.0, 0.1, 1.0)]
        assert all(b < 0.9 * a for a, b in itertools.pairwise(norms))


def test_l1_makes_more_weights_vanish_than_l2():
    l1, l2 = trained("sgd", l1=0.1), trained("sgd", l2=0.2)
    # L2 leaves less, but spread over more weights.
    assert l2.abs().sum() < l1.abs().sum()
    assert (l1.abs() < 0.01).sum() > 2 * (l2.abs() < 0.01).sum()
