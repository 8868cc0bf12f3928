"""One battery for every implementation of sums and maxima over paths, against the paths."""

import collections
import contextlib
import itertools
import runpy
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ner.crf import forward_backward, kernel, paths
from ner.crf.forward_backward import Edges
from ner.nn import crf_gradient, crf_scan
from ner.nn.crf_gradient import log_likelihood
from tests.tolerance import float32_bound


@contextlib.contextmanager
def without_kernel():
    """Do without the compiled kernel, as where it was not built."""
    found, kernel.library = kernel.library, None
    try:
        yield
    finally:
        kernel.library = found


@contextlib.contextmanager
def without_cpu():
    """Take the way of a GPU."""
    found, crf_gradient.on_cpu = crf_gradient.on_cpu, lambda scores: False
    try:
        yield
    finally:
        crf_gradient.on_cpu = found


def by_numpy(emissions, lengths, edges, weights):
    with without_kernel():
        sums = forward_backward.sum_paths(emissions, lengths, edges)
        tokens, others = forward_backward.gradients(weights, emissions, lengths, edges, sums)
    return sums.log_partition, tokens, others


def by_kernel(emissions, lengths, edges, weights):
    if kernel.library is None:
        pytest.skip("needs the compiled kernel: python scripts/build_kernel.py")
    found = kernel.log_likelihood(emissions, lengths, edges, None)
    if found is None:
        return None
    tokens, others = kernel.gradients(-weights, found[1])
    return -found[0], tokens, others


def by_scan(emissions, lengths, edges, weights):
    scores, start, steps, end = map(torch.from_numpy, (emissions, *edges))
    sums = crf_scan.sum_paths(scores, torch.from_numpy(lengths), start, steps, end)
    found = crf_scan.gradients(
        torch.from_numpy(weights), scores, torch.from_numpy(lengths), steps, *sums
    )
    tokens, *others = (each.numpy() for each in found)
    return sums[2].numpy(), tokens, forward_backward.Edges(*others)


def by_autograd(emissions, lengths, edges, weights):
    scores = [torch.from_numpy(each).requires_grad_() for each in (emissions, *edges)]
    log_z = crf_gradient.log_partition(scores[0], torch.from_numpy(lengths), tuple(scores[1:]))
    found = torch.autograd.grad(log_z, scores, torch.from_numpy(weights))
    tokens, *others = (each.numpy() for each in found)
    return log_z.detach().numpy(), tokens, forward_backward.Edges(*others)


SUMS = pytest.mark.parametrize("sums", [by_numpy, by_kernel, by_scan, by_autograd])
MAXIMA = pytest.mark.parametrize("context", [contextlib.nullcontext, without_kernel])


def all_paths(length, num_tags):
    every = [*itertools.product(range(num_tags), repeat=length)]
    return np.array(every, dtype=np.int64).reshape(len(every), length)


def score_of(path, emissions, edges):
    if not len(path):
        return 0.0
    steps = sum(edges.transitions[a, b] for a, b in itertools.pairwise(path))
    tokens = sum(emissions[range(len(path)), path])
    return edges.start[path[0]] + edges.end[path[-1]] + steps + tokens


def log_sum(scores):
    return np.logaddexp.reduce(np.array([*scores, -np.inf]))


@st.composite
def lattices(draw, scales=(1.0, 300.0, 1e4)):
    """Draw emissions, lengths and edges, with forbidden tags and steps among them."""
    B, T, C = draw(st.integers(0, 3)), draw(st.integers(0, 4)), draw(st.integers(1, 3))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale, share = draw(st.sampled_from(scales)), draw(st.sampled_from([0, 0, 0.2, 0.5]))

    def scores(*shape):
        values = scale * random.normal(size=shape)
        return np.where(random.random(shape) < share, -np.inf, values)

    lengths = random.integers(0, T + 1, B)
    return scores(B, T, C), lengths, forward_backward.Edges(scores(C), scores(C, C), scores(C))


