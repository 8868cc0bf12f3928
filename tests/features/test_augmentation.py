"""Sentences shown otherwise than they are, read back from arrays and compared as strings."""

from collections import Counter

import numpy as np
import pytest
import torch
from torch import nn

from ner.config import AugmentationConfig
from ner.config.loading import Config, parse_config
from ner.data.partial import allowed_from_tags, allowed_table
from ner.data.schemes import Span, spans_from_tags, tag_set, tags_from_spans
from ner.data.sentence import Sentence
from ner.errors import ConfigError
from ner.features.augmentation import Augmentation, Deletion, Respelling, Swap
from ner.features.batches import EncodedSentences, TrainingBatches
from ner.features.distinct_words import SPELLINGS
from ner.features.featurizer import build_featurizer
from ner.features.ragged import Ragged
from ner.features.replacements import TokenPool
from ner.training.checkpoint import newest_checkpoint, save_checkpoint
from ner.training.optimizers import Schedule, build_optimizers
from ner.training.settings import check_task
from ner.training.trainer import Trainer

LABELS = ("LOC", "PER")
SHARES = ("upper", "lower", "title", "mentions", "tokens", "delete", "swap")
# 5 standard deviations: a test of 1000 tosses of a coin fails by chance once in 1.7 million.
DEVIATIONS = 5


def corpus(num_sentences=60, seed=3):
    """Make random sentences: o0, o1 … outside of names, p0 … and l0 … in names of 1 to 3 words."""
    random = np.random.default_rng(seed)
    sentences = []
    for _ in range(num_sentences):
        tokens, spans = [], []
        for _ in range(random.integers(1, 4)):
            tokens += [f"o{i}" for i in random.integers(30, size=random.integers(3))]
            label = LABELS[random.integers(2)]
            name = [
                f"{label[0].lower()}{i}" for i in random.integers(50, size=random.integers(1, 4))
            ]
            spans.append(Span(len(tokens), len(tokens) + len(name), label))
            tokens += name
        # The part of speech of a word differs from place to place.
        pos = tuple(f"{token[0].upper()}{random.integers(3)}" for token in tokens)
        sentences.append(Sentence(tokens, columns={"pos": pos}, spans=spans))
    return sentences


def augmentation(**settings):
    return Augmentation(**AugmentationConfig(**settings).model_dump())


class Shown:
    """A corpus, its batches with some changes, and how to read these batches."""

    def __init__(
        self, sentences=None, scheme="BIOES", seed=1, batch_size=20, bigrams=0, **settings
    ):
        self.sentences = corpus() if sentences is None else sentences
        self.scheme = scheme
        self.tags = tag_set(LABELS, scheme)
        self.featurizer = build_featurizer(
            self.sentences, lowercase=False, affix_rows=50, columns=["pos"], bigram_count=bigrams
        )
        chosen = augmentation(**settings)
        encoded = EncodedSentences(
            self.sentences,
            self.featurizer,
            {"tags": np.array([self.tags.index(t) for s in self.sentences for t in self.gold(s)])},
            {token for s in self.sentences for token in s.tokens if token.endswith("7")},
            sentence_targets={"classes": np.arange(len(self.sentences))},
            spellings=chosen.spellings,
        )
        changes = chosen.changes(encoded, self.tags)
        self.batches = TrainingBatches(
            encoded, seed=seed, batch_size=batch_size, replace=0.3, changes=changes
        )

    def gold(self, sentence):
        return tags_from_spans(sentence.spans, len(sentence), self.scheme)

    def changed(self, sentences):
        """Pair each changed sentence, with its tags as a column, with the sentence that it was."""
        pos = self.featurizer.columns["pos"].entries
        pairs = []
        for i, start in enumerate(sentences.starts):
            rows = slice(start, start + sentences.lengths[i])
            tags = tuple(self.tags[tag] for tag in sentences.per_token["tags"][rows])
            sentence = Sentence(
                [
                    self.batches.encoded.distinct_words.words[t]
                    for t in sentences.per_token["tokens"][rows]
                ],
                columns={
                    "pos": tuple(pos[k - 1] for k in sentences.per_token["columns"][rows, 0]),
                    "tag": tags,
                },
                spans=spans_from_tags(tags),
            )
            pairs.append((sentence, self.sentences[sentences.per_sequence["classes"][i]]))
        return pairs

    def epoch(self, epoch=0):
        """Show all sentences once."""
        everything = np.arange(len(self.sentences))
        sentences = self.batches.encoded.pick(everything)
        random = np.random.default_rng([9, epoch])
        for change in self.batches.changes:
            sentences = change(sentences, random)
        return self.changed(sentences)

    def epochs(self, count):
        return [pair for epoch in range(count) for pair in self.epoch(epoch)]


