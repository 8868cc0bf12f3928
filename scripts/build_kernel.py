"""Compile ner/crf/kernel.c in this folder again, after a change or with another compiler.

python scripts/build_kernel.py
CC="cc -fsanitize=address" python scripts/build_kernel.py

An installation does the same by itself, if there is a compiler.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Write ner/crf/_kernel.so, and exit with 1 if it cannot be compiled."""
    # The extra `dev` installs cmake beside Python.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": path}
    toolset = ["-T", "ClangCL"] if sys.platform == "win32" else []
    with tempfile.TemporaryDirectory() as build:
        commands = [
            ["cmake", "-S", str(ROOT), "-B", build, *toolset],
            ["cmake", "--build", build, "--config", "Release"],
        ]
        for command in commands:
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            if done.returncode:
                sys.exit(done.stdout + done.stderr)
    print("compiled")


if __name__ == "__main__":
    main()
