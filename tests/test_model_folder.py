import os
import random
import shutil
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import ner
from ner.errors import ConfigError, ModelFolderError
from ner.files import MANIFEST, read_json, read_manifest, write_folder, write_json
from ner.model_folder import FILES, FORMAT, MODEL_GRAPH, WORDS_GRAPH, load_model, save_model
from ner.schema import SchemaError
from tests.tolerance import small_model_bound

WEIGHTS = "model.safetensors"
ROW = "must be a whole number from 0 to 2147483647"


def files(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def copied(model, tmp_path):
    return shutil.copytree(model, tmp_path / "copy")


def rewritten(model, tmp_path, change=lambda folder: None, **changes):
    """Copy a model with changed files or manifest, all digests valid."""
    manifest = read_manifest(model, FORMAT) | changes

    def write(target):
        shutil.copytree(model, target, dirs_exist_ok=True)
        (target / MANIFEST).unlink()
        change(target)

    write_folder(tmp_path / "changed", manifest, write)
    return tmp_path / "changed"


def change_weights(change):
    def apply(folder):
        weights = load_file(folder / WEIGHTS)
        change(weights)
        save_file(weights, folder / WEIGHTS)

    return apply


def refusal(folder, load=load_model):
    with pytest.raises(ModelFolderError) as error:
        load(folder)
    assert str(error.value).startswith(f"{folder}")
    assert "\n" not in str(error.value)
    return str(error.value).removeprefix(f"{folder}").removeprefix(": ").removeprefix("/")


def load_torch(folder):
    return ner.load(folder, runtime="torch")


def test_a_model_comes_back_bit_by_bit(tiny_model, tmp_path):
    save_model(tmp_path / "again", load_model(tiny_model))
    assert files(tmp_path / "again") == sorted([*FILES, MANIFEST])
    ner.export(tmp_path / "again")
    graphs = (WORDS_GRAPH, MODEL_GRAPH)
    assert files(tmp_path / "again") == files(tiny_model) == sorted([*FILES, *graphs, MANIFEST])
    for name in (*FILES, *graphs):
        assert (tmp_path / "again" / name).read_bytes() == (tiny_model / name).read_bytes(), name
    assert read_json(tmp_path / "again" / MANIFEST) == read_json(tiny_model / MANIFEST)
    one, other = load_model(tiny_model).weights, load_model(tmp_path / "again").weights
    assert {name: array.tobytes() for name, array in one.items()} == {
        name: array.tobytes() for name, array in other.items()
    }


@pytest.fixture(scope="module")
def model_with_pairs(tmp_path_factory):
    out = tmp_path_factory.mktemp("pairs") / "run"
    sentences = [s for s in ner.read_sentences("sample:train") if s.spans]
    ner.train(
        train=sentences[:30],
        dev=sentences[30:40],
        out=out,
        progress=False,
        words={"size": 8},
        characters={"kind": "none"},
        affixes={"rows": 0},
        bigrams={"size": 6, "min_count": 2, "dropout": 0.2},
        embedder={"dropout": 0.0, "word_dropout": 0.0},
        encoder={"size": 8, "dropout": 0.0},
        training={"epochs": 25, "batch_size": 4, "learning_rate": 0.02, "ema": 0.0},
    )
    return out / "model"


def test_pairs_of_neighbours_are_a_vocabulary_of_the_models_that_read_them(
    model_with_pairs, tiny_model, tmp_path
):
    name = "vocabulary/bigrams.json"
    assert name not in files(tiny_model)
    assert load_model(tiny_model).featurizer.bigrams is None
    parts = load_model(model_with_pairs)
    pairs = parts.featurizer.bigrams
    assert read_json(model_with_pairs / name) == list(pairs.entries)
    assert parts.weights["embedder.token_parts.bigrams.table.weight"].shape == (len(pairs), 6)
    save_model(tmp_path / "again", parts)
    assert (tmp_path / "again" / name).read_bytes() == (model_with_pairs / name).read_bytes()

    def drop(folder):
        (folder / name).unlink()

    assert refusal(rewritten(model_with_pairs, tmp_path, drop)).startswith("not a whole model: ")


@pytest.mark.numeric
def test_a_model_that_reads_pairs_says_the_same_without_torch(model_with_pairs):
    sentences = list(ner.read_sentences("sample:dev"))
    one, other = (ner.load(model_with_pairs, runtime=name) for name in ("torch", "onnx"))
    found, expected = (tagger.tag_sentences(sentences) for tagger in (other, one))
    assert sum(len(s.prediction.spans) for s in found) > 5
    for s, its in zip(found, expected, strict=True):
        assert s.prediction.spans == its.prediction.spans
        assert s.prediction.scores == pytest.approx(
            its.prediction.scores, abs=small_model_bound(len(s))
        )


def test_what_later_sections_turn_on_is_refused_for_a_model_that_never_knew_them(
    tiny_model, tmp_path
):
    network = dict(read_manifest(tiny_model, FORMAT)["network"])
    network.pop("bigrams")
    older = rewritten(tiny_model, tmp_path, network=network)
    arguments = {
        "train": list(ner.read_sentences("sample:train"))[:8],
        "dev": list(ner.read_sentences("sample:dev"))[:4],
        "init": older,
        "progress": False,
        "training": {"epochs": 1},
    }
    with pytest.raises(ConfigError) as error:
        ner.train(out=tmp_path / "a", bigrams={"size": 4}, **arguments)
    assert str(error.value) == f"bigrams.size: comes from {older}: 0. Got 4."
    tagger, _ = ner.train(out=tmp_path / "b", **arguments)
    assert tagger.featurizer.bigrams is None


def test_the_crf_keeps_the_names_of_pytorch_crf(tiny_model):
    names = {name.rpartition(".")[2] for name in load_model(tiny_model).weights if ".crf." in name}
    assert names == {"start_transitions", "end_transitions", "transitions"}


def test_a_flipped_bit_in_any_file_is_found(tiny_model, tmp_path):
    folder = copied(tiny_model, tmp_path)
    draw = random.Random(1)
    for name in files(folder):
        path = folder / name
        whole = path.read_bytes()
        for at in (0, len(whole) - 1, *(draw.randrange(len(whole)) for _ in range(5))):
            damaged = bytearray(whole)
            damaged[at] ^= 1 << draw.randrange(8)
            path.write_bytes(damaged)
            assert name in refusal(folder)
        path.write_bytes(whole)
    load_model(folder)


def test_every_missing_or_empty_file_is_named(tiny_model, tmp_path):
    folder = copied(tiny_model, tmp_path)
    for name in files(folder):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(b"")
        assert refusal(folder).startswith(name)
        (folder / name).unlink()
        assert refusal(folder).startswith(f"{name} is missing.")
        (folder / name).write_bytes(whole)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("content", [None, b"\xff\xfe{"], ids=["missing", "binary"])
def test_files_that_never_were_a_model_are_refused(tiny_model, tmp_path, name, content):
    def change(folder):
        (folder / name).unlink()
        if content is not None:
            (folder / name).write_bytes(content)

    words = refusal(rewritten(tiny_model, tmp_path, change))
    expected = "not a whole model: " if content else f"{name} must be there. Got no such file."
    assert words.startswith(expected)


def add(weights):
    weights["extra"] = np.zeros(3, np.float32)


def drop(weights):
    del weights["head.projection.bias"]


def cut(weights):
    weights["head.projection.bias"] = weights["head.projection.bias"][:2]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (add, f"{WEIGHTS}: unexpected weight extra."),
        (drop, f"{WEIGHTS} lacks head.projection.bias."),
        (cut, f"{WEIGHTS}: head.projection.bias must have the shape (9,). Got (2,)."),
    ],
)
def test_weights_that_do_not_fit_are_refused(tiny_model, tmp_path, change, words):
    folder = rewritten(tiny_model, tmp_path, change_weights(change))
    assert refusal(folder, load_torch).startswith(
        words.replace("(9,)", str(bias_shape(tiny_model)))
    )


