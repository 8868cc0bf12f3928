"""Models on the Hugging Face hub, whose client calls a stand-in on this machine."""

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import ner
from ner.download import fetch_model, is_hub_name
from ner.errors import ConfigError, MissingExtraError, ModelFolderError
from ner.files import MANIFEST
from ner.hub import CardFacts, model_card, push_model
from ner.model_folder import load_model
from tests.stand_in_hub import StandInHub

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("huggingface_hub") is None, reason="needs huggingface_hub"
)
ROOT = Path(__file__).parents[1]
TEXT = "Awa Badjie left Ziguinchor."
TAG = "import sys, ner; print([tuple(e.to_dict().values()) for e in ner.load(sys.argv[1]).tag("
TAG += f"{TEXT!r}).entities])"


@pytest.fixture
def hub():
    return StandInHub()


@pytest.fixture
def call(hub, tmp_path):
    """Run a Python program, or a command, in a process that knows the stand-in as the hub."""
    with hub.served() as address:

        def run(*arguments, **changes):
            environment = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
            environment |= {
                "HF_ENDPOINT": address,
                "HF_HOME": str(tmp_path / "cache"),
                "HF_HUB_DISABLE_PROGRESS_BARS": "1",
                "HF_HUB_DISABLE_TELEMETRY": "1",
                "HF_TOKEN": "hf_x",
                "PYTHONPATH": str(ROOT),
            }
            command = [sys.executable, *map(str, arguments)]
            return subprocess.run(
                command, capture_output=True, text=True, env=environment | changes, timeout=120
            )

        yield run


def files_of(folder):
    paths = [path for path in Path(folder).rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def shown(tagger):
    return f"{[tuple(e.to_dict().values()) for e in tagger.tag(TEXT).entities]}\n"


def fails(result, words):
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1), result
    assert words in result.stderr


def test_a_model_is_loaded_from_the_hub_and_then_from_the_cache(hub, call, tiny_model, tiny_tagger):
    commit = hub.commit("org/names", files_of(tiny_model) | {"evil.pkl": b"x", "run.py": b"x"})
    result = call("-c", TAG, "hf://org/names")
    assert result.stdout == shown(tiny_tagger), result.stderr
    asked = {path.partition("/resolve/")[2].partition("/")[2] for _, path in hub.requests}
    # Nothing but what the manifest names.
    assert asked == set(files_of(tiny_model))
    for name in ("hf://org/names", f"hf://org/names@{commit}"):
        hub.requests.clear()
        assert call("-c", TAG, name, HF_HUB_OFFLINE="1").stdout == shown(tiny_tagger)
        assert hub.requests == []


def test_other_commands_take_a_model_of_the_hub(hub, call, tiny_model, tmp_path):
    hub.commit("org/names", files_of(tiny_model))
    assert "LOC MISC ORG PER" in call("-m", "ner", "info", "hf://org/names").stdout
    new = tmp_path / "new"
    result = call("-m", "ner", "rename", "hf://org/names", "PER=PERSON", "-o", str(new))
    assert result.returncode == 0, result.stderr
    assert ner.load(new).labels[-1] == "PERSON"


def test_a_model_of_the_hub_is_not_replaced(hub, call):
    result = call("-m", "ner", "export", "hf://org/names")
    assert result.returncode == 2
    assert result.stderr == (
        "hf://org/names: must be a folder to be replaced. Got a model that is on the hub. Name "
        "another folder for the new one: --out FOLDER.\n"
    )
    assert hub.requests == []


def test_a_revision_is_a_branch_or_a_commit(hub, call, tiny_model, tmp_path):
    ner.rename(tiny_model, {"PER": "PERSON"}, tmp_path / "renamed")
    first = hub.commit("org/names", files_of(tiny_model))
    hub.commit("org/names", files_of(tmp_path / "renamed"))
    hub.commit("org/names", files_of(tiny_model), branch="v1.0")
    program = "import sys, ner; print(*(ner.load(name).labels[-1] for name in sys.argv[1:]))"
    names = ["hf://org/names", f"hf://org/names@{first}", "hf://org/names@v1.0"]
    result = call("-c", program, *names)
    assert result.stdout == "PERSON PER PER\n", result.stderr


def test_a_changed_file_is_refused(hub, call, tiny_model):
    changed = files_of(tiny_model) | {"labels.json": b"[]"}
    hub.commit("org/names", changed)
    result = call("-m", "ner", "tag", TEXT, "--model", "hf://org/names")
    fails(result, "labels.json was changed after it was written.")


def test_a_manifest_cannot_name_files_elsewhere(hub, call, tiny_model):
    manifest = json.loads((tiny_model / MANIFEST).read_text())
    manifest["files"]["../../x"] = "0" * 64
    hub.commit("org/names", files_of(tiny_model) | {MANIFEST: json.dumps(manifest).encode()})
    result = call("-m", "ner", "tag", TEXT, "--model", "hf://org/names")
    fails(result, "hf://org/names: manifest.json is damaged.")


