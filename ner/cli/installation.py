"""What is installed, and what is missing for what."""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

import ner
from ner.cores import count_cores
from ner.crf import kernel
from ner.extras import DISTRIBUTION, PURPOSES
from ner.installed import installed_models

# The variables that limit the threads of numpy, torch and ONNX Runtime.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def examine() -> dict[str, Any]:
    """Collect what is known about the installation, as JSON can hold it."""
    found, missing = _packages()
    return {
        "ner": ner.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "folder": str(Path(ner.__file__).parent),
        "kernel": kernel.library is not None,
        "threads": _threads(),
        "gpu": _gpus(),
        "models": [model.to_dict() for model in installed_models()],
        "packages": found,
        "missing": missing.pop("", []),
        "extras": {
            name: {"for": purpose, "missing": missing.get(name, [])}
            for name, purpose in PURPOSES.items()
        },
    }


def _packages() -> tuple[dict[str, str], dict[str, list[str]]]:
    """Look for the packages that the distribution names.

    Returns:
        The version of each that is installed; and those that are missing or do not fit, by the
        extra that needs them, "" for those that everything needs.
    """
    found: dict[str, str] = {}
    missing: dict[str, list[str]] = {}
    requirements = list(map(Requirement, requires(DISTRIBUTION) or ()))
    inner = {extra: _with_inner(extra, requirements) for extra in ("", *PURPOSES)}
    for requirement in requirements:
        users = [e for e, names in inner.items() if any(_is_for(requirement, n) for n in names)]
        try:
            own = version(requirement.name)
        except PackageNotFoundError:
            own = None
        if users and own is not None and requirement.name != DISTRIBUTION:
            found[requirement.name] = own
        if own is None or not requirement.specifier.contains(own, prereleases=True):
            for user in users[:1] if "" in users else users:
                needed = f"{requirement.name}{requirement.specifier}"
                missing.setdefault(user, []).append(needed)
    return dict(sorted(found.items())), missing


def _with_inner(extra: str, requirements: Sequence[Requirement]) -> list[str]:
    """Return the name of an extra and those of the extras of this distribution that it includes."""
    names = [extra]
    for name in names:  # it grows meanwhile
        own = (r for r in requirements if r.name == DISTRIBUTION and _is_for(r, name))
        names += [other for r in own for other in sorted(r.extras) if other not in names]
    return names


def _is_for(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _threads() -> dict[str, Any]:
    limits = {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ}
    return {"cores": os.cpu_count() or 1, "usable": count_cores(), "limits": limits}


def _gpus() -> dict[str, Any]:
    """Name the devices that torch can use, or say why there are none."""
    try:
        import torch
    except ModuleNotFoundError:
        return {"devices": [], "reason": "torch, which runs models on a GPU, is not installed"}
    if torch.cuda.is_available():
        count = torch.cuda.device_count()
        return {"devices": [torch.cuda.get_device_name(i) for i in range(count)], "reason": None}
    is_built = torch.version.cuda is not None
    reason = "CUDA finds no device" if is_built else "torch is built without CUDA"
    return {"devices": [], "reason": reason}