def bias_shape(model):
    return load_model(model).weights["head.projection.bias"].shape


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf], ids=["nan", "inf", "minus inf"])
@pytest.mark.parametrize("runtime", ["onnx", "torch"])
def test_weights_that_are_not_finite_are_refused(tiny_model, tmp_path, value, runtime):
    def change(weights):
        weights["head.projection.bias"][0] = value

    changed = rewritten(tiny_model, tmp_path, change_weights(change))
    words = refusal(changed, lambda folder: ner.load(folder, runtime=runtime))
    assert words == f"{WEIGHTS}: head.projection.bias holds numbers that are not finite."


def test_a_newer_format_and_an_unknown_task_are_refused(tiny_model, tmp_path):
    newer = rewritten(tiny_model, tmp_path, format=FORMAT + 1)
    expected = f"format {FORMAT + 1}, but this version reads up to {FORMAT}. Upgrade."
    assert refusal(newer) == expected
    other = rewritten(tiny_model, tmp_path, task="parse")
    words = "manifest.json: task must be one of ner, tag, classify. Got 'parse'."
    assert refusal(other) == words


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ({}, "no network can be built of it: KeyError('words')."),
        ({"encoder": 3}, "manifest.json: network.encoder must be settings by name. Got 3."),
        (
            {"encoder": {"cell": "rnn"}},
            "manifest.json: network.encoder.cell: must be 'lstm', 'gru', 'mingru' or 'minlstm'. "
            "Got 'rnn'.",
        ),
        (
            {"encoder": {"smell": 1}},
            "manifest.json: network.encoder.smell: unknown key. Did you mean 'cell'?",
        ),
        ({"nose": {}}, "manifest.json: network.'nose': unknown key. Upgrade."),
        (
            {"head": {"weights": {"PER": "x"}}},
            "manifest.json: network.head.weights.'PER' must be a finite number from 0. Got 'x'.",
        ),
    ],
    ids=["empty", "a number", "a wrong cell", "an unknown key", "an unknown section", "a weight"],
)
def test_a_network_that_cannot_be_built_is_refused(tiny_model, tmp_path, network, words):
    known = read_manifest(tiny_model, FORMAT)["network"] if network else {}
    folder = rewritten(tiny_model, tmp_path, network=known | network)
    assert refusal(folder, load_torch) == words


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"nose": 1}, "'nose': unknown key. Upgrade."),
        ({"seed": -1}, "seed must be a whole number from 0. Got -1."),
        ({"metrics": {"dev": {"f1": "x"}}}, "metrics.'dev'.'f1' must be a finite number. Got 'x'."),
        ({"renamed": ["PER"]}, "renamed must be settings by name. Got ['PER']."),
        ({"versions": {"torch": 2}}, "versions.'torch' must be a text. Got 2."),
        (
            {"tokenizer": {"agreement": 2}},
            "tokenizer.agreement must be a finite number from 0 to 1.",
        ),
        ({"data": {"train": 1}}, "data.train must be settings by name. Got 1."),
        ({"data": {"train": {"reading": {"nose": 1}}}}, "data.train.reading.'nose': unknown key."),
        ({"data": {"train": {"sample": 1}}}, "data.train.sample must be a text. Got 1."),
        ({"features": {"lowercase": True}}, "features.shapes must be there. Got no such key."),
    ],
    ids=[
        "unknown",
        "seed",
        "metrics",
        "renamed",
        "versions",
        "agreement",
        "data",
        "reading",
        "sample",
        "lacking",
    ],
)
def test_facts_that_no_model_has_are_refused(tiny_model, tmp_path, facts, words):
    assert refusal(rewritten(tiny_model, tmp_path, **facts)).startswith(f"{MANIFEST}: {words}")


def test_a_file_that_no_model_has_is_refused(tiny_model, tmp_path):
    changed = rewritten(tiny_model, tmp_path, lambda folder: (folder / "nose").write_text("x"))
    assert refusal(changed) == "'nose': unknown file. Upgrade."


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("task = ", "not a whole model: "),
        ("nose = 1", "config.toml: 'nose': unknown key. Upgrade."),
        ("seed = 1.5", "config.toml: seed must be a whole number"),
        ("[head]\nweights = {PER = -1}", "config.toml: head.weights.'PER' must be"),
        ("[words]\nsize = " + "[" * 3000, "not a whole model: config.toml must not be nested"),
    ],
    ids=["no toml", "unknown", "seed", "weights", "deep"],
)
def test_a_configuration_that_is_none_is_refused(tiny_model, tmp_path, content, words):
    changed = rewritten(
        tiny_model, tmp_path, lambda folder: (folder / "config.toml").write_text(content)
    )
    assert refusal(changed).startswith(words)


def test_a_model_that_is_not_finite_or_has_unknown_facts_is_not_saved(tiny_model, tmp_path):
    model = load_model(tiny_model)
    weights = {**model.weights, "head.projection.bias": np.full(3, np.nan, np.float32)}
    words = refusal(
        tmp_path / "new", lambda folder: save_model(folder, replace(model, weights=weights))
    )
    assert words == f"{WEIGHTS}: head.projection.bias holds numbers that are not finite."
    with pytest.raises(SchemaError) as error:
        save_model(tmp_path / "new", replace(model, record={"nose": 1}))
    assert str(error.value) == "manifest.json: 'nose': unknown key. Upgrade."
    assert not (tmp_path / "new").exists()


