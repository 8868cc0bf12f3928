"""Optional packages: import them by name, or say what to install."""

import importlib
from types import ModuleType

from ner.errors import MissingExtraError

DISTRIBUTION = "lattice-ner"

# What users can do with each extra, after "to".
PURPOSES = {
    "eval": "score models on annotated data",
    "train": "train and export models, and run them on torch",
    "datasets": "read data sets of Hugging Face",
    "plots": "draw plots",
    "tensorboard": "follow training in TensorBoard",
    "sentences": "split documents into sentences (--split-sentences)",
    "zstd": "read and write .zst files, before Python 3.14",
    "spacy": "tag in pipelines of spaCy, and read and write .spacy files",
    "presidio": "find personal data with Presidio",
    "bulk": "tag tables of Apache Arrow, and many files at once",
    "ray": "tag many files on several machines, with Ray",
    "serve": "answer over HTTP (ner serve)",
    "rules": "find the words of rules in texts (--rules)",
    "sweep": "search for good settings (ner sweep)",
    "hub": "load models from the Hugging Face hub, and push them there",
    "transformers": "train with a pretrained encoder as an embedding",
    "subwords": "tag with a model that has a pretrained encoder, without torch",
}

# What reports of scores need.
EVALUATION = ("seqeval", "sklearn")

# All packages that training cannot do without, from its first step to its last report.
TRAINING = ("torch", "torchcrf", "jaxtyping", "pydantic", *EVALUATION)


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


def optional(module: str) -> ModuleType | None:
    """Import a module that is used only where it is installed; return None where it is not."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        return None


def require_evaluation() -> None:
    """Import everything that reports need, so that a missing package is noticed before they do.

    Raises:
        MissingExtraError: A package is not installed.
    """
    for module in EVALUATION:
        require(module, "Evaluation", "eval")


def require_training() -> None:
    """Import everything that training needs, so that a missing package is noticed before it starts.

    Raises:
        MissingExtraError: A package is not installed.
    """
    for module in TRAINING:
        require(module, "Training")