def pieces(sentence):
    """Cut a sentence into names and single other tokens, as (label, words, parts of speech)."""
    names = {span.start: span for span in sentence.spans}
    found, i = [], 0
    while i < len(sentence):
        end, label = (names[i].end, names[i].label) if i in names else (i + 1, "O")
        found.append((label, sentence.tokens[i:end], sentence.columns["pos"][i:end]))
        i = end
    return found


def words_of(piece):
    return piece[:2]


def is_near(count, tosses, probability):
    deviation = (probability * (1 - probability) * tosses) ** 0.5
    return abs(count - tosses * probability) <= DEVIATIONS * deviation


# Mention replacement


@pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
def test_names_become_others_of_their_label_and_all_else_stays(scheme):
    shown = Shown(scheme=scheme, mentions=1.0, mention_rate=1.0)
    names = {piece for s in shown.sentences for piece in pieces(s) if piece[0] != "O"}
    for sentence, plain in shown.epochs(5):
        assert shown.gold(sentence) == list(sentence.columns["tag"])
        for one, other in zip(pieces(sentence), pieces(plain), strict=True):
            assert one[0] == other[0]
            if one[0] == "O":
                assert one == other
            else:
                # With its parts of speech, it is a name of training.
                assert one in names
                assert words_of(one) != words_of(other)


def test_a_share_of_the_names_of_a_sentence_is_replaced():
    shown = Shown(mentions=1.0, mention_rate=0.3)
    pairs = [
        (words_of(one), words_of(other))
        for sentence, plain in shown.epochs(10)
        for one, other in zip(pieces(sentence), pieces(plain), strict=True)
        if one[0] != "O"
    ]
    assert is_near(sum(one != other for one, other in pairs), len(pairs), 0.3)


# Label-wise token replacement


def triples(sentence, tags):
    return set(zip(tags, sentence.tokens, sentence.columns["pos"], strict=True))


def test_tokens_become_others_with_their_tag_and_part_of_speech():
    shown = Shown(tokens=1.0, token_rate=0.5)
    known = {triple for s in shown.sentences for triple in triples(s, shown.gold(s))}
    num_changed = num_tokens = 0
    for sentence, plain in shown.epochs(10):
        tags = shown.gold(plain)
        assert list(sentence.columns["tag"]) == tags
        assert triples(sentence, tags) <= known
        num_changed += sum(a != b for a, b in zip(sentence.tokens, plain.tokens, strict=True))
        num_tokens += len(tags)
    # Some are drawn for themselves.
    assert 0.4 < num_changed / num_tokens < 0.5


@pytest.mark.parametrize("blocks", [1, 3])
def test_tokens_are_drawn_as_often_as_training_has_them(blocks):
    tokens = np.array([1, 1, 1, 2, 2, 3, 4])
    tags = np.array([0, 0, 0, 0, 5, 5, 5])
    columns = np.array([[7, 1], [7, 1], [8, 1], [7, 1], [9, 1], [9, 1], [9, 1]])
    sentences = Ragged(
        np.ones(7, dtype=np.int64), {"tokens": tokens, "tags": tags, "columns": columns}
    )
    pool = TokenPool(sentences.pick(block) for block in np.array_split(np.arange(7), blocks))
    drawn = pool.draw(np.repeat([0, 5], 1000), np.random.default_rng(1))
    assert set(drawn) == {"tokens", "columns"}
    kinds = [(a, b) for a, (b, _) in zip(*(drawn[n].tolist() for n in drawn), strict=True)]
    counts = Counter(kinds[:1000])
    expected = {(1, 7): 1 / 2, (1, 8): 1 / 4, (2, 7): 1 / 4}
    assert counts.keys() == expected.keys()
    assert all(is_near(counts[kind], 1000, expected[kind]) for kind in expected)
    assert Counter(kinds[1000:]).keys() == {(2, 9), (3, 9), (4, 9)}