@SUMS
def test_a_single_token_needs_no_step(sums):
    edges = forward_backward.Edges(np.array([1.0]), np.array([[-np.inf]]), np.array([2.0]))
    found = sums(np.full((2, 2, 1), 3.0), np.array([1, 2]), edges, np.ones(2))
    if found is not None:
        assert found[0].tolist() == [6.0, -np.inf]


@SUMS
@settings(max_examples=500)
@given(data=st.data())
def test_partition_and_posteriors_are_the_sums_over_all_paths(sums, data):
    emissions, lengths, edges = data.draw(lattices())
    B, _, C = emissions.shape
    weights = np.linspace(-1, 2, B)
    found = sums(emissions, lengths, edges, weights)
    if found is None:  # the kernel leaves what it cannot hold to the others
        return
    log_z, tokens, others = found
    expected = np.zeros_like(tokens)
    start, steps, end = np.zeros(C), np.zeros((C, C)), np.zeros(C)
    for b in range(B):
        candidates = all_paths(lengths[b], C)
        scores = np.array([score_of(path, emissions[b], edges) for path in candidates])
        total = log_sum(scores)
        assert log_z[b] == pytest.approx(total, rel=1e-11, abs=1e-11)
        if total == -np.inf or not lengths[b]:
            continue
        for path, share in zip(candidates, weights[b] * np.exp(scores - total), strict=True):
            expected[b, range(len(path)), path] += share
            start[path[0]] += share
            end[path[-1]] += share
            np.add.at(steps, (path[:-1], path[1:]), share)
    for ours, theirs in zip((tokens, *others), (expected, start, steps, end), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-9)


@settings(max_examples=300)
@given(lattices())
def test_pairs_of_tags_and_the_entropy_are_those_of_all_paths(lattice):
    emissions, lengths, edges = lattice
    sums = forward_backward.sum_paths(*lattice)
    pairs = forward_backward.step_posteriors(*lattice, sums)
    entropy = forward_backward.entropy(*lattice, sums)
    expected = np.zeros_like(pairs)
    for b, length in enumerate(lengths):
        candidates = all_paths(length, emissions.shape[2])
        scores = np.array([score_of(path, emissions[b], edges) for path in candidates])
        if scores.max() == -np.inf:
            assert entropy[b] == 0
            continue
        logs = scores - log_sum(scores)
        assert entropy[b] == pytest.approx(-np.exp(logs) @ np.maximum(logs, -1e6), abs=1e-9)
        for path, share in zip(candidates, np.exp(logs), strict=True):
            expected[b, range(length - 1), path[:-1], path[1:]] += share
    assert pairs == pytest.approx(expected, abs=1e-9)


@given(lattices())
def test_the_entropy_of_a_token_is_what_it_adds_to_that_of_the_tags_before_it(lattice):
    emissions, lengths, edges = lattice
    B, T, C = emissions.shape
    found = forward_backward.token_entropies(*lattice, forward_backward.sum_paths(*lattice))
    expected = np.zeros((B, T))
    for b, length in enumerate(lengths):
        candidates = all_paths(length, C)
        scores = np.array([score_of(path, emissions[b], edges) for path in candidates])
        if scores.max() == -np.inf:
            continue
        shares = np.exp(scores - log_sum(scores))
        before = 0.0
        for t in range(length):
            beginnings = collections.Counter()
            for path, share in zip(candidates, shares, strict=True):
                beginnings[tuple(path[: t + 1])] += share
            so_far = -sum(share * np.log(share) for share in beginnings.values() if share > 0)
            expected[b, t], before = so_far - before, so_far
    assert found == pytest.approx(expected, abs=1e-9)


@MAXIMA
@given(lattices())
def test_the_best_path_is_the_best_of_all(context, lattice):
    emissions, lengths, edges = lattice
    with context():
        found, possible = paths.viterbi(*lattice)
    for b, length in enumerate(lengths):
        candidates = all_paths(length, emissions.shape[2])
        best = max(score_of(path, emissions[b], edges) for path in candidates)
        assert possible[b] == (best > -np.inf)
        if possible[b]:
            score = score_of(found[b, :length], emissions[b], edges)
            assert score == pytest.approx(best, rel=1e-12, abs=1e-12)
        assert not found[b, length:].any()