def test_errors_of_the_hub_are_one_line(hub, call, tiny_model):
    hub.commit("org/other", {"README.md": b"x"})
    hub.commit("org/names", files_of(tiny_model))
    hub.commit("org/half", {MANIFEST: (tiny_model / MANIFEST).read_bytes()})
    for name, words in {
        "hf://org/none": "hf://org/none: the hub has no such model, or it is private.",
        "hf://org/names@v2": "hf://org/names@v2: the model has no such revision.",
        "hf://org/other": "hf://org/other: must be a model of lattice-ner.",
        "hf://org/half": "hf://org/half: must be a model of lattice-ner.",
    }.items():
        fails(call("-m", "ner", "tag", TEXT, "--model", name), words)
    offline = call("-m", "ner", "tag", TEXT, "--model", "hf://org/names", HF_HUB_OFFLINE="1")
    fails(offline, "hf://org/names: not in the cache, and HF_HUB_OFFLINE forbids a download.")
    nobody = call(
        *("-m", "ner", "tag", TEXT, "--model", "hf://org/names"), HF_ENDPOINT="http://127.0.0.1:9"
    )
    fails(nobody, "hf://org/names: not in the cache, and the hub cannot be reached.")


def test_a_model_is_pushed_and_loaded_again(hub, call, tiny_model, tiny_tagger):
    options = ["--license", "mit", "--language", "en", "--tags", "news,small"]
    result = call("-m", "ner", "push", tiny_model, "org/names", *options, "--message", "First")
    assert result.returncode == 0, result.stderr
    commit, files = hub.files("org/names")
    assert result.stdout.endswith(f"/org/names/commit/{commit}\n")
    assert hub.messages[commit] == "First"
    old = files_of(tiny_model)
    assert {name for name in old if files[name] != old[name]} == {"README.md", MANIFEST}
    assert files["README.md"].decode().endswith(old["README.md"].decode())
    assert call("-c", TAG, "hf://org/names").stdout == shown(tiny_tagger)


def test_a_model_is_pushed_to_a_branch(hub, call, tiny_model):
    hub.commit("org/names", {"README.md": b"x"})
    result = call("-m", "ner", "push", tiny_model, "org/names", "--revision", "v2")
    assert result.returncode == 0, result.stderr
    assert hub.files("org/names")[1] == {"README.md": b"x"}
    assert MANIFEST in hub.files("org/names", "v2")[1]


def test_a_push_without_a_token_or_offline_is_refused(call, tiny_model):
    command = ["-m", "ner", "push", tiny_model, "org/names"]
    fails(call(*command, HF_TOKEN=""), "hf://org/names: ")
    fails(call(*command, HF_HUB_OFFLINE="1"), "hf://org/names: must be reached on the hub")
    fails(
        call("-m", "ner", "push", "none", "org/names"),
        "none: no such folder, and no",
    )


def test_a_card_holds_facts_that_the_hub_reads(tiny_model):
    cards = pytest.importorskip("huggingface_hub.repocard")
    model = load_model(tiny_model)
    card = model_card(model, "names", CardFacts("mit", ["en"], ["news"]))
    data = cards.ModelCard(card).data
    assert (data.license, data.language, data.library_name) == ("mit", ["en"], "lattice-ner")
    assert data.pipeline_tag == "token-classification"
    assert data.tags == ["lattice-ner", "news"]
    (dev,) = model.record["metrics"].values()
    scores = {result.metric_type: result.metric_value for result in data.eval_results}
    assert scores == {name: round(value, 6) for name, value in dev.items()}
    assert {result.dataset_split for result in data.eval_results} == {"dev"}
    assert data.model_name == "names"


def test_facts_that_a_card_has_stay(tiny_model):
    cards = pytest.importorskip("huggingface_hub.repocard")
    model = load_model(tiny_model)
    old = "---\nlicense: cc-by-4.0\nlanguage: de\nthumbnail: a.png\ntags: [x]\n---\n# Card\n"
    card = model_card(replace(model, card=old), "names", CardFacts(tags=["y"]))
    data = cards.ModelCard(card).data.to_dict()
    assert (data["license"], data["language"], data["thumbnail"]) == ("cc-by-4.0", "de", "a.png")
    assert data["tags"] == ["x", "lattice-ner", "y"]
    assert card.endswith("\n---\n\n# Card\n")
    assert model_card(replace(model, card=card), "names", CardFacts(tags=["y"])) == card


def test_the_place_of_data_is_not_told(tiny_model):
    model = load_model(tiny_model)
    record = {"metrics": {"dev": {"f1": 0.5}}, "data": {"dev": {"source": "/home/ada/x.conll"}}}
    card = model_card(replace(model, record=record), "names", CardFacts())
    assert "x.conll" in card
    assert "/home/ada" not in card.partition("\n---\n")[0]


@pytest.mark.parametrize(
    "name",
    ["hf://names", "hf://a/b/c", "hf://a/b@", "hf://a/../b"],
    ids=["no organization", "three steps", "no revision", "dots"],
)
def test_a_wrong_name_is_refused(name):
    assert is_hub_name(name)
    with pytest.raises(ConfigError, match="must be hf://ORGANIZATION/NAME"):
        ner.load(name)


def test_a_wrong_repository_is_refused(tiny_model):
    with pytest.raises(ConfigError, match="names: must be ORGANIZATION/NAME"):
        push_model(tiny_model, "names")


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'lattice-ner\[hub\]'"):
        fetch_model("hf://org/names")


def test_a_folder_whose_model_is_missing_is_still_told():
    with pytest.raises(ModelFolderError, match="none: no such folder"):
        ner.load("none")
