"""Every sum and maximum over paths, against the paths themselves."""

import itertools
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from torchcrf import CRF

from ner.crf import kernel, span_lattice
from ner.crf.span_lattice import SpanLattice
from ner.data.schemes import Span, legal_steps, span_tags, spans_from_tags, tag_set, tags_from_spans
from ner.errors import DataError

SCHEMES = pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
# Emissions of a size that doubles can take apart, and of one that exp() cannot take.
SCALES = pytest.mark.parametrize("scale", [1.0, 300.0])
LENGTHS = np.array([1, 2, 3, 4, 2])
# How decoding is done: compiled; in numpy, sums of one sentence at a time; in numpy, all at once.
WAYS = pytest.mark.parametrize("way", ["compiled", "one by one", "batch"])


def take(way, monkeypatch):
    """Decode in one of WAYS."""
    if way == "compiled" and kernel.library is None:
        pytest.skip("needs the compiled kernel: python scripts/build_kernel.py")
    if way != "compiled":
        monkeypatch.setattr(kernel, "library", None)
        monkeypatch.setattr(span_lattice, "FEW", 100 if way == "one by one" else 0)


def random_lattice(scheme, labels="XY", scale=1.0, seed=1):
    """Make the raw scores of steps, and a lattice of them."""
    random = np.random.default_rng(seed)
    tags = tuple(tag_set(labels, scheme))
    C = len(tags)
    raw = [scale * random.normal(size=shape) for shape in (C, (C, C), C)]
    return raw, SpanLattice(*raw, tags, scheme)


def random_emissions(lattice, lengths=LENGTHS, scale=1.0, seed=2):
    random = np.random.default_rng(seed)
    return scale * random.normal(size=(len(lengths), max(lengths), len(lattice.tags)))


@cache
def legal_paths(tags, scheme, length):
    """List the paths that spans can be written as; tells legality without any table of steps."""
    paths = itertools.product(range(len(tags)), repeat=length)
    written = [(path, [tags[i] for i in path]) for path in paths]
    return [p for p, t in written if tags_from_spans(spans_from_tags(t), length, scheme) == t]


def path_score(raw, emissions, path):
    start, transitions, end = raw
    steps = sum(transitions[a, b] for a, b in itertools.pairwise(path))
    return start[path[0]] + steps + end[path[-1]] + sum(emissions[range(len(path)), path])


def log_sum(scores):
    return np.logaddexp.reduce(np.array([*scores, -np.inf]))


@SCHEMES
@SCALES
def test_viterbi_finds_the_best_of_all_legal_paths(scheme, scale):
    raw, lattice = random_lattice(scheme, scale=scale)
    emissions = random_emissions(lattice, scale=scale)
    found = lattice.viterbi(emissions, LENGTHS)
    for b, length in enumerate(LENGTHS):
        paths = legal_paths(lattice.tags, scheme, length)
        best = max(paths, key=lambda path: path_score(raw, emissions[b], path))
        assert tuple(found[b, :length]) == best
        assert not found[b, length:].any()


@SCHEMES
@WAYS
def test_of_equal_paths_the_one_with_lower_tags_at_the_end_wins(scheme, way, monkeypatch):
    take(way, monkeypatch)
    _, lattice = random_lattice(scheme, scale=0)
    emissions = np.random.default_rng(3).integers(0, 2, (50, 4, len(lattice.tags))) * 1.0
    found = lattice.viterbi(emissions, np.full(50, 4))
    paths = legal_paths(lattice.tags, scheme, 4)
    for b in range(50):
        scores = [emissions[b, range(4), path].sum() for path in paths]
        best = [p for p, score in zip(paths, scores, strict=True) if score == max(scores)]
        assert tuple(found[b]) == min(best, key=lambda path: path[::-1])


@SCHEMES
@SCALES
def test_the_partition_is_the_sum_over_all_legal_paths(scheme, scale):
    raw, lattice = random_lattice(scheme, scale=scale)
    emissions = random_emissions(lattice, scale=scale)
    found = lattice.sums(emissions, LENGTHS).log_partition
    for b, length in enumerate(LENGTHS):
        paths = legal_paths(lattice.tags, scheme, length)
        expected = log_sum(path_score(raw, emissions[b], path) for path in paths)
        assert found[b] == pytest.approx(expected, rel=1e-12)


