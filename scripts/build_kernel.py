"""Compile ner/crf/kernel.c when the package is built or installed; go without where that fails.

A build hook of hatchling, named in pyproject.toml. By hand: python scripts/build_kernel.py
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
    """Write ner/crf/_kernel.so; False where there is no compiler, or it does not know the flags."""
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
except ModuleNotFoundError:  # called by hand
    BuildHookInterface = object


class KernelHook(BuildHookInterface):  # pyright: ignore[reportGeneralTypeIssues]
    """Puts the compiled kernel into a wheel, which then is one for this platform."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile; `version` is "editable" where the source tree itself is installed."""
        if self.target_name != "wheel" or not compile_kernel():
            return
        build_data["artifacts"].append("ner/crf/_kernel.so")
        build_data["pure_python"] = False
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"


if __name__ == "__main__":
    print("compiled" if compile_kernel() else "not compiled: numpy will do")
