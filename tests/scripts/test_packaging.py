"""The files that say what is installed agree with pyproject.toml, which is edited by hand."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement

from tests.scripts.running import import_script

write_sbom = import_script("write_sbom.py")
ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
PIN = re.compile(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", re.MULTILINE)


def pins(name):
    """Return the versions of a file by the canonical names of packages."""
    found = PIN.findall((ROOT / name).read_text(encoding="utf-8"))
    return {re.sub("[-_.]+", "-", package).lower(): version for package, version in found}


def test_the_bill_of_materials_is_that_of_the_project():
    assert json.loads(write_sbom.FILE.read_text(encoding="utf-8")) == write_sbom.bill_of_materials()


def test_hashes_are_those_of_the_pinned_versions():
    pinned, hashed = pins("constraints.txt"), pins("requirements-hashed.txt")
    assert hashed.items() >= {k: v for k, v in pinned.items() if k != "torch"}.items()
    # Its builds for CPU and CUDA have other digests than the one of the index.
    assert "torch" not in hashed


def test_every_hashed_version_has_a_digest():
    text = (ROOT / "requirements-hashed.txt").read_text(encoding="utf-8")
    requirements = [part for part in re.split(r"\n(?=[A-Za-z0-9])", text)[1:] if part.strip()]
    assert len(requirements) == len(pins("requirements-hashed.txt"))
    assert all("--hash=sha256:" in requirement for requirement in requirements)


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_the_oldest_versions_are_allowed_and_pinned(python):
    lines = (ROOT / "constraints-oldest.txt").read_text(encoding="utf-8").splitlines()
    requirements = [Requirement(line) for line in lines if not line.startswith("#")]
    environment = {"python_version": python}
    oldest = {
        each.name: str(each.specifier).removeprefix("==")
        for each in requirements
        if each.marker is None or Marker(str(each.marker)).evaluate(environment)
    }
    base = {each.name: each for each in map(Requirement, PROJECT["dependencies"])}
    assert oldest.keys() == base.keys()
    assert all(base[name].specifier.contains(version) for name, version in oldest.items())


def test_an_extra_installs_only_extras_that_exist():
    inner = [
        extra
        for lines in EXTRAS.values()
        for line in map(Requirement, lines)
        if line.name == PROJECT["name"]
        for extra in line.extras
    ]
    assert inner
    assert set(inner) <= set(EXTRAS)


def test_the_base_installation_needs_no_package_of_an_extra():
    base = {Requirement(line).name for line in PROJECT["dependencies"]}
    assert not base & {"torch", "pydantic", "tokenizers", "seqeval", "matplotlib", "datasets"}
