from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.data.sentence import Sentence
from ner.features.vocabulary import UNKNOWN
from ner.features.word_features import BigramVocabulary, bigrams

TOKENS = st.lists(st.sampled_from(["a", "A", "b", "北", "京", "\ud800"]), min_size=1, max_size=6)


def test_a_sentence_has_a_pair_more_than_tokens():
    assert bigrams(["Ab", "C", "d"], lowercase=False) == [" Ab", "Ab C", "C d", "d "]
    assert bigrams(["Ab"], lowercase=True) == [" ab", "ab "]


@given(st.lists(TOKENS, min_size=1, max_size=4), st.booleans())
def test_each_token_has_the_pairs_with_its_two_neighbours(sentences, lowercase):
    # Every second pair is known.
    counts = Counter(pair for tokens in sentences for pair in bigrams(tokens, lowercase))
    vocabulary = BigramVocabulary(sorted(counts)[::2], lowercase, 2)
    found = vocabulary.find([Sentence(tokens) for tokens in sentences])
    assert found.dtype == np.int32
    expected = []
    for tokens in sentences:
        spelt = [token.lower() if lowercase else token for token in tokens]
        for i, token in enumerate(spelt):
            before = spelt[i - 1] if i else ""
            behind = spelt[i + 1] if i + 1 < len(spelt) else ""
            pairs = (f"{before} {token}", f"{token} {behind}")
            expected.append([vocabulary.rows.get(pair, UNKNOWN) for pair in pairs])
    assert found.tolist() == expected


@pytest.mark.parametrize("lowercase", [True, False])
def test_a_vocabulary_that_is_extended_keeps_its_rows_and_its_rules(lowercase):
    old = BigramVocabulary(["a b", "B "], lowercase, 3)
    new = old.extended(["b c", "a b"])
    assert new.entries == ("a b", "B ", "b c")
    assert (new.lowercase, new.min_count, len(new)) == (lowercase, 3, 4)
