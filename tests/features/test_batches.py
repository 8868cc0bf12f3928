import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.data.sentence import Sentence
from ner.features.batch_order import cut_batches
from ner.features.batches import EncodedSentences, TaggingBatches, TrainingBatches
from ner.features.distinct_words import WordRows
from ner.features.featurizer import build_featurizer
from ner.features.vocabulary import UNKNOWN

TOKEN = st.sampled_from(["a", "bb", "Ccc", "12", "13", "x" * 70, "rare", "Rarer"])
TOKENS = st.lists(st.lists(TOKEN, min_size=1, max_size=6), min_size=1, max_size=8)


def sentences_of(token_lists):
    return [Sentence(t, columns={"pos": tuple(map(str.upper, t))}) for t in token_lists]


def tag_ids(sentence):
    return [len(token) for token in sentence.tokens]


def encode(sentences, known=None, rare=None):
    known = sentences if known is None else known
    featurizer = build_featurizer(known, affix_rows=20, columns=["pos"])
    tags = np.array([tag for sentence in sentences for tag in tag_ids(sentence)])
    return featurizer, EncodedSentences(sentences, featurizer, {"tags": tags}, rare)


def corpus(num_sentences=40, seed=5):
    """Make random sentences; w0 to w9 are common, words of x, y and z occur once."""
    random = np.random.default_rng(seed)
    once = map("".join, itertools.product("xyz", repeat=5))
    return sentences_of(
        [
            [next(once) if random.random() < 0.2 else f"w{random.integers(10)}" for _ in range(n)]
            for n in random.integers(1, 15, num_sentences)
        ]
    )


def training_batches(**settings):
    sentences = corpus()
    rare = {token for s in sentences for token in s.tokens if token[0] in "xyz"}
    _, encoded = encode(sentences, rare=rare)
    return TrainingBatches(encoded, **{"seed": 1, "batch_size": 8} | settings)


def same(left, right):
    return left.keys() == right.keys() and all((left[n] == right[n]).all() for n in left)


@given(TOKENS, TOKENS, st.data())
def test_each_token_of_a_batch_has_the_features_of_its_word(token_lists, known, data):
    sentences = sentences_of(token_lists)
    featurizer, encoded = encode(sentences, sentences_of(known))
    indices = data.draw(st.lists(st.integers(0, len(sentences) - 1), min_size=1))
    batch = encoded.batch(np.array(indices))
    assert batch["lengths"].tolist() == [len(sentences[i]) for i in indices]
    assert len(np.unique(batch["tokens"])) == len(batch["words"])
    for b, i in enumerate(indices):
        tokens = sentences[i].tokens
        alone = featurizer.encode_words(tokens)
        rows = batch["tokens"][b, : len(tokens)]
        for name in ("words", "shapes", "affixes"):
            assert (batch[name][rows] == alone[name]).all()
        width = alone["characters"].shape[1]
        assert (batch["characters"][rows][:, :width] == alone["characters"]).all()
        assert not batch["characters"][rows][:, width:].any()
        columns = featurizer.encode_columns([sentences[i]])["columns"]
        assert (batch["columns"][b, : len(tokens)] == columns).all()
        assert batch["tags"][b, : len(tokens)].tolist() == tag_ids(sentences[i])


@given(TOKENS)
def test_what_stands_behind_a_sentence_is_a_valid_index(token_lists):
    featurizer, encoded = encode(sentences_of(token_lists))
    batch = encoded.batch(np.arange(len(token_lists)))
    assert batch["tokens"].shape == (len(token_lists), batch["lengths"].max())
    assert 0 <= batch["tokens"].min() <= batch["tokens"].max() < len(batch["words"])
    assert batch["columns"].max() < len(featurizer.columns["pos"])
    assert (batch["tags"] > 0).all()


def test_what_is_learnt_of_sentences_comes_with_them():
    sentences = sentences_of([["a"], ["a", "bb"], ["Ccc"]])
    classes = np.array([[True, False], [False, False], [True, True]])
    encoded = EncodedSentences(
        sentences, build_featurizer(sentences), sentence_targets={"classes": classes}
    )
    batch = encoded.batch(np.array([2, 0]))
    assert batch["classes"].tolist() == [[True, True], [True, False]]


def test_a_batch_is_no_wider_than_its_longest_word():
    sentences = sentences_of([["ab"], ["a" * 60], ["abc"]])
    _, encoded = encode(sentences)
    assert encoded.batch(np.array([0, 2]))["characters"].shape == (2, 5)
    assert encoded.batch(np.array([0, 1]))["characters"].shape == (2, 62)


def rows_of(featurizer):
    """Give each word a vector of its own: its length and the codes of its first two characters."""

    def compute(arrays):
        return arrays["characters"][:, :3].astype(np.float32)

    return WordRows(featurizer, compute)


def test_no_sentences_make_no_batches():
    featurizer, _ = encode(corpus())
    assert len(EncodedSentences([], featurizer)) == 0
    assert TaggingBatches([], featurizer, rows_of(featurizer)).plan(100) == []


@given(
    st.lists(st.integers(1, 30), max_size=20), st.integers(1, 9), st.none() | st.integers(1, 100)
)
def test_batches_are_cut_in_order_and_as_full_as_allowed(lengths, batch_size, batch_tokens):
    lengths = np.array(lengths, dtype=np.int64)
    order = np.random.default_rng(3).permutation(len(lengths))
    batches = cut_batches(order, lengths, batch_size, batch_tokens)
    assert [i for batch in batches for i in batch] == order.tolist()

    def allowed(batch):
        if batch_tokens is None:
            return len(batch) <= batch_size
        return len(batch) == 1 or lengths[batch].max() * len(batch) <= batch_tokens

    assert all(len(batch) and allowed(batch) for batch in batches)
    for batch, following in itertools.pairwise(batches):
        assert not allowed(np.append(batch, following[0]))