def test_draws_do_not_depend_on_how_a_corpus_is_kept():
    encoded = Shown().batches.encoded
    whole = TokenPool([encoded.sentences])
    turned = Ragged(encoded.sentences.lengths, dict(reversed(encoded.sentences.per_token.items())))
    cut = TokenPool(turned.pick(part) for part in np.array_split(np.arange(len(turned)), 7))
    tags = encoded.sentences.per_token["tags"]
    one, other = (pool.draw(tags, np.random.default_rng(1)) for pool in (whole, cut))
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_in_a_partial_annotation_unknown_tokens_stay_and_tags_are_those_of_before():
    names = tag_set(LABELS, "BIO")
    tags = ["?", "B-PER", "?", "B-PER|B-LOC", "O", "B-PER|B-LOC", "B-PER"]
    table = allowed_table(allowed_from_tags(tags), names, "BIO")
    words = [Sentence(["who", "ada", "of", "rome", "and", "paris", "bob"])]
    encoded = EncodedSentences(words, build_featurizer(words), {"tags": table})
    chosen = augmentation(tokens=1.0, token_rate=1.0)
    (change,) = chosen.changes(encoded, names)
    sentences, seen = encoded.pick(np.array([0])), set()
    for i in range(50):
        changed = change(sentences, np.random.default_rng(i))
        assert (changed.per_token["tags"] == table).all()
        seen.add(tuple(encoded.distinct_words.words[row] for row in changed.per_token["tokens"]))
    open_ones = {(words[0], words[2]) for words in seen}
    assert open_ones == {("who", "of")}
    assert {words[1] for words in seen} == {"ada", "bob"}
    assert {words[3] for words in seen} == {"rome", "paris"}
    assert {words[4] for words in seen} == {"and"}


# Deletion and swap


