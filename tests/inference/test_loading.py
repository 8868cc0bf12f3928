from dataclasses import replace

import numpy as np
import pytest
import torch

import ner
from ner.config.loading import Config
from ner.data.schemes import tag_set
from ner.data.sentence import Sentence
from ner.data.tokenizer import Tokenizer
from ner.errors import ConfigError, ModelFolderError, NerError, TaskError
from ner.features.featurizer import build_featurizer
from ner.inference import opening
from ner.inference.loading import build_predictor
from ner.model_folder import ModelFolder, load_model, save_model
from ner.nn.building import build_model
from ner.nn.runtime import choose_device, load_network, take_weights
from ner.tasks import SpanTask, TextTask, TokenTask
from ner.training.settings import network_settings

RULES = ner.Rules.from_dict({"rules": [{"name": "x", "label": "LOC", "patterns": ["x"]}]})
SENTENCES = [Sentence(["Ada", "saw", "Berlin"])]


def make_parts(sentences=SENTENCES, labels=("LOC",)):
    """Build an untrained model, and the parts of its folder."""
    small = {"words.size": 4, "encoder.size": 3, "characters.output_size": 2}
    network = network_settings(Config().updated(small))
    featurizer, tags = build_featurizer(sentences), tag_set(labels, "BIO")
    model = build_model(network, featurizer, SpanTask(tuple(tags), "BIO"))
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    return ModelFolder(featurizer, SpanTask(tuple(tags), "BIO"), network, weights, Tokenizer())


def changed(parts, **weights):
    """Copy the parts with some weights exchanged, or removed where there is None (`__`: dot)."""
    new = dict(parts.weights) | {name.replace("__", "."): w for name, w in weights.items()}
    return replace(parts, weights={name: w for name, w in new.items() if w is not None})


def test_a_network_has_the_weights_of_its_files():
    parts = make_parts()
    state = load_network(parts).state_dict()
    assert state.keys() == parts.weights.keys()
    assert all((state[name].numpy() == array).all() for name, array in parts.weights.items())


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        pytest.param(
            {"head__crf__transitions": None},
            "m: model.safetensors lacks head.crf.transitions. Was a file of the model exchanged?",
            id="one is missing",
        ),
        pytest.param(
            {f"head__crf__{name}_transitions": None for name in ("start", "end")}
            | {f"head__projection__{name}": None for name in ("weight", "bias")},
            "m: model.safetensors lacks head.crf.end_transitions, head.crf.start_transitions, "
            "head.projection.bias and 1 more. Was a file of the model exchanged?",
            id="four are missing",
        ),
        pytest.param(
            {"extra": np.zeros(2)},
            "m: model.safetensors: unexpected weight extra. Was a file of the model exchanged?",
            id="one too many",
        ),
        pytest.param(
            {"head__projection__bias": np.zeros(4)},
            "m: model.safetensors: head.projection.bias must have the shape (3,). Got (4,). "
            "Was a file of the model exchanged?",
            id="another shape",
        ),
    ],
)
def test_weights_that_do_not_fit_are_named(weights, message):
    with pytest.raises(ModelFolderError) as error:
        load_network(changed(make_parts(), **weights), "m")
    assert str(error.value) == message


def test_an_extended_model_starts_from_the_old_weights():
    old = make_parts()
    more = [*SENTENCES, Sentence(["Zoë", "quit"])]
    torch.manual_seed(8)
    featurizer = old.featurizer.extended(more)
    tags = [*old.task.tags, "B-PER", "I-PER"]
    new = build_model(old.network, featurizer, SpanTask(tuple(tags), "BIO"))
    fresh = {name: tensor.clone() for name, tensor in new.state_dict().items()}
    take_weights(new, old)
    for name, tensor in new.state_dict().items():
        block = tuple(slice(0, size) for size in old.weights[name].shape)
        assert (tensor[block].numpy() == old.weights[name]).all()
        beyond = torch.ones_like(tensor, dtype=torch.bool)
        beyond[block] = False
        assert torch.equal(tensor[beyond], fresh[name][beyond])
    assert len(new.embedder.word_parts["words"].table.weight) == len(old.featurizer.words) + 2
    assert new.head.crf.transitions.shape == (5, 5)


