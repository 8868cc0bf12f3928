import math

import pytest
import torch
from torch import nn
from torchcrf import CRF

from ner.training.optimizers import (
    LazyAdam,
    Schedule,
    build_optimizers,
    clip_gradients,
    use_sparse_tables,
)
from ner.training.weights import AveragedWeights
from tests.tolerance import float32_bound


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(5, 3)
        self.linear = nn.Linear(3, 2)
        self.crf = CRF(2)


def groups_by_parameter(model, **settings):
    optimizers = build_optimizers(model, learning_rate=1.0, **settings)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    return {names[id(p)]: group for group in groups for p in group["params"]}


def test_weight_decay_spares_biases_embeddings_and_the_crf():
    groups = groups_by_parameter(Tiny(), weight_decay=0.1)
    assert {name for name, group in groups.items() if group["weight_decay"]} == {"linear.weight"}


def test_embeddings_learn_at_their_own_rate():
    groups = groups_by_parameter(Tiny(), embedding_rate=0.5)
    assert groups["table.weight"]["base_lr"] == 0.5
    assert groups["linear.weight"]["base_lr"] == 1.0


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_an_optimizer_lowers_a_loss(name):
    torch.manual_seed(0)
    model = Tiny()
    (optimizer,) = build_optimizers(model, name=name, learning_rate=0.1, momentum=0.5)
    losses = []
    for _ in range(20):
        loss = model.linear(model.table.weight).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


def test_one_cycle_rises_to_its_peak_and_falls_to_zero():
    schedule = Schedule("one-cycle", warmup=0.25)
    factors = [schedule.factor(i / 100, 0) for i in range(100)]
    assert factors[0] == pytest.approx(1 / 25)
    assert max(factors) == factors[25] == 1
    assert factors == sorted(factors[:25]) + sorted(factors[25:], reverse=True)
    assert factors[-1] < 0.001


def test_cosine_is_a_half_wave():
    schedule = Schedule("cosine", warmup=0.0)
    assert [schedule.factor(p, 0) for p in (0, 0.25, 0.5)] == pytest.approx(
        [1, (1 + math.sqrt(0.5)) / 2, 0.5]
    )


def test_inverse_epoch_divides_by_the_epoch():
    schedule = Schedule("inverse-epoch", decay=0.5)
    assert [schedule.factor(0, epoch) for epoch in (0, 1, 2)] == [1, 1 / 1.5, 1 / 2]


def test_plateau_halves_when_the_score_stalls():
    schedule = Schedule("plateau", patience=2)
    factors = []
    for better in (True, False, False, True, False, False):
        schedule.observe(better)
        factors.append(schedule.factor(0, 0))
    assert factors == [1, 1, 0.5, 0.5, 0.5, 0.25]


