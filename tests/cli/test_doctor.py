"""What `ner doctor` says of an installation."""

import json
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

import ner
from ner.cli import installation
from ner.extras import PURPOSES

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FOR_DEVELOPERS = {"dev", "docs"}


@pytest.fixture
def declared(monkeypatch):
    """Take the requirements of pyproject.toml, whatever was installed when."""
    extras = PROJECT["optional-dependencies"]
    needed = list(PROJECT["dependencies"])
    for extra, requirements in extras.items():
        for requirement in requirements:
            name, _, marker = requirement.partition(";")
            both = f"({marker.strip()}) and " if marker else ""
            needed.append(f"{name.strip()}; {both}extra == '{extra}'")
    monkeypatch.setattr(installation, "requires", lambda _: needed)
    without(monkeypatch)


# Whatever version of typer runs the tests.
VERSIONS = {"typer": "0.20.0"}


def without(monkeypatch, *names, **versions):
    """Let packages be missing, or have another version."""
    known = VERSIONS | versions

    def found(name):
        if name in names:
            raise PackageNotFoundError(name)
        return known.get(name) or version(name)

    monkeypatch.setattr(installation, "version", found)


def test_every_extra_says_what_it_is_for():
    assert PURPOSES.keys() == PROJECT["optional-dependencies"].keys() - FOR_DEVELOPERS


def test_an_installation_is_described(run, declared):
    code, out, err = run("doctor", "--json")
    facts = json.loads(out)
    assert (code, err) == (0, "")
    assert (facts["ner"], facts["missing"]) == (ner.__version__, [])
    assert facts["folder"] == str(Path(ner.__file__).parent)
    assert facts["packages"]["numpy"] == version("numpy")
    assert 1 <= facts["threads"]["usable"] <= facts["threads"]["cores"]
    assert facts["extras"]["train"] == {"for": PURPOSES["train"], "missing": []}


def test_people_read_the_same(run, declared, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    code, out, _ = run("doctor")
    assert code == 0
    assert out.startswith(f"ner {ner.__version__}, Python ")
    assert "; OMP_NUM_THREADS is 1\n" in out
    assert f"  train         installed; to {PURPOSES['train']}\n" in out


def test_a_missing_extra_is_named_with_what_it_is_for(run, declared, monkeypatch):
    without(monkeypatch, "transformers", matplotlib="3.0", onnx="1.0")
    code, out, _ = run("doctor")
    assert code == 0
    assert (
        "  transformers  lacks transformers>=5.18; pip install 'lattice-ner[transformers]'; to "
        "train with a pretrained encoder as an embedding\n"
    ) in out
    assert "  train         lacks onnx>=1.16; pip install 'lattice-ner[train]'; to " in out
    assert "  plots         lacks matplotlib>=3.9; pip install 'lattice-ner[plots]'; to " in out


def test_an_extra_needs_what_its_own_extras_need(run, monkeypatch):
    needed = ["lattice-ner[eval]; extra == 'train'", "nowhere>=2; extra == 'eval'"]
    monkeypatch.setattr(installation, "requires", lambda _: needed)
    without(monkeypatch, "nowhere")
    facts = json.loads(run("doctor", "--json")[1])
    assert facts["extras"]["train"]["missing"] == ["nowhere>=2"]
    assert (facts["packages"], facts["missing"]) == ({}, [])


def test_a_missing_package_of_the_base_is_a_failure(run, declared, monkeypatch):
    without(monkeypatch, "safetensors", numpy="1.20")
    code, out, _ = run("doctor")
    assert code == 1
    line = "Needed, but not installed so: numpy>=1.26, safetensors>=0.5; see pip check\n"
    assert line in out


@pytest.mark.parametrize(
    ("library", "line"),
    [(None, "Kernel: not compiled, so "), (object(), "Kernel: compiled\n")],
    ids=["numpy", "C"],
)
def test_the_kernel_is_compiled_or_not(run, declared, monkeypatch, library, line):
    monkeypatch.setattr("ner.crf.kernel.library", library)
    assert line in run("doctor")[1]


@pytest.mark.parametrize(
    ("names", "cuda", "line"),
    [
        (["H200", "H200"], "13.0", "GPU: H200, H200"),
        ([], "13.0", "GPU: none; CUDA finds no device"),
        ([], None, "GPU: none; torch is built without CUDA"),
    ],
    ids=["two", "none", "no CUDA"],
)
def test_devices_are_named(run, declared, monkeypatch, names, cuda, line):
    monkeypatch.setattr("torch.cuda.is_available", lambda: bool(names))
    monkeypatch.setattr("torch.cuda.device_count", lambda: len(names))
    monkeypatch.setattr("torch.cuda.get_device_name", lambda i: names[i])
    monkeypatch.setattr("torch.version.cuda", cuda)
    assert line in run("doctor")[1].splitlines()


def test_without_torch_there_is_no_gpu(run, declared, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert "GPU: none; torch, which runs models on a GPU, is not installed\n" in run("doctor")[1]
