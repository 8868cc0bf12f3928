import dataclasses
import itertools
import json
from functools import partial
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.config.loading import parse_config
from ner.data.schemes import Span
from ner.data.sentence import Sentence
from ner.errors import ConfigError, DataError
from ner.features import arrow_store as stored
from ner.features import batch_order as planning
from ner.features import batches
from ner.features.arrow_store import open_stored
from ner.features.batch_order import EpochPlan, block_borders, cut_batches
from ner.features.batches import EncodedSentences, TrainingBatches
from ner.features.counts import CorpusCounts, count_corpus
from ner.features.featurizer import build_featurizer, rare_forms
from ner.tasks import SpanTask, TextTask, TokenTask
from ner.training import storage
from ner.training.auxiliary import AuxiliaryColumns
from ner.training.storage import TrainingStorage, encode_training, goes_to_disk, storage_key

NO_COLUMNS = AuxiliaryColumns({}, 0.0)

LABELS = ("LOC", "ORG", "PER")


def corpus(num_sentences=60, seed=3):
    """Make random sentences with everything that a target may want."""
    random = np.random.default_rng(seed)
    sentences = []
    for i, length in enumerate(random.integers(1, 20, num_sentences).tolist()):
        tokens = [f"w{n}" for n in random.geometric(0.05, length).tolist()]
        start = int(random.integers(length))
        sentences.append(
            Sentence(
                tokens,
                columns={"pos": tuple(t[-1] for t in tokens)},
                spans=[Span(start, min(start + 2, length), LABELS[i % 3])],
                labels=(LABELS[int(random.integers(3))],),
            )
        )
    return sentences


def partial_corpus():
    """Leave the tags of the last sentence open, which is in another chunk than the first ones."""
    *sentences, last = corpus()
    allowed = [("O",), *[()] * (len(last) - 1)]
    return [*sentences, last.replace(spans=None, allowed=allowed)]


TASKS = {
    "spans": (SpanTask(("O",), "BIOES"), corpus, None),
    "spans, some open": (SpanTask(("O",), "BIOES"), partial_corpus, None),
    "a column": (TokenTask("pos", ()), corpus, "pos"),
    "classes": (TextTask((), False), corpus, None),
    "several labels": (TextTask((), True), corpus, None),
}


@pytest.fixture
def small_chunks(monkeypatch):
    """Make everything so small that a small corpus has many chunks, blocks and windows."""
    monkeypatch.setattr(stored, "CHUNK_TOKENS", 50)
    monkeypatch.setattr(stored, "BATCH_TOKENS", 100)
    monkeypatch.setattr(stored, "READS", 3)
    monkeypatch.setattr(stored, "BLOCKS", 4)
    monkeypatch.setattr(batches, "EpochPlan", partial(EpochPlan, blocks=4, block_tokens=70))
    monkeypatch.setattr(stored, "block_borders", partial(block_borders, block_tokens=70))


def encoded(sentences, blank, column=None, run=None, key=None):
    """Encode sentences in memory, or in the folder `run`."""
    counts = count_corpus(sentences, columns=["pos"], pairs=True, target=column)
    featurizer = build_featurizer(counts, affix_rows=50, columns=["pos"], bigram_count=2)
    return encode_training(
        # Only what can be read anew is needed.
        sentences if run is None else Anew(sentences),
        counts,
        featurizer,
        blank.extended(counts.examples),
        rare_forms(counts, lowercase=True),
        NO_COLUMNS,
        storage=None if run is None else TrainingStorage.find(run, key or {}),
    )


class Anew:
    """Sentences of which nothing is known but that they can be read."""

    def __init__(self, sentences):
        self.sentences = sentences
        self.readings = 0

    def __iter__(self):
        self.readings += 1
        return iter(self.sentences)


def assert_same(left, right):
    assert left.keys() == right.keys()
    for name in left:
        assert left[name].dtype == right[name].dtype, name
        assert np.array_equal(left[name], right[name]), name


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize(
    "limits",
    [{"batch_size": 7}, {"batch_size": 1, "batch_tokens": 60}],
    ids=["by sentences", "by tokens"],
)
def test_batches_from_the_disk_are_those_from_memory(tmp_path, small_chunks, kind, limits):
    blank, make, column = TASKS[kind]
    in_memory = encoded(make(), blank, column)
    on_disk = encoded(make(), blank, column, tmp_path)
    assert len(on_disk) == len(in_memory) == 60
    one, other = (
        TrainingBatches(sentences, seed=4, replace=0.5, **limits)
        for sentences in (in_memory, on_disk)
    )
    for epoch in range(2):
        plan = one.plan(epoch)
        assert len(plan) == len(other.plan(epoch))
        for step, indices in enumerate(plan):
            assert np.array_equal(indices, other.plan(epoch)[step])
            assert_same(one.batch(epoch, step, indices), other.batch(epoch, step, indices))


