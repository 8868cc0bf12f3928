"""What a sweep searches: for some settings, the values that they may have."""

import itertools
import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ner.config.loading import Config
from ner.errors import ConfigError

RANGE = re.compile(r"(log:)?\s*([-+.\de]+?)\s*\.\.\s*([-+.\de]+)", re.IGNORECASE)

# Settings that say what is learned from which data. Scores of trials could not be compared.
FIXED = ("seed", "task", "data")

NOTATION = (
    "KEY=VALUES with values such as 50,100,200, a range 0.1..0.5, or log:1e-4..1e-2 on a "
    "logarithmic scale; or a TOML file of these"
)


@dataclass(frozen=True)
class Choices:
    """Values without an order.

    Args:
        values: The values, all different.
    """

    values: tuple[Any, ...]

    def has(self, value: Any) -> bool:
        """Whether a value is one of them."""
        return _plain(value) in map(_plain, self.values)


@dataclass(frozen=True)
class Range:
    """All numbers from `low` to `high`.

    Args:
        low: The lowest number.
        high: The highest number.
        log: Whether the logarithm of the number is spread evenly.
        whole: Whether only whole numbers count.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def has(self, value: Any) -> bool:
        """Whether a value is in the range."""
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and self.low <= value <= self.high


Space = Mapping[str, Choices | Range]


def parse_search(options: Iterable[str]) -> dict[str, Any]:
    """Read options of the command line: `KEY=VALUES`, or the name of a TOML file.

    Returns:
        A list of values or a range as text, by dotted keys, as `read_space` takes them.

    Raises:
        ConfigError: An option is neither, or a key is given twice.

    >>> parse_search(["encoder.size=50,100", "training.learning_rate=log:1e-4..1e-2"])
    {'encoder.size': [50, 100], 'training.learning_rate': 'log:1e-4..1e-2'}
    """
    search: dict[str, Any] = {}
    for option in options:
        key, equals, values = option.partition("=")
        if equals and key.strip():
            found = {key.strip(): _parse_values(values)}
        elif option.endswith(".toml"):
            found = _read_file(option)
        else:
            raise ConfigError(f"--search: must be {NOTATION}. Got {option!r}.")
        for name in found:
            if name in search:
                raise ConfigError(f"--search: {name} must be given only once. Got it twice.")
        search |= found
    return search


def read_space(search: Mapping[str, Any], config: Config) -> dict[str, Choices | Range]:
    """Check what is searched.

    Args:
        search: For each setting, by its dotted key, a list of values, or a range such as
            "0.1..0.5" or "log:1e-4..1e-2".
        config: All other settings.

    Raises:
        ConfigError: There is no such setting, it cannot have one of the values, or all trials must
            share it.
    """
    if not search:
        raise ConfigError(f"search: must name at least one setting, as {NOTATION}. Got none.")
    return {key: _read_values(key, given, config) for key, given in search.items()}


def own_settings(space: Space, config: Config) -> dict[str, Any] | None:
    """Return the settings that the configuration has by itself; None if one is outside."""
    tree = config.model_dump(mode="json")
    found = {key: _value_at(tree, key) for key in space}
    return found if all(space[key].has(value) for key, value in found.items()) else None


def grid(space: Space) -> list[dict[str, Any]]:
    """List all combinations of values; the last setting changes fastest.

    Raises:
        ConfigError: A setting has a range of more than whole numbers.
    """
    values: list[Sequence[Any]] = []
    for key, allowed in space.items():
        if isinstance(allowed, Choices):
            values.append(allowed.values)
        elif allowed.whole and not allowed.log:
            values.append(range(int(allowed.low), int(allowed.high) + 1))
        else:
            raise ConfigError(f"search: {key}: a grid needs a list of values. Got a range.")
    return [dict(zip(space, point, strict=True)) for point in itertools.product(*values)]


def _read_file(path: str) -> dict[str, Any]:
    """Read a TOML file of the form of a configuration, with values in place of each value."""
    try:
        tree = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path}: {(error.strerror or 'cannot be read').lower()}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: must be TOML. Got an error: {error}.") from None
    found: dict[str, Any] = {}
    for name, value in tree.items():
        section = value if isinstance(value, dict) else {"": value}
        found |= {f"{name}.{key}".rstrip("."): values for key, values in section.items()}
    return found


def _parse_values(text: str) -> Any:
    if RANGE.fullmatch(text.strip()):
        return text.strip()
    try:
        return tomllib.loads(f"values = [{text}]")["values"]
    except tomllib.TOMLDecodeError:
        return [_parse_value(part.strip()) for part in text.split(",")]


def _parse_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _read_values(key: str, given: Any, config: Config) -> Choices | Range:
    if key.partition(".")[0] in FIXED:
        raise ConfigError(
            f"search: {key} must be the same in all trials, whose scores could not be compared "
            "otherwise. Got values to choose from."
        )
    if isinstance(given, str):
        return _read_range(key, given, config)
    is_list = isinstance(given, Sequence) and not isinstance(given, bytes) and len(given) > 0
    if not is_list or len({_plain(value) for value in given}) < len(given):
        raise ConfigError(
            f"search: {key}: must be a list of different values or a range as text. Got {given!r}."
        )
    for value in given:
        config.updated({key: value})
    return Choices(tuple(given))


def _read_range(key: str, text: str, config: Config) -> Range:
    found = RANGE.fullmatch(text.strip())
    try:
        low, high = (float(found[i]) for i in (2, 3)) if found else (1.0, 0.0)
    except ValueError:
        low, high = 1.0, 0.0
    log = found is not None and found[1] is not None
    if not low < high or (log and low <= 0):
        raise ConfigError(
            f"search: {key}: must be a range from a lower to a higher number, such as 0.1..0.5, or "
            f"log:1e-4..1e-2 from a number above 0. Got {text!r}."
        )
    whole = low.is_integer() and high.is_integer() and _is_whole(key, low, high, config)
    for end in (low, high):
        config.updated({key: int(end) if whole else end})
    return Range(low, high, log, whole)


def _is_whole(key: str, low: float, high: float, config: Config) -> bool:
    """Whether a setting refuses fractions."""
    try:
        config.updated({key: low + (high - low) / 3 + 0.1})
    except ConfigError:
        return True
    return False


def _value_at(tree: Any, key: str) -> Any:
    for part in key.split("."):
        tree = tree.get(part) if isinstance(tree, Mapping) else None
    return tree


def _plain(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=list)