@MAXIMA
@given(data=st.data())
def test_a_sentence_has_the_same_best_path_alone_and_in_a_batch(context, data):
    # Sums of these lose parts of some: which path is best is then for the rounding to say.
    scores = st.sampled_from([0.0, 0.1, 0.7, 1.0, 1e15, -1e15, 3e16])
    values = np.array(data.draw(st.lists(scores, min_size=63, max_size=63)))
    emissions, transitions, start, end = np.split(values, [48, 57, 60])
    edges = forward_backward.Edges(start, transitions.reshape(3, 3), end)
    arguments = emissions.reshape(4, 4, 3), np.array([4, 3, 1, 0]), edges
    with context():
        together, _ = paths.viterbi(*arguments)
        alone = [paths.viterbi(arguments[0][[b]], arguments[1][[b]], edges)[0] for b in range(4)]
    assert np.concatenate(alone).tolist() == together.tolist()


@pytest.mark.parametrize("scale", [1.0, 300.0, 1e4])
@given(data=st.data())
def test_sums_relative_to_the_best_path_give_the_posteriors_of_all_paths(scale, data):
    emissions, lengths, edges = data.draw(lattices(scales=(scale,)))
    sums = forward_backward.RelativeSums(edges)
    for b, length in enumerate(lengths):
        candidates = all_paths(length, len(edges.start))
        scores = np.array([score_of(path, emissions[b], edges) for path in candidates])
        if not length or scores.max() == -np.inf:
            continue
        best = candidates[scores.argmax()]
        found = sums(emissions[b, :length], best)
        if found is None:  # the caller leaves what it cannot hold to sums in log space
            assert scale > 1
            continue
        shifted, (alphas, betas, log_z) = found
        assert score_of(best, shifted, edges) == pytest.approx(edges.end[best[-1]], abs=1e-9)
        assert log_z == pytest.approx(log_sum(scores) - scores.max(), rel=1e-9, abs=1e-9)
        shares = np.exp(scores - log_sum(scores))
        expected = np.zeros_like(alphas)
        for path, share in zip(candidates, shares, strict=True):
            expected[range(length), path] += share
        posteriors = np.exp(alphas + betas - log_z)
        assert posteriors == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("detour", [200.0, 300.0, 800.0])
def test_relative_sums_are_refused_where_a_way_off_the_path_leaves_their_range(detour):
    # What the second tag wins at the first token it loses at the next.
    emissions = np.array([[0.0, detour], [0.0, 0.0]])
    edges = forward_backward.Edges(
        np.zeros(2), np.array([[0.0, 0.0], [-detour, -detour]]), np.zeros(2)
    )
    found = forward_backward.RelativeSums(edges)(emissions, np.array([0, 0]))
    if detour > np.log(forward_backward.LARGEST_FACTOR):
        assert found is None
    else:
        assert found is not None
        assert found[1].log_partition == pytest.approx(np.log(4), rel=1e-12)


@given(lattices(), st.integers(1, 12))
def test_the_k_best_paths_are_the_best_of_all_and_each_is_found_once(lattice, k):
    emissions, lengths, edges = lattice
    found, scores = paths.k_best(*lattice, k)
    for b, length in enumerate(lengths):
        every = [score_of(path, emissions[b], edges) for path in all_paths(length, len(edges[0]))]
        every = sorted((score for score in every if score > -np.inf), reverse=True)
        count = min(k, len(every))
        assert scores[b, :count] == pytest.approx(every[:count], rel=1e-12, abs=1e-12)
        assert (scores[b, count:] == -np.inf).all()
        assert len({tuple(path[:length]) for path in found[b, :count]}) == count
        for path, score in zip(found[b, :count, :length], scores[b], strict=False):
            again = score_of(path, emissions[b], edges)
            assert again == pytest.approx(score, rel=1e-12, abs=1e-12)


