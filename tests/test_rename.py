"""Labels of a model get other names, and nothing else changes."""

import json

import pytest

import ner
from ner.config.loading import load_config
from ner.errors import ConfigError, ModelFolderError
from ner.files import MANIFEST, read_json
from ner.model_folder import load_model

SENTENCES = [s for s in ner.read_sentences("sample:train") if s.spans][:24]
TEXTS = ["Awa Badjie was born in Ziguinchor.", "Nothing happened here."]
SMALL = {
    "words": {"size": 4},
    "characters": {"size": 4, "output_size": 4},
    "affixes": {"rows": 16, "size": 4},
    "encoder": {"size": 8, "dropout": 0.0},
    "embedder": {"dropout": 0.0, "word_dropout": 0.0},
    "training": {
        **{"epochs": 20, "batch_size": 4, "learning_rate": 0.02, "ema": 0.0},
        **{"threads": 1, "device": "cpu"},
    },
}
DATA = {
    "ner": SENTENCES,
    "tag": [(s.tokens, ["N" if t.istitle() else "X" for t in s.tokens]) for s in SENTENCES],
    "classify": [(s.text, "long" if len(s) > 20 else "short") for s in SENTENCES],
}
NAMES = {
    "ner": {"PER": "PERSON", "LOC": "ORG", "ORG": "LOC"},
    "tag": {"N": "NOUN", "X": "OTHER"},
    "classify": {"long": "a long text", "short": "a short one"},
}
WEIGHTED = {"ner": "PER", "tag": "N", "classify": "long"}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Train a model of a task, with a weight for a label, and return its folder; each once."""
    made = {}

    def model(task):
        if task not in made:
            out = tmp_path_factory.mktemp(task) / "run"
            settings = {**SMALL, "head": {"weights": {WEIGHTED[task]: 2.0}}}
            if task == "tag":
                settings["data"] = {"target": "upos"}
            data = DATA[task]
            ner.train(out=out, train=data, dev=data[:8], task=task, progress=False, **settings)
            made[task] = out / "model"
        return made[task]

    return model


def answers(folder, **options):
    """List all that a model predicts, with names of labels as they are."""
    docs = list(ner.load(folder, **options).pipe([*TEXTS, *(s.text for s in SENTENCES)]))
    return [doc.prediction.to_dict() for doc in docs]


def with_names(found, names):
    """Rename labels in predictions."""
    named = json.loads(json.dumps(found))
    for each in named:
        each["spans"] = [[a, b, names.get(x, x)] for a, b, x in each.get("spans", [])]
        each["labels"] = [names.get(x, x) for x in each.get("labels", [])]
        columns = each.get("columns", {}).items()
        each["columns"] = {name: [names.get(x, x) for x in values] for name, values in columns}
        each["probabilities"] = {
            names.get(x, x): p for x, p in each.get("probabilities", {}).items()
        }
    return named


@pytest.mark.parametrize("runtime", ["onnx", "torch"])
@pytest.mark.parametrize("task", ["ner", "tag", "classify"])
def test_answers_are_the_same_but_for_the_names(models, tmp_path, task, runtime):
    folder, out = models(task), tmp_path / "renamed"
    before = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    ner.rename(folder, NAMES[task], out)
    old, new = answers(folder, runtime=runtime), answers(out, runtime=runtime)
    assert with_names(new, {}) == with_names(old, NAMES[task])
    assert with_names(new, {}) != with_names(old, {})
    assert before == {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


@pytest.mark.parametrize("task", ["ner", "tag", "classify"])
def test_every_file_names_the_new_labels(models, tmp_path, task):
    folder, out, names = models(task), tmp_path / "renamed", NAMES[task]
    ner.rename(folder, names, out)
    old, new = load_model(folder), load_model(out)  # which checks every digest
    labels = [names.get(label, label) for label in old.task.labels]
    assert list(new.task.labels) == labels == list(ner.load(out).labels)
    weights = {names.get(WEIGHTED[task], WEIGHTED[task]): 2.0}
    assert new.network["head"]["weights"] == weights
    assert load_config(out / "config.toml").head.weights == weights
    assert f"- Labels: {', '.join(labels)}\n- Renamed after training: " in new.card
    # All else is the same, byte for byte.
    changed = {"README.md", "config.toml", "labels.json"}
    digests = [read_json(each / MANIFEST)["files"] for each in (folder, out)]
    assert {name for name in digests[0] if digests[0][name] != digests[1][name]} == changed
    assert digests[0].keys() == digests[1].keys()


def test_names_can_be_given_again(models, tmp_path):
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    ner.rename(models("ner"), {"PER": "PERSON"}, first)
    ner.rename(first, {"PERSON": "HUMAN", "LOC": "PLACE"}, second)
    note = "- Renamed after training: PER is now HUMAN, LOC is now PLACE. The results below"
    assert load_model(second).card.count("- Renamed") == 1
    assert note in load_model(second).card
    ner.rename(second, {"HUMAN": "PER", "PLACE": "LOC"}, third)
    assert answers(third) == answers(models("ner"))
    assert load_model(third).card == load_model(models("ner")).card
    assert load_model(third).record["renamed"] == {}


def test_a_renamed_model_trains_on_with_the_new_names(models, tmp_path):
    ner.rename(models("ner"), {"PER": "PERSON"}, tmp_path / "renamed")
    data = [(["Ada", "left"], ["B-PERSON", "O"]), (["Paris", "won"], ["B-LOC", "O"])] * 4
    model, _ = ner.train(
        init=tmp_path / "renamed",
        train=data,
        dev=data,
        out=tmp_path / "run",
        progress=False,
        training={"epochs": 1, "threads": 1, "device": "cpu"},
    )
    assert set(model.labels) == {"LOC", "MISC", "ORG", "PERSON"}


MERGED = (
    "each of which has weights of its own. To merge labels, rename them in the training data, and "
    "train again."
)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            {"PRE": "PERSON"},
            "PRE: must be a label of the model. Its labels are LOC, MISC, ORG, PER. "
            "Did you mean 'PER'?",
        ),
        ({"PER": "LOC"}, f"LOC: must be the name of one label. Got LOC and PER, {MERGED}"),
        (
            {"PER": "X", "ORG": "X"},
            f"X: must be the name of one label. Got ORG and PER, {MERGED}",
        ),
        ({"PER": ""}, "PER: its new name must be a word without blanks. Got ''."),
        ({"PER": "a b"}, "PER: its new name must be a word without blanks. Got 'a b'."),
        ({}, "names: must rename at least one label. Got none."),
    ],
    ids=["unknown", "the name of another", "one name for two", "empty", "blank", "none"],
)
def test_names_that_cannot_be_given_are_refused(models, tmp_path, names, message):
    with pytest.raises(ConfigError) as error:
        ner.rename(models("ner"), names, tmp_path / "renamed")
    assert str(error.value) == message
    assert not (tmp_path / "renamed").exists()


def test_nothing_is_written_over(models, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    for out in (tmp_path / "full", tmp_path / "full" / "a", models("ner")):
        with pytest.raises(ConfigError) as error:
            ner.rename(models("ner"), {"PER": "PERSON"}, out)
        assert str(error.value) == (
            f"{out}: must be a new or empty folder. Got one that holds something."
        )
    with pytest.raises(ModelFolderError, match="no such folder"):
        ner.rename(tmp_path / "none", {"PER": "PERSON"}, tmp_path / "new")


def test_the_command_renames(models, run, tmp_path):
    model = models("ner")
    code, out, err = run("rename", model, "PER=PERSON", "LOC=PLACE", "-o", "new")
    shown = f"new: the model of {model} with other labels: PER is now PERSON, LOC is now PLACE.\n"
    assert (code, out, err) == (0, shown, "")
    assert set(ner.load("new").labels) == {"PERSON", "PLACE", "ORG", "MISC"}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ["PER"],
            "ner rename: new names must be given as OLD=NEW, such as PER=PERSON. Got 'PER'.\n",
        ),
        (["PER=A", "PER=B"], "PER: must get one new name. Got A and B.\n"),
        (["PER=LOC"], f"LOC: must be the name of one label. Got LOC and PER, {MERGED}\n"),
    ],
    ids=["no name", "two names", "merged"],
)
def test_the_command_refuses_what_cannot_be_done(models, run, names, message):
    assert run("rename", models("ner"), *names, "-o", "new") == (2, "", message)
