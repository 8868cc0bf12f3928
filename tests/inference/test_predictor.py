"""Models and their results in other processes, and what they say of themselves."""

import copy
import dataclasses
import json
import multiprocessing
import pickle
import shutil
import warnings
from functools import partial

import numpy as np
import pytest
import torch

import ner
from ner.data.sentence import Prediction, Sentence
from ner.features.vectors import VectorStore
from ner.inference.classification import Classification
from ner.model_folder import VECTORS, load_model, save_model
from tests.inference.test_loading import TASKS, untrained

TEXTS = ["Awa Badjie was born in Ziguinchor.", "", "Nothing happened here."] * 7


@pytest.mark.parametrize("method", ["spawn", "fork"])
@pytest.mark.parametrize("runtime", ["onnx", "torch"])
def test_a_pool_maps_texts_to_results(tiny_model, runtime, method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"needs a system that can {method}")
    # More threads of torch than one would wait forever in a forked process.
    tagger = ner.load(tiny_model, runtime=runtime, threads=2)
    tagger.tag_sentences([Sentence(["a"] * 300)] * 30)
    expected = list(map(tagger.tag, TEXTS))
    torch.set_num_threads(1)  # of this process, for other tests
    assert any(doc.entities for doc in expected)
    with warnings.catch_warnings():
        # Python warns of threads, here those of other tests, in a process that forks.
        warnings.simplefilter("ignore", DeprecationWarning)
        with multiprocessing.get_context(method).Pool(2) as pool:
            found = pool.map(tagger.tag, TEXTS)
    assert [doc.text for doc in found] == TEXTS
    assert [doc.prediction.spans for doc in found] == [doc.prediction.spans for doc in expected]


@pytest.fixture
def with_vectors(tiny_model, tmp_path):
    """Give a model folder with a megabyte of vectors for new words."""
    words = [f"word{i}" for i in range(10_000)]
    VectorStore.write(tmp_path / "vectors", words, np.ones((len(words), 50)))
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    model = load_model(folder)
    object.__setattr__(model.featurizer, "vectors", VectorStore.open(tmp_path / "vectors"))
    save_model(folder, model)
    return folder


def mapped_file(array):
    """Find the file that an array is mapped from."""
    while not isinstance(array, np.memmap):
        array = array.base
    return array.filename


def test_a_model_with_vectors_is_sent_as_the_path_of_its_folder(with_vectors, monkeypatch):
    # Large vectors are mapped from the folder, and not copied into memory.
    monkeypatch.setattr("ner.features.vectors.MAPPED_FROM", 0)
    monkeypatch.chdir(with_vectors.parent)
    tagger = ner.load(with_vectors.name, runtime="torch")
    sent = pickle.dumps(tagger)
    assert len(sent) < 10_000
    monkeypatch.chdir("/")
    opened = pickle.loads(sent)
    assert type(opened) is ner.Tagger
    assert opened.tag(TEXTS[0]) == tagger.tag(TEXTS[0])
    assert str(mapped_file(opened.featurizer.vectors.rows.__self__._vectors)) == str(
        with_vectors / VECTORS
    )


def test_a_model_is_opened_once_in_a_process(tiny_model):
    sent = pickle.dumps(ner.load(tiny_model).tag)
    assert pickle.loads(sent).__self__ is pickle.loads(sent).__self__


def test_a_copy_keeps_how_the_model_was_opened(tiny_model):
    tagger = ner.Tagger.load(tiny_model, runtime="onnx", threads=3)
    for copied in (copy.copy(tagger), copy.deepcopy(tagger)):
        assert (copied.origin, copied.runtime.workers) == (tagger.origin, 3)


