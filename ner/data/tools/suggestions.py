"""From what teachers suggest to spans of tokens: wrong places are mended by the text.

A language model repeats the words of a span more reliably than it counts characters. So where words
and places disagree, words decide. Whatever is moved, searched for or dropped is noted.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ner.choices import Occurrences
from ner.data.lines import short
from ner.data.schemes import Span
from ner.data.sentence import Sentence
from ner.data.spans import CharSpan, FieldError, Notes, SpanRules, align_each, locate
from ner.data.tools.spacing import Respacing
from ner.data.tools.teachers import Labelled, Suggestion


@dataclass(frozen=True)
class Opinion:
    """What a teacher says about a text.

    Args:
        spans: The spans of tokens, which may overlap, with the score of each.
        unread: The tokens about which the teacher says nothing.
        types: The labels that the teacher looks for; None leaves that open.
        weight: A factor on the weight of the teacher.
    """

    spans: Mapping[Span, float]
    unread: frozenset[int] = frozenset()
    types: frozenset[str] | None = None
    weight: float = 1.0


@dataclass
class Counts:
    """How many spans a teacher suggested, and what became of them.

    Args:
        spans: Those that are used, each once.
        repaired: Those that were moved.
        searched: Those without places that were found by their words.
        ambiguous: Those whose words are in the text several times, without saying where.
        dropped: Those that are nowhere in the text.
    """

    spans: int = 0
    repaired: int = 0
    searched: int = 0
    ambiguous: int = 0
    dropped: int = 0


@dataclass
class Placing:
    """Finds the spans of teachers in texts.

    Args:
        occurrences: Which occurrences a span without a place means: "all", or the "first", where
            equal suggestions mean one after the other.
        rules: How places are counted, and the notes that get a line for each change.
    """

    occurrences: Occurrences
    rules: SpanRules
    counts: dict[str, Counts] = field(default_factory=dict)
    """What became of the suggestions of each teacher."""

    @property
    def notes(self) -> Notes:
        """What was changed."""
        return self.rules.notes

    def opinions(self, labelled: Labelled, sentence: Sentence) -> dict[str, Opinion]:
        """Return what each teacher says, in tokens of a sentence that has the text."""
        own = labelled.sentence or sentence
        respacing = Respacing.between(own.text, sentence.text)
        found: dict[str, Opinion] = {}
        for teacher, suggestions in labelled.suggestions.items():
            if own.text != sentence.text and respacing is None:
                suggestions = [_with_words(each, own.text) for each in suggestions]
            searched = sentence if respacing is None else own
            search = _Search(self, teacher, searched, sentence, respacing, f"{labelled.place}")
            spans = search.spans(suggestions)
            covered = {t for span in spans for t in range(span.start, span.end)}
            unread = frozenset(_unread(labelled, own, sentence, respacing) - covered)
            found[teacher] = Opinion(spans, unread, labelled.types, labelled.weight)
        return found


class _Search:
    """The search for the suggestions of one teacher in one text.

    Args:
        placing: How spans are found.
        teacher: The name of the teacher.
        sentence: The text in which their places are counted.
        target: The text whose tokens they become.
        respacing: Finds places of the first in the second; None if they are the same.
        place: Where they were read.
    """

    def __init__(
        self,
        placing: Placing,
        teacher: str,
        sentence: Sentence,
        target: Sentence,
        respacing: Respacing | None,
        place: str,
    ) -> None:
        self.counts = placing.counts.setdefault(teacher, Counts())
        self.placing = placing
        self.teacher = teacher
        self.sentence = sentence
        self.target = target
        self.respacing = respacing
        self.place = place
        self.seen: Counter[tuple[str, str]] = Counter()

    def spans(self, suggestions: Sequence[Suggestion]) -> dict[Span, float]:
        """Return the spans of tokens with their scores; the higher one of equal spans."""
        found: dict[Span, float] = {}
        for suggestion in suggestions:
            for start, end in self._places(suggestion):
                span = self._aligned(CharSpan(start, end, suggestion.label))
                if span is not None:
                    found[span] = max(suggestion.score, found.get(span, 0.0))
        self.counts.spans += len(found)
        return found

    def _places(self, suggestion: Suggestion) -> list[tuple[int, int]]:
        """Return where the suggestion is in the text."""
        if suggestion.start is None or suggestion.end is None:
            return self._searched(suggestion, suggestion.text or "")
        text, rules = self.sentence.text, self.placing.rules
        given = CharSpan(suggestion.start, suggestion.end, suggestion.label, suggestion.text)
        try:
            located = locate(given, text, rules)
        except FieldError as error:
            return self._repaired(suggestion, suggestion.start, str(error))
        return [(located.start, located.end)]

    def _searched(self, suggestion: Suggestion, words: str) -> list[tuple[int, int]]:
        """Find a suggestion without a place."""
        found = occurrences(words, self.sentence)
        if not found:
            return self._drop(suggestion, "its words are not in the text.")
        self.counts.searched += 1
        chosen = found
        if self.placing.occurrences == "first":
            key = (suggestion.label, words)
            nth = self.seen[key]
            self.seen[key] += 1
            if nth >= len(found):
                return self._drop(suggestion, f"its words are there only {len(found)} times.")
            chosen = found[nth : nth + 1]
        if len(found) > 1:
            self.counts.ambiguous += 1
            which = "all" if len(chosen) > 1 else f"number {found.index(chosen[0]) + 1}"
            self._note("ambiguous", suggestion, f"there {len(found)} times; taken: {which}.")
        return chosen

    def _repaired(self, suggestion: Suggestion, start: int, error: str) -> list[tuple[int, int]]:
        """Find the words of a suggestion where they are nearest to its place."""
        if suggestion.text is None:
            return self._drop(suggestion, error)
        found = occurrences(suggestion.text, self.sentence)
        distances = [abs(begin - start) for begin, _ in found]
        if not found or distances.count(min(distances)) > 1:
            why = "is as near at two places" if found else "is not in the text"
            self.counts.ambiguous += bool(found)
            return self._drop(suggestion, f"{short(suggestion.text)} {why}.")
        nearest = found[distances.index(min(distances))]
        self.counts.repaired += 1
        before = f"[{suggestion.start}, {suggestion.end})"
        self._note("repaired", suggestion, f"{before} to [{nearest[0]}, {nearest[1]}).")
        return [nearest]

    def _aligned(self, span: CharSpan) -> Span | None:
        """Return the tokens that a range of characters touches; None if there are none."""
        sentence, rules = self.target, replace(self.placing.rules, offsets="characters")
        if self.respacing is not None:
            start, end = self.respacing(span.start, span.end)
            span = span._replace(start=start, end=end)
        aligned = align_each([span], sentence.text, sentence.offsets, rules, self._where)
        if not aligned:
            self.counts.dropped += 1
            return None
        ((found, characters),) = aligned
        self.counts.repaired += characters[:2] != span[:2]
        return found

    @property
    def _where(self) -> str:
        return f"{self.place}: {self.teacher}"

    def _drop(self, suggestion: Suggestion, why: str) -> list[tuple[int, int]]:
        self.counts.dropped += 1
        self._note("dropped", suggestion, why)
        return []

    def _note(self, what: str, suggestion: Suggestion, why: str) -> None:
        words = "" if suggestion.text is None else f" {short(suggestion.text)}"
        line = f"{self._where}: {what}: {suggestion.label}{words}: {why}"
        self.placing.notes.changes.append(line)


def occurrences(words: str, sentence: Sentence) -> list[tuple[int, int]]:
    """Find words in a text: where they are whole tokens, or else where they are part of tokens.

    Runs of white space are equal. Places do not overlap.

    >>> occurrences("is", Sentence(["This", "is", "it"]))
    [(5, 7)]
    """
    parts = words.split()
    if not parts:
        return []
    pattern = re.compile(r"\s+".join(map(re.escape, parts)))
    found = [match.span() for match in pattern.finditer(sentence.text)]
    starts = {start for start, _ in sentence.offsets}
    ends = {end for _, end in sentence.offsets}
    return [(start, end) for start, end in found if start in starts and end in ends] or found


def _with_words(suggestion: Suggestion, text: str) -> Suggestion:
    """Return a suggestion with its words, which it has in another spelling of the text."""
    start, end = suggestion.start, suggestion.end
    is_inside = start is not None and end is not None and 0 <= start < end <= len(text)
    if suggestion.text is not None or not is_inside:
        return suggestion
    return Suggestion(suggestion.label, start, end, text[start:end], suggestion.score)


def _unread(
    labelled: Labelled, own: Sentence, sentence: Sentence, respacing: Respacing | None
) -> set[int]:
    """Return the tokens of a sentence about which teachers say nothing unless a span has them.

    Args:
        labelled: What the teachers say.
        own: The text in which its places are counted.
        sentence: The text with the tokens.
        respacing: Finds places of the first in the second; None if they are the same or differ in
            more than white space.
    """
    unread = labelled.unread
    if respacing is not None:
        unread = tuple(respacing(*place) for place in unread)
    if labelled.is_partial or (unread and own.text != sentence.text and respacing is None):
        return set(range(len(sentence)))
    return {
        t
        for t, (start, end) in enumerate(sentence.offsets)
        if any(start < last and first < end for first, last in unread)
    }