@SCHEMES
@SCALES
def test_alphas_are_the_sums_over_beginnings(scheme, scale):
    _, lattice = random_lattice(scheme, scale=scale)
    emissions = random_emissions(lattice, scale=scale)
    alphas = lattice.sums(emissions, LENGTHS).alphas
    num_tags = len(lattice.tags)
    scores = (lattice.start, lattice.transitions, np.zeros(num_tags))
    for b, t, tag in itertools.product(range(len(LENGTHS)), range(3), range(num_tags)):
        if t < LENGTHS[b]:
            paths = [(*p, tag) for p in itertools.product(range(num_tags), repeat=t)]
            expected = log_sum(path_score(scores, emissions[b], path) for path in paths)
            assert alphas[b, t, tag] == pytest.approx(expected, rel=1e-12)


@SCHEMES
@SCALES
def test_betas_are_the_sums_over_ends(scheme, scale):
    _, lattice = random_lattice(scheme, scale=scale)
    emissions = random_emissions(lattice, scale=scale)
    betas = lattice.sums(emissions, LENGTHS).betas
    num_tags = len(lattice.tags)
    scores = (np.zeros(num_tags), lattice.transitions, lattice.end)
    for b, rest, tag in itertools.product(range(len(LENGTHS)), range(3), range(num_tags)):
        t = LENGTHS[b] - 1 - rest
        if t >= 0:
            following = emissions[b, t:].copy()
            following[0] = 0
            paths = [(tag, *p) for p in itertools.product(range(num_tags), repeat=rest)]
            expected = log_sum(path_score(scores, following, path) for path in paths)
            assert betas[b, t, tag] == pytest.approx(expected, rel=1e-12)


@SCHEMES
@SCALES
def test_a_span_has_the_share_of_the_paths_that_contain_it(scheme, scale):
    raw, lattice = random_lattice(scheme, scale=scale)
    emissions = random_emissions(lattice, scale=scale)
    spans = [
        [Span(i, k, label) for k in range(1, n + 1) for i in range(k) for label in "XY"]
        for n in LENGTHS
    ]
    found = lattice.span_posteriors(emissions, LENGTHS, spans)
    for b, length in enumerate(LENGTHS):
        shares = dict.fromkeys(spans[b], -np.inf)
        paths = legal_paths(lattice.tags, scheme, length)
        scores = [path_score(raw, emissions[b], path) for path in paths]
        for path, score in zip(paths, scores, strict=True):
            for span in spans_from_tags([lattice.tags[i] for i in path]):
                shares[span] = np.logaddexp(shares[span], score)
        expected = [np.exp(share - log_sum(scores)) for share in shares.values()]
        assert found[b] == pytest.approx(expected, abs=1e-12 * scale)


@SCHEMES
@SCALES
def test_tokens_are_in_no_span_on_the_share_of_the_paths_that_leave_them_out(scheme, scale):
    raw, lattice = random_lattice(scheme, scale=scale)
    emissions = random_emissions(lattice, scale=scale)
    ranges = [[(i, k, None) for k in range(1, n + 1) for i in range(k)] for n in LENGTHS]
    found = lattice.span_posteriors(emissions, LENGTHS, ranges)
    for b, length in enumerate(LENGTHS):
        paths = legal_paths(lattice.tags, scheme, length)
        scores = {path: path_score(raw, emissions[b], path) for path in paths}
        outside = lattice.tags.index("O")
        expected = [
            np.exp(
                log_sum(s for path, s in scores.items() if {*path[start:end]} == {outside})
                - log_sum(scores.values())
            )
            for start, end, _ in ranges[b]
        ]
        assert found[b] == pytest.approx(expected, abs=1e-12 * scale)


@SCHEMES
@SCALES
@WAYS
def test_decoding_gives_the_spans_of_the_best_path_with_their_posteriors(
    scheme, scale, way, monkeypatch
):
    take(way, monkeypatch)
    raw, lattice = random_lattice(scheme, scale=scale)
    emissions = random_emissions(lattice, scale=2 * scale)
    emissions[1, :, 0] += 100 * scale
    decoded = lattice.decode(emissions, LENGTHS)
    for b, (spans, scores) in enumerate(decoded):
        every = legal_paths(lattice.tags, scheme, LENGTHS[b])
        totals = np.array([path_score(raw, emissions[b], path) for path in every])
        found = [spans_from_tags([lattice.tags[i] for i in path]) for path in every]
        assert list(spans) == found[totals.argmax()]
        shares = [log_sum(totals[[span in some for some in found]]) for span in spans]
        expected = np.exp(shares - log_sum(totals))
        assert scores == pytest.approx(expected, rel=1e-9 * scale, abs=1e-300)
    assert decoded[1] == ((), ())
    assert sum(len(spans) for spans, _ in decoded) > 3