def test_one_open_tag_gives_every_part_a_table(tmp_path, small_chunks):
    on_disk = encoded(partial_corpus(), SpanTask(("O",), "BIOES"), run=tmp_path)
    tags = on_disk.pick(np.array([0, 59])).per_token["tags"]
    assert (tags.dtype, tags.shape[1]) == (np.bool_, 13)
    assert (tags[: len(corpus()[0])].sum(axis=1) == 1).all()
    assert tags[-1].all()


def test_the_parts_of_a_stored_corpus_are_the_corpus(tmp_path, small_chunks):
    in_memory = encoded(corpus(), SpanTask(("O",), "BIO"))
    blocks = list(encoded(corpus(), SpanTask(("O",), "BIO"), run=tmp_path).blocks())
    assert len(blocks) > 3
    assert np.array_equal(np.concatenate([block.lengths for block in blocks]), in_memory.lengths)
    for name, values in in_memory.sentences.per_token.items():
        assert np.array_equal(np.concatenate([block.per_token[name] for block in blocks]), values)


def test_what_was_encoded_is_not_encoded_again(tmp_path):
    blank, make, _ = TASKS["spans"]
    encoded(make(), blank, run=tmp_path, key={"sha256": "a"})
    found = TrainingStorage.find(tmp_path, {"sha256": "a"})
    assert found.corpus is not None
    counts = found.corpus.counts()
    nothing = Anew(())
    sentences = encode_training(
        nothing,
        counts,
        build_featurizer(counts, columns=["pos"]),
        blank,
        set(),
        NO_COLUMNS,
        storage=found,
    )
    assert (len(sentences), nothing.readings) == (60, 0)


@pytest.mark.parametrize("name", ["sentences.arrow", "counts.json", "manifest.json"])
def test_a_damaged_folder_is_encoded_again(tmp_path, name):
    blank, make, _ = TASKS["spans"]
    encoded(make(), blank, run=tmp_path, key={"seed": 1})
    assert TrainingStorage.find(tmp_path, {"seed": 2}).corpus is None
    file = tmp_path / storage.ENCODED / name
    content = file.read_bytes()
    file.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    assert TrainingStorage.find(tmp_path, {"seed": 1}).corpus is None
    again = encoded(make(), blank, run=tmp_path, key={"seed": 1})
    assert np.array_equal(again.lengths, [len(s) for s in make()])
    assert TrainingStorage.find(tmp_path, {"seed": 1}).corpus is not None


def test_what_is_stored_is_a_table_of_datasets(tmp_path, small_chunks):
    datasets = pytest.importorskip("datasets")
    encoded(corpus(), *TASKS["classes"][::2], run=tmp_path)
    table = datasets.Dataset.from_file(str(tmp_path / storage.ENCODED / stored.SENTENCES))
    counts = count_corpus(corpus())
    words = list(counts.words)
    assert [[words[i] for i in row] for row in table["tokens"]] == [
        list(s.tokens) for s in corpus()
    ]
    assert set(table.column_names) == {"tokens", "columns", "bigrams", "classes"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(lambda s: s[:-1], "Got 60 at first, then 59.", id="shorter"),
        pytest.param(lambda s: [*s, s[0]], "Got 60 at first, then 61.", id="longer"),
        pytest.param(
            lambda s: [*s[:-1], Sentence(["new"], spans=())],
            "Got the new word 'new'.",
            id="another word",
        ),
    ],
)
def test_a_corpus_that_changes_between_readings_is_refused(tmp_path, change, message):
    counts = count_corpus(corpus())
    target = SpanTask(("O",), "BIO").extended(counts.examples)
    found = TrainingStorage.find(tmp_path, {})
    with pytest.raises(DataError) as error:
        encode_training(
            change(corpus()),
            counts,
            build_featurizer(counts),
            target,
            set(),
            NO_COLUMNS,
            storage=found,
        )
    rule = "train: the same sentences each time they are read."
    assert str(error.value) == f"{rule} {message}"
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_in_one_line(tmp_path, monkeypatch):
    def no_space(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stored, "write_json", no_space)
    with pytest.raises(DataError) as error:
        encoded(corpus(), *TASKS["spans"][::2], run=tmp_path)
    folder = tmp_path / storage.ENCODED
    assert str(error.value) == (
        f"{folder}: the encoded corpus must fit on the disk. No space left on device."
    )


