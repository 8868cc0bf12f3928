"""A dictionary that never changes, and the way from values that never change to JSON and back."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Never, TypeVar, cast

from ner.data.token_ranges import TokenRanges
from ner.errors import DataError, suggestion

Key = TypeVar("Key")
Value = TypeVar("Value")
Built = TypeVar("Built")


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


def as_columns(columns: Mapping[str, Iterable[str]]) -> Mapping[str, tuple[str, ...]]:
    """Return columns of strings by their names, which cannot be changed."""
    return FrozenDict(zip(columns, map(tuple, columns.values()), strict=True))


def as_floats(values: Iterable[Any]) -> tuple[float, ...]:
    """Return numbers as a tuple, those of an array as numbers of Python; a tuple stays."""
    return values if type(values) is tuple else tuple(map(float, values))


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


def known_fields(value: Any) -> dict[str, Any]:
    """Return the fields of a data class that differ from their defaults, as JSON can hold them."""
    fields = ((field, getattr(value, field.name)) for field in dataclasses.fields(value))
    return {field.name: plain(each) for field, each in fields if each != field.default}


def build(kind: type[Built], facts: Mapping[str, Any]) -> Built:
    """Build a data class from its fields by name.

    Raises:
        DataError: A field is unknown or missing, or holds something else.
    """
    known = [field.name for field in dataclasses.fields(cast(Any, kind))]
    for name in facts:
        if name not in known:
            raise DataError(f"{name}: unknown field of a {kind.__name__}.{suggestion(name, known)}")
    try:
        return kind(**facts)
    except (TypeError, ValueError) as error:
        raise DataError(f"{kind.__name__}: {error}") from None
