"""The loss against a teacher is the exact cross-entropy of distributions over paths."""

import itertools

import numpy as np
import pytest
import torch

from ner.data.schemes import tag_set
from ner.nn.crf import CRF
from ner.nn.heads import CRFHead, SoftmaxHead, Teacher

TAGS = tuple(tag_set(["X"], "BIO"))
C = len(TAGS)


def random_crf(seed):
    torch.manual_seed(seed)
    return CRF(C, batch_first=True, tags=TAGS, scheme="BIO").double()


def shares(crf, emissions, mask):
    tags = crf.marginals(emissions, mask)
    return tags, crf.transition_marginals(emissions, mask).sum(1)


def path_probabilities(crf, emissions):
    """List each path of a sentence (T C) with its log-probability."""
    length = len(emissions)
    paths = torch.tensor(list(itertools.product(range(C), repeat=length)))
    found = crf.log_likelihood(emissions.expand(len(paths), -1, -1), paths)
    return found.detach()


@pytest.mark.parametrize("length", [1, 2, 4])
def test_it_is_the_sum_over_paths(length):
    own, teacher = random_crf(1), random_crf(2)
    random = torch.Generator().manual_seed(3)
    one, other = (torch.randn(length, C, generator=random).double() for _ in range(2))
    logs, theirs = path_probabilities(own, one), path_probabilities(teacher, other)
    possible = theirs > -torch.inf
    expected = -(theirs[possible].exp() * logs[possible]).sum()
    found = own.cross_entropy(one[None], *shares(teacher, other[None], None))
    assert found.item() == pytest.approx(expected.item(), rel=1e-9)


def test_it_is_lowest_for_the_teacher_itself_and_then_the_entropy():
    crf = random_crf(1)
    emissions = torch.randn(2, 3, C, dtype=torch.float64, requires_grad=True)
    mask = torch.tensor([[True] * 3, [True, True, False]])
    targets = shares(crf, emissions.detach(), mask)
    found = crf.cross_entropy(emissions, *targets, mask)
    assert found.tolist() == pytest.approx(crf.entropy(emissions, mask).tolist(), rel=1e-9)
    found.sum().backward()
    for gradient in (emissions.grad, *(p.grad for p in crf.parameters())):
        assert gradient.abs().max() < 1e-12


def test_its_gradient_is_that_of_finite_differences():
    own, teacher = random_crf(1), random_crf(2)
    mask = torch.tensor([[True] * 4, [True, True, False, False], [False, True, True, False]])
    emissions = torch.randn(3, 4, C, dtype=torch.float64, requires_grad=True)
    targets = shares(teacher, torch.randn(3, 4, C, dtype=torch.float64), mask)

    def loss(given):
        return own.cross_entropy(given, *targets, mask)

    assert torch.autograd.gradcheck(loss, (emissions,), atol=1e-7)
    loss(emissions).sum().backward()
    for parameter in own.parameters():
        for place in itertools.product(*map(range, parameter.shape)):
            ends = []
            for step in (1e-6, -1e-6):
                with torch.no_grad():
                    parameter[place] += step
                    ends.append(loss(emissions).sum().item())
                    parameter[place] -= step
            slope = (ends[0] - ends[1]) / 2e-6
            assert parameter.grad[place].item() == pytest.approx(slope, abs=1e-5)


def test_a_mask_on_the_left_is_that_of_the_sentence_alone():
    own, teacher = random_crf(1), random_crf(2)
    emissions, theirs = (torch.randn(1, 2, C, dtype=torch.float64) for _ in range(2))
    alone = own.cross_entropy(emissions, *shares(teacher, theirs, None))
    gap = torch.full((1, 1, C), 7.0, dtype=torch.float64)
    tags, steps = shares(teacher, theirs, None)
    mask = torch.tensor([[False, True, True]])
    found = own.cross_entropy(
        torch.cat([gap, emissions], 1), torch.cat([gap, tags], 1), steps, mask
    )
    assert found.tolist() == pytest.approx(alone.tolist(), rel=1e-12)


def one_hot(gold, lengths):
    """Return the shares of a teacher that is sure of the gold tags."""
    tags = torch.nn.functional.one_hot(gold, C).float()
    steps = torch.zeros(len(gold), C, C)
    for b, length in enumerate(lengths.tolist()):
        for before, after in itertools.pairwise(gold[b, :length].tolist()):
            steps[b, before, after] += 1
    return tags, steps


@pytest.mark.parametrize("kind", [CRFHead, SoftmaxHead])
def test_a_teacher_that_is_sure_of_gold_is_gold(kind):
    torch.manual_seed(1)
    head = kind(5, TAGS, "BIO")
    hidden, lengths = torch.randn(3, 4, 5), torch.tensor([4, 2, 1])
    gold = torch.tensor([[0, 1, 2, 0], [1, 2, 0, 0], [1, 0, 0, 0]])
    tags, steps = one_hot(gold, lengths)
    plain = head.loss(hidden, lengths, gold)
    nonsense = torch.zeros_like(gold)
    for weights in (torch.ones(3), torch.full((3,), 0.3), torch.zeros(3)):
        annotated = nonsense if weights.min() == 1 else gold
        found = head.loss(hidden, lengths, annotated, teacher=Teacher(weights, tags, steps))
        assert found.item() == pytest.approx(plain.item(), rel=1e-6)
    for parameter in head.parameters():
        (expected,) = torch.autograd.grad(head.loss(hidden, lengths, gold), parameter)
        teacher = Teacher(torch.ones(3), tags, steps)
        (found,) = torch.autograd.grad(
            head.loss(hidden, lengths, nonsense, teacher=teacher), parameter
        )
        assert np.allclose(found, expected, atol=1e-6)
