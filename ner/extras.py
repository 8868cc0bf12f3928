"""Optional dependencies: import them by name, or say what to install."""

import importlib
from types import ModuleType

from ner.errors import MissingExtraError

DISTRIBUTION = "lattice-ner"


def require(module: str, purpose: str, extra: str = "train") -> ModuleType:
    """Import `module`, which `purpose` needs and the base installation leaves out.

    Raises:
        MissingExtraError: It is not installed; the message says which extra brings it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or module).partition(".")[0]
        if missing == "ner":
            raise
        raise MissingExtraError(
            f"{purpose} needs {missing}: pip install '{DISTRIBUTION}[{extra}]'"
        ) from None