@SCHEMES
@given(data=st.data())
def test_compiled_decoding_equals_that_of_numpy(scheme, data):
    if kernel.library is None:
        pytest.skip("needs the compiled kernel: python scripts/build_kernel.py")
    seed, scale = data.draw(st.integers(0, 10**6)), data.draw(st.sampled_from([0.1, 3.0, 400.0]))
    _, lattice = random_lattice(scheme, "XYZ", scale, seed)
    lengths = np.array(data.draw(st.lists(st.integers(0, 30), min_size=1, max_size=6)))
    emissions = random_emissions(lattice, lengths, scale, seed).astype(np.float32)
    random = np.random.default_rng(seed)
    allowed = random.random(emissions.shape) < 0.9
    allowed[:, :, 0] = True
    for restriction in (None, allowed):
        found = lattice.decode(emissions, lengths, restriction)
        for way in ("one by one", "batch"):
            with pytest.MonkeyPatch.context() as patch:
                take(way, patch)
                expected = lattice.decode(emissions, lengths, restriction)
            assert [spans for spans, _ in found] == [spans for spans, _ in expected]
            for (_, shares), (_, wanted) in zip(found, expected, strict=True):
                assert shares == pytest.approx(wanted, rel=1e-9, abs=1e-12)


@SCHEMES
def test_the_posteriors_of_all_that_covers_a_token_sum_to_1(scheme):
    _, lattice = random_lattice(scheme, scale=2)
    lengths = np.array([12])
    emissions = random_emissions(lattice, lengths, scale=2)
    spans = [Span(i, k, label) for k in range(1, 13) for i in range(k) for label in "XY"]
    (probabilities,) = lattice.span_posteriors(emissions, lengths, [spans])
    alphas, betas, found_z = lattice.sums(emissions, lengths)
    outside = np.exp(alphas + betas - found_z[:, None, None])[0, :, 0]
    for t in range(12):
        pairs = zip(spans, probabilities, strict=True)
        inside = sum(p for span, p in pairs if span.start <= t < span.end)
        assert inside + outside[t] == pytest.approx(1, abs=1e-12)


@SCHEMES
@WAYS
def test_no_result_depends_on_what_stands_behind_a_sentence(scheme, way, monkeypatch):
    take(way, monkeypatch)
    _, lattice = random_lattice(scheme)
    emissions = random_emissions(lattice)
    behind = np.arange(emissions.shape[1]) >= LENGTHS[:, None]
    other = np.where(behind[:, :, None], 1e6, emissions)
    assert lattice.decode(emissions, LENGTHS) == lattice.decode(other, LENGTHS)


@SCHEMES
@WAYS
def test_five_thousand_tokens_with_huge_emissions_are_exact(scheme, way, monkeypatch):
    take(way, monkeypatch)
    _, lattice = random_lattice(scheme, scale=10)
    lengths = np.array([5000])
    emissions = np.random.default_rng(4).choice([-1e4, 1e4, 0], (1, 5000, len(lattice.tags)))
    ((spans, scores),) = lattice.decode(emissions, lengths)
    assert 0 < min(scores) <= max(scores) <= 1
    # The recursion in log space, without any scaling, and with the maximum in place of the sum.
    summed = best = lattice.start + emissions[0, 0]
    for t in range(1, 5000):
        summed = np.logaddexp.reduce(summed[:, None] + lattice.transitions) + emissions[0, t]
        best = (best[:, None] + lattice.transitions).max(axis=0) + emissions[0, t]
    log_z = lattice.sums(emissions, lengths).log_partition
    assert log_z[0] == pytest.approx(np.logaddexp.reduce(summed + lattice.end), rel=1e-13)
    path = [lattice.tags.index(tag) for tag in tags_from_spans(spans, 5000, scheme)]
    masked = (lattice.start, lattice.transitions, lattice.end)
    assert path_score(masked, emissions[0], path) == pytest.approx(max(best + lattice.end), 1e-13)


def scores_of(*shape):
    return st_numpy.arrays(np.float64, shape, elements=st.floats(-1e6, 1e6))


@SCHEMES
@WAYS
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scores_that_are_not_numbers_are_refused_wherever_they_stand(
    scheme, way, value, monkeypatch
):
    take(way, monkeypatch)
    _, lattice = random_lattice(scheme)
    for t, tag in itertools.product(range(3), range(len(lattice.tags))):
        emissions = random_emissions(lattice)
        emissions[2, t, tag] = value
        emissions[1, 2:, tag] = value  # behind the end, where it means nothing
        with pytest.raises(
            DataError, match=rf"^sentence 2, token {t}: scores must be finite\. Got"
        ):
            lattice.decode(emissions, LENGTHS)