def test_labels_that_are_none_are_refused(tiny_model, tmp_path):
    def change(folder):
        write_json(folder / "labels.json", {"scheme": "BIOES", "tags": 5})

    assert refusal(rewritten(tiny_model, tmp_path, change), ner.load)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        (
            "affix_rows",
            10**12,
            "features.affix_rows must be a whole number from 0 to 2147483647. Got 1000000000000.",
        ),
        (
            "affix_rows",
            -5,
            "features.affix_rows must be a whole number from 0 to 2147483647. Got -5.",
        ),
        (
            "affix_rows",
            True,
            "features.affix_rows must be a whole number from 0 to 2147483647. Got True.",
        ),
        (
            "bigram_count",
            "x",
            "features.bigram_count must be a whole number from 0. Got 'x'.",
        ),
        ("language", [1], "features.language must be an ISO 639 code. Got [1]."),
        ("lowercase", 1, "features.lowercase must be true or false. Got 1."),
        ("smell", 1, "features.'smell': unknown key. Upgrade."),
    ],
    ids=["many rows", "rows below zero", "rows true", "pairs", "language", "lower case", "unknown"],
)
def test_features_that_are_none_are_refused(tiny_model, tmp_path, key, value, words):
    features = read_json(tiny_model / MANIFEST)["features"] | {key: value}
    assert refusal(rewritten(tiny_model, tmp_path, features=features)) == f"{MANIFEST}: {words}"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("words", ["a", "a"], " must be a list of distinct strings. Got ['a', 'a']."),
        ("words", ["a", 1], " must be a list of distinct strings. Got ['a', 1]."),
        ("words", {"a": 1}, " must be a list of distinct strings. Got {'a': 1}."),
        (
            "characters",
            ["a", "Rome"],
            " must be a list of distinct strings of one character. Got ['a', 'Rome'].",
        ),
        ("columns", ["pos"], " must be settings by name. Got ['pos']."),
        ("columns", {"pos": "NN"}, ".'pos' must be a list of distinct strings. Got 'NN'."),
    ],
    ids=["twice", "a number", "a dictionary", "a long character", "no lists", "a string"],
)
def test_vocabularies_that_are_none_are_refused(tiny_model, tmp_path, name, content, words):
    path = f"vocabulary/{name}.json"
    changed = rewritten(tiny_model, tmp_path, lambda folder: write_json(folder / path, content))
    assert refusal(changed) == path + words


@pytest.mark.parametrize(
    ("section", "settings", "words"),
    [
        ("encoder", {"size": 400_000}, "must have the shape "),
        ("characters", {"size": 10**9}, "must have the shape "),
        ("encoder", {"layers": 10**9}, "manifest.json: encoder.layers must be at most "),
        ("encoder", {"iterations": 10**9}, "encoder.iterations must be at most 1000."),
    ],
    ids=["size", "characters", "layers", "iterations"],
)
def test_a_network_is_compared_with_its_weights_before_memory_is_asked_for(
    tiny_model, tmp_path, section, settings, words
):
    network = read_json(tiny_model / MANIFEST)["network"]
    network[section] = network[section] | settings
    assert words in refusal(rewritten(tiny_model, tmp_path, network=network), load_torch)


def test_a_pipe_in_place_of_a_file_is_not_waited_for(tiny_model, tmp_path):
    for name in (MANIFEST, "labels.json"):
        folder = shutil.copytree(tiny_model, tmp_path / name)
        (folder / name).unlink()
        os.mkfifo(folder / name)
        assert refusal(folder).startswith(f"{name} is missing.")


def test_files_that_others_put_beside_do_no_harm(tiny_model, tmp_path):
    folder = copied(tiny_model, tmp_path)
    (folder / ".gitattributes").write_text("*.safetensors filter=lfs")
    (folder / "vocabulary" / "note.json").write_text("not JSON")
    load_model(folder)


def test_a_model_replaces_the_one_before(tiny_model, tmp_path):
    folder = copied(tiny_model, tmp_path)
    (folder / "note.txt").write_text("")
    save_model(folder, load_model(tiny_model))
    assert files(folder) == sorted([*FILES, MANIFEST])
    assert list(tmp_path.iterdir()) == [folder]
