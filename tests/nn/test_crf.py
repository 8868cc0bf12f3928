"""The layer: equal to pytorch-crf where it does the same, to enumeration where it does more."""

import itertools
import math

import numpy as np
import pytest
import torch
import torchcrf
from hypothesis import given
from hypothesis import strategies as st

from ner.crf.span_lattice import SpanLattice
from ner.data.schemes import Span, spans_from_tags, tag_set, tags_from_spans
from ner.nn import CRF, crf_gradient

LENGTHS = [4, 1, 3, 2]
MASK = torch.arange(4) < torch.tensor(LENGTHS)[:, None]
LAYOUTS = pytest.mark.parametrize("batch_first", [True, False])
DEVICES = pytest.mark.parametrize("way", ["cpu", "gpu"])


@pytest.fixture
def take(monkeypatch):
    """Choose the implementation, whatever the device."""

    def choose(way):
        if way == "gpu":
            monkeypatch.setattr(crf_gradient, "on_cpu", lambda scores: False)

    return choose


def make_crf(num_tags=3, scale=1.0, seed=1, **options):
    torch.manual_seed(seed)
    crf = CRF(num_tags, **{"batch_first": True} | options).double()
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter, std=scale)
    return crf


def reference_of(crf):
    reference = torchcrf.CRF(crf.num_tags, crf.batch_first).double()
    reference.load_state_dict(crf.state_dict())
    return reference


def random_batch(num_tags=3, seed=2, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    emissions = torch.randn(4, 4, num_tags, generator=generator, dtype=torch.float64)
    return emissions * scale, torch.randint(num_tags, (4, 4), generator=generator)


def layout(crf, *tensors):
    return tensors if crf.batch_first else tuple(each.transpose(0, 1) for each in tensors)


def scores_of(crf, emissions, length):
    """List every legal path of the first `length` tokens, and its score."""
    start, steps, end = crf._edges()
    every = [*itertools.product(range(crf.num_tags), repeat=length)]
    scores = []
    for path in every:
        tokens = sum(emissions[t, tag] for t, tag in enumerate(path))
        between = sum(steps[a, b] for a, b in itertools.pairwise(path))
        scores.append(
            start[path[0]] + end[path[-1]] + tokens + between if path else torch.zeros(())
        )
    return every, torch.stack([torch.as_tensor(score) for score in scores]).detach().numpy()


def shares_of(crf, emissions, length):
    every, scores = scores_of(crf, emissions, length)
    return every, np.exp(scores - np.logaddexp.reduce(scores))


@LAYOUTS
@pytest.mark.parametrize("reduction", ["none", "sum", "mean", "token_mean"])
def test_likelihoods_and_their_gradients_are_those_of_pytorch_crf(batch_first, reduction):
    crf = make_crf(batch_first=batch_first)
    reference = reference_of(crf)
    emissions, tags, mask = layout(crf, *random_batch(), MASK)
    results = []
    for layer in (crf, reference):
        scores = emissions.clone().requires_grad_()
        value = layer(scores, tags, mask, reduction)
        inputs = [scores, *layer.parameters()]
        results.append((value, *torch.autograd.grad(value.sum(), inputs)))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@LAYOUTS
def test_best_paths_are_those_of_pytorch_crf(batch_first):
    crf = make_crf(7, batch_first=batch_first)
    emissions, mask = layout(crf, random_batch(7)[0], MASK)
    assert crf.decode(emissions, mask) == reference_of(crf).decode(emissions, mask)
    everywhere = torch.ones_like(mask)
    assert crf.decode(emissions) == reference_of(crf).decode(emissions, everywhere)


def test_parameters_and_state_are_those_of_pytorch_crf():
    tags = tag_set(["X"], "BIO")
    crf = CRF(3, tags=tags, scheme="BIO", weights=[1.0, 2.0, 3.0], cost=1.0)
    assert {*crf.state_dict()} == {*torchcrf.CRF(3).state_dict()}
    assert repr(crf) == "CRF(num_tags=3)"
    torch.manual_seed(1)
    ours = CRF(3).state_dict()
    torch.manual_seed(1)
    assert all(torch.equal(ours[k], v) for k, v in torchcrf.CRF(3).state_dict().items())


@DEVICES
@LAYOUTS
@given(data=st.data())
def test_skipped_positions_are_as_if_they_were_not_there(way, batch_first, data):
    crf = make_crf(batch_first=batch_first)
    emissions, tags = random_batch()
    rows = st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=4, max_size=4)
    mask = torch.tensor(data.draw(rows))
    garbage = emissions.masked_fill(~mask[:, :, None], torch.nan)
    gold = tags.masked_fill(~mask, -100)
    with pytest.MonkeyPatch.context() as patch:
        if way == "gpu":
            patch.setattr(crf_gradient, "on_cpu", lambda scores: False)
        arguments = layout(crf, garbage, gold, mask)
        found = crf.log_likelihood(*arguments)
        scores, places = arguments[0], arguments[2]
        marginals, entropy = crf.marginals(scores, places), crf.entropy(scores, places)
    (marginals,) = layout(crf, marginals)
    best, ranked = crf.best_paths(scores, places), crf.nbest(scores, places, 2)
    assert not marginals[~mask].any()
    short = make_crf()
    for b, keep in enumerate(mask):
        alone = emissions[b : b + 1, keep]
        expected = short.log_likelihood(alone, tags[b : b + 1, keep])
        torch.testing.assert_close(found[b : b + 1], expected)
        torch.testing.assert_close(marginals[b, keep], short.marginals(alone)[0])
        torch.testing.assert_close(entropy[b : b + 1], short.entropy(alone))
        assert best[b] == short.best_paths(alone)[0] == ranked[b][0].tags
        if not keep.any():
            assert found[b] == 0
            assert ranked[b] == [([], 1.0)]


