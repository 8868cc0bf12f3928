"""What a value out of a file may be: its type, its range, and for tables every key.

    Rule      a test of one value, and its words
    Table     a dictionary: the rule of each known key; other keys are refused
    Nullable  a value that may also be null

A table refuses what it does not know, so a file from anyone is checked before it is used.
"""

import math
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ner.data.lines import short

# Letters of a text at most, and the largest whole number.
LONGEST_TEXT = 1_000_000
LARGEST = 2**64


class SchemaError(ValueError):
    """A value is not what it must be. The message says where it is, and what must hold."""


class Rule(NamedTuple):
    """A test of one value.

    Args:
        words: What must hold, as it follows "must".
        holds: Returns whether a value passes; it is called with values of any type.
    """

    words: str
    holds: Callable[[Any], bool]

    def check(self, value: Any, where: str) -> None:
        """Refuse a value.

        Raises:
            SchemaError: The value does not pass; the message begins with `where`.
        """
        if not self.holds(value):
            raise SchemaError(f"{where} must {self.words}. Got {short(value)}.")


class Table(NamedTuple):
    """A dictionary with a rule for each key.

    Args:
        rules: The rules of known keys.
        required: The keys that must be there.
        others: The rule of all other keys; None refuses them.
    """

    rules: Mapping[str, "Schema"] = MappingProxyType({})
    required: Collection[str] = ()
    others: "Schema | None" = None

    def check(self, value: Any, where: str) -> None:
        """Refuse a value that is no such dictionary.

        Raises:
            SchemaError: A key is unknown or missing, or its value does not pass; the message begins
                with `where`, which is the dotted key of this dictionary, or a file and ": ".
        """
        if type(value) is not dict:
            raise SchemaError(f"{where.rstrip(': ')} must be settings by name. Got {short(value)}.")
        within = where if where.endswith(": ") else f"{where}."
        for name in self.required:
            if name not in value:
                raise SchemaError(f"{within}{name} must be there. Got no such key.")
        for name, inner in value.items():
            rule = self.rules.get(name, self.others)
            if rule is None:
                raise SchemaError(f"{within}{short(name)}: unknown key. Upgrade.")
            rule.check(inner, f"{within}{name if name in self.rules else short(name)}")


class Nullable(NamedTuple):
    """A value that may also be null.

    Args:
        rule: The rule of all other values.
    """

    rule: Rule | Table

    def check(self, value: Any, where: str) -> None:
        """Refuse a value that is neither null nor passes; see `Rule.check`."""
        if value is not None:
            self.rule.check(value, where)


def whole(low: int, high: int = LARGEST) -> Rule:
    """Return the rule of a whole number within two bounds."""
    words = f"be a whole number from {low}" + ("" if high == LARGEST else f" to {high}")
    return Rule(words, lambda value: type(value) is int and low <= value <= high)


def number(low: float = -math.inf, high: float = math.inf) -> Rule:
    """Return the rule of a finite number within two bounds."""
    words = "be a finite number"
    if low > -math.inf:
        words += f" from {low:g}" + (f" to {high:g}" if high < math.inf else "")

    def holds(value: Any) -> bool:
        # A whole number of many digits is larger than any float.
        is_number = type(value) is float or (type(value) is int and abs(value) <= LARGEST)
        return is_number and math.isfinite(value) and low <= value <= high

    return Rule(words, holds)


def one_of(values: Collection[str]) -> Rule:
    """Return the rule of one of some strings."""
    return Rule(
        f"be one of {', '.join(values)}", lambda value: type(value) is str and value in values
    )


def strings(words: str = "", holds: Callable[[str], bool] = lambda _: True) -> Rule:
    """Return the rule of a list of distinct strings, each of which passes a test.

    Args:
        words: What each string is, as it follows "strings".
        holds: The test; by default any string passes.
    """

    def all_hold(value: Any) -> bool:
        return (
            type(value) is list
            and all(type(each) is str and holds(each) for each in value)
            and len(set(value)) == len(value)
        )

    return Rule(f"be a list of distinct strings{words}", all_hold)


Schema = Rule | Table | Nullable

flag = Rule("be true or false", lambda value: type(value) is bool)
text = Rule("be a text", lambda value: type(value) is str and len(value) <= LONGEST_TEXT)
