"""Which function writes which kind of module."""

from collections.abc import Collection, Mapping
from typing import TypeVar

from torch import nn

from ner.errors import ConfigError

Builder = TypeVar("Builder")


def chosen(builders: Mapping[type[nn.Module], Builder], module: nn.Module, where: str) -> Builder:
    """Look up what writes a module as nodes.

    Raises:
        ConfigError: Nothing does.
    """
    check_kind(module, builders, where)
    return builders[type(module)]


def check_kind(module: nn.Module, kinds: Collection[type[nn.Module]], where: str) -> None:
    """Refuse all other modules; a subclass may compute something else.

    Raises:
        ConfigError: The module is of none of these kinds.
    """
    if type(module) not in kinds:
        known = " or ".join(kind.__name__ for kind in kinds)
        raise ConfigError(
            f"{where}: must be {known} to be exported to ONNX. Got {type(module).__name__}."
        )