@DEVICES
def test_batches_without_sentences_or_tokens_are_fine(way, take):
    take(way)
    crf = make_crf(tags=tag_set(["X"], "BIO"), scheme="BIO")
    for B, T in ((0, 3), (2, 0), (0, 0)):
        emissions = torch.zeros(B, T, 3, dtype=torch.float64, requires_grad=True)
        tags, mask = torch.zeros(B, T, dtype=torch.int64), torch.ones(B, T, dtype=torch.bool)
        loss = crf.loss(emissions, tags, mask)
        loss.backward()
        assert loss == 0
        assert emissions.grad is not None
        assert emissions.grad.shape == (B, T, 3)
        assert crf(emissions, tags, mask).item() == 0
        assert crf.decode(emissions, mask) == [[]] * B
        assert [len(each) for each in crf.nbest(emissions, mask)] == [1] * B
        assert crf.sample(emissions, mask, 2).shape == (2, B, T)
        assert crf.marginals(emissions, mask).shape == (B, T, 3)
        assert crf.transition_marginals(emissions, mask).shape == (B, T, 3, 3)
        assert crf.entropy(emissions, mask).tolist() == [0] * B
        assert [len(each) for each in crf.span_posterior(emissions, [[]] * B, mask)] == [0] * B


@DEVICES
@pytest.mark.parametrize(
    "options", [{}, {"cost": 2.0, "weights": [1.0, 0.5, 3.0]}], ids=["plain", "cost and weights"]
)
def test_gradients_are_those_of_finite_differences(way, take, options):
    take(way)
    crf = make_crf(tags=tag_set(["X"], "BIO"), scheme="BIO", **options)
    emissions = random_batch()[0].requires_grad_()
    mask = torch.tensor([[1, 1, 1, 1], [0, 0, 0, 0], [0, 1, 0, 1], [1, 0, 0, 0]]).bool()
    tags = torch.tensor([[0, 1, 2, 0], [0, 0, 0, 0], [0, 1, 0, 2], [1, 0, 0, 0]])
    partial = torch.nn.functional.one_hot(tags, 3).bool()
    partial[:, 1:] = True
    parameters = dict(crf.named_parameters())

    def call(method, *arguments):
        def run(emissions, *values):
            names = dict(zip(parameters, values, strict=True))
            module = Call(crf, method)
            renamed = {f"crf.{name}": value for name, value in names.items()}
            return torch.func.functional_call(module, renamed, (emissions, *arguments))

        return torch.autograd.gradcheck(run, (emissions, *parameters.values()))

    assert call("loss", tags, mask)
    assert call("loss", partial, mask, "token_mean")
    assert call("log_partition", mask, partial)
    assert call("span_posterior", [[Span(0, 2, "X"), Span(1, 2, "X")], [], [], []], mask)


