"""Compile ner/crf/kernel.c. The package works without it, but is slower.

python scripts/build_kernel.py

hatchling runs this when the package is built or installed: pyproject.toml names it as a build hook.
"""

import os
import shlex
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parents[1] / "ner" / "crf" / "kernel.c"
LIBRARY = SOURCE.with_name("_kernel.so")
# No -ffast-math: the sums rely on infinities and NaN.
FLAGS = ["-O3", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared"]


def compile_kernel() -> bool:
    """Write ner/crf/_kernel.so. Return False if there is no compiler that knows the flags."""
    compiler = shlex.split(os.environ.get("CC", "cc"))
    command = [*compiler, *FLAGS, str(SOURCE), "-lm", "-o", str(LIBRARY)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        LIBRARY.unlink(missing_ok=True)
        return False
    return True


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ModuleNotFoundError:  # not called by hatchling
    BuildHookInterface = object


class KernelHook(BuildHookInterface):  # pyright: ignore[reportGeneralTypeIssues]
    """Adds the compiled kernel to a wheel, which then is for this platform only."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile the kernel when a wheel is built, or the source tree is installed."""
        if self.target_name != "wheel" or not compile_kernel():
            return
        build_data["artifacts"].append("ner/crf/_kernel.so")
        build_data["pure_python"] = False
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"


if __name__ == "__main__":
    print("compiled" if compile_kernel() else "not compiled: numpy is used instead")
