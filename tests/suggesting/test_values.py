import math

import numpy as np
import pytest

from ner.suggesting.values import judge, unjudged

TEXTS = ["Ada left", "Peter Blackburn", "Oslo"]


@pytest.fixture(scope="module")
def sentences(tiny_tagger):
    return [tiny_tagger.read(text) for text in TEXTS]


def all_taggings(tagger, sentence):
    return [found.prediction.probability for found in tagger.nbest(sentence, 1000)]


def test_the_values_of_tokens_add_up_to_the_entropy_over_all_taggings(tiny_tagger, sentences):
    for each, sentence in zip(judge(tiny_tagger, sentences, "entropy"), sentences, strict=True):
        shares = all_taggings(tiny_tagger, sentence)
        assert sum(shares) == pytest.approx(1, abs=1e-6)
        expected = -sum(share * math.log(share) for share in shares if share > 0)
        assert each.uncertainty == pytest.approx(expected, abs=1e-5)
        assert len(each.values) == len(sentence)
        assert each.sentence == tiny_tagger.tag_sentences([sentence])[0]


def test_the_margin_is_that_of_the_two_best_taggings(tiny_tagger, sentences):
    for each, sentence in zip(judge(tiny_tagger, sentences, "margin"), sentences, strict=True):
        best, second, *_ = all_taggings(tiny_tagger, sentence)
        assert each.uncertainty == pytest.approx(1 - best + second, abs=1e-6)
        assert np.ptp(each.values) == 0


def test_a_random_choice_has_predictions_and_no_values(tiny_tagger, sentences):
    judged = judge(tiny_tagger, sentences, "random")
    assert [each.uncertainty for each in judged] == [0, 0, 0]
    assert [each.sentence for each in judged] == tiny_tagger.tag_sentences(sentences)
    assert [each.uncertainty for each in unjudged(sentences)] == [0, 0, 0]


def test_the_company_of_other_sentences_does_not_matter(tiny_tagger, sentences):
    together = judge(tiny_tagger, [*sentences, tiny_tagger.read("")], "entropy")
    assert together[-1].uncertainty == 0
    for each, sentence in zip(together, sentences, strict=False):
        (alone,) = judge(tiny_tagger, [sentence], "entropy")
        assert alone.values == pytest.approx(each.values, abs=1e-5)
