"""One label a token: best paths and the probability of each label, against all paths."""

import itertools

import numpy as np
import pytest

from ner.crf import kernel
from ner.crf.lattice import TagLattice
from ner.errors import DataError

LABELS = ("ADJ", "NOUN", "O", "VERB")
LENGTHS = np.array([1, 4, 2, 3])
SCALES = pytest.mark.parametrize("scale", [1.0, 300.0])


@pytest.fixture(params=["compiled", "numpy"])
def way(request, monkeypatch):
    """Decode compiled, or in numpy."""
    if request.param == "numpy":
        monkeypatch.setattr(kernel, "library", None)
    elif kernel.library is None:
        pytest.skip("needs the compiled kernel: python scripts/build_kernel.py")
    return request.param


def random_lattice(scale):
    random = np.random.default_rng(1)
    C = len(LABELS)
    scores = [scale * random.normal(size=shape) for shape in (C, (C, C), C)]
    return TagLattice(*scores, LABELS), scale * random.normal(size=(len(LENGTHS), 4, C))


def all_paths(lattice, emissions):
    """List every path of a sentence (T C) with its score."""
    for path in itertools.product(range(len(LABELS)), repeat=len(emissions)):
        steps = sum(lattice.transitions[a, b] for a, b in itertools.pairwise(path))
        tokens = sum(emissions[t, tag] for t, tag in enumerate(path))
        yield path, lattice.start[path[0]] + steps + tokens + lattice.end[path[-1]]


@SCALES
def test_each_label_has_the_share_of_the_paths_that_contain_it(scale, way):
    lattice, emissions = random_lattice(scale)
    decoded = lattice.decode(emissions, LENGTHS)
    for (path, shares), scores, length in zip(decoded, emissions, LENGTHS, strict=True):
        paths = list(all_paths(lattice, scores[:length]))
        best, highest = max(paths, key=lambda each: each[1])
        assert path == best
        weights = np.exp([score - highest for _, score in paths])
        for t, (tag, share) in enumerate(zip(path, shares, strict=True)):
            having = [weight for (p, _), weight in zip(paths, weights, strict=True) if p[t] == tag]
            assert share == pytest.approx(sum(having) / weights.sum(), rel=1e-9)


def test_a_label_that_is_called_o_is_one_like_others(way):
    free = TagLattice(np.zeros(4), np.zeros((4, 4)), np.zeros(4), LABELS)
    emissions = np.zeros((1, 2, 4))
    emissions[0, :, LABELS.index("O")] = 1
    ((path, shares),) = free.decode(emissions, np.array([2]))
    assert path == (2, 2)
    assert shares == pytest.approx([np.e / (np.e + 3)] * 2)


def test_no_result_depends_on_what_stands_behind_a_sentence(way):
    lattice, emissions = random_lattice(1.0)
    together = lattice.decode(emissions, LENGTHS)
    emissions[np.arange(4) >= LENGTHS[:, None]] = 1e30
    for b, length in enumerate(LENGTHS):
        alone = lattice.decode(emissions[b : b + 1, :length], LENGTHS[b : b + 1])
        assert alone == lattice.decode(emissions, LENGTHS)[b : b + 1] == together[b : b + 1]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scores_that_are_not_numbers_are_refused(value, way):
    lattice, emissions = random_lattice(1.0)
    emissions[1, 2, 0] = value
    with pytest.raises(DataError, match=r"sentence 1, token 2: scores must be finite\. Got"):
        lattice.decode(emissions, LENGTHS)
