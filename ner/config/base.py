"""The base class of sections of settings, and the ranges of numbers in them."""

from typing import Annotated

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ConfigDict, Strict

Rate = Annotated[float, Ge(0), Lt(1)]

PositiveRate = Annotated[float, Gt(0), Lt(1)]

Share = Annotated[float, Ge(0), Le(1)]

PositiveShare = Annotated[float, Gt(0), Le(1)]

Positive = Annotated[float, Gt(0)]

NonNegative = Annotated[float, Ge(0)]

Count = Annotated[int, Ge(1)]

Natural = Annotated[int, Ge(0)]

Names = Annotated[tuple[str, ...], Strict(False)]  # a list, in TOML


class Section(BaseModel):
    """Settings that belong together. They are checked, and cannot be changed.

    Users read the docstring of a section, and the one under each of its settings, as help.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )
