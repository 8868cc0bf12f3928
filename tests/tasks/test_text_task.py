import dataclasses
import functools
import html
import json
import os
import pickle
import re
import shutil
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

import ner
from ner.config.loading import parse_setting
from ner.data.formats.labelled_lines import write_labelled_lines
from ner.data.lines import replace_surrogates
from ner.data.sentence import Sentence
from ner.data.tokenizer import Tokenizer
from ner.errors import ConfigError, DataError, MissingExtraError, ModelFolderError
from ner.evaluation.calibration import calibrate
from ner.files import write_folder
from ner.inference import pieces
from ner.inference.classifier import classification
from ner.training.progress import Progress
from tests.tolerance import float32_bound, small_model_bound

TINY = {
    "words": {"size": 12, "replace_singletons": 0.0},
    "characters": {"size": 4, "output_size": 8},
    "shape": {"size": 4},
    "affixes": {"rows": 64, "size": 4},
    "embedder": {"dropout": 0.0, "word_dropout": 0.0},
    "encoder": {"size": 12, "dropout": 0.0},
}
LABELLED = [
    ("fruit", "A ripe apple tastes sweet."),
    ("fruit", "Pears grow on trees. They are green."),
    ("fruit", "The red cherry is small"),
    ("city", "Trains leave Oslo at nine. Nobody waits."),
    ("city", "Rome has many old streets"),
    ("city", "In Quito the air is thin!"),
    ("other", "Did he call? Yes."),
    ("other", "42"),
]
MANY = [
    (["fruit", "red"], "The red cherry is small"),
    (["fruit"], "A ripe apple tastes sweet"),
    (["red"], "The red flag waves"),
    ([], "Nobody waits here"),
    ([], "It is nine"),
    (["fruit", "red"], "A red apple"),
]
LONG = " ".join(text for _, text in LABELLED * 60)
TEXTS = [
    *(text for _, text in LABELLED),
    "",
    LONG,
    " \n ",
    "Is an apple sweet? A tree is green. 9",
    "x",
]


def read(pairs=LABELLED):
    cut = Tokenizer()
    found = []
    for labels, text in pairs:
        tokens, offsets = cut(text)
        labels = [labels] if isinstance(labels, str) else labels
        found.append(Sentence(tokens, text=text, offsets=offsets, labels=labels))
    return found


def train(out, data=None, *, dev=None, epochs=30, training=None, **sections):
    data = read() if data is None else data
    return ner.train(
        out=out,
        train=data,
        dev=data if dev is None else dev,
        progress=False,
        task="classify",
        training={
            "epochs": epochs,
            "batch_size": 4,
            "learning_rate": 0.02,
            "ema": 0.0,
            "threads": 1,
            "device": "cpu",
            **(training or {}),
        },
        **TINY | sections,
    )


def weights(run):
    return {k: v.tobytes() for k, v in load_file(run / "model/model.safetensors").items()}


