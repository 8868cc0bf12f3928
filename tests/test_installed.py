"""The models inside the package: found by name, small, and good at plain sentences."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import ner
from ner.features.int8_rows import LEAST_NUMBERS
from ner.files import read_json
from ner.installed import DEFAULT, FOLDER, installed_models, model_folder
from ner.safetensors_header import SafetensorsHeader

ROOT = Path(__file__).parents[1]
LARGEST = 8_000_000

SENTENCES = [
    "[Angela Merkel|PER] visited [Siemens|ORG] in [Munich|LOC].",
    "[Barack Obama|PER] was born in [Hawaii|LOC].",
    "She works for [Microsoft|ORG] and lives in [Seattle|LOC].",
    "The [United Nations|ORG] sent aid to [Haiti|LOC] on Tuesday.",
    "[Maria Garcia|PER] and her brother [Luis|PER] moved to [Spain|LOC].",
    "Nobody was hurt, and the road was open again at noon.",
    "[Toyota|ORG] will close a factory in [Japan|LOC].",
    "The [French|MISC] president met [Vladimir Putin|PER] in [Moscow|LOC].",
    "[John Smith|PER] studied at [Stanford University|ORG].",
    "We drove from [Chicago|LOC] to [Texas|LOC] in two days.",
    "[Google|ORG] hired [Anna Schmidt|PER] last year.",
    "Please send me the report before Friday.",
    "The [German|MISC] team lost in [London|LOC].",
    "[Nelson Mandela|PER] spoke in [Cape Town|LOC].",
]


def plain(marked):
    """Read a sentence with marked entities; return its text and (start, end, label) of each."""
    text, spans = "", []
    for piece in marked.replace("]", "[").split("["):
        inside, separator, label = piece.partition("|")
        if separator:
            spans.append((len(text), len(text) + len(inside), label))
        text += inside
    return text, spans


@pytest.fixture(scope="module")
def tagger():
    return ner.Tagger.load("en", threads=1)


@pytest.mark.parametrize("marked", SENTENCES, ids=[f"sentence {i}" for i in range(len(SENTENCES))])
def test_plain_sentences_are_tagged_right(tagger, marked):
    text, spans = plain(marked)
    assert [(e.start, e.end, e.label) for e in tagger.tag(text).entities] == spans


def f1(tagger, change):
    """Compute F1 over the entities of changed sentences, whatever their case is."""
    found, expected = set(), set()
    for i, marked in enumerate(SENTENCES):
        text, spans = plain(marked)
        found |= {(i, e.text.lower(), e.label) for e in tagger.tag(change(text)).entities}
        expected |= {(i, text[start:end].lower(), label) for start, end, label in spans}
    return 2 * len(found & expected) / (len(found) + len(expected))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(str.lower, id="lower case"),
        pytest.param(str.upper, id="upper case"),
        pytest.param(str.title, id="headline"),
        pytest.param(lambda text: text.removesuffix("."), id="without final stop"),
        pytest.param(lambda text: f"“{text[:-1]}’", id="typographic quotes"),
    ],
)
def test_the_model_stands_changes_of_plain_sentences(tagger, change):
    assert f1(tagger, change) >= 0.8


def test_the_model_is_small_and_says_what_it_is():
    (model,) = installed_models()
    assert (model.name, model.task) == (DEFAULT, "ner")
    assert set(model.labels) == {"PER", "ORG", "LOC", "MISC"}
    assert model.size <= LARGEST
    assert model.licence == "CC BY-SA 4.0"
    assert (model.folder / "LICENSE.md").is_file()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "ner/models/en/LICENSE.md" in project["license-files"]


def test_the_model_has_no_private_words(tagger):
    from ner.exporting.compact import is_private

    words = tagger.featurizer.vectors.words
    assert len(words) >= 60_000
    assert [word for word in words if is_private(word)] == []


def test_the_model_is_stored_once():
    folder = FOLDER / "en"
    header = SafetensorsHeader.read(folder / "model.safetensors")
    for name, facts in header.arrays.items():
        if "weight" in name and len(facts.get("shape", ())) == 2:
            rows, columns = facts["shape"]
            assert facts["dtype"] == "I8" or rows * columns < LEAST_NUMBERS, name
    graphs = sum((folder / name).stat().st_size for name in ("model.onnx", "words.onnx"))
    assert graphs < 200_000


def test_the_model_needs_the_base_installation_alone():
    code = (
        "import sys\n"
        "names = ('torch', 'onnx', 'pydantic', 'sklearn', 'seqeval')\n"
        "sys.modules |= dict.fromkeys(names)\n"
        "import ner\n"
        "print(*ner.load('en').tag('She lives in Munich.').entities)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
    assert "Munich" in result.stdout


def test_a_name_is_the_installed_model_and_a_path_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "en").mkdir()
    assert model_folder("en") == FOLDER / "en"
    assert model_folder("./en") == Path("en")
    assert model_folder(tmp_path / "en") == tmp_path / "en"


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ner.ModelFolderError) as refused:
        ner.load("eng")
    words = "eng: no such folder, and no installed model. Installed: en. Did you mean 'en'?"
    assert str(refused.value) == words


def test_a_name_without_a_model_of_the_right_kind_is_refused():
    with pytest.raises(ner.ModelFolderError, match="must hold a model that"):
        ner.TextClassifier.load("en")


def test_tag_takes_the_model_by_default(run):
    code, out, err = run("tag", "Angela Merkel visited Siemens in Munich.")
    assert (code, err) == (0, "")
    found = [(e["label"], e["start"], e["end"]) for e in json.loads(out)["spans"]]
    assert found == [("PER", 0, 13), ("ORG", 22, 29), ("LOC", 33, 39)]


def test_models_lists_what_is_installed_and_where(run):
    code, out, err = run("models")
    assert (code, err) == (0, "")
    name, task, labels, size, licence, folder = out.strip().split("\t")
    assert (name, task, licence) == ("en", "ner", "CC BY-SA 4.0")
    assert set(labels.split()) == {"LOC", "MISC", "ORG", "PER"}
    assert float(size.removesuffix(" MB")) <= 8
    assert read_json(Path(folder) / "manifest.json")["format"] == 2
    assert json.loads(run("models", "--json")[1])[0]["folder"] == folder


def test_an_installed_model_is_not_replaced(run):
    code, out, err = run("export", "en", "--int8")
    assert (code, out) == (2, "")
    assert err == (
        "en: must be a folder to be replaced. Got a model that is installed. Name another folder "
        "for the new one: --out FOLDER.\n"
    )


@pytest.mark.parametrize("command", ["info en", "eval en sample:dev", "rename en PER=PERSON -o r"])
def test_commands_know_the_name(run, command):
    assert run(*command.split())[0] == 0
