"""From matches in a text to spans of tokens, of which none contradicts another one.

Two matches contradict each other if they share tokens and both are entities, or one of them forbids
the label of the other. The longer one in tokens wins, then the one with the higher priority, then
the one whose rule comes first, then the first one in the text. What loses is left out.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from ner.data.sentence import Sentence
from ner.rules.constraints import Constraints
from ner.rules.matching import Place
from ner.rules.rule import Rule


class Match(NamedTuple):
    """Tokens that a rule matches.

    Args:
        start: The first token.
        end: The end of the last token.
        rule: The rule.
        order: The number of the rule.
    """

    start: int
    end: int
    rule: Rule
    order: int


def token_matches(
    places: Sequence[Place], sentence: Sentence, rules: Sequence[Rule]
) -> list[Match]:
    """Turn matches in a text into matches of tokens; what cuts a token is left out, or widened."""
    if not places:
        return []
    starts = [start for start, _ in sentence.offsets]
    ends = [end for _, end in sentence.offsets]
    found: list[Match] = []
    for start, end, order in places:
        rule = rules[order]
        first, last = bisect_right(ends, start), bisect_left(starts, end)
        if first >= last:
            continue
        is_whole = starts[first] == start and ends[last - 1] == end
        if is_whole or rule.misaligned == "snap":
            found.append(Match(first, last, rule, order))
    return found


def settle(matches: Iterable[Match], given: Constraints) -> list[Match]:
    """Return the matches that win, in the order of the text.

    Args:
        matches: The matches.
        given: What holds already, and wins against all of them.
    """
    ordered = sorted(matches, key=_place)
    if not given and all(one.end <= other.start for one, other in pairwise(ordered)):
        return ordered  # as most often
    taken = _Taken(given)
    won = [match for match in sorted(matches, key=_strength) if taken.add(match)]
    return sorted(won, key=_place)


def _place(match: Match) -> tuple[int, int]:
    return match.start, match.end


def _strength(match: Match) -> tuple[int, int, int, int]:
    return match.start - match.end, -match.rule.priority, match.order, match.start


class _Taken:
    """The tokens about which something is settled."""

    def __init__(self, given: Constraints) -> None:
        # The label of each token of an entity, and the labels that other tokens cannot have.
        self.entities: dict[int, str | None] = {}
        self.barred: defaultdict[int, set[str | None]] = defaultdict(set)
        for span in given.required:
            self.entities.update(dict.fromkeys(range(span.start, span.end), span.label))
        for start, end, label in given.forbidden:
            self._bar(range(start, end), label)

    def add(self, match: Match) -> bool:
        """Settle what a match says, unless it contradicts what is settled; whether it does not."""
        tokens, rule = range(match.start, match.end), match.rule
        if rule.never:
            if any(t in self.entities and rule.label in (None, self.entities[t]) for t in tokens):
                return False
            self._bar(tokens, rule.label)
            return True
        excluded = {None, rule.label}
        if any(t in self.entities for t in tokens) or any(
            t in self.barred and not excluded.isdisjoint(self.barred[t]) for t in tokens
        ):
            return False
        self.entities.update(dict.fromkeys(tokens, rule.label))
        return True

    def _bar(self, tokens: Iterable[int], label: str | None) -> None:
        for t in tokens:
            self.barred[t].add(label)