def test_the_average_is_the_weighted_sum_of_all_parameters():
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 1.0)
    average = AveragedWeights(model, 0.9)
    expected = 1.0
    for step, value in enumerate((2.0, 3.0, 5.0)):
        nn.init.constant_(model.weight, value)
        average.before_step()
        average.after_step(step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    assert average.averages[0].item() == pytest.approx(expected)
    with average.applied():
        assert model.weight.item() == pytest.approx(expected)
    assert model.weight.item() == 5.0


def sparse_table():
    torch.manual_seed(0)
    table = nn.Embedding(6, 3)
    table.sparse = True
    return table


def lazy_adam(table, lr=0.1, betas=(0.9, 0.999)):
    return LazyAdam([{"params": list(table.parameters())}], [table], lr, betas)


@pytest.mark.numeric
def test_lazy_adam_is_adam_where_every_row_has_a_gradient():
    lazy, dense = sparse_table(), sparse_table()
    dense.sparse = False
    optimizers = [lazy_adam(lazy), torch.optim.Adam(dense.parameters(), 0.1)]
    rows = torch.tensor([0, 3, 3, 5, 1, 2, 4])
    for _ in range(5):
        for table, optimizer in zip((lazy, dense), optimizers, strict=True):
            (table(rows) ** 3).sum().backward()
            optimizer.step()
            optimizer.zero_grad()
    # Each of five steps takes about ten operations.
    bound = float32_bound(dense.weight, 5 * 10)
    assert torch.allclose(lazy.weight, dense.weight, rtol=0, atol=bound)


def test_lazy_adam_moves_rows_that_wait_as_dense_adam_does():
    tables = sparse_table(), sparse_table()
    start = tables[0].weight.detach().clone()
    tables[1].sparse = False
    betas = (0.9, 0.99)
    optimizers = [
        lazy_adam(tables[0], 0.01, betas),
        torch.optim.Adam(tables[1].parameters(), 0.01, betas),
    ]
    random = torch.Generator().manual_seed(1)
    targets = torch.randn(6, 3, generator=random)
    for _ in range(300):
        rows = torch.randint(6, (1,), generator=random)
        for table, optimizer in zip(tables, optimizers, strict=True):
            (table(rows) - targets[rows]).square().sum().backward()
            optimizer.step()
            optimizer.zero_grad()
    optimizers[0].catch_up()
    moved = (tables[1].weight - start).norm()
    # The two differ by the bias corrections of the first steps alone.
    assert (tables[0].weight - tables[1].weight).norm() < 0.02 * moved


def test_a_row_that_no_batch_looks_up_never_moves():
    table = sparse_table()
    before = table.weight.detach().clone()
    optimizer = lazy_adam(table)
    for _ in range(3):
        table(torch.tensor([2, 2, 4])).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    optimizer.catch_up()
    changed = (table.weight != before).any(dim=1)
    assert changed.tolist() == [False, False, True, False, True, False]


@pytest.mark.numeric
@pytest.mark.parametrize("decay", [0.9, 0.0])
def test_the_average_of_a_table_that_is_updated_row_by_row_is_that_of_a_dense_one(decay):
    sparse, dense = sparse_table(), sparse_table()
    dense.sparse = False
    averages = [AveragedWeights(sparse, decay), AveragedWeights(dense, decay)]
    random = torch.Generator().manual_seed(1)
    for step in range(30):
        rows = torch.randint(6, (2,), generator=random)
        for table, average in zip((sparse, dense), averages, strict=True):
            (table(rows) ** 2).sum().backward()
            average.before_step()
            torch.optim.SGD(table.parameters(), 0.1).step()
            table.zero_grad()
            average.after_step(step)
    with averages[0].applied(), averages[1].applied():
        # Each of thirty steps takes a product and a sum, and as many for the average.
        bound = float32_bound(dense.weight, 30 * 4)
        assert torch.allclose(sparse.weight, dense.weight, rtol=0, atol=bound)


@pytest.mark.numeric
@pytest.mark.parametrize("max_norm", [0.5, 1e3])
def test_clipping_counts_sparse_and_dense_gradients_like_torch(max_norm):
    results = []
    for sparse in (True, False):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Embedding(6, 3, sparse=sparse), nn.Linear(3, 2))
        (model(torch.tensor([1, 1, 4])) ** 2).sum().mul(10).backward()
        if sparse:
            clip_gradients(model.parameters(), max_norm)
        else:
            nn.utils.clip_grad_norm_(model.parameters(), max_norm)
        grads = [p.grad.to_dense() if p.grad.is_sparse else p.grad for p in model.parameters()]
        results.append(grads)
    terms = sum(gradient.numel() for gradient in results[1])  # all of them are in the norm
    for ours, theirs in zip(*results, strict=True):
        assert torch.allclose(ours, theirs, rtol=0, atol=float32_bound(theirs, terms))


def test_only_large_tables_become_sparse():
    model = nn.ModuleList([nn.Embedding(30, 10), nn.Embedding(30_000, 10)])
    use_sparse_tables(model)
    assert [table.sparse for table in model] == [False, True]


def test_lazy_adam_keeps_the_exact_numbers_of_steps():
    def make():
        table = nn.Embedding(2, 1, sparse=True)
        return LazyAdam([{"params": [table.weight]}], [table], lr=0.1)

    first, second = make(), make()
    (state,) = first.state.values()
    state["last"][1] = 2**24 + 1  # the first whole number that float32 cannot hold
    second.load_state_dict(first.state_dict())
    assert [each["last"].tolist() for each in second.state.values()] == [[0, 2**24 + 1]]
