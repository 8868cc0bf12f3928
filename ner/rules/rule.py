"""One rule: what it finds, and what that means."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ner import schema
from ner.data.lines import decode_lines, read_lines
from ner.errors import ConfigError, DataError, suggestion

# What happens to a match that cuts a token.
CutToken = Literal["drop", "snap"]


@dataclass(frozen=True)
class Rule:
    """Words and patterns that are entities of a label, or that are none.

    Args:
        name: Its name, which labels have as their source.
        label: The label of its matches. A rule that forbids may have None, for all labels.
        words: Words, or several words with white space between them.
        patterns: Regular expressions of the library `regex`.
        never: Whether its matches are no entities of the label.
        ignore_case: Whether capital letters equal small ones.
        misaligned: What happens to a match that cuts a token: "drop" leaves it out, "snap" takes
            all tokens that it touches.
        score: How sure its labels are, from 0 to 1.
        priority: Which of two rules wins whose matches are equally long: the higher one.
    """

    name: str
    label: str | None
    words: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    never: bool = False
    ignore_case: bool = False
    misaligned: CutToken = "drop"
    score: float = 1.0
    priority: int = 0


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value.strip() == value != "" and value.isprintable()


def _is_filled(value: Any) -> bool:
    return isinstance(value, list) and value != [] and all(isinstance(each, str) for each in value)


NAME = schema.Rule("be a name without blanks around it", _is_name)
KEYS: dict[str, schema.Rule] = {
    "name": NAME,
    "label": NAME,
    "words": schema.Rule(
        "be a list of words, none of them blank",
        lambda value: _is_filled(value) and all(word.strip() for word in value),
    ),
    "file": schema.Rule(
        "be the name of a file", lambda value: isinstance(value, str) and value != ""
    ),
    "patterns": schema.Rule("be a list of regular expressions", _is_filled),
    "never": schema.flag,
    "ignore_case": schema.flag,
    "misaligned": schema.one_of(("drop", "snap")),
    "score": schema.number(0, 1),
    "priority": schema.whole(-1_000_000, 1_000_000),
}


def read_rule(fields: Any, where: str, number: int, folder: Path) -> Rule:
    """Read a rule.

    Args:
        fields: Its keys with their values, as TOML has them.
        where: What messages call the file.
        number: The number of the rule in the file, from 1.
        folder: The folder in which the file of words is.

    Raises:
        ConfigError: A key is unknown or missing, or has a value that it cannot have; or the file of
            words cannot be read, or is empty.
    """
    if not isinstance(fields, Mapping):
        raise ConfigError(f"{where}: rule {number}: must be a table of keys. Got {fields!r}.")
    name = fields.get("name")
    where = f"{where}: rule {repr(name) if _is_name(name) else number}"
    for key, value in fields.items():
        if key not in KEYS:
            known = ", ".join(KEYS)
            hint = suggestion(key, KEYS) or f" Known keys: {known}."
            raise ConfigError(f"{where}: {key}: unknown key.{hint}")
        try:
            KEYS[key].check(value, f"{where}: {key}:")
        except schema.SchemaError as error:
            raise ConfigError(str(error)) from None
    given: dict[str, Any] = dict(fields)
    _check_together(given, where)
    words = [*given.pop("words", ())]
    if "file" in given:
        words += _read_words(folder / given.pop("file"), where)
    given["label"] = given.get("label")
    given["patterns"] = tuple(given.get("patterns", ()))
    return Rule(**given, words=tuple(dict.fromkeys(words)))


def _check_together(given: Mapping[str, Any], where: str) -> None:
    """Refuse a rule without a name, a label or anything to find.

    Raises:
        ConfigError: That is so.
    """
    if "name" not in given:
        raise ConfigError(f"{where}: name: must be there. Got none.")
    if not given.keys() & {"words", "file", "patterns"}:
        raise ConfigError(f"{where}: must have words, a file of them, or patterns. Got none.")
    if "label" not in given and not given.get("never", False):
        raise ConfigError(f"{where}: label: must be there, unless never = true. Got none.")


def _read_words(path: Path, where: str) -> list[str]:
    """Read a file of words, each on a line; blank lines do not count.

    Raises:
        ConfigError: It cannot be read, or has no words.
    """
    words: list[str] = []
    try:
        for _, line, problem in decode_lines(read_lines(path), str(path)):
            if problem is not None:
                raise problem
            if line.strip():
                words.append(line.strip())
    except DataError as error:
        raise ConfigError(f"{where}: file: {error}") from None
    if not words:
        raise ConfigError(f"{where}: file: {path} must have a word on each line. Got none.")
    return words