def noted(calls, name, function, *given):
    calls.append((name, given))
    return function(*given)


def test_a_window_is_read_once_and_the_map_given_back(tmp_path, small_chunks, monkeypatch):
    on_disk = encoded(corpus(), *TASKS["spans"][::2], run=tmp_path)
    assert len(on_disk.borders) == 9
    calls = []
    for name in ("_opened", "_read"):
        real = getattr(on_disk, name)
        monkeypatch.setattr(on_disk, name, partial(noted, calls, name, real))
    plan = TrainingBatches(on_disk, seed=1, batch_size=3).plan(0)
    assert len(plan.windows) == 2
    for indices in plan:
        on_disk.pick(indices)
    assert sorted(given for name, given in calls if name == "_read") == [(i,) for i in range(8)]
    assert [name for name, _ in calls].count("_opened") == 3


# Counts


def test_counts_are_those_of_the_sentences():
    counts = count_corpus(corpus(), columns=["pos"], pairs=True, target="pos")
    tokens = [token for s in corpus() for token in s.tokens]
    assert list(counts.words) == list(dict.fromkeys(tokens))
    assert all(counts.words[word] == tokens.count(word) for word in counts.words)
    assert (counts.sentences, counts.tokens, counts.spans) == (60, len(tokens), 60)
    characters = "".join(tokens)
    assert counts.characters() == {c: characters.count(c) for c in set(characters)}
    assert counts.columns["pos"].total() == len(tokens)
    assert counts.pairs is not None
    assert counts.pairs.total() == len(tokens) + 60
    assert not counts.is_partial
    assert count_corpus(partial_corpus()).is_partial


@pytest.mark.parametrize("kind", TASKS)
def test_few_examples_show_every_label(kind):
    blank, make, column = TASKS[kind]
    sentences = make() * 10
    counts = count_corpus(sentences, target=column)
    assert blank.extended(counts.examples) == blank.extended(sentences)
    assert len(counts.examples) <= 20


@pytest.mark.parametrize("kind", TASKS)
def test_counts_survive_the_way_through_json(kind):
    blank, make, column = TASKS[kind]
    counts = count_corpus(make(), columns=["pos"], pairs=True, target=column)
    again = CorpusCounts.from_dict(json.loads(json.dumps(counts.to_dict())))
    assert list(again.words) == list(counts.words)
    for field in dataclasses.fields(CorpusCounts):
        if field.name != "examples":
            assert getattr(again, field.name) == getattr(counts, field.name)
    assert blank.extended(again.examples) == blank.extended(counts.examples)
    assert build_featurizer(again, bigram_count=2).vocabularies() == (
        build_featurizer(counts, bigram_count=2).vocabularies()
    )


def test_vocabularies_are_the_same_from_counts_and_from_sentences():
    counts = count_corpus(corpus(), columns=["pos"], pairs=True)
    settings = {"columns": ["pos"], "bigram_count": 2}
    from_counts, from_sentences = (
        build_featurizer(t, **settings).vocabularies() for t in (counts, corpus())
    )
    assert from_counts == from_sentences
    assert rare_forms(counts, lowercase=True) == rare_forms(corpus(), lowercase=True)


# Plans


def old_plan(lengths, seed, epoch, batch_size):
    """Plan all sentences at once, as written down before there were windows."""
    random = np.random.default_rng([seed, epoch])
    noise = random.random(len(lengths))
    order = np.argsort(lengths * (1 + 0.1 * noise) + noise, kind="stable")
    batches = cut_batches(order, lengths, batch_size)
    return [batches[i] for i in random.permutation(len(batches))]


def test_a_corpus_of_one_window_is_sorted_as_a_whole():
    lengths = np.random.default_rng(1).integers(1, 50, 1000)
    plan = EpochPlan(lengths, 5, 2, 16)
    for got, expected in zip(plan, old_plan(lengths, 5, 2, 16), strict=True):
        assert np.array_equal(got, expected)


@given(
    st.lists(st.integers(1, 30), max_size=150),
    st.integers(1, 9),
    st.none() | st.integers(1, 100),
    st.integers(1, 5),
    st.integers(1, 200),
)
def test_windows_take_each_sentence_once(lengths, batch_size, batch_tokens, blocks, block_tokens):
    lengths = np.array(lengths, dtype=np.int32)
    plan = EpochPlan(
        lengths, 1, 0, batch_size, batch_tokens, blocks=blocks, block_tokens=block_tokens
    )
    batches = list(plan)
    assert len(batches) == len(plan)
    assert sorted(i for batch in batches for i in batch.tolist()) == list(range(len(lengths)))
    for step in reversed(range(len(plan))):
        assert np.array_equal(plan[step], batches[step])
        size = len(batches[step])
        if batch_tokens is None:
            assert size <= batch_size
        else:
            assert size == 1 or size * lengths[batches[step]].max() <= batch_tokens
    with pytest.raises(IndexError):
        plan[len(plan)]


