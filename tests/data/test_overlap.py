import pytest

from ner.data.overlap import (
    FEWEST_COMPARED,
    SAMPLE,
    SentenceSample,
    SharedSentences,
    sentence_keys,
    shared_warning,
)
from ner.data.sentence import Sentence


def sentences(numbers, length=5):
    return [Sentence([str(number)] * length) for number in numbers]


def sample_of(corpus):
    shared = SharedSentences({})
    assert list(shared.watch(corpus)) == corpus
    return shared.sample


def test_a_small_corpus_is_compared_as_a_whole():
    sample = sample_of(sentences(range(10)))
    assert sample.share(sentences(range(5, 25))) == 5 / 20
    assert sample.share(sentences([3])) == 1.0
    assert sample.share(sentences([3] * 7)) == 1.0


def test_a_large_corpus_is_compared_by_a_sample():
    sample = sample_of(sentences(range(20 * SAMPLE)))
    share = sample.share(sentences(range(10 * SAMPLE, 30 * SAMPLE)))
    # Half of the 20 * SAMPLE sentences are shared; about SAMPLE of them are compared.
    assert share == pytest.approx(0.5, abs=4 * 0.5 / SAMPLE**0.5)


def test_too_few_sentences_of_a_large_corpus_tell_nothing():
    sample = sample_of(sentences(range(100 * SAMPLE)))
    assert sample.share(sentences(range(FEWEST_COMPARED))) is None


def test_short_sentences_do_not_count():
    assert list(sentence_keys(sentences([1], length=4))) == []
    assert sample_of(sentences([1])).share(sentences([2], length=4)) is None


def test_a_sample_becomes_text_and_comes_back():
    sample = sample_of(sentences(range(3 * SAMPLE)))
    again = SentenceSample.from_text(sample.to_text())
    assert again.to_text() == sample.to_text()
    other = sentences(range(SAMPLE, 4 * SAMPLE))
    assert again.share(other) == sample.share(other)
    assert SentenceSample.from_text("no sample!").share(other) == 0.0
    assert SentenceSample().to_text() == ""


def test_keys_tell_tokens_apart():
    one, other = Sentence(["a b", "c", "d", "e", "f"]), Sentence(["a", "b c", "d", "e", "f"])
    assert len(set(sentence_keys([one, other]))) == 2


def test_the_share_of_several_corpora_is_counted_in_one_pass():
    others = {"dev": sentences([1, 2, 3, 4]), "test": sentences([9]), "short": sentences([1], 2)}
    shared = SharedSentences(others)
    list(shared.watch(sentences([1, 1, 2, 7])))
    assert shared.shares() == {"dev": 0.5, "test": 0.0}


def test_only_a_large_share_is_worth_a_warning():
    assert shared_warning(None) is None
    assert shared_warning(0.15) is None
    assert shared_warning(0.5).startswith("50 % of its sentences are in the training data too")
    assert shared_warning(1.0).startswith("its sentences are in the training data too")
