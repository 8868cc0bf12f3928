"""Optional packages: import them by name, or say what to install."""

import importlib
from types import ModuleType

from ner.errors import MissingExtraError

DISTRIBUTION = "lattice-ner"

# What users can do with each extra, after "to".
PURPOSES = {
    "train": "train, export and draw plots, and run models on torch",
    "sentences": "split documents into sentences (--split-sentences)",
    "zstd": "read and write .zst files, before Python 3.14",
    "spacy": "read and write .spacy files",
    "transformers": "use a pretrained encoder as an embedding",
}

# All packages that training imports, from its first step to its last report.
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
    """Import a module that needs more than the base installation.

    Args:
        module: Name of the module.
        purpose: What it is needed for, as the subject of the message.
        extra: The extra of this package that installs it.

    Raises:
        MissingExtraError: The module, or a module that it imports, is not installed. The message
            says which extra to install.
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
    """Import everything that training needs, so that a missing package is noticed before it starts.

    Raises:
        MissingExtraError: A package is not installed.
    """
    for module in TRAINING:
        require(module, "Training")