@pytest.mark.parametrize("batch_tokens", [1, 20, 64, 10_000])
def test_tagging_takes_every_sentence_once_by_length(batch_tokens):
    featurizer, encoded = encode(corpus())
    source = TaggingBatches(corpus(), featurizer, rows_of(featurizer))
    plan = source.plan(batch_tokens)
    batches = [source.batch(indices) for indices in plan]
    assert sorted(i for indices in plan for i in indices) == list(range(len(encoded)))
    lengths = [length for batch in batches for length in batch["lengths"]]
    assert lengths == sorted(lengths)
    assert all(
        b["tokens"].size <= batch_tokens or len(i) == 1 for i, b in zip(plan, batches, strict=True)
    )
    for indices, batch in zip(plan, batches, strict=True):
        expected = encoded.batch(indices)
        inside = np.arange(batch["lengths"].max()) < batch["lengths"][:, None]
        assert (batch["lengths"] == expected["lengths"]).all()
        assert (batch["columns"][inside] == expected["columns"][inside]).all()
        vectors = expected["characters"][:, :3][expected["tokens"]]
        assert (batch["rows"][batch["tokens"]][inside] == vectors[inside]).all()


@pytest.mark.parametrize(
    "limits", [{"batch_size": 7}, {"batch_tokens": 50}], ids=["sentences", "tokens"]
)
def test_an_epoch_takes_each_sentence_once_within_the_limits(limits):
    batches = training_batches(**limits)
    for epoch in range(3):
        plan = batches.plan(epoch)
        taken = np.sort(np.concatenate(plan))
        assert (taken == np.arange(len(batches.encoded))).all()
        for step, indices in enumerate(plan):
            size = batches.batch(epoch, step, indices)["tokens"].size
            assert len(indices) <= limits.get("batch_size", len(indices))
            assert len(indices) == 1 or size <= limits.get("batch_tokens", size)


def test_batches_are_a_function_of_seed_epoch_and_step():
    one, other = (training_batches(replace=0.5) for _ in range(2))
    plan = one.plan(4)
    # The other one is asked out of order, and only once.
    last = len(plan) - 1
    assert same(other.batch(4, last, other.plan(4)[last]), one.batch(4, last, plan[last]))
    assert all((a == b).all() for a, b in zip(plan, other.plan(4), strict=True))
    one.plan(5)
    assert same(one.batch(4, last, plan[last]), other.batch(4, last, plan[last]))


@pytest.mark.parametrize("changed", [{"seed": 2}, {"epoch": 1}], ids=["seed", "epoch"])
def test_another_seed_or_epoch_has_other_batches(changed):
    def plan(seed=1, epoch=0):
        batches = training_batches(seed=seed, batch_size=8).plan(epoch)
        return [sorted(batch.tolist()) for batch in batches]

    assert sorted(plan()) != sorted(plan(**changed))


def test_a_batch_holds_sentences_of_like_length():
    batches = training_batches(batch_size=8)
    padded = [batches.batch(0, i, indices) for i, indices in enumerate(batches.plan(0))]
    tokens = sum(batch["lengths"].sum() for batch in padded)
    padding = sum(batch["tokens"].size for batch in padded) - tokens
    in_random_order = sum(
        batches.encoded.batch(indices)["tokens"].size
        for indices in np.array_split(np.random.default_rng(0).permutation(40), 5)
    )
    assert padding < (in_random_order - tokens) / 2


def test_short_and_long_batches_come_in_random_order():
    batches = training_batches(batch_size=2)
    lengths = [batches.encoded.lengths[indices].max() for indices in batches.plan(0)]
    ordered = sum(a <= b for a, b in itertools.pairwise(lengths))
    assert 4 < ordered < 15


def test_only_rare_words_are_ever_replaced():
    batches = training_batches(replace=0.5, batch_size=1000)
    indices = np.arange(len(batches.encoded))
    true = batches.encoded.batch(indices)
    shown = np.stack([batches.batch(0, step, indices)["words"] for step in range(200)])
    replaced = shown != true["words"]
    rare = true["substitutes"] != true["words"]
    assert rare.sum() > 10
    assert not replaced[:, ~rare].any()
    # 200 tosses of a coin for each rare word: within 5 standard deviations.
    assert (abs(replaced[:, rare].mean(axis=0) - 0.5) < 5 * 0.5 / 200**0.5).all()
    assert (shown[replaced] == UNKNOWN).all()


def test_nothing_is_replaced_at_a_rate_of_zero():
    batches = training_batches(replace=0.0)
    indices = np.arange(len(batches.encoded))
    batch = batches.batch(0, 0, indices)
    assert "substitutes" not in batch
    assert (batch["words"] > 0).all()


def test_a_rare_number_is_shown_as_the_number_with_zeros():
    sentences = sentences_of([["1998", "1999", "word", "word"]])
    featurizer, encoded = encode(sentences, rare={"1998", "1999"})
    batches = TrainingBatches(encoded, seed=1, batch_size=1, replace=1.0)
    rows = featurizer.words.rows
    batch = batches.batch(0, 0, np.array([0]))
    shown = batch["words"][batch["tokens"][0]]
    assert shown.tolist() == [rows["0000"], rows["0000"], rows["word"], rows["word"]]