@given(lattices(), st.integers(1, 12))
def test_the_k_best_paths_have_their_share_of_all(lattice, k):
    emissions, lengths, edges = lattice
    for b, best in enumerate(paths.nbest(*lattice, k)):
        every = [
            score_of(path, emissions[b], edges) for path in all_paths(lengths[b], len(edges[0]))
        ]
        assert len(best) == min(k, sum(score > -np.inf for score in every))
        for path, probability in best:
            share = np.exp(score_of(path, emissions[b], edges) - log_sum(every))
            assert probability == pytest.approx(share, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("context", [contextlib.nullcontext, without_kernel, without_cpu])
@given(data=st.data())
def test_the_likelihood_of_a_path_is_its_score_less_the_partition(context, data):
    emissions, lengths, edges = data.draw(lattices(scales=(1.0, 50.0)))
    emissions, edges = np.nan_to_num(emissions, neginf=0), [np.nan_to_num(e) for e in edges]
    edges = forward_backward.Edges(*(np.clip(each, -100, 100) for each in edges))
    B, T, C = emissions.shape
    tags = np.random.default_rng(1).integers(0, C, (B, T))
    scores = [torch.from_numpy(each).requires_grad_() for each in (emissions, *edges)]
    arguments = torch.from_numpy(tags), torch.from_numpy(lengths), tuple(scores[1:])
    weights = np.linspace(-1, 2, B)
    with context():
        found = log_likelihood(scores[0], *arguments)
        tokens, *others = torch.autograd.grad(found, scores, torch.from_numpy(weights))
    log_z, posteriors, expected = by_numpy(emissions, lengths, edges, weights)
    counts = np.zeros((B, T, C)), forward_backward.Edges(np.zeros(C), np.zeros((C, C)), np.zeros(C))
    for b, length in enumerate(lengths):
        path = tags[b, :length]
        right = score_of(path, emissions[b], edges) - log_z[b]
        assert found[b].item() == pytest.approx(right, rel=1e-10, abs=1e-10)
        if length:
            counts[0][b, range(length), path] = weights[b]
            counts[1].start[path[0]] += weights[b]
            counts[1].end[path[-1]] += weights[b]
            np.add.at(counts[1].transitions, (path[:-1], path[1:]), weights[b])
    gradients: list[tuple[Tensor, np.ndarray]] = [(tokens, counts[0] - posteriors)]
    gradients += zip(others, (c - e for c, e in zip(counts[1], expected, strict=True)), strict=True)
    for ours, theirs in gradients:
        assert ours.numpy() == pytest.approx(theirs, abs=1e-9)


@SUMS
def test_ten_thousand_tokens_with_huge_emissions_are_exact(sums):
    random = np.random.default_rng(2)
    emissions = random.choice([-1e4, 1e4, 0.0], (1, 10_000, 3))
    edges = forward_backward.Edges(*(random.normal(size=shape) for shape in (3, (3, 3), 3)))
    found = sums(emissions, np.array([10_000]), edges, np.ones(1))
    if found is None:
        return
    # The recursion in log space, without any scaling.
    alpha = edges.start + emissions[0, 0]
    for t in range(1, 10_000):
        alpha = np.logaddexp.reduce(alpha[:, None] + edges.transitions) + emissions[0, t]
    assert found[0] == pytest.approx(np.logaddexp.reduce(alpha + edges.end), rel=1e-13)
    assert found[1].sum(axis=2) == pytest.approx(1, abs=1e-6)


@pytest.mark.numeric
def test_the_scan_holds_ten_thousand_tokens_in_single_precision():
    random = np.random.default_rng(3)
    scores = random.choice([-1e4, 1e4, 0.0], (1, 10_000, 3)), *random.normal(size=(4, 3, 3))
    emissions, start, steps, end = (torch.from_numpy(s).float() for s in scores[:4])
    lengths = torch.tensor([10_000])
    sums = crf_scan.sum_paths(emissions, lengths, start[0], steps, end[0])
    exact = forward_backward.Edges(
        start[0].double().numpy(), steps.double().numpy(), end[0].double().numpy()
    )
    expected = forward_backward.sum_paths(emissions.double().numpy(), lengths.numpy(), exact)
    (log_z,) = expected.log_partition
    # Added pair by pair, each score goes through 14 sums; each of these adds three paths, too.
    assert sums[2].item() == pytest.approx(log_z, abs=float32_bound(log_z, 14 * 3))


def test_large_products_of_the_scan_are_taken_in_parts(monkeypatch):
    random = np.random.default_rng(4)
    edges = forward_backward.Edges(*(random.normal(size=shape) for shape in (3, (3, 3), 3)))
    arguments = random.normal(size=(4, 9, 3)), np.array([9, 3, 0, 7]), edges, np.ones(4)
    whole = by_scan(*arguments)
    monkeypatch.setattr(crf_scan, "LARGEST", 1)
    parts = by_scan(*arguments)
    for a, b in zip((whole[0], whole[1], *whole[2]), (parts[0], parts[1], *parts[2]), strict=True):
        assert a == pytest.approx(b, rel=1e-14)


def test_random_paths_are_as_frequent_as_they_are_probable():
    random = np.random.default_rng(5)
    edges = forward_backward.Edges(*(random.normal(size=shape) for shape in (2, (2, 2), 2)))
    emissions, lengths = random.normal(size=(2, 3, 2)), np.array([3, 2])
    sums = forward_backward.sum_paths(emissions, lengths, edges)
    drawn = paths.sample(sums.alphas, lengths, edges, random.random((20_000, 2, 3)))
    for b, length in enumerate(lengths):
        for path in all_paths(length, 2):
            share = np.exp(score_of(path, emissions[b], edges) - sums.log_partition[b])
            found = (drawn[:, b, :length] == path).all(axis=1).mean()
            # Five standard deviations of a binomial share.
            assert abs(found - share) < 5 * np.sqrt(share * (1 - share) / 20_000)
    assert not drawn[:, 1, 2].any()


def test_a_kernel_that_is_missing_or_of_another_version_is_done_without(monkeypatch):
    monkeypatch.setattr(kernel, "VERSION", -1)
    assert kernel.load() is None
    monkeypatch.setattr(kernel, "__file__", "/nowhere/kernel.py")
    assert kernel.load() is None


NEEDS_KERNEL = pytest.mark.skipif(
    kernel.library is None, reason="needs the compiled kernel: python scripts/build_kernel.py"
)


def compiled_arguments():
    """Emissions of two sentences of three tokens and two tags, lengths, edges, and paths."""
    edges = Edges(np.zeros(2), np.zeros((2, 2)), np.zeros(2))
    return np.zeros((2, 3, 2)), np.array([3, 1]), edges, np.array([[0, 1, 1], [1, 99, -99]])


MISFITS = {
    "length beyond the end": (1, np.array([3, 4]), "lengths: must be from 0 to 3. Got [3, 4]."),
    "negative length": (1, np.array([-1, 3]), "lengths: must be from 0 to 3. Got [-1, 3]."),
    "length too few": (1, np.array([3]), "lengths: must have the shape (2,). Got (1,)."),
    "fewer tokens": (0, np.zeros((2, 1, 2)), "lengths: must be from 0 to 1. Got [3, 1]."),
    "more tags": (0, np.zeros((2, 3, 5)), "start: must have the shape (5,). Got (2,)."),
    "small table": (
        2,
        Edges(np.zeros(2), np.zeros((1, 2)), np.zeros(2)),
        "transitions: must have the shape (2, 2). Got (1, 2).",
    ),
    "short end": (
        2,
        Edges(np.zeros(2), np.zeros((2, 2)), np.zeros(1)),
        "end: must have the shape (2,). Got (1,).",
    ),
    "tag beyond the last": (
        3,
        np.array([[0, 1, 2], [1, 0, 0]]),
        "tags: must be from 0 to 1. Got 0 to 2.",
    ),
    "short paths": (
        3,
        np.zeros((2, 2), dtype=int),
        "tags: must have the shape (2, 3). Got (2, 2).",
    ),
}


@NEEDS_KERNEL
@pytest.mark.parametrize("name", MISFITS)
def test_the_kernel_gets_no_arrays_that_do_not_fit(name):
    place, wrong, message = MISFITS[name]
    arguments = list(compiled_arguments())
    assert kernel.log_likelihood(*arguments) is not None
    arguments[place] = wrong
    for call in (kernel.log_likelihood, lambda *given: kernel.viterbi(*given[:3])):
        if place == 3 and call is not kernel.log_likelihood:
            continue
        with pytest.raises(ValueError) as error:
            call(*arguments)
        assert str(error.value) == message


@NEEDS_KERNEL
@pytest.mark.parametrize("extra", [0, 1], ids=["by the kernel", "by numpy"])
def test_a_loss_of_hundreds_of_tags_is_left_to_numpy_and_equal(extra):
    C = kernel.MANY_TAGS + extra
    random = np.random.default_rng(C)
    emissions, lengths = random.normal(size=(2, 3, C)), np.array([3, 2])
    edges = Edges(*(random.normal(size=shape) for shape in (C, (C, C), C)))
    assert (kernel.log_likelihood(emissions, lengths, edges, None) is None) == bool(extra)
    scores = [torch.from_numpy(each).requires_grad_() for each in (emissions, *edges)]
    tags = torch.tensor([[0, 1, 2], [3, 4, 0]])

    def loss_and_gradients():
        loss = log_likelihood(scores[0], tags, torch.from_numpy(lengths), tuple(scores[1:])).sum()
        return [loss.detach(), *torch.autograd.grad(loss, scores)]

    found = loss_and_gradients()
    with without_kernel():
        expected = loss_and_gradients()
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.numpy() == pytest.approx(theirs.numpy(), rel=1e-12, abs=1e-12)


@NEEDS_KERNEL
def test_the_kernel_gets_one_weight_a_sentence():
    _, state = kernel.log_likelihood(*compiled_arguments())
    with pytest.raises(ValueError, match=r"^weights: must have the shape \(2,\). Got \(1,\).$"):
        kernel.gradients(np.ones(1), state)


@NEEDS_KERNEL
@pytest.mark.parametrize(
    ("arguments", "lengths", "message"),
    [
        ((0, np.zeros(2, bool), np.full(2, -1)), [4], "lengths: must be from 0 to 3. Got [4]."),
        (
            (0, np.zeros(1, bool), np.full(2, -1)),
            [3],
            "goes_on: must have the shape (2,). Got (1,).",
        ),
        (
            (0, np.zeros(2, bool), np.full(3, -1)),
            [3],
            "continuing: must have the shape (2,). Got (3,).",
        ),
        (
            (2, np.zeros(2, bool), np.full(2, -1)),
            [3],
            "outside and continuing: must be tags below 2.",
        ),
        (
            (0, np.zeros(2, bool), np.full(2, 2)),
            [3],
            "outside and continuing: must be tags below 2.",
        ),
    ],
    ids=["length", "goes on", "continuing", "outside", "continuing beyond"],
)
def test_the_span_decoder_gets_no_arrays_that_do_not_fit(arguments, lengths, message):
    edges = compiled_arguments()[2]
    with pytest.raises(ValueError) as error:
        kernel.SpanDecoder(edges, *arguments)(np.zeros((1, 3, 2)), np.array(lengths))
    assert str(error.value) == message


def test_a_missing_kernel_is_logged_once(tmp_path, caplog):
    # A copy of the module finds no library beside it.
    copy = shutil.copy(kernel.__file__, tmp_path)
    assert runpy.run_path(copy)["library"] is None
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("ner", "WARNING")
    assert record.getMessage().startswith("The compiled kernel is missing ")
