"""Cut raw text into tokens with their places in the text, by the rules of a convention."""

import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Self, get_args

from ner.choices import TokenRules
from ner.data.first_rules import FUSED_ENDS, first_patterns
from ner.data.lines import replace_surrogates, short
from ner.data.token_ranges import TokenRanges
from ner.errors import ConfigError, DataError

# Cuts a text into tokens and their half-open ranges in it.
Tokenize = Callable[[str], tuple[list[str], Sequence[tuple[int, int]]]]

DEFAULT = "conll"

# The convention in which each character is a token.
CHARACTER = "character"

# All conventions.
RULES: tuple[str, ...] = get_args(TokenRules)

# The version of all rules, which a model keeps. Other tokens for a text are a new version.
VERSION = 1

# Characters of a text from which on the ranges of its tokens are kept in little memory.
LONG = 1 << 16

# The names of the rules of which a text has needed all.
_needed: set[str] = set()


def _pattern(rules: str, text: str) -> Any:
    """Return what finds the tokens of a text: the first rules alone, as long as they suffice.

    Compiling all rules takes as long as starting ONNX Runtime does, and a command that tags a
    sentence waits for it.
    """
    if rules in FUSED_ENDS and rules not in _needed:
        first, whole_text = first_patterns(rules)
        if whole_text.fullmatch(text):
            return first
    _needed.add(rules)
    return _compiled(rules)


@cache
def _compiled(rules: str) -> Any:
    import regex

    from ner.data.token_patterns import NAMES, PATTERNS

    lists: dict[str, Any] = NAMES
    return regex.compile(PATTERNS[rules], ignore_unused=True, **lists)


class Tokenizer:
    """Cuts text into tokens with their character offsets.

    Args:
        rules: The convention: "conll" for that of CoNLL-2003 and the Penn Treebank, "ud" for that
            of Universal Dependencies' English Web Treebank, "character" for a token a character.

    Raises:
        ConfigError: No rules have this name.

    >>> Tokenizer()("Ada's U.S. visit.")
    (['Ada', "'s", 'U.S.', 'visit', '.'], [(0, 3), (3, 5), (6, 10), (11, 16), (16, 17)])
    >>> Tokenizer("ud")("a two-day visit")[0]
    ['a', 'two', '-', 'day', 'visit']
    >>> Tokenizer("character")("生于1963年")[0]
    ['生', '于', '1', '9', '6', '3', '年']
    """

    def __init__(self, rules: str = DEFAULT) -> None:
        if rules not in RULES:
            raise ConfigError(f"tokenizer: must be one of {', '.join(RULES)}. Got {rules!r}.")
        self.rules = rules

    def __call__(self, text: str) -> tuple[list[str], Sequence[tuple[int, int]]]:
        """Return the tokens and their half-open ranges in `text`.

        A token is `text[start:end]`, in which lone surrogates become U+FFFD.
        """
        text = replace_surrogates(text)
        found = (match.span() for match in _pattern(self.rules, text).finditer(text))
        offsets = list(found) if len(text) < LONG else TokenRanges(found)
        return [text[start:end] for start, end in offsets], offsets

    def to_json(self) -> str:
        """Return the name of the rules and their version as a JSON object."""
        return json.dumps({"rules": self.rules, "version": VERSION}) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str = "tokenizer.json") -> Self:
        """Read what `to_json` wrote.

        No pattern is read from a file, because a pattern can ask for any amount of time and memory.

        Args:
            text: The content of a `tokenizer.json`.
            where: What messages call it.

        Raises:
            DataError: The text does not name rules that this version has.
        """
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            raise DataError(f"{where}: must be JSON. Got {short(text)}.") from None
        if type(found) is not dict or found.keys() != {"rules", "version"}:
            raise DataError(f"{where}: must name rules and their version. Got {short(text)}.")
        if found["rules"] not in RULES or found["version"] != VERSION:
            raise DataError(
                f"{where}: this version has the rules {', '.join(RULES)}, version {VERSION}. "
                f"Got {short(found['rules'])}, version {short(found['version'])}. Upgrade."
            )
        return cls(found["rules"])
