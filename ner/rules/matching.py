"""Where words and patterns are in a text.

Thousands of words are searched at once by an automaton.

Source: Aho and Corasick, "Efficient string matching: an aid to bibliographic search", CACM 1975.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from ner.data.lines import replace_surrogates
from ner.errors import ConfigError, DataError, reason
from ner.extras import require
from ner.rules.rule import Rule

# Seconds that a pattern may search a text, and a character of a longer one.
TIME_LIMIT, TIME_LIMIT_PER_CHARACTER = 1.0, 1e-5

# White space that is not a single blank.
ODD_SPACE = re.compile(r"\s\s|[^\S ]")

# Where a rule matches a text: the first character, the end of the last one, and the number of the
# rule. There are many, so they are plain tuples.
Place = tuple[int, int, int]


class SlowPatternError(DataError):
    """A pattern needs too much time for a text."""


class Matcher:
    """Finds all matches of rules, also those that overlap.

    Args:
        rules: The rules.
        where: What messages call their file.

    Raises:
        ConfigError: A pattern is no regular expression, or matches an empty text.
        MissingExtraError: A rule has words, and the extra `rules` is not installed.
    """

    def __init__(self, rules: Sequence[Rule], where: str) -> None:
        self._places = [f"{where}: rule {rule.name!r}" for rule in rules]
        self._patterns = [
            (i, _compile(pattern, rule, self._places[i]))
            for i, rule in enumerate(rules)
            for pattern in rule.patterns
        ]
        self._exact, self._folded = (
            _automaton(rules, ignore_case=ignore_case) for ignore_case in (False, True)
        )

    def find(self, text: str, place: object = None) -> list[Place]:
        """List all matches in a text, in no order.

        Args:
            text: The text.
            place: Where it was read, for messages.

        Raises:
            SlowPatternError: A pattern needs too much time.
        """
        found: list[Place] = []
        if self._exact is not None or self._folded is not None:
            squeezed, kept = squeeze(text)
            found += [] if self._exact is None else self._exact(squeezed)
            found += [] if self._folded is None else self._folded(fold(squeezed))
            if kept is not None:
                found = [(kept[start], kept[end - 1] + 1, rule) for start, end, rule in found]
        if self._patterns:
            found += self._matches(text, place)
        return found

    def _matches(self, text: str, place: object) -> Iterator[Place]:
        """Yield the matches of patterns."""
        limit = max(TIME_LIMIT, TIME_LIMIT_PER_CHARACTER * len(text))
        for rule, pattern in self._patterns:
            try:
                for match in pattern.finditer(text, timeout=limit):
                    if match.end() > match.start():
                        yield *match.span(), rule
            except TimeoutError:
                raise SlowPatternError(
                    f"{'' if place is None else f'{place}: '}{self._places[rule]}: "
                    f"{pattern.pattern!r} must be searched within {limit:g} seconds in a text of "
                    f"{len(text)} characters. Got more. Write it with less repetition."
                ) from None


class _Automaton:
    """Finds words in a text, also those that overlap.

    Args:
        words: The numbers of the rules that have each word.
    """

    def __init__(self, words: dict[str, list[int]]) -> None:
        library = require("ahocorasick_rs", "A word list of rules", "rules")
        self._rules = list(words.values())
        self._find: Any = library.AhoCorasick(list(words)).find_matches_as_indexes

    def __call__(self, text: str) -> list[Place]:
        """List where words are."""
        try:
            found = self._find(text, overlapping=True)
        except UnicodeEncodeError:  # the library takes no lone surrogates
            found = self._find(replace_surrogates(text), overlapping=True)
        return [(start, end, rule) for word, start, end in found for rule in self._rules[word]]


def _automaton(rules: Sequence[Rule], *, ignore_case: bool) -> _Automaton | None:
    """Return what finds the words of the rules of one kind; None if there are none."""
    words: dict[str, list[int]] = {}
    for i, rule in enumerate(rules):
        for word in rule.words if rule.ignore_case == ignore_case else ():
            clean = " ".join(replace_surrogates(word).split())
            having = words.setdefault(fold(clean) if ignore_case else clean, [])
            if i not in having:
                having.append(i)
    return _Automaton(words) if words else None


def _compile(pattern: str, rule: Rule, where: str) -> Any:
    # Rules without patterns do not wait for the library.
    import regex

    try:
        compiled = regex.compile(pattern, regex.IGNORECASE if rule.ignore_case else 0)
        is_empty = compiled.fullmatch("", timeout=TIME_LIMIT) is not None
    except (regex.error, OverflowError, RecursionError, MemoryError, ValueError) as error:
        raise ConfigError(
            f"{where}: patterns: must be regular expressions. Got {pattern!r}: {reason(error)}."
        ) from None
    if is_empty:
        raise ConfigError(f"{where}: patterns: must not match an empty text. Got {pattern!r}.")
    return compiled


def squeeze(text: str) -> tuple[str, list[int] | None]:
    r"""Replace each run of white space by one blank.

    Returns:
        The text, and the place in the old text of each of its characters; None if they are equal.

    >>> squeeze("New\n York")
    ('New York', [0, 1, 2, 3, 5, 6, 7, 8])
    """
    # The first test holds for most texts, and is fast: other white space cannot be printed.
    if (text.isprintable() and "  " not in text) or ODD_SPACE.search(text) is None:
        return text, None
    kept = [i for i, c in enumerate(text) if not (c.isspace() and i and text[i - 1].isspace())]
    return "".join(" " if text[i].isspace() else text[i] for i in kept), kept


def fold(text: str) -> str:
    """Make capital letters small; each character stays one, so that places stay the same.

    >>> fold("ΟΔΟΣ Straße")
    'οδοσ straße'
    """
    folded = text.casefold()
    if len(folded) == len(text):  # none becomes several, so each has become one
        return folded
    return "".join(map(_fold_character, text))


def _fold_character(character: str) -> str:
    forms = (character.casefold(), character.lower(), character)
    return next(form for form in forms if len(form) == 1)
