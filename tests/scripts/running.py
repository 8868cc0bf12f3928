"""How tests run scripts, and import the modules beside them."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


def run_script(name, *arguments):
    """Run a script in a process of its own."""
    # Benchmarks measure bfloat16, which oneDNN refuses if it is held below torch.
    environment = {k: v for k, v in os.environ.items() if k != "ONEDNN_MAX_CPU_ISA"}
    command = [sys.executable, SCRIPTS / name, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, env=environment)


def import_script(path):
    """Import a module as a script in its folder does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend((SCRIPTS / path).parent)
        return importlib.import_module(Path(path).stem)