def test_auto_is_cuda_where_there_is_any(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == torch.device("cpu")


def test_a_device_that_is_there_is_taken(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for name in ("cpu", "cuda", "cuda:0", "cuda:1"):
        assert choose_device(name) == torch.device(name)


@pytest.mark.parametrize(
    "name",
    ["gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:٣", "cpu:1", "", "CPU"],
    ids=[
        "gpu",
        "cuda without number",
        "cuda x",
        "cuda below 0",
        "cuda with an Arabic digit",
        "second cpu",
        "empty",
        "capitals",
    ],
)
def test_a_device_of_another_name_is_refused(name):
    with pytest.raises(ConfigError) as error:
        choose_device(name)
    assert str(error.value) == f"device: must be auto, cpu, cuda or cuda:N. Got {name!r}."


@pytest.mark.parametrize(("name", "count"), [("cuda", 0), ("cuda:0", 0), ("cuda:2", 2)])
def test_a_device_that_is_not_there_is_refused(name, count, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    with pytest.raises(ConfigError) as error:
        choose_device(name)
    assert str(error.value) == f"device: torch finds {count} CUDA devices here. Got {name!r}."


def test_each_class_loads_its_own_models(tiny_model):
    tagger = ner.Tagger.load(tiny_model, runtime="torch")
    assert type(tagger) is type(ner.load(tiny_model)) is ner.Tagger
    text = "Ada Lovelace met Charles Babbage in London."
    assert tagger.tag(text) == ner.load(tiny_model, runtime="torch").tag(text)


@pytest.mark.parametrize(
    ("predictor", "does"),
    [
        pytest.param("TokenTagger", "labels tokens", id="of tokens"),
        pytest.param("TextClassifier", "labels whole texts", id="of texts"),
    ],
)
def test_a_class_refuses_models_of_another_one(tiny_model, predictor, does):
    with pytest.raises(ModelFolderError) as error:
        getattr(ner, predictor).load(tiny_model)
    assert str(error.value) == (
        f"{tiny_model}: must hold a model that {does}. Got one that finds spans."
    )


def test_the_base_class_loads_nothing(tiny_model):
    with pytest.raises(TypeError, match=r"^Predictor: has no load\(\)\. Call ner\.load\(\)"):
        ner.Predictor.load(tiny_model)


def untrained_parts(task):
    """Make the parts of a model of a task."""
    network = Config().updated({"words.size": 4, "encoder.size": 3}).model_dump(mode="json")
    featurizer = build_featurizer(SENTENCES)
    model = build_model(network, featurizer, task)
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    return ModelFolder(featurizer, task, network, weights, Tokenizer())


def untrained(task):
    """Make a model of a task ready for use."""
    return build_predictor(untrained_parts(task))


TASKS = {
    "spans": SpanTask(("O", "B-PER", "I-PER"), "BIO"),
    "tokens": TokenTask("upos", ("NOUN", "VERB")),
    "texts": TextTask(("A", "B")),
}


@pytest.mark.parametrize(
    ("task", "call", "message"),
    [
        ("texts", lambda m: m.tag("a"), "tag(): not for {texts}. Call classify()."),
        (
            "texts",
            lambda m: m.tag_tokens(["a"]),
            "tag_tokens(): not for {texts}. Call classify_tokens().",
        ),
        ("texts", lambda m: m.nbest("a"), "nbest(): not for {texts}. Call classify()."),
        ("tokens", lambda m: m.nbest("a"), "nbest(): not for {tokens}. Call tag()."),
        ("texts", lambda m: m.posteriors([], []), "posteriors: not for {texts}."),
        ("tokens", lambda m: m.posteriors([], []), "posteriors: not for {tokens}."),
        ("tokens", lambda m: m.classify("a"), "classify(): not for {tokens}. Call tag()."),
        ("spans", lambda m: m.classify("a"), "classify(): not for {spans}. Call tag()."),
        (
            "spans",
            lambda m: m.classify_tokens(["a"]),
            "classify_tokens(): not for {spans}. Call tag_tokens().",
        ),
        ("spans", lambda m: m.column, "column: not for {spans}."),
        ("texts", lambda m: m.column, "column: not for {texts}."),
        (
            "tokens",
            lambda m: m.tag("a", required=[(0, 1, "PER")]),
            "required and forbidden: not for {tokens}.",
        ),
        (
            "tokens",
            lambda m: m.tag_tokens(["a"], forbidden=[(0, 1, "PER")]),
            "required and forbidden: not for {tokens}.",
        ),
        ("tokens", lambda m: m.tag("a", rules=RULES), "rules: not for {tokens}."),
        ("tokens", lambda m: m.tag_tokens(["a"], rules=RULES), "rules: not for {tokens}."),
        ("texts", lambda m: m.pipe([], rules=RULES), "rules: not for {texts}."),
    ],
    ids=[
        "tag, texts",
        "tag_tokens, texts",
        "nbest, texts",
        "nbest, tokens",
        "posteriors, texts",
        "posteriors, tokens",
        "classify, tokens",
        "classify, spans",
        "classify_tokens, spans",
        "column, spans",
        "column, texts",
        "required, tokens",
        "forbidden, tokens",
        "rules, a text",
        "rules, tokens",
        "rules, texts",
    ],
)
def test_what_a_model_cannot_do_names_the_right_method(task, call, message):
    does = {name: f"a model that {each.does}" for name, each in TASKS.items()}
    with pytest.raises(TaskError) as error:
        call(untrained(TASKS[task]))
    assert str(error.value) == message.format(**does)
    assert isinstance(error.value, NerError) and isinstance(error.value, TypeError)


def test_a_model_that_is_replaced_while_it_is_opened_is_no_mixture(tiny_model, tmp_path):
    first, second = load_model(tiny_model), make_parts(labels=("LOC", "PER"))
    folder = tmp_path / "model"
    save_model(folder, first)
    opened = []

    def replace_once(model):
        opened.append(model)
        if len(opened) == 1:
            save_model(folder, second)
        return model

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(opening, "load_model", lambda *given: replace_once(load_model(*given)))
        tagger = ner.load(folder)
    assert tagger.labels == ("LOC", "PER")
    assert len(opened) == 2
