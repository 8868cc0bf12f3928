"""A dictionary that never changes, and the way back from values that never change to JSON."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Never, TypeVar

from ner.data.token_ranges import TokenRanges

Key = TypeVar("Key")
Value = TypeVar("Value")


class FrozenDict(dict[Key, Value]):
    """A dictionary that cannot be changed. It has a hash if its values have one.

    `json`, `dataclasses.asdict` and the like take it for a dictionary.

    >>> {FrozenDict(upos=("NOUN",)), FrozenDict(upos=("NOUN",))}
    {FrozenDict({'upos': ('NOUN',)})}
    """

    __slots__ = ()

    def __hash__(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        # By default, a copy is filled item by item.
        return type(self), (dict(self),)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({super().__repr__()})"

    # A type checker then sees the methods of a dictionary, with their own signatures.
    if not TYPE_CHECKING:

        def _refuse(self, *arguments: object, **keywords: object) -> Never:
            raise TypeError("a result must not be changed. Copy it into a dict first.")

        __setitem__ = __delitem__ = __ior__ = _refuse
        clear = pop = popitem = setdefault = update = _refuse


def plain(value: Any) -> Any:
    """Turn data classes, tuples and frozen dictionaries into the lists and dictionaries of JSON.

    >>> plain({"upos": ("NOUN", "VERB")})
    {'upos': ['NOUN', 'VERB']}
    """
    if isinstance(value, tuple | list | TokenRanges):
        return [plain(each) for each in value]
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return {field.name: plain(getattr(value, field.name)) for field in fields}
    return value
