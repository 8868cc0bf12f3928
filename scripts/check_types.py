"""Check that scripts of users, and the examples in the docs, have types: with an installed wheel.

python scripts/check_types.py dist/lattice_ner-0.1.0-py3-none-any.whl
"""

import argparse
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from docs_examples import write_python

# Examples for libraries that no developer needs to install.
UNCHECKED = ("example_engines.py",)

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "tests" / "typing"
# Warnings are about the manner of writing, and about packages without types. An example may write
# an expression alone on a line, and build on torch; a script of a user of `ner` has no warnings.
# Examples also use libraries that have no types, such as pandas.
OF_EXAMPLES = {"mypy": ["--disable-error-code=import-untyped"], "basedpyright": ["--level=error"]}

# scikit-learn, which an example imports, has no types.
MYPY_OF_EXAMPLES = "[mypy]\n[mypy-sklearn.*]\nignore_missing_imports = True\n"


def install(wheel: Path, folder: Path) -> Path:
    """Make an environment with the wheel and the packages of this one; return its Python."""
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    told = subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True)
    packages = Path(told.stdout.strip())
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    # Of a folder that such a file names, further such files are not read, so that an editable
    # installation in it plays no part.
    others = sysconfig.get_path("purelib")
    (packages / "others.pth").write_text(f"{others}\n", encoding="utf-8")
    return python


def check(folder: Path, python: Path, options: Mapping[str, Sequence[str]]) -> bool:
    """Run mypy and basedpyright on the files of a folder; return whether both accept them."""
    files = sorted(path.name for path in folder.glob("*.py"))
    print(f"{folder.name}: {', '.join(files)}", flush=True)
    commands = (
        ["mypy", "--strict", "--python-executable", str(python), *files],
        ["basedpyright", "--pythonpath", str(python)],
    )
    accepted = True
    for command in commands:
        command += options.get(command[0], ())
        code = subprocess.run([sys.executable, "-m", *command], cwd=folder).returncode
        if code:
            print(f"{command[0]} ended with {code}.", flush=True)
            accepted = False
    return accepted


def main(arguments: Sequence[str] | None = None) -> None:
    """Check, and exit with 1 where a type is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("wheel", type=Path, help="the wheel to install")
    wheel = parser.parse_args(arguments).wheel
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = install(wheel, folder / "environment")
        shutil.copytree(SCRIPTS, folder / "scripts")
        for path in write_python(folder / "examples"):
            if path.name in UNCHECKED:
                path.unlink()
        (folder / "examples" / "mypy.ini").write_text(MYPY_OF_EXAMPLES, encoding="utf-8")
        accepted = [
            check(folder / "scripts", python, {}),
            check(folder / "examples", python, OF_EXAMPLES),
        ]
    sys.exit(not all(accepted))


if __name__ == "__main__":
    main()
