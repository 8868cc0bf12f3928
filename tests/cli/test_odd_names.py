"""Names of files and folders that are not UTF-8, which Linux allows, in every command."""

import json
import shutil
import sys

import pytest

from ner.files import read_json
from tests.cli.helpers import records

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="names of files are UTF-8 here")

# Latin-1 for "Köln": a byte that is not UTF-8 becomes the half of a UTF-16 pair in Python.
ODD = "K\udcf6ln"
ROWS = "Ada B-PER\nleft O\n\nBob B-PER\nmet O\nAda B-PER\n\n"


@pytest.fixture
def source(tmp_path, run):
    folder = tmp_path / ODD
    folder.mkdir()
    (folder / f"{ODD}.conll").write_text(ROWS)
    (folder / f"{ODD}.txt").write_text("Ada left.\n")
    return f"{ODD}/{ODD}.conll"


def succeeds(result):
    code, out, err = result
    assert code == 0, err
    assert "Traceback" not in out + err
    # The terminal gets valid UTF-8, whatever stands for the byte.
    (out + err).encode()
    return out


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param("data check FILE --fix DIR/fixed.conll", id="check"),
        pytest.param("data check FILE --json", id="check as JSON"),
        pytest.param("data stats FILE --plot DIR/plot.png", id="stats"),
        pytest.param("data split FILE --out DIR/split --ratios 1 1 0", id="split"),
        pytest.param("data sample FILE -n 1 --out DIR/sample.conll", id="sample"),
        pytest.param("data convert FILE DIR/a.jsonl", id="convert"),
        pytest.param("data convert FILE DIR/a.csv.gz --to csv-long", id="convert, packed"),
        pytest.param("data convert FILE DIR/brat --to brat", id="convert to brat"),
    ],
)
def test_a_corpus(run, source, arguments):
    words = arguments.replace("FILE", source).replace("DIR", ODD).split()
    succeeds(run(*words))


@pytest.mark.parametrize("runtime", ["onnx", "torch"])
def test_a_model_tags(run, source, tmp_path, tiny_model, runtime):
    shutil.copytree(tiny_model, tmp_path / ODD / "model")
    text = f"{ODD}/{ODD}.txt"
    words = ["--model", f"{ODD}/model", "--runtime", runtime, "--output", "jsonl"]
    found = records(succeeds(run("tag", text, text, *words)))
    assert [record["text"] for record in found] == ["Ada left."] * 2


def test_a_model_is_scored_described_renamed_and_exported(run, source, tmp_path, tiny_model):
    shutil.copytree(tiny_model, tmp_path / ODD / "model")
    model = f"{ODD}/model"
    assert json.loads(succeeds(run("eval", model, source, "--json")))
    assert json.loads(succeeds(run("info", model, "--json")))
    succeeds(run("rename", model, "PER=PERSON", "--out", f"{ODD}/renamed"))
    succeeds(run("export", f"{ODD}/renamed", "--int8"))


@pytest.mark.parametrize("storage", ["memory", "disk"])
def test_a_training_keeps_the_names_for_its_resumption(run, source, tmp_path, storage):
    settings = ["words.size=4", "affixes.rows=8", "encoder.size=4", "training.threads=1"]
    words = [word for name in (*settings, f"data.storage={storage}") for word in ("--set", name)]
    out = f"{ODD}/run"
    train = ["train", "--train", source, "--dev", source, "--out", out, "--epochs", 1, *words]
    succeeds(run(*train))
    folder = tmp_path / ODD / "run"
    for facts in (read_json(folder / "run.json"), read_json(folder / "model/manifest.json")):
        assert facts["data"]["train"]["source"] == source
    (folder / "model/README.md").read_text(encoding="utf-8")
    before = (folder / "model/model.safetensors").read_bytes()
    succeeds(run("train", "--out", out, "--resume"))
    assert (folder / "model/model.safetensors").read_bytes() == before


def test_several_seeds(run, source):
    settings = ["words.size=4", "affixes.rows=8", "encoder.size=4", "training.export=false"]
    words = [word for setting in settings for word in ("--set", setting)]
    out = f"{ODD}/seeds"
    train = ["train", "--train", source, "--dev", source, "--out", out, "--epochs", 1, *words]
    assert "mean and standard deviation of 2 seeds" in succeeds(run(*train, "--seeds", 2))


@pytest.mark.parametrize(
    "arguments",
    ["tag --model ODD x", "data stats ODD", "train --train ODD", "info ODD", "eval ODD ODD"],
)
def test_an_error_is_one_line(run, arguments):
    code, out, err = run(*arguments.replace("ODD", f"{ODD}/none").split())
    assert (code, out, err.count("\n")) == (1, "", 1)
    err.encode()
