"""An ensemble tags by the geometric mean of what its members think of whole taggings."""

import itertools
import json
import pickle
import shutil

import numpy as np
import pytest

import ner
from ner.ensemble_folder import MEMBERS, ensemble, load_folder
from ner.errors import ConfigError, ModelFolderError
from ner.manifest import ENSEMBLE
from ner.model_folder import load_model, save_model
from ner.testing import check_model
from tests.signing import sign

SENTENCES = [ner.Sentence(text.split()) for text in ("Awa left Dakar .", "Dakar", "He saw Awa Ba")]


def other_member(out, **settings):
    """Train another small tagger on the data of `tiny_run`, and return its folder."""
    ner.train(
        train=[s for s in ner.read_sentences("sample:train") if s.spans][:20],
        dev=[s for s in ner.read_sentences("sample:dev") if s.spans][:5],
        out=out,
        progress=False,
        words={"size": 6},
        characters={"kind": "none"},
        shape={"size": 0},
        affixes={"rows": 0},
        encoder={"size": 6},
        training={"epochs": 2, "batch_size": 4, "learning_rate": 0.03, "ema": 0.0},
        **settings,
    )
    return out / "model"


@pytest.fixture(scope="module")
def members(tiny_model, tmp_path_factory):
    """Return the folders of a tagger with a CRF, and of one without that has a temperature."""
    second = other_member(tmp_path_factory.mktemp("softmax") / "run", head={"kind": "softmax"})
    assert load_model(second).task.temperature != 1
    return tiny_model, second


@pytest.fixture(scope="module")
def joined(members, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ensemble") / "model"
    ensemble(members, folder)
    return folder


def path_probabilities(model, sentence):
    """Compute the probability of every legal tagging of a sentence, one by one."""
    (scores,) = model.emissions([sentence])
    cold = model.task.temperature
    lattice = model.lattice
    found = {}
    for path in itertools.product(range(len(model.task.tags)), repeat=len(sentence)):
        score = lattice.start[path[0]] + lattice.end[path[-1]]
        score += sum(scores[t, tag] / cold for t, tag in enumerate(path))
        score += sum(lattice.transitions[pair] for pair in itertools.pairwise(path))
        if score > -np.inf:
            found[tuple(model.task.tags[tag] for tag in path)] = np.exp(score)
    total = sum(found.values())
    return {path: share / total for path, share in found.items()}


def test_the_probability_of_a_tagging_is_the_geometric_mean(members, joined):
    sentence = ner.Sentence(["Awa", "Dakar"])
    first, second = (path_probabilities(ner.load(each), sentence) for each in members)
    means = {path: np.sqrt(first[path] * second[path]) for path in first}
    expected = {path: mean / sum(means.values()) for path, mean in means.items()}
    found = path_probabilities(ner.load(joined), sentence)
    assert found.keys() == expected.keys()
    for path, share in found.items():
        assert share == pytest.approx(expected[path], rel=1e-5)
    # The taggings of n-best lists have these probabilities, too.
    best = ner.load(joined).nbest(sentence, 3)
    shares = sorted(expected.values(), reverse=True)[:3]
    assert [each.prediction.probability for each in best] == pytest.approx(shares, rel=1e-5)


def test_an_ensemble_keeps_the_promises_of_models(joined):
    check_model(joined, SENTENCES)


def test_required_entities_are_exact(joined):
    found = ner.load(joined).tag("Awa left Dakar", required=[(0, 3, "LOC")])
    assert found.entities[0].label == "LOC"
    assert found.entities[0].score == pytest.approx(1.0, abs=1e-9)


def test_the_order_of_tags_does_not_matter(members, tmp_path):
    model = load_model(members[1])
    order = np.arange(len(model.task.tags))[::-1]
    weights = {
        name: array[order] if name.startswith("head.projection") else array
        for name, array in model.weights.items()
    }
    turned = type(model.task)(
        tuple(model.task.tags[i] for i in order), model.task.scheme, model.task.temperature
    )
    save_model(
        tmp_path / "turned", type(model)(**vars(model) | {"task": turned, "weights": weights})
    )
    ensemble(members, tmp_path / "one")
    ensemble([members[0], tmp_path / "turned"], tmp_path / "other")
    one, other = (ner.load(tmp_path / name, runtime="torch") for name in ("one", "other"))
    for a, b in zip(one.emissions(SENTENCES), other.emissions(SENTENCES), strict=True):
        assert a == pytest.approx(b, abs=1e-5)


def test_an_ensemble_of_one_model_twice_is_that_model(tiny_model, tmp_path):
    shutil.copytree(tiny_model, tmp_path / "copy")
    (tmp_path / "copy" / "README.md").write_text("Another card.", encoding="utf-8")
    sign(tmp_path / "copy")
    ensemble([tiny_model, tmp_path / "copy"], tmp_path / "twice")
    one, twice = ner.load(tiny_model), ner.load(tmp_path / "twice")
    for a, b in zip(one.tag_sentences(SENTENCES), twice.tag_sentences(SENTENCES), strict=True):
        assert a.prediction.spans == b.prediction.spans
        assert a.prediction.scores == pytest.approx(b.prediction.scores, abs=1e-6)


def test_it_goes_to_other_processes_as_a_path(joined):
    model = ner.load(joined)
    again = pickle.loads(pickle.dumps(model))
    assert again.tag_sentences(SENTENCES) == model.tag_sentences(SENTENCES)
    assert "EnsembleRunner" in repr(again)


def test_the_command_and_those_that_take_its_result(members, run):
    code, out, _ = run("ensemble", *members, "-o", "joined")
    assert (code, out) == (0, "joined: an ensemble of 2 models.\n")
    code, out, _ = run("info", "joined", "--json")
    facts = json.loads(out)
    assert facts["members"]["2"]["digest"] == load_model(members[1]).digest
    assert facts["weights"] == sum(each["weights"] for each in facts["members"].values())
    code, out, _ = run("tag", "--model", "joined", stdin=b"Awa left Dakar.\n")
    assert code == 0 and json.loads(out)["text"] == "Awa left Dakar."
    code, out, _ = run("eval", "joined", "sample:dev", "--json")
    assert code == 0 and 0 <= json.loads(out)["f1"] <= 1
    code, out, err = run("calibrate", "joined", "sample:dev", "-o", "calibrated")
    assert code == 0, err
    assert load_folder("calibrated").task.temperature != 1
    assert load_folder("calibrated").members[0].digest == load_model(members[0]).digest


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("export",), id="export"),
        pytest.param(("rename", "PER=X", "-o", "new"), id="rename"),
        pytest.param(("documents", "--train", "sample:train", "-o", "new"), id="documents"),
    ],
)
def test_what_is_for_one_model_says_so(command, joined, run):
    name, *options = command
    code, _, err = run(name, joined, *options)
    assert code != 0
    assert err.strip().endswith(
        "must be one model. Got an ensemble: name one in its folder members/."
    )


