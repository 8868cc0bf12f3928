"""Long sentences are decoded in pieces, with the results of one piece."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.crf import kernel
from ner.crf.lattice import TagLattice
from ner.crf.span_lattice import SpanLattice
from ner.data.schemes import tag_set

pytestmark = pytest.mark.skipif(
    kernel.library is None, reason="needs the compiled kernel: python scripts/build_kernel.py"
)


def lattice_of(kind, random, scale=2.0):
    labels = "WXYZ"
    tags = labels if kind == "labels" else tag_set(labels, kind)
    scores = [scale * random.normal(size=shape) for shape in (len(tags), (len(tags),) * 2)]
    arrays = (scores[0], scores[1], scores[0][::-1])
    if kind == "labels":
        return TagLattice(*arrays, tuple(tags))
    return SpanLattice(*arrays, tuple(tags), kind)


@pytest.mark.parametrize("kind", ["BIO", "BIOES", "labels"])
@given(data=st.data())
def test_a_sentence_in_pieces_is_decoded_as_in_one(kind, data):
    seed = data.draw(st.integers(0, 10**6))
    scale = data.draw(st.sampled_from([0.1, 3.0, 400.0]))
    lengths = np.array(data.draw(st.lists(st.integers(0, 25), min_size=1, max_size=4)))
    random = np.random.default_rng(seed)
    lattice = lattice_of(kind, random, scale)
    emissions = scale * random.normal(size=(len(lengths), lengths.max(), len(lattice.tags)))
    emissions = emissions.astype(data.draw(st.sampled_from([np.float32, np.float64])))
    whole = lattice.decode(emissions, lengths)
    for piece in (1, 2, 7, 24):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(kernel, "PIECE", piece)
            assert lattice.decode(emissions, lengths) == whole


@pytest.mark.parametrize("kind", ["BIO", "BIOES", "labels"])
def test_the_compiled_sums_of_long_sentences_are_those_of_numpy(kind, monkeypatch):
    random = np.random.default_rng(5)
    lattice = lattice_of(kind, random)
    emissions = 5 * random.normal(size=(2, 6000, len(lattice.tags))).astype(np.float32)
    lengths = np.array([6000, 2500])
    _, _, compiled = lattice._compiled(emissions, lengths)
    assert not np.isnan(compiled).any()
    monkeypatch.setattr(kernel, "library", None)
    expected = np.concatenate([scores for _, scores in lattice.decode(emissions, lengths)])
    np.testing.assert_allclose(compiled, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("place", ["emissions", "transitions", "start", "end"])
def test_scores_out_of_reach_of_each_other_are_summed_in_log_space(place):
    random = np.random.default_rng(5)
    lattice = lattice_of("labels", random)
    emissions = 2 * random.normal(size=(1, 3000, len(lattice.tags)))
    changed = emissions if place == "emissions" else getattr(lattice, place)
    changed[(0,) * changed.ndim] -= 1000
    lattice = TagLattice(*lattice.edges, lattice.tags)
    lengths = np.array([3000])
    counts, _, scores = lattice._compiled(emissions, lengths)
    assert counts == [3000]
    assert np.isnan(scores).all()
    ((_, shares),) = lattice.decode(emissions, lengths)
    assert np.isfinite(shares).all()
