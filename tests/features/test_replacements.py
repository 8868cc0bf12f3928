from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.data.partial import allowed_from_tags, allowed_table
from ner.data.schemes import Span, spans_from_tags, tag_set, tags_from_spans
from ner.features.ragged import Ragged
from ner.features.replacements import MentionFinder, MentionPool

LABELS = ("LOC", "PER")
SCHEMES = ("BIO", "BIOES")
# Any tags; what they say is read with the rule of conlleval, and written again in a scheme.
TAGS = st.lists(
    st.lists(st.sampled_from(["O", *tag_set(LABELS, "BIO")]), min_size=1, max_size=7),
    min_size=1,
    max_size=5,
)


def ragged_of(words, tags, scheme):
    """Make sentences from words (numbers) and tags; with `?` or `|` they are partial."""
    names = tag_set(LABELS, scheme)
    tokens = np.array([word for sentence in words for word in sentence], dtype=np.int64)
    lengths = np.array([len(sentence) for sentence in words], dtype=np.int64)
    if any("?" in tag or "|" in tag for sentence in tags for tag in sentence):
        rows = [allowed_table(allowed_from_tags(sentence), names, scheme) for sentence in tags]
        gold = np.concatenate(rows)
    else:
        gold = np.array([names.index(tag) for sentence in tags for tag in sentence])
    return Ragged(lengths, {"tokens": tokens, "tags": gold})


def numbered(tags):
    """Give each token a word of its own."""
    numbers = iter(range(1000))
    return [[next(numbers) for _ in sentence] for sentence in tags]


def find(tags, scheme):
    sentences = ragged_of(numbered(tags), tags, scheme)
    found = MentionFinder(tag_set(LABELS, scheme))(sentences)
    return [
        Span(start, start + length, LABELS[label])
        for start, length, label in zip(*map(np.ndarray.tolist, found), strict=True)
    ]


@pytest.mark.parametrize("scheme", SCHEMES)
@given(TAGS)
def test_mentions_are_the_spans_of_the_sentences(scheme, tags):
    expected, written, first = [], [], 0
    for sentence in tags:
        spans = spans_from_tags(sentence)
        expected += [Span(first + start, first + end, label) for start, end, label in spans]
        written.append(tags_from_spans(spans, len(sentence), scheme))
        first += len(sentence)
    assert find(written, scheme) == expected


@pytest.mark.parametrize(
    ("scheme", "tags", "expected"),
    [
        # The last token ends the mention, whatever comes behind.
        pytest.param("BIOES", "? B-PER E-PER ?", [(1, 3)], id="the last token ends it"),
        pytest.param("BIOES", "S-PER ?", [(0, 1)], id="a single token"),
        # An unknown token may go on with it.
        pytest.param("BIO", "? B-PER I-PER ?", [], id="an unknown token may go on"),
        pytest.param("BIO", "? B-PER I-PER O", [(1, 3)], id="O ends it"),
        pytest.param("BIO", "B-PER B-PER ?", [(0, 1)], id="a beginning ends it"),
        # Here I-PER|O may go on, O|B-LOC may not.
        pytest.param("BIO", "B-PER I-PER|O O", [], id="O or go on"),
        pytest.param("BIO", "B-PER O|B-LOC ?", [(0, 1)], id="O or begin"),
        pytest.param("BIOES", "B-PER I-PER|O O", [], id="BIOES, O or go on"),
        # The label is open, or where it starts.
        pytest.param("BIOES", "S-PER|S-LOC O ?", [], id="an open label"),
        pytest.param("BIO", "B-PER|O O ?", [], id="an open start"),
        pytest.param("BIO", "? I-PER O", [], id="a start that is unknown"),
        # The end of the sentence ends it.
        pytest.param("BIO", "? B-PER", [(1, 2)], id="the sentence ends it"),
    ],
)
def test_a_mention_in_a_partial_annotation_counts_if_its_borders_are_certain(
    scheme, tags, expected
):
    # The sentence behind, whose first token is open, does not matter.
    found = find([tags.split(), ["?"]], scheme)
    assert found == [Span(*span, "PER") for span in expected]


def pool_of(words, tags, scheme, blocks=1):
    sentences = ragged_of(words, tags, scheme)
    finder = MentionFinder(tag_set(LABELS, scheme))
    cut = np.array_split(np.arange(len(sentences)), blocks)
    return finder, sentences, MentionPool([sentences.pick(block) for block in cut], finder)


WORDS = [[1, 2, 0, 3], [4, 0, 5], [1, 2], [6]]
BIO = [
    ["B-PER", "I-PER", "O", "B-LOC"],
    ["B-PER", "O", "B-PER"],
    ["B-PER", "I-PER"],
    ["O"],
]


@pytest.mark.parametrize("blocks", [1, 2, 4])
def test_another_mention_of_the_label_is_drawn_each_with_the_same_probability(blocks):
    finder, sentences, pool = pool_of(WORDS, BIO, "BIO", blocks)
    found = finder(sentences)
    random = np.random.default_rng(1)
    drawn = [Counter() for _ in found.starts]
    for _ in range(1000):
        new = pool.draw(sentences, found, random)
        for i, words in enumerate(np.split(new.per_token["tokens"], new.starts[1:])):
            drawn[i][tuple(words.tolist())] += 1
    # The one place stays as it is; persons are (1, 2) twice, 4 and 5.
    persons = {(1, 2), (4,), (5,)}
    for own, counts in zip([(1, 2), (3,), (4,), (5,), (1, 2)], drawn, strict=True):
        if own == (3,):
            assert counts == {own: 1000}
        else:
            assert set(counts) == persons - {own}
            # A coin tossed 1000 times: within 5 standard deviations.
            assert all(abs(count - 500) < 5 * 1000**0.5 / 2 for count in counts.values())


def test_the_tags_of_a_drawn_mention_are_its_own():
    bioes = [tags_from_spans(spans_from_tags(t), len(t), "BIOES") for t in BIO]
    finder, sentences, pool = pool_of(WORDS, bioes, "BIOES")
    names = tag_set(LABELS, "BIOES")
    random = np.random.default_rng(2)
    for _ in range(20):
        drawn = pool.draw(sentences, finder(sentences), random)
        for words, tags in zip(
            np.split(drawn.per_token["tokens"], drawn.starts[1:]),
            np.split(drawn.per_token["tags"], drawn.starts[1:]),
            strict=True,
        ):
            label = "LOC" if words.tolist() == [3] else "PER"
            expected = tags_from_spans([Span(0, len(words), label)], len(words), "BIOES")
            assert [names[tag] for tag in tags] == expected


def test_a_corpus_without_mentions_has_an_empty_pool():
    finder, sentences, pool = pool_of([[1, 2]], [["O", "O"]], "BIO")
    assert len(pool.draw(sentences, finder(sentences), np.random.default_rng(1))) == 0