def relabelled(folder, target, **changes):
    """Copy a model with another task or tokenizer, which its network need not fit."""
    model = load_model(folder)
    save_model(target, type(model)(**vars(model) | changes))
    return target


def test_models_that_do_not_go_together_are_refused(members, tmp_path):
    first, second = members
    task = load_model(second).task
    renamed = relabelled(second, tmp_path / "a", task=task.renamed({"PER": "HUMAN"}))
    with pytest.raises(ConfigError) as error:
        ensemble([first, renamed], tmp_path / "out")
    assert str(error.value) == (
        f"{renamed}: must have the labels of {first}. Got one that lacks PER and also has HUMAN."
    )
    other = ner.load("en").tokenizer.__class__("ud")
    cut = relabelled(second, tmp_path / "b", tokenizer=other)
    with pytest.raises(ConfigError, match=r"b: must cut texts by the rules \w+, as .*\. Got ud\.$"):
        ensemble([first, cut], tmp_path / "out")
    with pytest.raises(ConfigError, match=r"^models: must be at least two\. Got 1\.$"):
        ensemble([first], tmp_path / "out")
    with pytest.raises(ConfigError, match="must be another model than"):
        ensemble([first, first], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(
            lambda folder, manifest: manifest["files"].pop("members/2/manifest.json"),
            "members/2/manifest.json must be there",
            id="no manifest of a member",
        ),
        pytest.param(
            lambda folder, manifest: manifest["members"].update({"7": manifest["members"]["2"]}),
            "members must be numbered from 1 on",
            id="odd number",
        ),
        pytest.param(
            lambda folder, manifest: manifest["members"]["1"].update(surprise=1),
            "unknown key",
            id="unknown key",
        ),
        pytest.param(
            lambda folder, manifest: manifest.update(task="classify"),
            "not a whole ensemble|must",
            id="another task",
        ),
    ],
)
def test_a_hostile_folder_is_refused_in_a_line(damage, message, joined, tmp_path):
    folder = tmp_path / "hostile"
    shutil.copytree(joined, folder)
    sign(folder, lambda manifest: damage(folder, manifest))
    with pytest.raises(ModelFolderError, match=message) as error:
        ner.load(folder)
    assert "\n" not in str(error.value)


def test_an_exchanged_member_is_refused(joined, tmp_path):
    folder = tmp_path / "hostile"
    shutil.copytree(joined, folder)
    labels = folder / MEMBERS / "2" / "labels.json"
    labels.write_text(labels.read_text("utf-8").replace("PER", "HUMAN"), encoding="utf-8")
    with pytest.raises(ModelFolderError, match="was changed after it was written"):
        ner.load(folder)
    sign(folder / MEMBERS / "2")
    sign(folder)
    with pytest.raises(ModelFolderError, match="must have the labels of"):
        ner.load(folder)


def test_the_manifest_passes_its_own_rules(joined):
    manifest = json.loads((joined / "manifest.json").read_text(encoding="utf-8"))
    del manifest["digest"]
    ENSEMBLE.check(manifest, "manifest.json: ")