@SCHEMES
@given(data=st.data())
def test_sequences_are_legal_for_any_weights_and_any_input(scheme, data):
    tags = tuple(tag_set("XY", scheme))
    C, B, T = len(tags), data.draw(st.integers(1, 3)), data.draw(st.integers(1, 6))
    lattice = SpanLattice(*(data.draw(scores_of(*s)) for s in ((C,), (C, C), (C,))), tags, scheme)
    lengths = np.array(data.draw(st.lists(st.integers(1, T), min_size=B, max_size=B)))
    emissions = data.draw(scores_of(B, T, C))
    for path, length in zip(lattice.viterbi(emissions, lengths), lengths, strict=True):
        written = [tags[i] for i in path[:length]]
        assert tags_from_spans(spans_from_tags(written), length, scheme) == written
    for way in ("as it is", "one by one", "batch"):
        with pytest.MonkeyPatch.context() as patch:
            if way != "as it is":
                take(way, patch)
            decoded = lattice.decode(emissions, lengths)
        for spans, scores in decoded:
            assert len(spans) == len(scores)
            assert all(0 < score <= 1 for score in scores)


def double_crf(raw):
    """Build pytorch-crf's own layer, in float64, with given scores."""
    crf = CRF(len(raw[0]), batch_first=True).double()
    names = ("start_transitions", "transitions", "end_transitions")
    crf.load_state_dict(
        {name: torch.from_numpy(scores) for name, scores in zip(names, raw, strict=True)}
    )
    return crf


def crf_results(crf, emissions, lengths):
    """Compute paths, partitions and marginals with pytorch-crf: forward, autograd, decode."""
    scores = torch.from_numpy(emissions).requires_grad_()
    mask = torch.arange(emissions.shape[1]) < torch.from_numpy(lengths)[:, None]
    gold = torch.zeros(mask.shape, dtype=torch.int64)
    likelihood = crf(scores, gold, mask, reduction="none")
    with torch.no_grad():
        gold_score = crf._compute_score(scores.transpose(0, 1), gold.T, mask.T)
    (gradient,) = torch.autograd.grad(likelihood.sum(), scores)
    # The gradient of a log-likelihood is what was observed less what is expected.
    marginals = torch.nn.functional.one_hot(gold, scores.shape[2]) * mask[:, :, None] - gradient
    log_z = (gold_score - likelihood).detach()
    return crf.decode(scores.detach(), mask), log_z.numpy(), marginals.numpy()


def check_against_crf(lattice, crf, emissions, lengths):
    paths, log_z, marginals = crf_results(crf, emissions, lengths)
    alphas, betas, found_z = lattice.sums(emissions, lengths)
    assert found_z == pytest.approx(log_z, rel=1e-12)
    ours = np.exp(alphas + betas - found_z[:, None, None])
    inside = np.arange(emissions.shape[1]) < lengths[:, None]
    assert ours * inside[:, :, None] == pytest.approx(marginals, abs=1e-10)
    found = lattice.viterbi(emissions, lengths)
    assert [path[:n].tolist() for path, n in zip(found, lengths, strict=True)] == paths


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        pytest.param(("O", "B-X", "B-Y", "B-Z"), "BIO", id="BIO"),
        pytest.param(("O", "S-X", "S-Y"), "BIOES", id="BIOES"),
    ],
)
def test_with_every_step_legal_all_results_are_those_of_pytorch_crf(tags, scheme):
    random = np.random.default_rng(6)
    C = len(tags)
    raw = [random.normal(size=shape) for shape in (C, (C, C), C)]
    lattice = SpanLattice(*raw, tags, scheme)
    assert np.isfinite(lattice.transitions).all()
    lengths = random.integers(1, 40, 8)
    check_against_crf(lattice, double_crf(raw), random_emissions(lattice, lengths, 3), lengths)


@SCHEMES
def test_with_illegal_steps_at_minus_10000_the_results_are_those_of_pytorch_crf(scheme):
    raw, lattice = random_lattice(scheme, "WXYZ", scale=2)
    legal = legal_steps(lattice.tags, scheme)
    masked = [np.where(allowed, r, -1e4) for allowed, r in zip(legal, raw, strict=True)]
    lengths = np.random.default_rng(7).integers(1, 40, 8)
    check_against_crf(lattice, double_crf(masked), random_emissions(lattice, lengths, 3), lengths)


