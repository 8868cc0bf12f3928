"""Install a wheel into a fresh environment without a compiler, and use what it installs.

python scripts/check_install.py dist/lattice_ner-0.1.0-py3-none-any.whl
python scripts/check_install.py dist/lattice_ner-0.1.0-py3-none-any.whl --oldest --model runs/names/model

Prints the size of the wheel and of the installation, bytecode included, without pip.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
OLDEST = ROOT / "constraints-oldest.txt"
TEXT = "Ada Lovelace met Charles Babbage in London."

# Runs in the new environment: the argument says whether the wheel is for one platform.
CHECKS = """
import importlib.metadata, sys
from pathlib import Path
import ner
from ner.crf import kernel
from ner.data.tokenizer import Tokenizer
assert (kernel.library is not None) == (sys.argv[1] == "compiled"), kernel.library
assert Path(ner.__file__).with_name("py.typed").exists()
files = importlib.metadata.files("lattice-ner")
assert any("sboms" in file.parts for file in files), "no bill of materials"
assert Tokenizer()("Ada's visit.")[0] == ["Ada", "'s", "visit", "."]
assert len(ner.read_sentences("sample:dev")) > 100
"""

# Bytes of everything that pip installed, itself aside.
SIZE = """
import importlib.metadata
others = [d for d in importlib.metadata.distributions() if d.name not in ("pip", "setuptools")]
files = [d.locate_file(file) for d in others for file in d.files]
print(sum(path.stat().st_size for path in files if path.exists()))
"""


def check(wheel: Path, folder: Path, oldest: bool, model: Path | None) -> None:
    """Make an environment in a folder, install the wheel, and use it.

    Raises:
        CalledProcessError: The installation or a use of it failed.
    """
    venv.create(folder, with_pip=True, symlinks=os.name != "nt")
    binaries = folder / ("Scripts" if os.name == "nt" else "bin")
    # Neither a compiler nor the packages of whoever runs this are found.
    hidden = ("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "CC")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment["PATH"] = str(binaries)

    def run(*arguments: str) -> str:
        command = [str(binaries / arguments[0]), *arguments[1:]]
        return subprocess.run(
            command, env=environment, cwd=folder, check=True, capture_output=True, text=True
        ).stdout

    constraints = ["-c", str(OLDEST)] if oldest else []
    run("python", "-m", "pip", "install", "--only-binary", ":all:", *constraints, str(wheel))
    run("python", "-m", "pip", "check")
    run("python", "-c", CHECKS, "numpy" if wheel.stem.endswith("-any") else "compiled")
    run("ner", "--help")
    run("ner", "data", "stats", "sample:dev")
    installed = int(run("python", "-c", SIZE))
    print(
        f"Python {sys.version.split()[0]}, {'oldest' if oldest else 'newest'} dependencies: "
        f"{wheel.name} has {wheel.stat().st_size / 1e6:.1f} MB, "
        f"and {installed / 1e6:.0f} MB are installed."
    )
    print(" ".join(run("python", "-m", "pip", "freeze", "--exclude", "lattice-ner").split()))
    if model is not None:
        print(run("ner", "tag", TEXT, "--model", str(model.resolve())), end="")


def main(arguments: Sequence[str] | None = None) -> None:
    """Check, and exit with 1 if something does not work."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("wheel", type=Path, help="the wheel to install")
    parser.add_argument("--oldest", action="store_true", help=f"use {OLDEST.name}")
    parser.add_argument("--model", type=Path, help="a model folder, to tag a sentence with")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        try:
            check(given.wheel.resolve(), Path(folder), given.oldest, given.model)
        except subprocess.CalledProcessError as error:
            sys.exit(f"{' '.join(error.cmd[:4])} failed:\n{error.stdout}{error.stderr}")


if __name__ == "__main__":
    main()