load = functools.cache(ner.load)
POOLINGS = {
    "side-by-side": {"kinds": ["attention", "max"], "heads": 2},
    "hierarchical": {"hierarchical": True},
    "without-attention": {"kinds": ["mean", "last"]},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Give the folder of a run by its name, trained when it is first asked for."""
    known = {}

    def run(name):
        if name not in known:
            if name == "hierarchical":
                pytest.importorskip("sentencex", reason="hierarchical pooling needs sentencex")
            known[name] = tmp_path_factory.mktemp(name)
            if name == "several-labels":
                train(known[name], read(MANY), head={"multi_label": True}, epochs=40)
            else:
                train(known[name], pooling=POOLINGS[name])
        return known[name]

    return run


@pytest.fixture
def folder(runs):
    return runs("side-by-side") / "model"


@pytest.fixture
def classifier(folder):
    return ner.load(folder)


every_pooling = pytest.mark.parametrize("pooling", POOLINGS)


@every_pooling
def test_eight_texts_are_learnt_by_heart(runs, pooling):
    report = json.loads((runs(pooling) / "report.json").read_text())["dev"]
    assert (report["metric"], report["score"], report["accuracy"]) == ("accuracy", 1.0, 1.0)
    assert report["baseline"] == {"name": "the most frequent label", "accuracy": 3 / 8}
    model = ner.load(runs(pooling) / "model")
    assert [model.classify(text).label for _, text in LABELLED] == [label for label, _ in LABELLED]
    assert ner.evaluate(model, read()).accuracy == 1


@pytest.mark.numeric
@every_pooling
def test_torch_and_onnx_agree_in_any_company(runs, pooling):
    onnx, torch = (ner.load(runs(pooling) / "model", runtime=r) for r in ("onnx", "torch"))
    alone = [onnx.classify(text) for text in TEXTS]
    for found in (
        [torch.classify(text) for text in TEXTS],
        list(map(classification, onnx.pipe(TEXTS, batch_tokens=10**6))),
        list(map(classification, torch.pipe(TEXTS, batch_tokens=10**6))),
        list(map(classification, onnx.pipe(TEXTS[::-1], window=3)))[::-1],
    ):
        assert [one.labels for one in found] == [one.labels for one in alone]
        for one, other in zip(found, alone, strict=True):
            assert one.sentence.text == other.sentence.text
            assert one.probabilities == pytest.approx(other.probabilities, abs=small_model_bound())
            shares = ([w.weight for w in each.attention] for each in (one, other))
            assert next(shares) == pytest.approx(next(shares), abs=small_model_bound())


@pytest.mark.numeric
@pytest.mark.parametrize("pooling", ["side-by-side", "hierarchical"])
@settings(max_examples=30)
@given(text=st.text(max_size=40) | st.sampled_from(TEXTS))
def test_attention_is_of_all_tokens_at_their_place(runs, pooling, text):
    found = load(runs(pooling) / "model").classify(text)
    clean = replace_surrogates(text)
    assert [w.text for w in found.attention] == [text[w.start : w.end] for w in found.attention]
    assert tuple(clean[w.start : w.end] for w in found.attention) == found.sentence.tokens
    if found.attention:
        bound = float32_bound(1, len(found.attention))
        assert sum(w.weight for w in found.attention) == pytest.approx(1, abs=bound)
        assert min(w.weight for w in found.attention) >= 0
        assert sum(found.probabilities.values()) == pytest.approx(1)
        assert found.label == max(found.probabilities, key=found.probabilities.__getitem__)


@pytest.mark.parametrize("text", ["", " ", "\n\t"], ids=["empty", "a blank", "a newline and a tab"])
def test_a_text_without_tokens_gets_no_label(classifier, text):
    found = classifier.classify(text)
    assert (found.label, found.labels, found.attention) == (None, (), ())
    assert found.probabilities == {}
    assert classifier.classify_tokens([]).label is None
    assert classifier.logits([Sentence([])]).tolist() == [[0, 0, 0]]
    assert classifier.logits([]).shape == (0, 3)


def test_long_documents_are_read_whole(classifier):
    found = classifier.classify(LONG)
    assert len(found.attention) == len(found.sentence) > 2000
    last = found.attention[-1]
    assert (last.text, last.start, last.end) == ("42", len(LONG) - 2, len(LONG))
    # What stands at the very end matters.
    other = classifier.classify(LONG.removesuffix("42") + "Rome")
    assert other.probabilities != found.probabilities


@pytest.mark.parametrize("runtime", ["onnx", "torch"])
@every_pooling
def test_a_text_in_pieces_gets_what_it_gets_as_a_whole(runs, pooling, runtime, monkeypatch):
    model = ner.load(runs(pooling) / "model", runtime=runtime)
    text = "\n".join([LONG, *(text for _, text in LABELLED), LONG])
    sizes = []
    read_piece = model.runtime.read_piece

    def noted(batch, *arguments):
        sizes.append(batch["tokens"].size)
        return read_piece(batch, *arguments)

    monkeypatch.setattr(model.runtime, "read_piece", noted)
    cut, between = [model.classify(each) for each in (text, "A ripe apple")]
    assert max(sizes) <= pieces.PIECE_TOKENS < len(cut.sentence) < sum(sizes)
    assert between == model.classify("A ripe apple")
    monkeypatch.setattr(pieces, "PIECE_TOKENS", 10**9)
    whole = model.classify(text)
    assert cut.labels == whole.labels
    assert cut.probabilities == pytest.approx(whole.probabilities, abs=1e-5)
    weights = [[w.weight for w in each.attention] for each in (cut, whole)]
    assert weights[0] == pytest.approx(weights[1], abs=1e-6)


def test_weights_that_do_not_fit_the_pooling_are_one_line(runs):
    model = ner.load(runs("side-by-side") / "model")
    pooling = dataclasses.replace(model.pooling, settings={"kinds": ["structured"]})
    broken = dataclasses.replace(model, pooling=pooling)
    with pytest.raises(ModelFolderError, match=r"^model: the weights must fit the settings of"):
        broken.classify(LONG)


def test_tokens_are_taken_as_they_are(classifier):
    found = classifier.classify_tokens(["A ripe", "apple"])
    assert [w.text for w in found.attention] == ["A ripe", "apple"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        pytest.param(
            lambda c: c.classify(["a"]),
            "text: must be a str. Got list. For tokens call classify_",
            id="a list for a text",
        ),
        pytest.param(
            lambda c: c.classify_tokens("a"),
            "tokens: must be a list of strings. Got one string: call cla",
            id="a text for tokens",
        ),
        pytest.param(
            lambda c: c.pipe("a"),
            "items: must be many texts. Got one: call classify",
            id="a text for texts",
        ),
        pytest.param(
            lambda c: c.pipe(["a"], split=lambda text: []),
            "split: not for a model that labels whole texts.",
            id="a splitter",
        ),
    ],
)
def test_the_meaning_of_an_argument_is_never_guessed(classifier, call, words):
    with pytest.raises(TypeError) as error:
        call(classifier)
    assert str(error.value).startswith(words)


def test_only_what_a_classifier_predicted_is_a_classification(tiny_tagger):
    for sentence in (Sentence(["a"]), tiny_tagger.tag("a")):
        with pytest.raises(ConfigError, match=r"sentence: must have been labelled by a classifier"):
            classification(sentence)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_scores_that_are_not_finite_are_no_answer(classifier, value):
    class Broken:
        edges, workers = None, 2
        word_rows = classifier.runtime.word_rows

        def outputs(self, batch):
            return {"logits": classifier.runtime.outputs(batch)["logits"] + value}

    parts = (classifier.task, classifier.featurizer, Broken(), classifier.tokenizer)
    with pytest.raises(DataError, match=r"^scores must be finite\. Got"):
        ner.TextClassifier(*parts).classify("apple")


def relabelled(folder, tmp_path, change):
    """Copy a model folder with other facts about its labels, as if it had been written so."""
    copy = tmp_path / "copy"
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["files"], manifest["digest"]

    def write(target):
        shutil.copytree(folder, target, dirs_exist_ok=True)
        (target / "manifest.json").unlink()
        facts = json.loads((folder / "labels.json").read_text())
        (target / "labels.json").write_text(json.dumps(facts | change(facts)))

    write_folder(copy, manifest, write)
    return copy


@pytest.mark.parametrize("runtime", ["onnx", "torch"])
def test_labels_that_do_not_fit_the_network_are_refused(folder, tmp_path, runtime):
    copy = relabelled(folder, tmp_path, lambda facts: {"labels": facts["labels"][:2]})
    with pytest.raises(ModelFolderError) as error:
        ner.load(copy, runtime=runtime)
    fault = {
        "onnx": "model.onnx must score 2 tags or classes. Got 3.",
        "torch": "model.safetensors: head.projection.bias must have the shape (2,). Got (3,).",
    }
    assert str(error.value).startswith(f"{copy}: {fault[runtime]}")


@pytest.mark.parametrize(
    "temperature", [0, -1, float("nan"), None], ids=["zero", "negative", "nan", "none"]
)
def test_a_temperature_must_be_positive(folder, tmp_path, temperature):
    copy = relabelled(folder, tmp_path, lambda _: {"temperature": temperature})
    with pytest.raises(ModelFolderError, match=r"labels\.json: temperature must be"):
        ner.load(copy)


def test_a_classifier_goes_to_other_threads_and_processes(runs):
    for pooling in ("side-by-side", "hierarchical"):
        model = ner.load(runs(pooling) / "model", threads=2)
        expected = [model.classify(text).probabilities for text in TEXTS]
        copy = pickle.loads(pickle.dumps(model))
        assert [copy.classify(text).probabilities for text in TEXTS] == expected
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(model.classify, TEXTS * 5))
        assert [one.probabilities for one in found] == expected * 5


@pytest.mark.numeric
@pytest.mark.parametrize("runtime", ["onnx", "torch"])
def test_probabilities_are_calibrated_on_the_development_data(runs, runtime):
    folder = runs("side-by-side")
    report = json.loads((folder / "report.json").read_text())["dev"]
    model = ner.load(folder / "model", runtime=runtime)
    gold = model.task.gold(read())["classes"]
    fitted = calibrate(model.logits(read()), gold).to_dict()
    assert report["calibration"] == pytest.approx(fitted, abs=small_model_bound())
    assert model.task.temperature == report["calibration"]["temperature"] != 1
    assert report["calibration"]["loss_after"] < report["calibration"]["loss_before"]
    assert report["ece"] == pytest.approx(fitted["ece_after"], abs=small_model_bound())
    shares = np.exp(model.logits(read())[0].astype(float) / fitted["temperature"])
    found = classification(model.tag_sentences(read()[:1])[0]).probabilities
    assert list(found.values()) == pytest.approx(
        (shares / shares.sum()).tolist(), abs=small_model_bound()
    )
    card = (folder / "model/README.md").read_text()
    assert f"Temperature {fitted['temperature']:.3f}, fitted on 8 sentences" in card


def test_labels_that_training_lacks_count_as_wrong_and_are_not_fitted_on(tmp_path):
    data = read()
    dev = [*data, data[0].replace(labels=["animal"])]
    _, report = train(tmp_path, data, dev=dev, epochs=2)
    assert report.calibration.sentences == 8
    assert report.per_label["animal"].recall == 0
    assert report.sentences == 9


def test_without_a_sentence_to_fit_on_the_temperature_stays(tmp_path):
    dev = [sentence.replace(labels=["animal"]) for sentence in read()]
    model, report = train(tmp_path, dev=dev, epochs=1)
    assert (model.task.temperature, report.calibration, report.accuracy) == (1.0, None, 0.0)


def test_several_labels_or_none_are_learnt(runs):
    model = ner.load(runs("several-labels") / "model")
    report = ner.evaluate(model, read(MANY))
    assert (report.metric, report.f1, report.accuracy) == ("f1", 1.0, 1.0)
    assert [set(model.classify(text).labels) for _, text in MANY] == [set(x) for x, _ in MANY]
    nothing = model.classify(MANY[3][1])
    assert (nothing.label, set(nothing.probabilities)) == (None, {"fruit", "red"})
    both = model.classify(MANY[0][1])
    assert both.label == max(both.probabilities, key=both.probabilities.__getitem__)
    assert min(both.probabilities.values()) > 0.5
    facts = json.loads((runs("several-labels") / "report.json").read_text())["dev"]
    assert (facts["metric"], facts["score"]) == ("f1", 1.0)
    assert facts["calibration"]["temperature"] == model.task.temperature


def test_of_two_labels_for_the_same_text_the_one_that_weighs_more_is_learnt(tmp_path):
    data = read([("good", "So so"), ("bad", "So so")] * 4)
    for heavy in ("good", "bad"):
        model, _ = train(tmp_path / heavy, data, head={"weights": {heavy: 5.0}}, epochs=5)
        assert model.classify("So so").label == heavy


def test_changes_of_tokens_keep_texts_learnable(tmp_path):
    for name, augmentation in (("delete", {"delete": 0.5}), ("swap", {"swap": 0.5})):
        _, report = train(tmp_path / name, augmentation=augmentation, epochs=15)
        assert report.accuracy == 1
    assert weights(tmp_path / "delete") != weights(tmp_path / "swap")


@pytest.mark.parametrize(("pooling", "step"), [("side-by-side", 3), ("hierarchical", 4)])
def test_a_run_that_was_stopped_goes_on_to_the_same_weights(tmp_path, monkeypatch, pooling, step):
    if pooling == "hierarchical":
        pytest.importorskip("sentencex", reason="hierarchical pooling needs sentencex")
    settings = {"epochs": 4, "pooling": POOLINGS[pooling], "encoder": {"size": 12, "dropout": 0.3}}
    _, whole = train(tmp_path / "whole", **settings)
    steps = []

    def stop(self, event):
        steps.append(event)
        if len(steps) == step:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "step", stop)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "cut", **settings)
    assert len(steps) == step
    _, resumed = ner.train(
        out=tmp_path / "cut", resume=True, train=read(), dev=read(), progress=False
    )
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    assert resumed.to_dict() == whole.to_dict()


def test_a_classifier_goes_on_with_a_further_label(tmp_path, runs):
    old = runs("side-by-side") / "model"
    more = read([("tool", "Hammers hit nails"), ("tool", "A saw cuts wood")])
    model, report = train(tmp_path, [*read(), *more], init=old)
    assert model.labels == ("city", "fruit", "other", "tool")
    assert report.accuracy == 1
    untouched = train(tmp_path / "same", epochs=1, training={"learning_rate": 1e-9}, init=old)[0]
    before = ner.load(old)
    for text in TEXTS:
        assert untouched.classify(text).labels == before.classify(text).labels


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        pytest.param(
            {"kind": "idcnn"},
            "encoder.kind: must be rnn where 'last' is among pooling.kinds.",
            id="idcnn",
        ),
        pytest.param(
            {"attention_heads": 2},
            "encoder.attention_heads: must be 0 where 'last' is among pooling.kinds. Got 2.",
            id="attention",
        ),
    ],
)
def test_last_states_need_a_recurrent_network_on_top(tmp_path, encoder, message):
    with pytest.raises(ConfigError) as error:
        train(tmp_path, pooling={"kinds": ["last"]}, encoder={"size": 12, **encoder})
    assert str(error.value).startswith(message)


def test_a_language_is_a_code(tmp_path):
    with pytest.raises(ConfigError, match=r"^pooling\.language: must match pattern.* Got 'English"):
        train(tmp_path, pooling={"language": "English"})


def test_the_sentences_of_a_text_are_those_of_the_splitter(runs):
    model = ner.load(runs("hierarchical") / "model")
    texts = ["One. Two more here? End", "Only one", "1\n2\n\n3"]
    sentences = [model.read(text) for text in texts]
    sentence_ids = model.featurizer.encode_tokens(sentences)["sentence_ids"]
    assert sentence_ids.tolist() == [0, 0, 1, 1, 1, 1, 2, *[0, 0], *[0, 1, 2]]
    assert model.featurizer.language == "en"
    assert "sentence_ids" not in ner.load(runs("side-by-side") / "model").featurizer.encode_tokens(
        sentences
    )


def test_the_lines_of_hard_wrapped_text_end_no_sentence(tmp_path):
    pytest.importorskip("sentencex", reason="hierarchical pooling needs sentencex")
    pooling = {"hierarchical": True, "hard_wrapped": True}
    train(tmp_path, epochs=1, pooling=pooling)
    featurizer = ner.load(tmp_path / "model").featurizer
    cut = Tokenizer()
    text = "One goes\non. Two\n\nthree"
    tokens, offsets = cut(text)
    arrays = featurizer.encode_tokens([Sentence(tokens, text=text, offsets=offsets)])
    assert arrays["sentence_ids"].tolist() == [0, 0, 0, 0, 1, 2]


def test_a_missing_splitter_says_what_to_install(runs, monkeypatch):
    model = ner.load(runs("hierarchical") / "model")
    monkeypatch.setitem(sys.modules, "sentencex", None)
    with pytest.raises(MissingExtraError, match=r"needs sentencex: pip install '.*\[sentences\]'$"):
        model.classify("One. Two.")


@pytest.mark.parametrize(
    ("task", "setting", "message"),
    [
        ("ner", "head.multi_label=true", "must be False unless the task is classify. Got True"),
        ("tag", "head.label_smoothing=0.1", "must be 0.0 unless the task is classify. Got 0.1"),
        ("ner", "pooling.hierarchical=true", "must be False unless the task is classify. Got"),
        ("ner", "data.target=upos", "must be none unless the task is tag. Got upos for ner."),
        ("classify", "data.target=upos", "must be none unless the task is tag. Got upos for cl"),
        ("classify", "head.cost=1", "must be 0.0 unless the task is ner or tag. Got 1.0 for cl"),
        ("tag", "head.bonus=1", "must be 0.0 unless the task is ner. Got 1.0 for tag"),
        ("classify", "head.ends=false", "must be True unless the task is ner or tag. Got False"),
        ("classify", "head.scheme=BIO", "must be BIOES unless the task is ner. Got BIO for cla"),
    ],
)
def test_settings_that_a_task_has_no_use_for_are_refused(tmp_path, task, setting, message):
    key, value = parse_setting(setting)
    changes = {"data.target": "upos"} if task == "tag" else {}
    with pytest.raises(ConfigError) as error:
        ner.train(train="sample:train", out=tmp_path, set={"task": task, key: value, **changes})
    assert str(error.value).startswith(f"{key}: {message}")


@pytest.mark.parametrize("kind", ["lstm", "mingru", "idcnn"])
def test_the_card_of_a_model_names_its_encoder(tmp_path, kind):
    encoder = {"kind": "idcnn"} if kind == "idcnn" else {"cell": kind}
    train(tmp_path, epochs=1, encoder={"size": 4, **encoder})
    card = (tmp_path / "model/README.md").read_text("utf-8")
    names = {"lstm": "LSTM in both directions", "mingru": "minGRU in both directions"}
    assert f"\n- Encoder: {names.get(kind, 'iterated dilated convolutions')}\n" in card


def test_data_without_labels_are_refused(tmp_path):
    for sentence, message in (
        (Sentence(["a"]), "train[8]: train data must have labels. Got none."),
        (Sentence(["a"], labels=["x", "y"]), "train[8]: a text must have one label. Got "),
    ):
        with pytest.raises(DataError) as error:
            train(tmp_path / "run", [*read(), sentence])
        assert str(error.value).startswith(message)
    with pytest.raises(DataError, match=r"at least 2 labels to learn\. Got \['fruit'\]"):
        train(tmp_path / "run", read()[:3])


@pytest.mark.numeric
def test_the_command_prints_json_as_python_has_it(run, folder, classifier):
    stdin = "Rome is old\n\nA sweet apple <b> \U0001f600\n".encode()
    for runtime in ("onnx", "torch"):
        options = ("--runtime", runtime, "--threads", 1, "--batch-tokens", 3)
        code, out, err = run("classify", "--model", folder, *options, stdin=stdin)
        assert (code, err) == (0, "stdin: read as lines.\n")
        rows = [json.loads(line) for line in out.splitlines()]
        assert [row["text"] for row in rows] == stdin.decode().splitlines()
        for row in rows:
            found = classifier.classify(row["text"])
            assert row["labels"] == list(found.labels)
            assert row.get("probabilities", {}) == pytest.approx(
                found.probabilities, abs=small_model_bound()
            )
            heads = found.sentence.prediction.attention
            assert np.allclose(row.get("attention", ()), heads, rtol=0, atol=small_model_bound())
            assert row["tokens"] == [list(pair) for pair in found.sentence.offsets]


def test_the_command_reads_texts_files_and_records(run, folder, tmp_path):
    (tmp_path / "a.txt").write_text("Rome is old\nApples\n")
    (tmp_path / "a.jsonl").write_text('{"text": "Rome is old", "id": "7"}\n{"text": 1}\n')
    for arguments, count in (
        (["Rome is old\nApples"], 1),
        (["a.txt"], 2),
        (["a.txt", "--format", "text"], 1),
        (["a.jsonl", "--on-error", "skip"], 1),
    ):
        code, out, err = run("classify", "--model", folder, *arguments)
        assert (code, out.count("\n")) == (0, count)
        assert ("skipped: a.jsonl:2: text: must be a string." in err) == ("skip" in arguments)
    assert (
        json.loads(run("classify", "--model", folder, "a.jsonl", "--on-error", "skip")[1])["id"]
        == "7"
    )
    code, out, err = run("classify", "--model", folder, "a.jsonl")
    assert (code, err) == (1, "a.jsonl:2: text: must be a string. Got 1.\n")


def test_a_table_has_a_row_for_each_label_and_one_for_none(run, folder, runs):
    out = run("classify", "--model", folder, "--output", "tsv", stdin=b"Rome\tis old\n\n")[1]
    header, first, second = out.splitlines()
    assert header == "number\tlabel\tprobability\ttext"
    assert first.startswith("1\tcity\t0.") or first.startswith("1\tcity\t1.")
    assert first.endswith("\tRome\\tis old")
    assert second == "2\t\t\t"
    several = runs("several-labels") / "model"
    stdin = "\n".join(text for _, text in (MANY[0], MANY[3])).encode()
    rows = run("classify", "--model", several, "--output", "tsv", stdin=stdin)[1].splitlines()
    assert [row.split("\t")[:2] for row in rows[1:]] == [["1", "fruit"], ["1", "red"], ["2", ""]]
    shown = run("classify", "--model", several, "--output", "pretty", stdin=stdin)[1]
    assert shown.splitlines()[1].startswith("(none)  Nobody[")


def test_texts_are_shaded_on_a_terminal_and_weights_are_numbers_elsewhere(run, folder, monkeypatch):
    out = run("classify", "--model", folder, "Rome \x1b[2J", "--output", "pretty")[1]
    label, _, text = out.partition("  ")
    assert label.split()[0] == "city"
    assert 0 < float(label.split()[1]) <= 1
    assert text.startswith("Rome[") and "\x1b" not in text
    monkeypatch.setattr("ner.cli.outputs.coloured", lambda: True)
    out = run("classify", "--model", folder, "Rome \x1b[2J", "--output", "pretty")[1]
    assert "\x1b[48;5;" in out and "\x1b[2J" not in out


def test_without_attention_the_text_alone_is_shown(run, runs):
    folder = runs("without-attention") / "model"
    out = run("classify", "--model", folder, "Rome has many", "--output", "pretty")[1]
    assert out.startswith("city ") and out.endswith("  Rome has many\n")
    page = run("classify", "--model", folder, "Rome has many", "--output", "html")[1]
    assert '<p dir="auto">Rome has many</p>' in page
    assert "attention" not in json.loads(run("classify", "--model", folder, "Rome")[1])
    assert ner.load(folder).classify("Rome").attention == ()


def elements(page, tag):
    """List what the elements of a kind hold, as text."""
    inner = re.findall(rf"<{tag}\b[^>]*>(.*?)</{tag}>", page, re.DOTALL)
    return [html.unescape(re.sub(r"<[^>]*>", "", content)) for content in inner]


def test_a_page_shows_all_texts_with_their_labels_and_tokens(run, folder, classifier):
    texts = ["Rome <script> has\told &amp; streets", "", "apple \U0001f600"]
    out = run("classify", "--model", folder, "--output", "html", stdin="\n".join(texts).encode())[1]
    assert out.startswith("<!DOCTYPE html>\n") and out.endswith("</html>\n")
    found = [classifier.classify(text) for text in texts]
    paragraphs = elements(out, "p")
    assert paragraphs[1::2] == texts
    labels = [answer.label or "(no" for answer in found]
    assert [p.split(" ")[0] for p in paragraphs[::2]] == labels
    assert elements(out, "i") == [w.text for answer in found for w in answer.attention]
    assert elements(out, "h2") == ["1", "2", "3"]
    assert "<script" not in out


def test_an_answer_is_shown_in_notebooks(classifier):
    answer = classifier.classify("Rome")
    assert answer._repr_html_() == answer.sentence._repr_html_()
    assert elements(answer.to_html(), "b")[0].startswith("city ")


def test_the_commands_for_taggers_and_classifiers_name_each_other(run, folder, tiny_model):
    assert run("tag", "--model", folder, "a") == (
        2,
        "",
        f"{folder}: ner tag needs a tagger. Got a classifier: use ner classify.\n",
    )
    assert run("classify", "--model", tiny_model, "a") == (
        2,
        "",
        f"{tiny_model}: ner classify needs a classifier. Got a tagger: use ner tag.\n",
    )


def test_evaluation_and_inspection_know_classifiers(run, folder, tmp_path):
    lines = write_labelled_lines(read())
    (tmp_path / "dev.txt").write_text("\n".join(lines) + "\n", encoding="utf-16")
    code, out, err = run("eval", folder, "dev.txt", "--encoding", "utf-16", "--format", "labels")
    assert code == 0
    assert err.startswith("Warning: dev.txt: its sentences are in the training data too, ")
    assert "Accuracy: 100.00" in out
    assert "Sentences by gold label (row) and predicted label:" in out
    facts = json.loads(run("info", folder, "--json")[1])
    assert (facts["task"], facts["labels"]) == ("classify", ["city", "fruit", "other"])
    assert 0.05 <= facts["temperature"] <= 20


def test_a_few_lines_of_labels_and_texts_need_no_format(run, folder, tmp_path):
    (tmp_path / "few.txt").write_text("city In Rome\nfruit An apple\n")
    code, out, _ = run("eval", folder, "few.txt", "--json")
    assert (code, json.loads(out)["sentences"]) == (0, 2)
    options = ("--train", "few.txt", "--dev", "few.txt", "--out", "run", "--set", "encoder.size=4")
    code, _, err = run("train", "--task", "classify", *options, "--set", "training.epochs=1")
    assert code == 0
    assert err.startswith("few.txt: read as labels.\n")


def test_wrong_labels_of_texts_have_an_error_report(run, folder, tmp_path):
    (tmp_path / "few.txt").write_text("city In Rome\nfruit Rome has many old streets\n")
    options = ("--html", "x.html", "--errors", "x.jsonl", "--train", "few.txt")
    code, out, _ = run("eval", folder, "few.txt", *options)
    assert (code, "Accuracy: 50.00" in out) == (0, True)
    (error,) = map(json.loads, (tmp_path / "x.jsonl").read_text().splitlines())
    assert (error["class"], error["sentence"]) == ("type", 1)
    assert [error[side][0]["label"] for side in ("gold", "predicted")] == ["fruit", "city"]
    assert error["training"] == {
        "Rome has many old streets": {"labels": {"fruit": 1}, "outside": 0}
    }
    assert "fruit as city" in (tmp_path / "x.html").read_text()


def test_several_labels_of_texts_have_no_error_report(run, runs, tmp_path):
    (tmp_path / "few.jsonl").write_text('{"text": "A red apple", "labels": ["red"]}\n')
    model = runs("several-labels") / "model"
    assert run("eval", model, "few.jsonl", "--html", "x.html") == (
        1,
        "",
        "error report: the model must give each text one label. Got one that may give several. "
        "Evaluate it without --html and --errors.\n",
    )
    assert not (tmp_path / "x.html").exists()


def test_training_from_the_command_line_needs_the_task_alone(run, tmp_path):
    (tmp_path / "train.txt").write_text("\n".join(write_labelled_lines(read() * 2)) + "\n")
    small = [f"{s}.{k}={json.dumps(v)}" for s, section in TINY.items() for k, v in section.items()]
    changes = ["task=classify", "training.epochs=1", "training.threads=1", *small]
    options = [part for change in changes for part in ("--set", change)]
    code, out, err = run("train", "--train", "train.txt", "--out", "run", *options)
    assert code == 0
    assert "Temperature " in out and "accuracy of the most frequent label" in out
    assert "train.txt: read as labels." in err
    assert run("classify", "Rome", "--model", "run/model")[0] == 0