class Call(torch.nn.Module):
    def __init__(self, crf, method):
        super().__init__()
        self.crf, self.method = crf, method

    def forward(self, *arguments):
        found = getattr(self.crf, self.method)(*arguments)
        return torch.cat(found) if isinstance(found, list) else found


@DEVICES
def test_a_second_derivative_is_refused(way, take):
    take(way)
    crf, (emissions, tags) = make_crf(), random_batch()
    emissions.requires_grad_()
    (gradient,) = torch.autograd.grad(crf.loss(emissions, tags), emissions, create_graph=True)
    with pytest.raises(RuntimeError, match=r"^the gradient of a CRF cannot be differentiated ag"):
        gradient.sum().backward()


@given(st.integers(0, 2**32 - 1))
def test_a_partial_annotation_has_the_share_of_the_paths_that_fit(seed):
    crf, (emissions, _) = make_crf(), random_batch(seed=seed % 1000)
    allowed = torch.from_numpy(np.random.default_rng(seed).random((4, 4, 3)) < 0.6)
    found = crf.log_likelihood(emissions, allowed, MASK).exp()
    for b, length in enumerate(LENGTHS):
        every, shares = shares_of(crf, emissions[b], length)
        fits = [all(allowed[b, t, tag] for t, tag in enumerate(path)) for path in every]
        assert found[b].item() == pytest.approx(shares[fits].sum(), abs=1e-12)


def test_whatever_is_not_annotated_teaches_nothing():
    crf, (emissions, tags) = make_crf(), random_batch()
    emissions.requires_grad_()
    unknown = torch.ones(4, 4, 3, dtype=torch.bool)
    loss = crf.loss(emissions, unknown, MASK)
    assert loss.item() == 0
    loss.backward()
    assert emissions.grad is not None
    assert emissions.grad.abs().max() < 1e-15
    one = torch.nn.functional.one_hot(tags, 3).bool()
    torch.testing.assert_close(crf.loss(emissions, one, MASK), crf.loss(emissions, tags, MASK))


@DEVICES
def test_marginals_and_entropy_are_those_of_all_paths(way, take):
    take(way)
    crf, (emissions, _) = make_crf(), random_batch()
    tokens, pairs = crf.marginals(emissions, MASK), crf.transition_marginals(emissions, MASK)
    entropy = crf.entropy(emissions, MASK)
    for b, length in enumerate(LENGTHS):
        every, shares = shares_of(crf, emissions[b], length)
        by_token, by_pair = np.zeros((4, 3)), np.zeros((4, 3, 3))
        for path, share in zip(every, shares, strict=True):
            by_token[range(length), path] += share
            by_pair[range(1, length), path[:-1], path[1:]] += share
        assert tokens[b].numpy() == pytest.approx(by_token, abs=1e-12)
        assert pairs[b].numpy() == pytest.approx(by_pair, abs=1e-12)
        assert entropy[b].item() == pytest.approx(-(shares * np.log(shares)).sum(), abs=1e-12)


@pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
def test_a_span_has_the_share_of_the_legal_paths_that_contain_it(scheme):
    names = tag_set("X", scheme)
    crf = make_crf(len(names), tags=names, scheme=scheme)
    emissions = random_batch(len(names))[0]
    spans = [[Span(i, k, "X") for k in range(1, n + 1) for i in range(k)] for n in LENGTHS]
    found = crf.span_posterior(emissions, spans, MASK)
    edges = (crf.start_transitions, crf.transitions, crf.end_transitions)
    lattice = SpanLattice(*(each.detach().numpy() for each in edges), names, scheme)
    again = lattice.span_posteriors(emissions.numpy(), np.array(LENGTHS), spans)
    for b, length in enumerate(LENGTHS):
        every, shares = shares_of(crf, emissions[b], length)
        written = [spans_from_tags([names[tag] for tag in path]) for path in every]
        expected = [
            sum(share for share, has in zip(shares, written, strict=True) if span in has)
            for span in spans[b]
        ]
        assert found[b].tolist() == pytest.approx(expected, abs=1e-12)
        assert again[b] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
