"""A small encoder made here stands for those of the hub; there is no network."""

import json
import shutil
import sys
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

import ner
from ner.data.sentence import Sentence
from ner.errors import ConfigError, MissingExtraError
from ner.features.batches import EncodedSentences, TrainingBatches
from ner.features.document_context import Passage, make_passage, passages_of, windows_with_context
from ner.features.featurizer import Featurizer, build_featurizer
from ner.features.subwords import CACHED_WORDS, Subwords, cut_windows, handovers
from ner.inference.evaluate import evaluate
from ner.model_folder import GRAPH_FILES
from ner.nn.pretrained import (
    build_pretrained_encoder,
    find_licence,
    read_pretrained_encoder,
)
from ner.nn.transformer import VectorCache, build_transformer, transformers_of
from tests.tolerance import additions, float32_bound, small_model_bound

transformers = pytest.importorskip("transformers", reason="needs the extra transformers")

WIDTH, LONGEST = 16, 20
MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = "abcdefghij"
PIECES = [*MARKS, "the", "big", *LETTERS, *(f"##{c}" for c in LETTERS), "##ig", "[", "]", "."]
# One sub-word, several, an unknown letter, none at all, and what looks like a mark.
TEXT = ["the", "big", "bad", "cab", "ö", "\u200b", "[SEP]", "abc", "the", ".", "jig", "face"]


def make_tokenizer():
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    ids = {piece: i for i, piece in enumerate(PIECES)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )


def quietly(save, folder):
    transformers.utils.logging.disable_progress_bar()
    save(folder)
    transformers.utils.logging.enable_progress_bar()


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Save an encoder of random weights, wild enough that everything matters."""
    path = tmp_path_factory.mktemp("encoder") / "tiny"
    torch.manual_seed(3)
    config = transformers.BertConfig(
        vocab_size=len(PIECES),
        hidden_size=WIDTH,
        num_hidden_layers=5,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=LONGEST,
        initializer_range=0.4,
    )
    encoder = transformers.BertModel(config, add_pooling_layer=False)
    for name, parameter in encoder.named_parameters():
        if "attention.output.dense" in name:
            # Else all tokens of a sentence become alike.
            parameter.data *= 0.2
    quietly(encoder.save_pretrained, path)
    make_tokenizer().save_pretrained(path)
    return path


@pytest.fixture(scope="session")
def pretrained(folder):
    return read_pretrained_encoder(str(folder))


def subwords_of(pretrained, **settings):
    known: dict[str, Any] = {"window": None, "overlap": 4, "context": 0, "pooling": "mean"}
    return pretrained.subwords(**known | settings)


def transformer_of(pretrained, layers="mean4", **settings):
    part = build_transformer(
        {"layers": layers, "tuned": False, "rate": 0.1} | settings, pretrained.architecture
    )
    part.encoder.load_state_dict(pretrained.module.state_dict())
    return part.eval()


def bound_of(part, vectors):
    """How far vectors may lie apart that the encoder computes in other company."""
    return float32_bound(vectors, additions(part.encoder))


def tensors(arrays):
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def batch_of(subwords, passages) -> Any:
    lengths = np.array([len(passage.words) for passage in passages])
    return tensors({**subwords.arrays(passages), "lengths": lengths})


def alone(*words):
    return Passage((), words, ())


def states_of(encoder, pieces):
    """Give the hidden states of all layers (L, S, E) of one window."""
    with torch.no_grad():
        found = encoder(input_ids=torch.tensor([pieces]), output_hidden_states=True)
    return torch.stack(found.hidden_states)[:, 0]


# Sub-words


def test_sub_words_are_those_of_the_library(pretrained):
    tokenizer = make_tokenizer()
    words = ["the", "big", "bad", "cab", "ö", "abc", ".", "a.b"]
    expected = tokenizer(words, is_split_into_words=True)
    (pieces,) = subwords_of(pretrained).windows(alone(*words)).pieces
    assert pieces == expected["input_ids"]
    counts = subwords_of(pretrained).windows(alone(*words)).counts
    own = [word for word in expected.word_ids() if word is not None]
    assert counts.tolist() == [own.count(i) for i in range(len(words))]


def test_words_without_sub_words_and_halves_of_characters_are_unknown(pretrained):
    unknown = (PIECES.index("[UNK]"),)
    assert subwords_of(pretrained).split(["\u200b", "\ud800", "\t", "ö"]) == [unknown] * 4


def test_what_looks_like_a_mark_is_text(pretrained):
    (pieces,) = subwords_of(pretrained).split(["[SEP]"])
    assert [PIECES[i] for i in pieces] == ["[", "[UNK]", "]"]


def test_sub_words_of_words_are_kept_up_to_a_bound(pretrained, monkeypatch):
    monkeypatch.setattr("ner.features.subwords.CACHED_WORDS", 3)
    subwords = subwords_of(pretrained)
    expected = [subwords_of(pretrained).split([word])[0] for word in TEXT]
    assert [subwords.split([word])[0] for word in TEXT] == expected
    assert subwords.split(TEXT[:5]) == expected[:5]
    assert subwords.split(TEXT[3:]) == expected[3:]
    assert len(subwords._cache) <= len(TEXT)
    assert CACHED_WORDS >= 10_000


def byte_level(add_prefix_space):
    """Give a tokenizer of bytes, in which a blank before a word is a part of it."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    pieces = ["Ġ", *LETTERS, "Ġb", "Ġbi", "Ġbig"]
    merges = [("Ġ", "b"), ("Ġb", "i"), ("Ġbi", "g")]
    tokenizer = Tokenizer(models.BPE({piece: i for i, piece in enumerate(pieces)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    return pieces, tokenizer.to_str()


@pytest.mark.parametrize("add_prefix_space", [True, False])
def test_a_tokenizer_of_bytes_sees_the_blank_before_each_word(add_prefix_space):
    pieces, tokenizer = byte_level(add_prefix_space)
    subwords = Subwords(tokenizer, window=8)
    assert subwords.split(["big", "bad"]) == [
        (pieces.index("Ġbig"),),
        (pieces.index("Ġb"), pieces.index("a"), pieces.index("d")),
    ]
    assert subwords.windows(alone("big")).pieces == [[pieces.index("Ġbig")]]  # no marks


def test_sub_words_survive_the_way_through_json(pretrained):
    old = subwords_of(pretrained, context=3, pooling="first")
    featurizer = build_featurizer([Sentence(TEXT)], subwords=old)
    settings, vocabularies = json.loads(
        json.dumps([featurizer.settings(), featurizer.vocabularies()])
    )
    new = Featurizer.from_settings(settings, vocabularies, None).subwords
    assert new is not None
    assert new.settings() == old.settings()
    passage = Passage(TEXT[:2], TEXT, TEXT[3:])
    arrays, expected = new.arrays([passage]), old.arrays([passage])
    assert all((arrays[name] == expected[name]).all() for name in expected)


# Windows


@given(st.integers(2, 12), st.data())
def test_windows_cover_everything_and_each_place_has_the_most_central(size, data):
    overlap = data.draw(st.integers(0, size // 2))
    length = data.draw(st.integers(size + 1, 60))
    starts = cut_windows(length, size, overlap)
    assert starts[0] == 0
    assert starts[-1] + size == length
    shared = starts[:-1] + size - starts[1:]
    assert (shared >= overlap).all()
    assert len(starts) == 1 + -(-(length - size) // (size - overlap))

    each = np.arange(length)
    owners = np.searchsorted(handovers(starts, size, each), each, "right")
    for place, owner in zip(each.tolist(), owners.tolist(), strict=True):
        margins = np.minimum(place - starts, starts + size - 1 - place)
        assert owner == margins.argmax()


@given(st.lists(st.integers(1, 9), min_size=3, max_size=40), st.integers(4, 12))
def test_a_word_comes_from_one_window_where_the_next_one_holds_its_start(counts, size):
    length = sum(counts)
    if length <= size:
        return
    starts = cut_windows(length, size, size // 2)
    word_starts = np.cumsum(counts) - counts
    owners = np.searchsorted(handovers(starts, size, word_starts), np.arange(length), "right")
    assert (np.diff(owners) >= 0).all()
    assert (
        (np.arange(length) >= starts[owners]) & (np.arange(length) < starts[owners] + size)
    ).all()
    for start, count in zip(word_starts.tolist(), counts, strict=True):
        own = set(owners[start : start + count].tolist())
        assert len(own) == 1 or start < starts[max(own)]


def test_a_window_needs_room_beside_the_special_sub_words(pretrained):
    with pytest.raises(ConfigError) as error:
        subwords_of(pretrained, window=2)
    assert str(error.value) == (
        "transformer.window: must be more than the 2 special sub-words of the encoder. Got 2."
    )
    with pytest.raises(ConfigError) as error:
        subwords_of(pretrained, window=LONGEST + 1)
    assert str(error.value) == (
        f"transformer.window: must be at most {LONGEST}, which the encoder reads at once. "
        f"Got {LONGEST + 1}."
    )


# Surroundings


def documents(*sizes):
    """Make sentences of so many words, documents apart; a document None is one by itself."""
    return [
        Sentence([f"{name}{i}{k}" for k in range(length)], document=name)
        for name, lengths in sizes
        for i, length in enumerate(lengths)
    ]


CORPUS = documents(("a", [3, 1, 4, 2]), ("b", [2]), (None, [2, 3]), ("a", [1, 6, 1]))


@pytest.mark.parametrize("reach", [0, 1, 3, 5, 100])
def test_the_context_is_words_of_the_same_document(reach):
    """Brute force: walk word by word from the sentence on."""
    stretch = [0, 0, 0, 0, 1, 2, 3, 4, 4, 4]
    flat = [(number, t) for number, s in zip(stretch, CORPUS, strict=True) for t in s.tokens]
    start = 0
    for i, sentence in enumerate(CORPUS):
        end = start + len(sentence)
        before = [t for number, t in flat[max(0, start - reach) : start] if number == stretch[i]]
        behind = [t for number, t in flat[end : end + reach] if number == stretch[i]]
        assert make_passage(CORPUS, i, reach) == (before, sentence.tokens, behind)
        start = end


@pytest.mark.parametrize("reach", [0, 2, 100])
def test_training_reads_the_same_passages_as_tagging(pretrained, reach):
    subwords = subwords_of(pretrained, context=reach)
    encoded = EncodedSentences(CORPUS, build_featurizer(CORPUS, subwords=subwords))
    order = np.array([7, 0, 3, 9, 1, 2])
    found = list(passages_of(encoded.pick(order), encoded.distinct_words.words, reach))
    expected = [tuple(map(list, make_passage(CORPUS, i, reach))) for i in order]
    assert [tuple(map(list, passage)) for passage in found] == expected


def test_a_changed_sentence_is_read_as_changed_among_its_context(pretrained):
    def backwards(sentences, random):
        ends = np.repeat(sentences.starts + sentences.lengths, sentences.lengths)
        starts = np.repeat(sentences.starts, sentences.lengths)
        places = starts + ends - 1 - np.arange(len(starts))
        return sentences.replace(tokens=sentences.per_token["tokens"][places])

    texts = [["the", "big", "cab"], ["abc"], ["face", "jig"]]
    corpus = [Sentence(text, document="a") for text in texts]
    subwords = subwords_of(pretrained, context=2)
    encoded = EncodedSentences(corpus, build_featurizer(corpus, subwords=subwords))
    batches = TrainingBatches(encoded, seed=1, batch_size=3, changes=[backwards])
    batch = batches.batch(0, 0, np.array([2, 0]))
    expected = subwords.arrays(
        [Passage(["cab", "abc"], ["jig", "face"], []), Passage([], ["cab", "big", "the"], ["abc"])]
    )
    assert all((batch[name] == expected[name]).all() for name in expected)
    assert "before" not in batch


def test_sentences_on_a_disk_bring_no_context(pretrained):
    encoded = EncodedSentences(CORPUS, build_featurizer(CORPUS))
    with pytest.raises(ConfigError) as error:
        list(passages_of(encoded.pick(np.arange(2)), encoded.distinct_words.words, 5))
    assert str(error.value) == (
        "transformer.context: must be 0 for training data that stay on the disk. Got 5."
    )


@pytest.mark.parametrize("reach", [0, 1, 4, 100])
@pytest.mark.parametrize("count", [1, 2, 3, 100])
def test_a_stream_in_windows_keeps_the_context(count, reach):
    corpus = [*CORPUS[:2], Sentence([]), *CORPUS[2:]]
    found = []
    for sentences, places in windows_with_context(iter(corpus), count, reach):
        assert 1 <= len(places) <= count
        found += [make_passage(sentences, i, reach) for i in places]
    assert found == [make_passage(corpus, i, reach) for i in range(len(corpus))]


def test_a_stream_is_read_no_further_than_needed():
    taken = 0

    def stream():
        nonlocal taken
        for _ in range(1000):
            taken += 1
            yield Sentence(["a", "b"], document="d")

    next(windows_with_context(stream(), 10, 6))
    assert taken == 13


# The embedding


@pytest.mark.numeric
@pytest.mark.parametrize("pooling", ["mean", "first"])
@pytest.mark.parametrize("layers", ["last", "mean4", "mix"])
def test_a_token_is_what_the_encoder_says_of_its_sub_words(pretrained, layers, pooling):
    part = transformer_of(pretrained, layers)
    if part.mix is not None:
        part.mix.load_state_dict({"weights": torch.arange(6.0), "factor": torch.tensor([2.0])})
    subwords = subwords_of(pretrained, pooling=pooling, window=LONGEST)
    words = ["the", "bad", "\u200b", "abc", "big"]
    found = part(batch_of(subwords, [alone(*words)]))
    (pieces,) = subwords.windows(alone(*words)).pieces
    states = states_of(pretrained.module, pieces)
    mixed = {
        "last": states[-1],
        "mean4": states[-4:].mean(0),
        "mix": 2 * (torch.arange(6.0).softmax(0)[:, None, None] * states).sum(0),
    }[layers]
    ends = 1 + np.cumsum([len(p) for p in subwords.split(words)])
    for vector, start, end in zip(found[0], [1, *ends], ends, strict=False):
        own = mixed[start:end]
        expected = own[0] if pooling == "first" else own.mean(0)
        torch.testing.assert_close(vector, expected, rtol=0, atol=bound_of(part, expected))
    assert part.size == found.shape[2] == WIDTH


@pytest.mark.numeric
def test_the_document_is_read_along_as_far_as_there_is_room(pretrained):
    subwords = subwords_of(pretrained, context=3)
    passage = Passage(["a", "abc", "b"], ["the", "big"], ["c", "d"])
    (pieces,) = subwords.windows(passage).pieces
    named = ["[CLS]", "##b", "##c", "b", "the", "big", "c", "d", "[SEP]"]
    assert [PIECES[i] for i in pieces] == named
    part = transformer_of(pretrained, "last")
    found = part(batch_of(subwords, [passage]))
    expected = states_of(pretrained.module, pieces)[-1, 4:6]
    bound = bound_of(part, expected)
    torch.testing.assert_close(found[0].detach(), expected, rtol=0, atol=bound)

    tight = subwords_of(pretrained, context=6, window=9)  # room for seven
    for before, own, behind, kept in [
        (6, 3, 6, (2, 2)),
        (1, 3, 6, (1, 3)),
        (6, 3, 1, (3, 1)),
        (6, 4, 6, (2, 1)),
        (6, 7, 6, (0, 0)),
    ]:
        windows = tight.windows(Passage(["a"] * before, ["b"] * own, ["c"] * behind))
        assert [PIECES[i] for i in windows.pieces[0][1:-1]] == ["a"] * kept[0] + ["b"] * own + [
            "c"
        ] * kept[1]
        assert windows.columns.tolist() == list(range(1 + kept[0], 1 + kept[0] + own))


@pytest.mark.numeric
@pytest.mark.parametrize("pooling", ["mean", "first"])
@pytest.mark.parametrize("context", [0, 9])
def test_nothing_of_a_long_sentence_is_cut_off(pretrained, context, pooling):
    subwords = subwords_of(pretrained, overlap=9, context=context, pooling=pooling)
    random = np.random.default_rng(1)
    words = ["".join(random.choice(list(LETTERS), n)) for n in random.integers(1, 6, 60)]
    words[20] = "abcdefghij" * 5  # longer than a window
    passage = Passage(["a"] * 30, words, ["b"] * 30)
    part = transformer_of(pretrained, "last")
    found = part(batch_of(subwords, [passage]))[0].detach()

    # Each word from the window in which it is farthest from both ends; one of several sub-words
    # may come from another one, but from one alone if it fits.
    room = LONGEST - 2
    own = subwords.split(words)
    sequence = [PIECES.index("a")] * context + [piece for pieces in own for piece in pieces]
    sequence += [PIECES.index("b")] * context
    starts = cut_windows(len(sequence), room, 9)
    states = [states_of(pretrained.module, [2, *sequence[s : s + room], 3])[-1] for s in starts]
    place = context
    whole = 0
    bound = bound_of(part, found)
    for vector, pieces in zip(found, own, strict=True):
        count = 1 if pooling == "first" else len(pieces)
        margins = [min(place - s, s + room - 1 - place) for s in starts]
        options = [
            states[k][place - s + 1 : place - s + 1 + count].mean(0)
            for k, s in enumerate(starts)
            if s <= place and place + count <= s + room
        ]
        if len(pieces) == 1:
            k = int(np.argmax(margins))
            expected = states[k][place - starts[k] + 1]
            torch.testing.assert_close(vector, expected, rtol=0, atol=bound)
        whole += any(torch.allclose(vector, option, rtol=0, atol=bound) for option in options)
        place += len(pieces)
    assert whole == 60 - (pooling == "mean")
    assert found.isfinite().all()
    assert not (found == 0).all(dim=1).any()


def crowd():
    random = np.random.default_rng(5)
    long = tuple(random.choice(TEXT, 400).tolist())
    return [
        alone(*TEXT),
        alone("the"),
        Passage(["big"] * 3, TEXT[:4], ["face"] * 9),
        alone("\u200b"),
        alone("abcdefghij" * 30, "the"),
        alone(*long),
    ]


@pytest.mark.numeric
@pytest.mark.parametrize("tuned", [False, True])
@pytest.mark.parametrize("layers", ["last", "mean4", "mix"])
def test_company_changes_no_vector(pretrained, layers, tuned):
    part = transformer_of(pretrained, layers, tuned=tuned)
    subwords = subwords_of(pretrained, context=5)
    passages = crowd()
    with torch.inference_mode():
        apart = [part(batch_of(subwords, [passage]))[0] for passage in passages]
        for order in (range(len(passages)), [5, 3, 1, 0, 4, 2], [2, 0]):
            found = part(batch_of(subwords, [passages[i] for i in order]))
            for i, rows in zip(order, found, strict=True):
                expected = apart[i]
                bound = bound_of(part, expected)
                torch.testing.assert_close(rows[: len(expected)], expected, rtol=0, atol=bound)
                assert not rows[len(expected) :].any()


def test_company_changes_no_bit_of_what_is_kept(pretrained):
    part = transformer_of(pretrained)
    subwords = subwords_of(pretrained, context=5)
    passages = crowd()
    part.keep_vectors(1 << 20)
    apart = [part(batch_of(subwords, [passage]))[0] for passage in passages]
    for order in (range(len(passages)), [5, 3, 1, 0, 4, 2], [2, 0]):
        part.keep_vectors(1 << 20)
        found = part(batch_of(subwords, [passages[i] for i in order]))
        for i, rows in zip(order, found, strict=True):
            assert torch.equal(rows[: len(apart[i])], apart[i])


def test_a_frozen_encoder_neither_learns_nor_drops(pretrained):
    part = transformer_of(pretrained, "mix").train()
    batch = batch_of(subwords_of(pretrained), [alone(*TEXT)])
    first = part(batch)
    assert torch.equal(first, part(batch))
    first.square().sum().backward()
    assert all(p.grad is None and not p.requires_grad for p in part.encoder.parameters())
    learnt = [p for p in part.parameters() if p.requires_grad]
    assert len(learnt) == 2
    assert all(p.grad is not None and p.grad.any() for p in learnt)


def test_a_tuned_encoder_learns_and_drops(pretrained):
    part = transformer_of(pretrained, "mean4", tuned=True).train()
    batch = batch_of(subwords_of(pretrained), [alone(*TEXT)])
    first = part(batch)
    assert not torch.equal(first, part(batch))
    first.square().sum().backward()
    unused = [n for n, p in part.encoder.named_parameters() if p.grad is None]
    assert not unused
    assert torch.equal(part.eval()(batch), part(batch))


def counted(part):
    """Count the windows that an encoder reads."""
    read = []
    part.encoder.register_forward_pre_hook(
        lambda _, __, given: read.append(len(given["input_ids"])), with_kwargs=True
    )
    return read


@pytest.mark.numeric
@pytest.mark.parametrize("layers", ["mean4", "mix"])
def test_a_frozen_encoder_reads_each_sentence_once(pretrained, layers):
    part = transformer_of(pretrained, layers)
    part.keep_vectors(1 << 20)
    subwords = subwords_of(pretrained, context=5)
    passages = crowd()
    expected = [part(batch_of(subwords, [p]))[0] for p in passages[:3]]
    read = counted(part)
    part.train()
    with torch.inference_mode():  # as evaluation does; training goes on with what it left
        part(batch_of(subwords, passages))
    assert sum(read) == sum(len(subwords.windows(p).pieces) for p in passages[3:])
    read.clear()
    found = part(batch_of(subwords, passages[::-1]))
    assert not read
    for rows, vectors in zip(reversed(found), expected, strict=False):
        bound = bound_of(part, vectors)
        torch.testing.assert_close(rows[: len(vectors)], vectors, rtol=0, atol=bound)
    if layers == "mix":
        found.sum().backward()
        assert all(p.grad is not None for p in part.parameters() if p.requires_grad)
    # The same words in another document are another passage.
    part(batch_of(subwords, [passages[2]._replace(before=["bad"])]))
    assert len(read) == 1


@pytest.mark.numeric
def test_sentences_that_are_read_ahead_are_not_read_again(pretrained):
    part = build_transformer(
        {"layers": "mean4", "tuned": False, "rate": 1.0}, pretrained.architecture
    )
    part.encoder.load_state_dict(pretrained.module.state_dict())
    subwords = subwords_of(pretrained, context=5)
    passages = crowd()
    part.read_ahead([batch_of(subwords, passages)])  # nothing is kept
    expected = [transformer_of(pretrained)(batch_of(subwords, [p]))[0] for p in passages]
    part.keep_vectors(4 * WIDTH * (len(TEXT) + 1))
    read = counted(part)
    part.read_ahead(iter([batch_of(subwords, [p]) for p in passages]))
    assert len(read) == 3  # the third one finds no room, and the others are not tried
    part.keep_vectors(1 << 20)
    part.read_ahead([batch_of(subwords, passages)])
    read.clear()
    found = part(batch_of(subwords, passages))
    assert not read
    for rows, vectors in zip(found, expected, strict=True):
        bound = bound_of(part, vectors)
        torch.testing.assert_close(rows[: len(vectors)], vectors, rtol=0, atol=bound)


def test_kept_vectors_stay_within_their_bound():
    cache = VectorCache(100)
    for key in range(6):
        assert cache.is_full == (key > 2)
        cache.put((key, 0), np.full((2, 5), key, dtype=np.float32))
    assert cache.size == 80
    kept = [cache.get((key, 0)) for key in range(6)]
    assert [None if k is None else k[0, 0] for k in kept] == [0, 1, *[None] * 4]


def test_a_tuned_encoder_keeps_nothing_and_no_memory_keeps_nothing(pretrained):
    part = transformer_of(pretrained, tuned=True)
    part.keep_vectors(1 << 20)
    assert part.cache is None
    frozen = transformer_of(pretrained)
    frozen.keep_vectors(0)
    assert frozen.cache is None
    assert transformers_of(torch.nn.Sequential(part, torch.nn.Identity())) == [part]


# Reading


def test_what_is_read_can_be_built_again(pretrained):
    architecture = json.loads(json.dumps(pretrained.architecture))
    again = build_pretrained_encoder(architecture)
    assert again.state_dict().keys() == pretrained.module.state_dict().keys()
    assert "_name_or_path" not in architecture
    assert (pretrained.limit, pretrained.padding, pretrained.unknown) == (LONGEST, 0, 1)
    assert pretrained.digest == read_pretrained_encoder(pretrained.module.name_or_path).digest


def copied(folder, target, **changes):
    """Copy an encoder, with changes of its configuration."""
    target.mkdir()
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    config = json.loads((target / "config.json").read_text())
    (target / "config.json").write_text(json.dumps(config | changes))
    return target


def refusal(path):
    with pytest.raises(ConfigError) as error:
        read_pretrained_encoder(str(path))
    assert "\n" not in str(error.value)
    return str(error.value)


HINT = "must be a folder, or a name on the hub, with an encoder in safetensors and its tokenizer."


def test_a_folder_that_is_not_there_is_one_line(tmp_path):
    path = tmp_path / "nowhere"
    assert refusal(path) == f"transformer.path: {HINT} Got '{path}': no such folder."


def test_a_file_is_no_folder(folder):
    path = folder / "model.safetensors"
    said = f"Got '{path}': a file, and not the folder that it is in."
    assert refusal(path) == f"transformer.path: {HINT} {said}"


def test_a_name_that_the_hub_does_not_give_is_one_line(monkeypatch):
    def fail(*arguments, **options):
        raise FileNotFoundError("Got: ConnectError: no network\nand more")

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    said = "Got 'some-name': no such folder, and nothing from the hub: ConnectError: no network."
    assert refusal("some-name") == f"transformer.path: {HINT} {said}"


@pytest.mark.parametrize(
    ("name", "words"),
    [("config", "config.json is missing."), ("token", "its tokenizer has no vocabulary.")],
)
def test_missing_files_are_named(folder, tmp_path, name, words):
    target = copied(folder, tmp_path / "some")
    for path in target.glob(f"{name}*"):
        path.unlink()
    (target / "vocab.txt").unlink(missing_ok=True)
    assert refusal(target).endswith(words)


def test_code_of_a_model_is_never_run(folder, tmp_path):
    target = copied(
        folder,
        tmp_path / "code",
        model_type="own",
        auto_map={"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"},
    )
    (target / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    assert HINT in refusal(target)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "key", ["_attn_implementation", "attn_implementation"], ids=["private", "public"]
)
def test_what_asks_for_other_attention_gets_that_of_torch(folder, tmp_path, key):
    """Such a name is that of code on the hub."""
    target = copied(folder, tmp_path / "kernel", **{key: "someone/kernel"})
    read = read_pretrained_encoder(str(target))
    again = build_pretrained_encoder({**read.architecture, key: "someone/kernel"})
    for module in (read.module, again):
        config: Any = module.config
        assert config._attn_implementation == "sdpa"


def test_pickles_are_not_read(folder, tmp_path):
    target = copied(folder, tmp_path / "pickle")
    torch.save({}, target / "pytorch_model.bin")
    (target / "model.safetensors").unlink()
    assert HINT in refusal(target)
    index = {"weight_map": {"embeddings.word_embeddings.weight": "pytorch_model.bin"}}
    (target / "model.safetensors.index.json").write_text(json.dumps(index))
    assert refusal(target).endswith("weights in pytorch_model.bin.")
    (target / "adapter_config.json").write_text("{}")
    assert refusal(target).endswith("an adapter; merge it into its encoder first.")


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_damaged_files_are_one_line(folder, tmp_path, name):
    target = copied(folder, tmp_path / "damaged")
    (target / name).write_bytes(b"{")
    assert HINT in refusal(target)


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlanguage: en\nlicense: apache-2.0\ntags: [x]\n---\n# Tiny\n", "apache-2.0"),
        ('---\nlicense: "mit"\n---\n', "mit"),
        ("---\nlanguage: en\n---\nlicense: mit\n", None),
        ("# Tiny\nlicense: mit\n", None),
        ("\ufffd", None),
    ],
    ids=["among others", "quoted", "after the head", "without a head", "no text"],
)
def test_the_licence_is_that_in_the_head_of_the_card(tmp_path, card, licence):
    (tmp_path / "README.md").write_text(card)
    assert find_licence(tmp_path) == licence


def test_missing_weights_are_named(folder, tmp_path):
    target = copied(folder, tmp_path / "more", num_hidden_layers=6)
    assert refusal(target).startswith(
        "transformer.path: all weights of the encoder must be there. Got "
    )
    assert "which lacks encoder.layer.5." in refusal(target)


def test_the_extra_is_named_where_it_is_missing(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError) as error:
        read_pretrained_encoder(str(folder))
    assert str(error.value) == (
        "The transformer embedding needs transformers: pip install 'lattice-ner[transformers]'"
    )


def test_a_library_that_misses_others_is_one_line(folder, monkeypatch):
    def refuse(name):
        raise ImportError(f"tokenizers<=0.1 is required for {name}.\nTry: pip")

    monkeypatch.setattr("importlib.import_module", refuse)
    with pytest.raises(MissingExtraError) as error:
        read_pretrained_encoder(str(folder))
    assert str(error.value) == (
        "The transformer embedding needs a whole transformers. "
        "Got: tokenizers<=0.1 is required for transformers."
    )


def test_positions_behind_the_padding_do_not_count():
    """After RoBERTa, the first position has the number of the padding row and one more."""
    from ner.nn.pretrained import _limit

    config = transformers.RobertaConfig(
        vocab_size=20,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        max_position_embeddings=14,
        pad_token_id=1,
    )
    encoder = transformers.RobertaModel(config, add_pooling_layer=False).eval()
    assert _limit(encoder, 10**30) == 12
    encoder(input_ids=torch.full((1, 12), 5))
    with pytest.raises((IndexError, RuntimeError)):
        encoder(input_ids=torch.full((1, 13), 5))


def test_the_half_of_a_pair_that_encodes_is_taken(tmp_path):
    config = transformers.T5Config(
        vocab_size=len(PIECES), d_model=8, d_kv=4, d_ff=8, num_layers=2, num_heads=2
    )
    quietly(transformers.T5Model(config).save_pretrained, tmp_path)
    make_tokenizer().save_pretrained(tmp_path)
    read = read_pretrained_encoder(str(tmp_path))
    part = transformer_of(read, "mix")
    assert not any("decoder" in name for name, _ in part.named_parameters())
    assert read.limit is None
    subwords = subwords_of(read)
    assert subwords.window == 512
    assert part(batch_of(subwords, [alone("the", "big")])).shape == (1, 2, 8)


# Whole runs

TAGGED = [
    ("the big cab met abc .", [(2, 3, "CAR"), (4, 5, "BAD")]),
    ("big face .", []),
    ("abc met the cab", [(0, 1, "BAD"), (3, 4, "CAR")]),
    ("bad jig and cab .", [(3, 4, "CAR")]),
    ("the abc .", [(1, 2, "BAD")]),
    ("face the jig", []),
]
SENTENCES = [
    Sentence(text.split(), spans=spans, document="a" if i < 3 else "b")
    for i, (text, spans) in enumerate(TAGGED)
]
ENCODER = {"size": 16, "dropout": 0.0}
TRAINING = {"epochs": 3, "threads": 1, "device": "cpu", "batch_size": 2, "learning_rate": 0.01}


def train(folder, out, *, settings=None, **arguments):
    known: dict[str, Any] = {
        "encoder": ENCODER,
        "training": TRAINING,
        "transformer": {"path": str(folder)} | (settings or {}),
        "words": {"size": 4},
        "characters": {"kind": "none"},
        "affixes": {"rows": 0},
        "embedder": {"dropout": 0.0, "word_dropout": 0.0},
    }
    return ner.train(out=out, train=SENTENCES, dev=SENTENCES, progress=False, **known | arguments)


def same(found, expected):
    """Whether predictions agree, with sums in another order."""
    for one, other in zip(found, expected, strict=True):
        left, right = one.prediction, other.prediction
        assert left.spans == right.spans
        assert left.scores == pytest.approx(right.scores, abs=small_model_bound(len(one)))


@pytest.mark.numeric
@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"context": 4, "layers": "mix"}, id="context and mixed layers"),
        pytest.param({"alone": True, "pooling": "first"}, id="alone and first piece"),
        pytest.param({"tuned": True, "rate": 0.1, "alone": True}, id="tuned"),
    ],
)
def test_sentences_are_learnt_by_heart_and_the_model_needs_its_encoder_no_more(
    folder, tmp_path, settings, monkeypatch
):
    path = copied(folder, tmp_path / "encoder")
    training = TRAINING | {"epochs": 30, "ema": 0.0, "learning_rate": 0.04}
    tagger, report = train(path, tmp_path / "run", settings=settings, training=training)
    assert report.f1 == 1.0
    shutil.rmtree(path)
    again = ner.load(tmp_path / "run/model")
    expected = tagger.tag_sentences(SENTENCES)
    same(again.tag_sentences(SENTENCES), expected)
    for window in (1, 2, 4):
        same(list(again.pipe(SENTENCES, window=window)), expected)
    assert evaluate(again, SENTENCES).f1 == 1.0

    read = load_file(tmp_path / "run/model/model.safetensors")
    original = load_file(folder / "model.safetensors")
    name = "encoder.layer.0.attention.self.query.weight"
    kept = np.array_equal(read[f"embedder.token_parts.transformer.encoder.{name}"], original[name])
    assert kept != bool(settings.get("tuned"))
    monkeypatch.setitem(sys.modules, "transformers", None)  # tagging needs tokenizers alone
    same(ner.load(tmp_path / "run/model", runtime="onnx").tag_sentences(SENTENCES), expected)


def test_a_model_with_an_encoder_has_graphs_in_eight_bits_and_a_compact_form(folder, tmp_path):
    train(folder, tmp_path / "run", settings={"alone": True})
    model, small = tmp_path / "run/model", tmp_path / "small"
    ner.export(model, out=small, int8=True, compact=True, dev=SENTENCES)
    names = {path.name for path in small.glob("*.onnx")}
    assert names == {*GRAPH_FILES}
    for precision in ("fp32", "int8"):
        tagger = ner.load(small, precision=precision)
        assert len(tagger.tag_sentences([*SENTENCES, Sentence([])])) == len(SENTENCES) + 1
    expected = ner.load(small, runtime="torch").tag_sentences(SENTENCES)
    same(ner.load(small).tag_sentences(SENTENCES), expected)


@pytest.mark.parametrize("tuned", [False, True])
def test_a_resumed_run_is_the_uninterrupted_run(folder, tmp_path, tuned, monkeypatch):
    settings = {"tuned": tuned, "layers": "mix", "context": 3}
    train(folder, tmp_path / "whole", settings=settings)
    steps = []

    def interrupt(*arguments):
        steps.append(arguments)
        if len(steps) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("ner.training.progress.Progress.epoch", interrupt)
        with pytest.raises(KeyboardInterrupt):
            train(folder, tmp_path / "cut", settings=settings)
    *_, checkpoint = sorted((tmp_path / "cut/checkpoints").glob("epoch-*"))
    kept = load_file(checkpoint / "state.safetensors")
    assert any(".encoder.layer." in name for name in kept) == tuned
    train(folder, tmp_path / "cut", settings=settings, resume=True)
    whole, cut = (load_file(tmp_path / f"{n}/model/model.safetensors") for n in ("whole", "cut"))
    assert whole.keys() == cut.keys()
    assert all(np.array_equal(whole[name], cut[name]) for name in whole)


def test_a_resumed_run_needs_the_encoder_that_it_began_with(folder, tmp_path):
    path = copied(folder, tmp_path / "encoder")
    train(path, tmp_path / "run")
    weights = load_file(path / "model.safetensors")
    weights["embeddings.LayerNorm.bias"] += 1
    save_file(weights, path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ConfigError, match="a resumed run keeps its settings and data"):
        train(path, tmp_path / "run", resume=True)


def test_a_model_goes_on_without_reading_its_encoder_again(folder, tmp_path, run):
    path = copied(folder, tmp_path / "encoder")
    (path / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    train(path, tmp_path / "first")
    card = (tmp_path / "first/model/README.md").read_text()
    digest = read_pretrained_encoder(str(path)).digest
    assert (
        f"- Pretrained encoder: encoder, its weights unchanged; SHA-256 of what was read: "
        f"{digest[:12]}. Its licence holds for this model too: apache-2.0\n"
    ) in card
    code, out, _ = run("info", str(tmp_path / "first/model"), "--json")
    assert code == 0
    assert json.loads(out)["transformer"] == {
        "path": "encoder",
        "kind": "bert",
        "tuned": False,
        "context": 0,
        "licence": "apache-2.0",
        "sha256": digest,
    }
    shutil.rmtree(path)
    _, report = ner.train(
        out=tmp_path / "second",
        train=SENTENCES,
        dev=SENTENCES,
        init=tmp_path / "first/model",
        progress=False,
        training=TRAINING,
        transformer={"tuned": True},
    )
    assert 0 <= report.f1 <= 1
    first, second = (
        load_file(tmp_path / f"{n}/model/model.safetensors") for n in ("first", "second")
    )
    name = "embedder.token_parts.transformer.encoder.encoder.layer.0.output.dense.weight"
    assert not np.array_equal(first[name], second[name])


def test_alone_means_beside_no_vectors_and_not_without_an_encoder(folder, tmp_path):
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("the 1 2 3 4\n")
    for settings, arguments, message in [
        (
            {"alone": True},
            {"vectors": {"path": str(vectors)}},
            "where there are pretrained vectors",
        ),
        ({"alone": True, "path": ""}, {}, "be false without transformer.path"),
    ]:
        with pytest.raises(ConfigError, match=message):
            train(folder, tmp_path / "run", settings=settings, **arguments)
        assert not (tmp_path / "run").exists()