def rows_of(lengths):
    """Make sentences of numbered tokens."""
    numbers = np.arange(sum(lengths))
    return Ragged(np.array(lengths), {"tokens": numbers, "sentence_ids": numbers // 3})


def lists_of(sentences, name="tokens"):
    return [part.tolist() for part in np.split(sentences.per_token[name], sentences.starts[1:])]


def test_a_share_of_the_tokens_is_left_out_and_the_others_keep_their_order():
    sentences = rows_of([50] * 40)
    changed = Deletion(1.0, 0.2)(sentences, np.random.default_rng(1))
    for kept, plain in zip(lists_of(changed), lists_of(sentences), strict=True):
        assert kept == sorted(set(kept) & set(plain))
    assert is_near(changed.lengths.sum(), 2000, 0.8)
    assert (changed.per_token["sentence_ids"] == changed.per_token["tokens"] // 3).all()


def test_no_sentence_loses_all_its_tokens():
    sentences = rows_of([1, 2, 3] * 100)
    changed = Deletion(1.0, 1.0)(sentences, np.random.default_rng(1))
    assert (changed.lengths == 1).all()
    kept = Counter(int(token) % 6 for token in changed.per_token["tokens"])
    # Of 3 tokens (places 3, 4, 5) each stays as often as the others.
    assert all(is_near(kept[place], 100, 1 / 3) for place in (3, 4, 5))


@pytest.mark.parametrize(("length", "swaps"), [(2, 1), (9, 1), (30, 3)])
def test_as_many_tokens_change_places_as_the_rate_says(length, swaps):
    sentences = rows_of([length] * 200)
    changed = Swap(1.0, 0.1)(sentences, np.random.default_rng(1))
    moved = []
    for order, plain in zip(lists_of(changed), lists_of(sentences), strict=True):
        assert sorted(order) == plain
        moved.append(sum(a != b for a, b in zip(order, plain, strict=True)))
    # A swap moves two tokens; a later one may move one of them again.
    assert max(moved) == 2 * swaps
    assert min(moved) == 2 if swaps == 1 else np.mean(moved) > 2 * swaps - 1
    assert lists_of(changed, "sentence_ids") == lists_of(sentences, "sentence_ids")


def test_a_token_alone_stays():
    sentences = rows_of([1, 1])
    assert lists_of(Swap(1.0, 1.0)(sentences, np.random.default_rng(1))) == [[0], [1]]


# Spellings


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_sentence_in_another_spelling_has_the_features_of_that_spelling(spelling):
    words = ("New", "York", "'s", "o'Neil", "left", "the", "EU", "in", "1995")
    shown = Shown([Sentence(words, columns={"pos": words}, spans=())], **{spelling: 1.0})
    tokens = [SPELLINGS[spelling](word) for word in words]
    assert tokens != list(words)
    batch = shown.batches.batch(0, 0, np.array([0]))
    rows = batch["tokens"][0]
    assert len(batch["words"]) == len(set(tokens))
    for name, values in shown.featurizer.encode_words(tokens).items():
        assert (batch[name][rows] == values).all()


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [("upper", "THE MCDONALD"), ("lower", "the mcdonald"), ("title", "The McDonald")],
)
def test_spellings_are_those_of_capitals_small_letters_and_headlines(spelling, expected):
    assert [SPELLINGS[spelling](word) for word in ("the", "McDonald")] == expected.split()


def test_a_sentence_has_one_spelling_at_most():
    shares = {"upper": 0.5, "lower": 0.2, "title": 0.1}
    spellings = {name: np.full(20_000, i + 1) for i, name in enumerate(shares)}
    sentences = Ragged(np.full(4000, 5), {"tokens": np.zeros(20_000, dtype=np.int64)})
    changed = lists_of(Respelling(spellings, shares)(sentences, np.random.default_rng(1)))
    assert all(len(set(sentence)) == 1 for sentence in changed)
    counts = Counter(sentence[0] for sentence in changed)
    expected = dict(enumerate([0.2, 0.5, 0.2, 0.1]))
    assert counts.keys() == expected.keys()
    assert all(is_near(counts[i], 4000, expected[i]) for i in expected)


@pytest.mark.parametrize(
    ("shares", "got"),
    [((0.5, 0.4, 0.2), "0.2"), ((0.7, 0.7, None), "0.0")],
    ids=["all three", "two of three"],
)
def test_shares_of_spellings_that_pass_one_are_refused(shares, got):
    given = zip(("upper", "lower", "title"), shares, strict=True)
    section = {name: share for name, share in given if share is not None}
    with pytest.raises(ConfigError) as caught:
        parse_config({"augmentation": section})
    assert str(caught.value) == (
        f"augmentation.title: must be at most 1 together with upper and lower, {list(shares[:2])}. "
        f"Got {got}."
    )


def test_shares_of_spellings_may_be_one_together():
    parse_config({"augmentation": {"upper": 0.8, "lower": 0.1, "title": 0.1}})


# All of them


CAPITALS = [s.replace(tokens=[t.upper() for t in s.tokens], text="") for s in corpus()]


@pytest.mark.parametrize("share", [0.3, 1.0])
@pytest.mark.parametrize("name", SHARES)
def test_a_batch_mixes_changed_and_plain_sentences(name, share):
    rates = {"mention_rate": 1.0, "token_rate": 1.0, "delete_rate": 1.0, "swap_rate": 0.01}
    # Each change of one of these sentences is visible; but a token may be drawn for itself.
    sentences = CAPITALS if name == "lower" else corpus()
    sentences = [s for s in sentences if len(set(s.tokens)) == len(s) > 3]
    shown = Shown(sentences, **{name: share}, **rates)
    pairs = shown.epochs(30)
    changed = sum(one.tokens != plain.tokens for one, plain in pairs)
    assert len(pairs) > 500
    assert is_near(changed, len(pairs), share)


def test_batches_with_changes_are_a_function_of_seed_epoch_and_step():
    every = dict.fromkeys(SHARES, 0.3)
    one, other = Shown(**every).batches, Shown(**every).batches
    plan = one.plan(2)
    first = [one.batch(2, step, indices) for step, indices in enumerate(plan)]
    for step in reversed(range(len(plan))):
        again = other.batch(2, step, plan[step])
        assert again.keys() == first[step].keys()
        assert all(np.array_equal(again[name], first[step][name]) for name in again)


@pytest.mark.parametrize(
    "other", [{"seed": 2}, {"epoch": 1}, {"step": 1}], ids=["seed", "epoch", "step"]
)
def test_another_seed_epoch_or_step_shows_other_sentences(other):
    def sums(seed=1, epoch=0, step=0):
        batches = Shown(tokens=0.5, seed=seed).batches
        return batches.batch(epoch, step, np.arange(20))["characters"].sum()

    assert sums() != sums(**other)


def test_changes_leave_order_and_replacements_as_they_are_without():
    plain, changed = Shown().batches, Shown(**dict.fromkeys(SHARES, 1e-12)).batches
    assert len(plain.changes) == 0 < len(changed.changes)
    for step, indices in enumerate(plain.plan(0)):
        one, other = (batches.batch(0, step, indices) for batches in (plain, changed))
        assert one.keys() == other.keys()
        assert all(np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("name", SHARES)
def test_pairs_of_neighbours_are_those_of_the_sentence_that_is_shown(name):
    sentences = CAPITALS if name == "lower" else corpus()
    shown = Shown(sentences, bigrams=2, **{name: 1.0})
    everything = np.arange(len(sentences))
    batch = shown.batches.batch(0, 0, everything)
    sentences = shown.batches.encoded.pick(everything)
    random = np.random.default_rng([1, 0, 1, 1])  # the stream of this batch
    for change in shown.batches.changes:
        sentences = change(sentences, random)
    expected = shown.featurizer.bigrams.find([sentence for sentence, _ in shown.changed(sentences)])
    inside = np.arange(batch["lengths"].max()) < batch["lengths"][:, None]
    assert (batch["bigrams"][inside] == expected).all()
    assert not np.array_equal(expected, sentences.per_token["bigrams"])


@pytest.mark.parametrize("task", ["ner", "tag", "classify"])
@pytest.mark.parametrize("name", SHARES)
def test_what_spoils_a_task_is_refused(name, task):
    config = Config(task=task, augmentation={name: 0.25})
    allowed = {
        "ner": {"upper", "lower", "title", "mentions", "tokens"},
        "tag": {"upper", "lower", "title", "tokens"},
        "classify": {"upper", "lower", "title", "delete", "swap"},
    }
    if name in allowed[task]:
        check_task(config)
    else:
        with pytest.raises(
            ConfigError,
            match=rf"^augmentation\.{name}: must be 0\.0 unless the task is .+\. Got 0\.25 for "
            rf"{task}\.$",
        ):
            check_task(config)


class Speller(nn.Module):
    """Learns the tags of tokens from the shapes and rows of their words."""

    def __init__(self, num_words, num_tags):
        super().__init__()
        self.words = nn.Embedding(num_words, num_tags, sparse=True)
        self.shapes = nn.Embedding(8, num_tags)

    def loss(self, batch):
        scores = self.words(batch["words"]) + self.shapes(batch["shapes"])
        return nn.functional.cross_entropy(
            scores[batch["tokens"]].flatten(0, 1), batch["tags"].flatten()
        )


def trainer(seed):
    torch.manual_seed(seed)
    shown = Shown(batch_size=8, upper=0.2, mentions=0.5, tokens=0.5)
    model = Speller(len(shown.featurizer.words), len(shown.tags))
    return Trainer(
        model,
        shown.batches,
        lambda network: {"score": 0.0},
        build_optimizers(model, learning_rate=0.05),
        Schedule("one-cycle"),
        epochs=2,
        metric="score",
    )


@pytest.mark.parametrize("stop", [3, 8, 12])
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path, stop):
    whole, first, second = trainer(1), trainer(1), trainer(2)
    for _ in whole.run():
        pass
    for number, _ in enumerate(first.run(), 1):
        if number == stop:
            save_checkpoint(tmp_path, first, {"identity": {}, "history": []})
            break
    newest_checkpoint(tmp_path).restore(second)
    for _ in second.run():
        pass
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, second.model.state_dict()[name])