def test_illegal_paths_have_no_probability(scheme):
    names = tag_set("XY", scheme)
    crf = make_crf(len(names), tags=names, scheme=scheme, scale=5)
    emissions = random_batch(len(names), scale=5)[0]
    paths = [path.tags for row in crf.nbest(emissions, MASK, 5) for path in row]
    paths += crf.decode(emissions, MASK)
    drawn = crf.sample(emissions, MASK, 50)
    for row, length in zip(drawn.transpose(0, 1), LENGTHS, strict=True):
        paths += row[:, :length].tolist()
        assert not row[:, length:].any()
    for path in paths:
        tags = [names[tag] for tag in path]
        assert tags_from_spans(spans_from_tags(tags), len(tags), scheme) == tags
    assert crf.log_likelihood(emissions, torch.full((4, 4), 2), MASK).isneginf().all()


def test_the_probabilities_of_all_paths_sum_to_1():
    crf, (emissions, _) = make_crf(), random_batch()
    for row, length in zip(crf.nbest(emissions, MASK, 100), LENGTHS, strict=True):
        shares = [path.probability for path in row]
        assert len(row) == 3**length
        assert sum(shares) == pytest.approx(1, abs=1e-12)
        assert shares == sorted(shares, reverse=True)


def test_paths_can_be_restricted():
    crf, (emissions, _) = make_crf(), random_batch()
    allowed = torch.ones(4, 4, 3, dtype=torch.bool)
    allowed[:, 0, crf.decode(emissions)[0][0]] = False
    every, scores = scores_of(crf, emissions[0], 4)
    kept = [bool(allowed[0, 0, path[0]]) for path in every]
    best = [path for path, fits in zip(every, kept, strict=True) if fits][scores[kept].argmax()]
    assert tuple(crf.decode(emissions, allowed=allowed)[0]) == best
    first = crf.nbest(emissions, k=1, allowed=allowed)[0][0]
    shares = np.exp(scores[kept] - np.logaddexp.reduce(scores[kept]))
    assert (tuple(first.tags), first.probability) == (best, pytest.approx(shares.max()))
    assert crf.marginals(emissions, allowed=allowed)[0, 0].sum().item() == pytest.approx(1)
    assert allowed[0, 0, crf.sample(emissions, allowed=allowed)[0, 0, 0]]


def test_the_cost_of_a_path_counts_its_wrong_tokens_by_the_weight_of_what_is_right():
    weights = [1.0, 0.5, 3.0]
    crf = make_crf(cost=2.0, weights=weights)
    emissions, tags = random_batch()
    found = crf.loss(emissions, tags, MASK, "none")
    for b, length in enumerate(LENGTHS):
        gold = tuple(tags[b, :length].tolist())
        every, scores = scores_of(crf, emissions[b], length)
        costs = [
            sum(2 * weights[right] for right, tag in zip(gold, path, strict=True) if tag != right)
            for path in every
        ]
        margin = np.logaddexp.reduce(scores + np.array(costs)) - scores[every.index(gold)]
        mean = sum(weights[tag] for tag in gold) / length
        assert found[b].item() == pytest.approx(mean * margin, rel=1e-12)


@pytest.mark.parametrize(
    "options", [{"weights": [1.0, 1.0, 5.0]}, {"cost": 1.0}], ids=["weights", "cost"]
)
def test_weights_and_costs_change_what_is_learnt(options):
    emissions, tags = random_batch()
    gradients = []
    for crf in (make_crf(), make_crf(**options)):
        scores = emissions.clone().requires_grad_()
        gradients += torch.autograd.grad(crf.loss(scores, tags, MASK), scores)
    assert (gradients[0] - gradients[1]).abs().max() > 0.01
    assert (
        make_crf(**options).log_likelihood(emissions, tags)[0]
        == make_crf().log_likelihood(emissions, tags)[0]
    )


