"""Optional dependencies: import them by name, or say what to install."""

import importlib
from types import ModuleType

from ner.errors import MissingExtraError

DISTRIBUTION = "lattice-ner"

# What a training uses from its first step to its last report.
TRAINING = (
    "torch",
    "torchcrf",
    "jaxtyping",
    "pydantic",
    "seqeval",
    "sklearn",
    "matplotlib",
    "tensorboard",
)


def require(module: str, purpose: str, extra: str = "train") -> ModuleType:
    """Import `module`, for which the base installation may not be enough.

    Raises:
        MissingExtraError: It, or what it imports, is not installed; the message says which extra
            brings it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or module).partition(".")[0]
        if missing == __package__:
            raise
        raise MissingExtraError(
            f"{purpose} needs {missing}: pip install '{DISTRIBUTION}[{extra}]'"
        ) from None


def require_training() -> None:
    """Find out before a training, and not at its end, that something is not installed.

    Raises:
        MissingExtraError: As for `require`.
    """
    for module in TRAINING:
        require(module, "Training")
