import numpy as np
import pytest

from ner.features.vectors import VectorStore, read_vectors
from ner.features.vocabulary import coverage

KNOWN = ["the", "Paris", "paris", "rome", "0000", "boeing-000"]
WORDS = ["the", "The", "the", "Paris", "ROME", "1996", "Boeing-747", "xyzzy", "xyzzy"]


@pytest.mark.parametrize("in_store", [False, True])
def test_words_are_counted_by_the_first_form_that_is_known(tmp_path, in_store):
    known = set(KNOWN)
    if in_store:
        VectorStore.write(tmp_path / "store", KNOWN, np.zeros((len(KNOWN), 2), dtype=np.float32))
        known = VectorStore.open(tmp_path / "store")
    counts = coverage(known, WORDS)
    assert counts.types == {"exact": 2, "lower-cased": 2, "digits as 0": 2, "none": 1}
    assert counts.tokens == {"exact": 3, "lower-cased": 2, "digits as 0": 2, "none": 2}


def test_coverage_prints_as_one_line():
    assert str(coverage({"a", "b"}, ["a", "B", "c", "c"])) == (
        "66.7 % of 3 words (exact 33.3 %, lower-cased 33.3 %, digits as 0 0.0 %, none 33.3 %), "
        "50.0 % of 4 tokens"
    )
    assert str(coverage(set(), [])).startswith("0.0 % of 0 words")


def test_glove_covers_the_words_of_conll_2003_as_the_data_readme_says(shared_data):
    lines = shared_data("conll2003/eng.train").read_bytes().split(b"\n")
    tokens = [line.split(b" ")[0].decode() for line in lines]
    tokens = [token for token in tokens if token and token != "-DOCSTART-"]
    asked = {*tokens, *(token.lower() for token in tokens)}
    vectors = read_vectors(shared_data("glove/glove.6B.50d.txt.gz"), keep=0, always=asked)
    counts = coverage(set(vectors.words), tokens)
    types, all_tokens = sum(counts.types.values()), sum(counts.tokens.values())
    exact_or_lower = counts.types["exact"] + counts.types["lower-cased"]
    assert all_tokens == 203_621
    assert round(100 * counts.types["exact"] / types, 1) == 50.7
    assert round(100 * exact_or_lower / types, 1) == 88.9
    exact_or_lower = counts.tokens["exact"] + counts.tokens["lower-cased"]
    assert round(100 * exact_or_lower / all_tokens, 1) == 97.7