def test_the_loss_is_the_mean_surprise():
    crf, (emissions, tags) = make_crf(), random_batch()
    expected = -crf(emissions, tags, MASK, "mean")
    assert crf.loss(emissions, tags, MASK).item() == expected.item() > 0


@DEVICES
def test_half_precision_is_computed_in_single_precision(way, take):
    take(way)
    crf = make_crf().float()
    emissions, tags = random_batch()
    half = emissions.bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        loss = crf.loss(half, tags, MASK)
    assert loss.dtype == torch.float32
    assert loss.item() == crf.loss(half.float(), tags, MASK).item()
    loss.backward()
    assert half.grad is not None
    assert half.grad.dtype == torch.bfloat16
    assert crf.bfloat16().loss(half, tags, MASK).dtype == torch.float32


@DEVICES
def test_training_survives_emissions_of_10000_in_10000_tokens(way, take):
    take(way)
    names = tag_set("X", "BIO")
    crf = CRF(3, batch_first=True, tags=names, scheme="BIO")
    generator = torch.Generator().manual_seed(1)
    choices = torch.tensor([-1e4, 0.0, 1e4])
    emissions = choices[torch.randint(3, (1, 10_000, 3), generator=generator)].requires_grad_()
    tags = torch.zeros(1, 10_000, dtype=torch.int64)
    crf.loss(emissions, tags).backward()
    assert emissions.grad is not None
    # Every token has one tag, observed as well as expected.
    assert emissions.grad.sum(2).abs().max() < 1e-4
    assert all(parameter.grad.isfinite().all() for parameter in crf.parameters())
    assert crf.entropy(emissions).isfinite()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf], ids=["nan", "inf", "minus inf"])
@pytest.mark.parametrize("method", ["decode", "best_paths", "nbest", "sample", "marginals"])
def test_what_is_not_finite_is_not_decoded(method, value):
    crf, (emissions, _) = make_crf(), random_batch()
    emissions[3, 3] = value  # behind the end
    getattr(crf, method)(emissions, MASK)
    emissions[2, 1, 0] = value
    message = rf"^emissions: finite on tokens\. Got {value} in sequence 2, position 1, tag 0\.$"
    with pytest.raises(ValueError, match=message):
        getattr(crf, method)(emissions, MASK)


@DEVICES
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_of_what_is_not_finite_is_not_finite(way, take, value):
    take(way)
    crf, (emissions, tags) = make_crf(), random_batch()
    emissions[2, 1, 0] = value
    losses = crf.loss(emissions.requires_grad_(), tags, MASK, "none")
    assert losses.isfinite().tolist() == [True, True, False, True]
    losses.sum().backward()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(
            {"tags": ["O"]},
            r"^tags and scheme: both or neither\. Got \['O'\] and None\.$",
            id="tags without scheme",
        ),
        pytest.param(
            {"tags": ["O"], "scheme": "BIO"},
            r"^tags: one name a tag\. Got 1 for 3 tags\.$",
            id="one name for three tags",
        ),
        pytest.param(
            {"tags": ["O", "B-X", "I-X"], "scheme": "IOB1"},
            r"^scheme: must be BIO or BIOES\. Got 'IOB1'\.$",
            id="IOB1",
        ),
        pytest.param({"cost": -1.0}, r"^cost: at least 0\. Got -1\.0\.$", id="a negative cost"),
        pytest.param(
            {"weights": [1.0]},
            r"^weights: 3 numbers, none negative\. Got \[1\.0\]\.$",
            id="one weight for three tags",
        ),
        pytest.param(
            {"weights": [1.0, -1.0, 1.0]},
            r"^weights: 3 numbers, none negative\. Got \[1\.0, -1\.0, 1\.0\]\.$",
            id="a negative weight",
        ),
    ],
)
def test_a_layer_that_cannot_be_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        CRF(3, **options)