def test_a_folder_that_holds_another_model_by_then_is_refused(tiny_model, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    sent = pickle.dumps(ner.load(folder))
    ner.export(folder, int8=True)
    assert pickle.loads(sent).tag(TEXTS[0]).entities  # an export changes no answer
    again = pickle.dumps(ner.load(folder, threads=1))
    model = load_model(folder)
    save_model(folder, model.__class__(**{**model.__dict__, "card": "# Another one\n"}))
    with pytest.raises(ner.ModelFolderError) as error:
        pickle.loads(again)
    assert str(error.value) == (
        f"{folder}: must hold the model that the copy was made of. Got another one."
    )
    shutil.rmtree(folder)
    with pytest.raises(ner.ModelFolderError, match="no such folder"):
        pickle.loads(again)


def test_a_model_says_where_it_comes_from_and_what_it_knows(tiny_model, tiny_tagger):
    labels = ", ".join(tiny_tagger.labels)
    assert repr(tiny_tagger) == f"<Tagger {tiny_model}: {labels}; OnnxRuntime>"


def test_a_classification_comes_back_and_is_shown_in_a_line():
    shares = {"PER": 0.75, "LOC": 0.25}
    doc = Sentence(["Who", "?"]).predicted(Prediction(labels=("PER",), probabilities=shares))
    answer = Classification(("PER",), doc.prediction.probabilities, doc)
    assert repr(answer) == "<Classification 'Who ?': PER 0.75>"
    for back in (
        copy.deepcopy(answer),
        pickle.loads(pickle.dumps(answer)),
        Classification.from_dict(json.loads(json.dumps(answer.to_dict()))),
    ):
        assert (back, hash(back)) == (answer, hash(answer))


def test_a_generator_of_sentences_is_tagged(tiny_tagger):
    sentences = [tiny_tagger.read(text) for text in TEXTS]
    assert tiny_tagger.tag_sentences(s for s in sentences) == tiny_tagger.tag_sentences(sentences)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_results_of_every_task_come_back_from_wherever_they_went(task):
    model = untrained(task)
    for doc in model.pipe([*TEXTS[:3], Sentence(["Ada"], columns={"pos": ["NNP"]}, spans=[])]):
        for back in (
            pickle.loads(pickle.dumps(doc)),
            copy.deepcopy(doc),
            Sentence.from_dict(json.loads(json.dumps(doc.to_dict()))),
        ):
            assert (back, type(back), hash(back)) == (doc, type(doc), hash(doc))
        assert json.loads(json.dumps(dataclasses.asdict(doc)))["text"] == doc.text


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_a_model_that_was_never_in_a_folder_is_sent_whole(task):
    model = untrained(task)
    assert repr(model).startswith(f"<{type(model).__name__} in memory: ")
    sent = pickle.loads(pickle.dumps(model))
    expected = [doc.prediction for doc in model.pipe(TEXTS[:3])]
    assert [doc.prediction for doc in sent.pipe(TEXTS[:3])] == expected


@pytest.mark.parametrize("task", TASKS)
def test_a_model_is_called_with_a_text_or_with_several(task):
    model = untrained(TASKS[task])
    texts = ["Ada left.", "", "Bob stayed in Bonn."]
    found = model(texts)
    assert found == list(model.pipe(texts)) == model(iter(texts)) == model(np.array(texts))
    assert model(texts[0]) == next(model.pipe(texts[:1]))
    assert model(Sentence(["Ada", "left"])) == model.tag_sentences([Sentence(["Ada", "left"])])[0]
    assert model([]) == []


def test_a_call_splits_texts_into_sentences(tiny_tagger):
    text = "Awa Badjie left. ZIGUINCHOR"
    split = ner.SentenceSplitter("en")
    assert tiny_tagger(text, split=split) == tiny_tagger.tag(text, split=split)
    assert tiny_tagger([text], split=split) == [tiny_tagger.tag(text, split=split)]


@pytest.mark.parametrize("texts", [7, [7], [None], b"Ada"], ids=["number", "list", "none", "bytes"])
def test_what_is_no_text_is_refused(tiny_tagger, texts):
    with pytest.raises(TypeError):
        tiny_tagger(texts)


@pytest.mark.parametrize(
    "min_score",
    [0.5, {"PER": 0.5}, {"PER": None}],
    ids=["of all labels", "of one label", "of no entity"],
)
def test_entities_of_a_low_score_are_left_out_however_a_tagger_is_called(tiny_tagger, min_score):
    texts = [s.text for s in ner.read_sentences("sample:dev")[:20]]
    everything = [s.entities for s in tiny_tagger(texts)]
    lowest = dict.fromkeys(tiny_tagger.labels, 0.0)
    lowest |= min_score if isinstance(min_score, dict) else dict.fromkeys(lowest, min_score)
    expected = [
        [(e.start, e.end, e.label) for e in found if e.score >= (lowest[e.label] or 0.0)]
        if lowest["PER"] is not None
        else [(e.start, e.end, e.label) for e in found if e.label != "PER"]
        for found in everything
    ]
    assert sum(map(len, expected)) < sum(map(len, everything))

    def places(sentences):
        return [[(e.start, e.end, e.label) for e in s.entities] for s in sentences]

    tag = partial(tiny_tagger.tag, min_score=min_score)
    assert places(map(tag, texts)) == expected
    assert places(tiny_tagger(texts, min_score=min_score)) == expected
    assert places([tiny_tagger(texts[0], min_score=min_score)]) == expected[:1]
    assert places(tiny_tagger.pipe(texts, min_score=min_score)) == expected
    split = ner.SentenceSplitter()
    whole = [s.at_least(min_score) for s in tiny_tagger(texts, split=split)]
    assert places(whole) == places(tiny_tagger(texts, split=split, min_score=min_score))
    tokens = [s.tokens for s in ner.read_sentences("sample:dev")[:20]]
    whole = [tiny_tagger.tag_tokens(each).at_least(min_score) for each in tokens]
    kept = [tiny_tagger.tag_tokens(each, min_score=min_score) for each in tokens]
    assert places(whole) == places(kept)


def test_a_lowest_score_is_for_labels_of_the_model(tiny_tagger):
    calls = [tiny_tagger.tag, tiny_tagger, lambda text, **k: tiny_tagger.pipe([text], **k)]
    for call in (*calls, lambda text, **k: tiny_tagger.tag_tokens([text], **k)):
        with pytest.raises(ner.ConfigError, match="must name labels of the model: LOC, MISC"):
            call("Awa", min_score={"PRE": 0.5})
        with pytest.raises(ner.ConfigError, match=r"min_score: must be from 0 to 1\. Got 2\."):
            call("Awa", min_score=2)


@pytest.mark.parametrize("task", ["tokens", "texts"])
def test_a_lowest_score_is_for_models_that_find_entities(task):
    model = untrained(TASKS[task])
    with pytest.raises(ner.TaskError, match="min_score: not for a model that labels"):
        model("Awa", min_score=0.5)
    with pytest.raises(ner.TaskError, match="find_thresholds: not for a model that labels"):
        ner.find_thresholds(model, "sample:dev", 0.9)
