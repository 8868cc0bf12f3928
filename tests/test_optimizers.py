import math

import pytest
import torch
from torch import nn
from torchcrf import CRF

from ner.training.optimizers import AveragedWeights, Schedule, build_optimizer


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(5, 3)
        self.linear = nn.Linear(3, 2)
        self.crf = CRF(2)


def groups_by_parameter(model, **settings):
    optimizer = build_optimizer(model, learning_rate=1.0, **settings)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {names[id(p)]: group for group in optimizer.param_groups for p in group["params"]}


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
    optimizer = build_optimizer(model, name=name, learning_rate=0.1, momentum=0.5)
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
        average.update(step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    assert average.averages[0].item() == pytest.approx(expected)
    with average.applied():
        assert model.weight.item() == pytest.approx(expected)
    assert model.weight.item() == 5.0