def test_arguments_that_do_not_fit_are_refused():
    crf, (emissions, tags) = make_crf(), random_batch()
    named = make_crf(tags=tag_set("X", "BIO"), scheme="BIO")
    nothing = torch.zeros(4, 4, 3, dtype=torch.bool)
    calls = {
        r"^tags: from 0 to 2 on tokens\. Got -1\.$": lambda: crf.loss(emissions, tags * 0 - 1),
        r"^tags: from 0 to 2 on tokens\. Got 3\.$": lambda: crf.loss(emissions, tags * 0 + 3),
        r"^invalid reduction: max$": lambda: crf.loss(emissions, tags, MASK, "max"),
        r"^k: at least 1\. Got 0\.$": lambda: crf.nbest(emissions, MASK, 0),
        r"emissions and mask must match, got \(4, 4\) and \(4, 1\)$": lambda: crf.loss(
            emissions, tags, MASK[:, :1]
        ),
        r"^allowed: bool, shaped like the emissions \(4, 4, 3\)\. Got torch.bool, \(4, 4, 1\)\.$": (
            lambda: crf.decode(emissions, allowed=nothing[:, :, :1])
        ),
        r"^allowed: at least one legal path\. Got none for sequence 0\.$": lambda: crf.decode(
            emissions, allowed=nothing
        ),
        r"^span_posterior: tags and scheme, given when the CRF is made\.$": (
            lambda: crf.span_posterior(emissions, [[]] * 4)
        ),
        r"^spans: one list a sequence\. Got 1 for 4\.$": lambda: named.span_posterior(
            emissions, [[]]
        ),
        r"^spans: not empty, .* label\. Got \(0, 5, 'X'\) in sequence 0 of 4 tokens\.$": (
            lambda: named.span_posterior(emissions, [[Span(0, 5, "X")], [], [], []])
        ),
        r"^spans: not empty, .* label\. Got \(0, 1, 'Y'\) in sequence 1 of 4 tokens\.$": (
            lambda: named.span_posterior(emissions, [[], [Span(0, 1, "Y")], [], []])
        ),
    }
    for message, call in calls.items():
        with pytest.raises(ValueError, match=message):
            call()


def test_sampling_is_repeatable():
    crf, (emissions, _) = make_crf(), random_batch()
    draws = [
        crf.sample(emissions, MASK, 5, generator=torch.Generator().manual_seed(3)) for _ in "12"
    ]
    assert torch.equal(*draws)
    assert crf.sample(emissions, MASK, 0).shape == (0, 4, 4)
    swapped = make_crf(batch_first=False)
    turned = swapped.sample(
        emissions.transpose(0, 1), MASK.T, 5, generator=torch.Generator().manual_seed(3)
    )
    assert torch.equal(turned.transpose(1, 2), draws[0])


def test_without_ends_first_and_last_tags_have_no_scores_of_their_own():
    names = tag_set(["X"], "BIOES")
    crf = CRF(len(names), batch_first=True, tags=names, scheme="BIOES", ends=False).double()
    assert {*crf.state_dict()} == {*torchcrf.CRF(len(names)).state_dict()}
    emissions, tags = random_batch(len(names))
    tags.zero_()
    crf.loss(emissions.requires_grad_(), tags, MASK).backward()
    torch.optim.AdamW(crf.parameters(), lr=0.1).step()
    crf.load_state_dict({name: value.clone() for name, value in crf.state_dict().items()})
    for scores in (crf.start_transitions, crf.end_transitions):
        assert not scores.any()
        assert scores.grad is None
    assert crf.transitions.grad is not None and crf.transitions.grad.any()
    # Illegal ends stay illegal.
    best = crf.decode(
        torch.zeros_like(emissions).index_fill(2, torch.tensor(names.index("I-X")), 9)
    )
    assert all(names[path[0]] in ("B-X", "O", "S-X") for path in best)
    crf.reset_parameters()
    assert not crf.start_transitions.any() and not crf.end_transitions.any()
