"""`ner tag` on one text loads what it needs and no more, so that it starts fast."""

import subprocess
import sys

import pytest

# What other packages load, and what a model is read with, are not counted.
PROGRAM = """
import sys
import ctypes, dataclasses, hashlib, json, logging, shlex, tomllib
import numpy.typing, onnxruntime, safetensors.numpy, typer.main

before = set(sys.modules)
from ner.cli import main

try:
    main(["tag", "Angela Merkel visited Siemens in Munich."])
except SystemExit:
    pass
print(*sorted(set(sys.modules) - before), sep="\\n")
"""
# The modules of the command line that `ner tag` consists of.
COMMAND_LINE = {
    *("app", "commands", "inputs", "lazy", "looking", "options", "outputs", "printing"),
    *("record_fields", "skipped", "standard_streams", "streams", "tag", "thresholds", "warnings"),
}
# Modules of the package at most, those of the command line too.
MOST = 106


@pytest.fixture(scope="module")
def loaded():
    result = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
    text, *modules = result.stdout.splitlines()
    assert '"label": "PER"' in text
    return modules


def test_it_loads_no_other_library(loaded):
    others = {name.partition(".")[0].lstrip("_") for name in loaded} - {"ner"}
    assert others <= {"array", "bisect", "encodings", "gc", "typer"}


def test_it_loads_no_other_command(loaded):
    names = {name.removeprefix("ner.cli.") for name in loaded if name.startswith("ner.cli.")}
    assert names == COMMAND_LINE


def test_it_loads_few_modules_of_the_package(loaded):
    own = [name for name in loaded if name.partition(".")[0] == "ner"]
    assert len(own) <= MOST