@given(st.lists(st.integers(1, 30), max_size=40), st.integers(1, 100), st.integers(1, 50))
def test_blocks_are_spans_of_as_many_tokens(lengths, block_tokens, chunk):
    with patch.object(planning, "CHUNK", chunk):
        borders = block_borders(np.array(lengths, dtype=np.int32), block_tokens).tolist()
    begins = [sum(lengths[:i]) // block_tokens for i in range(len(lengths))]
    firsts = [i for i, block in enumerate(begins) if i == 0 or block != begins[i - 1]]
    assert borders == [*firsts, len(lengths)]


def long_plan(epoch, seed=1):
    """Plan 5,000 sentences, 126,000 tokens, in windows of about 1,000."""
    lengths = np.random.default_rng(2).integers(1, 50, 5000)
    return EpochPlan(lengths, seed, epoch, 10, blocks=10, block_tokens=2500)


def test_a_window_reads_few_places_and_no_two_epochs_are_alike():
    plan = long_plan(0)
    firsts = [0, *plan.ends]
    assert len(plan.windows) == 5
    for first, last in itertools.pairwise(firsts):
        indices = np.concatenate(plan[first:last])
        assert len(set(np.searchsorted(plan.borders, indices, "right").tolist())) <= 10
    orders = [np.concatenate(list(p)).tolist() for p in (plan, long_plan(1), long_plan(0, seed=2))]
    assert orders[0] != orders[1] != orders[2] != orders[0]
    assert np.concatenate(list(long_plan(0))).tolist() == orders[0]


def test_batches_of_a_window_hold_sentences_of_like_length():
    plan = long_plan(0)
    padded = sum(plan.lengths[batch].max() * len(batch) for batch in plan)
    assert padded < 1.1 * plan.lengths.sum()


# Settings


def test_large_files_go_to_the_disk_by_themselves(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "LARGE", 10)
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"x" * 9)
    large.write_bytes(b"x" * 10)
    assert goes_to_disk("auto", {"train": large, "dev": "dev"})
    assert goes_to_disk("auto", {"train": str(large), "dev": corpus()})
    assert not goes_to_disk("auto", {"train": small, "dev": "dev"})
    assert not goes_to_disk("auto", {"train": large})
    assert not goes_to_disk("auto", {"train": large, "dev": "dev"}, context=9)
    assert not goes_to_disk("memory", {"train": large, "dev": "dev"})
    assert goes_to_disk("disk", {"train": small, "dev": "dev"})
    assert not goes_to_disk("disk", {"train": corpus(), "dev": "dev"})


@pytest.mark.parametrize(
    ("sources", "context", "message"),
    [
        pytest.param(
            {"train": "a"},
            0,
            "data.dev: is needed where data.storage is 'disk'. Got none.",
            id="no development data",
        ),
        pytest.param(
            {"train": "-", "dev": "b"},
            0,
            "data.train: a file, where data.storage is 'disk'. Got '-'.",
            id="standard input",
        ),
        pytest.param(
            {"train": "a", "dev": "b"},
            9,
            "transformer.context: must be 0 where data.storage is 'disk'. Got 9.",
            id="context",
        ),
    ],
)
def test_what_cannot_go_to_the_disk_is_refused(sources, context, message):
    with pytest.raises(ConfigError) as error:
        goes_to_disk("disk", sources, context=context)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("setting", "counts"),
    [
        pytest.param({"data.columns": ["token", "ner"]}, True, id="columns"),
        pytest.param({"head.scheme": "BIO"}, True, id="scheme"),
        pytest.param({"inputs.columns": ["pos"]}, True, id="input columns"),
        pytest.param({"data.dev": "other"}, False, id="development data"),
        pytest.param({"training.epochs": 3}, False, id="epochs"),
    ],
)
def test_only_what_changes_the_arrays_has_them_encoded_again(setting, counts):
    config = parse_config({})
    keys = [storage_key(c, "sample:train", None) for c in (config, config.updated(setting))]
    assert (keys[0] != keys[1]) == counts
    assert storage_key(config, "sample:dev", None) != keys[0]
    assert storage_key(config, "sample:train", "digest") != keys[0]


def test_encoded_sentences_in_memory_need_no_file(tmp_path):
    assert isinstance(encoded(corpus(), *TASKS["spans"][::2]), EncodedSentences)
    assert open_stored(tmp_path, {}) is None