@SCHEMES
@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_the_tags_of_a_span_are_those_of_a_sentence_that_is_one_span(scheme, length):
    tags = tuple(tag_set("X", scheme))
    written = [[tags[i] for i in path] for path in legal_paths(tags, scheme, length)]
    assert [t for t in written if spans_from_tags(t) == [Span(0, length, "X")]] == [
        span_tags("X", length, scheme)
    ]


def test_iob1_is_refused():
    with pytest.raises(ValueError, match=r"^scheme: must be BIO or BIOES\. Got 'IOB1'\.$"):
        SpanLattice(np.zeros(3), np.zeros((3, 3)), np.zeros(3), ("O", "B-X", "I-X"), "IOB1")


@SCHEMES
def test_the_best_paths_of_a_lattice_are_the_best_of_all_legal_paths(scheme):
    raw, lattice = random_lattice(scheme)
    emissions = random_emissions(lattice)
    for b, found in enumerate(lattice.nbest(emissions, LENGTHS, 4)):
        every = legal_paths(lattice.tags, scheme, LENGTHS[b])
        scores = np.array([path_score(raw, emissions[b], path) for path in every])
        best = np.argsort(-scores)[:4]
        for (spans, probability), i in zip(found, best, strict=True):
            assert list(spans) == spans_from_tags([lattice.tags[tag] for tag in every[i]])
            assert probability == pytest.approx(np.exp(scores[i] - log_sum(scores)), rel=1e-12)


@SCHEMES
def test_required_and_forbidden_spans_leave_just_the_paths_that_obey(scheme):
    raw, lattice = random_lattice(scheme)
    emissions = random_emissions(lattice)
    required: list[list[Span]] = [[], [], [Span(1, 3, "X")], [Span(0, 1, "Y"), Span(1, 3, "X")], []]
    forbidden = [[(0, 1, "X")], [(1, 2, None)], [], [(3, 4, None)], [(0, 2, "Y")]]
    allowed = lattice.allow(LENGTHS, required, forbidden)
    found = lattice.decode(emissions, LENGTHS, allowed)
    for b, (spans, probabilities) in enumerate(found):
        scores = {}
        for path in legal_paths(lattice.tags, scheme, LENGTHS[b]):
            written = spans_from_tags([lattice.tags[tag] for tag in path])
            touching = [
                span
                for span in written
                for start, end, label in forbidden[b]
                if span.start < end and start < span.end and label in (None, span.label)
            ]
            if set(required[b]) <= set(written) and not touching:
                scores[tuple(written)] = path_score(raw, emissions[b], path)
        assert spans == max(scores, key=lambda each: scores[each])
        total = log_sum(scores.values())
        for span, probability in zip(spans, probabilities, strict=True):
            with_it = log_sum(score for each, score in scores.items() if span in each)
            assert probability == pytest.approx(np.exp(with_it - total), rel=1e-12)
        count = len(lattice.nbest(emissions, LENGTHS, 1000, allowed)[b])
        assert count == len(scores)
    assert all(p == pytest.approx(1, rel=1e-12) for p in found[3][1][:2])


@pytest.mark.parametrize(
    ("required", "forbidden", "message"),
    [
        pytest.param(
            [Span(0, 3, "X")],
            [],
            r"a span must lie inside its 2 tokens .* Got \(0, 3, 'X'\)\.$",
            id="beyond the sentence",
        ),
        pytest.param(
            [Span(1, 1, "X")],
            [],
            r"a span must lie inside .* Got \(1, 1, 'X'\)\.$",
            id="an empty span",
        ),
        pytest.param(
            [],
            [Span(0, 1, "Z")],
            r"have a known label\. Got \(0, 1, 'Z'\)\.$",
            id="an unknown label",
        ),
        pytest.param(
            [Span(0, 2, "X"), Span(1, 2, "Y")],
            [],
            r"required spans must not overlap\. Got \(1, 2, 'Y'\) after one that ends at 2\.$",
            id="required spans that overlap",
        ),
        pytest.param(
            [Span(0, 1, "X")],
            [Span(0, 2, "X")],
            r"at least one legal path must be allowed\. Got none\.$",
            id="no path is left",
        ),
    ],
)
def test_constraints_that_cannot_be_met_are_refused(required, forbidden, message):
    _, lattice = random_lattice("BIOES")
    lengths = np.array([1, 2])
    with pytest.raises(DataError, match=r"^sentence 1: .*" + message):
        allowed = lattice.allow(lengths, [[], required], [[], forbidden])
        lattice.decode(random_emissions(lattice, lengths), lengths, allowed)
