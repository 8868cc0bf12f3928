"""Character spans to token spans. A span that does not fit is refused, or changed and noted."""

import bisect
import itertools
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from ner.choices import Misaligned, OffsetUnit, Overlapping
from ner.data.lines import replace_surrogates, short
from ner.data.offsets import character_at
from ner.data.schemes import Span

# What offsets may count besides characters, for messages; the most frequent first.
OTHER_UNITS: dict[OffsetUnit, str] = {
    "utf16": "UTF-16 units",
    "crlf": "characters with other line breaks",
    "bytes": "bytes of UTF-8",
}


class FieldError(Exception):
    """What is wrong with a record, without the place of the record.

    Args:
        message: What must hold, and what the record has.
        where: The place of the error, if it is not that of the record.
    """

    def __init__(self, message: str, where: str | None = None) -> None:
        super().__init__(message)
        self.where = where


class CharSpan(NamedTuple):
    """A labelled range of characters, half open.

    A file may repeat the text of the range, and have a place for each span.
    """

    start: int
    end: int
    label: str
    text: str | None = None
    where: str | None = None


@dataclass
class Notes:
    """What reading or writing changed and left out, for the user to see.

    Args:
        changes: A line for each span that was moved or dropped, and each text left out.
        ignored: How often something occurred that no `Sentence` holds, such as a relation.
        guesses: A line for each guess about the whole file, such as what its columns hold.
        warnings: A line for each sign that something is read in another way than it was meant.
    """

    changes: list[str] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    guesses: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def guess(self, line: str) -> None:
        """Note a guess about the file, once."""
        if line not in self.guesses:
            self.guesses.append(line)

    def warn(self, name: str) -> None:
        """Warn of guesses and changes, for users who did not ask for the list."""
        for line in self.summary(name):
            warnings.warn(line.removeprefix("Warning: "), stacklevel=3)

    def summary(self, name: str) -> Iterator[str]:
        """Yield the warnings, the guesses, and a line that sums up the changes in a file."""
        yield from (f"Warning: {warning}" for warning in self.warnings)
        for guess in self.guesses:
            yield f"{name}: {guess}"
        if self.changes:
            yield f"{name}: {len(self.changes)} changes. The first: {self.changes[0]}"


@dataclass(frozen=True)
class SpanRules:
    """What to do with spans that are not whole tokens, or that tags cannot hold.

    Args:
        misaligned: What to do with spans that do not start and end at token borders: "refuse" the
            sentence, "snap" them outwards to the tokens that they touch, "split" the tokens that
            they cut, or "drop" them.
        overlapping: What to do with spans that overlap, nest or have gaps: "refuse" the sentence,
            or "drop" those with gaps and, of others, all but the longest.
        notes: Gets what is changed or dropped.
        offsets: What the offsets of the file count.
    """

    misaligned: Misaligned = "refuse"
    overlapping: Overlapping = "refuse"
    notes: Notes = field(default_factory=Notes)
    offsets: OffsetUnit = "characters"


def align_spans(
    spans: Iterable[CharSpan],
    text: str,
    offsets: Sequence[tuple[int, int]],
    rules: SpanRules,
    where: str,
) -> list[Span]:
    """Turn ranges of characters into ranges of tokens.

    If the text that a range repeats is elsewhere, the range is tried again with offsets that count
    something else, such as UTF-16 units, as programs in JavaScript and Java do.

    Args:
        spans: The ranges, in any order.
        text: The text with these ranges.
        offsets: The ranges of the tokens in the text.
        rules: What to do with ranges that do not fit.
        where: The file and line, for the notes.

    Raises:
        FieldError: A range does not fit and is refused.
    """
    return _flat(align_each(spans, text, offsets, rules, where), text, rules, where)


def align_each(
    spans: Iterable[CharSpan],
    text: str,
    offsets: Sequence[tuple[int, int]],
    rules: SpanRules,
    where: str,
) -> list[tuple[Span, CharSpan]]:
    """Turn ranges of characters into ranges of tokens, also where these overlap.

    The arguments and the error are those of `align_spans`.

    Returns:
        The ranges of tokens, each with its range of characters. Dropped ranges are left out.
    """
    starts, ends = [start for start, _ in offsets], [end for _, end in offsets]
    aligned: list[tuple[Span, CharSpan]] = []
    for span in spans:
        place = span.where or where
        try:
            located = locate(span, text, rules)
        except FieldError as error:
            if rules.misaligned != "drop":
                raise
            rules.notes.changes.append(f"{place}: dropped: {error}")
            continue
        pair = _align(located, text, starts, ends, rules, place)
        if pair is not None:
            aligned.append(pair)
    return aligned


def has_gaps(text: str, starts: Sequence[int], ends: Sequence[int], unit: OffsetUnit) -> bool:
    """Whether there is more than white space between the pieces of a span.

    Args:
        text: The text of the span.
        starts: Where its pieces start, in their order.
        ends: Where they end.
        unit: What these offsets count.
    """
    for end, start in zip(ends, starts[1:], strict=False):
        first, last = character_at(text, end, unit), character_at(text, start, unit)
        if first is not None and last is not None and text[first:last].strip():
            return True
    return False


def refuse_gaps(span: str, rules: SpanRules, where: str) -> None:
    """Refuse a span with gaps, or note that it is dropped. Messages show the text `span`.

    Raises:
        FieldError: The rules refuse such spans.
    """
    message = f"span {span} has gaps, which no sequence of tags can hold."
    if rules.overlapping == "refuse":
        raise FieldError(message)
    rules.notes.changes.append(f"{where}: dropped: {message}")


def split_tokens(
    spans: Iterable[CharSpan],
    text: str,
    offsets: Sequence[tuple[int, int]],
    rules: SpanRules,
    where: str,
) -> list[tuple[int, int]]:
    """Return the ranges of the tokens after a cut wherever a span starts or ends inside a token.

    The arguments are those of `align_spans`, which later refuses or drops spans that are nowhere.
    """
    quiet = SpanRules(offsets=rules.offsets)
    borders: set[int] = set()
    for span in spans:
        with suppress(FieldError):
            located = locate(span, text, quiet)
            borders.update((located.start, located.end))
    ordered = sorted(borders)
    pieces: list[tuple[int, int]] = []
    for start, end in offsets:
        first, last = bisect.bisect_right(ordered, start), bisect.bisect_left(ordered, end)
        inside = ordered[first:last]
        pieces += itertools.pairwise((start, *inside, end))
        if inside:
            shown = " ".join(text[s:e] for s, e in itertools.pairwise((start, *inside, end)))
            rules.notes.changes.append(
                f"{where}: split: token [{start}, {end}) {short(text[start:end])} "
                f"into {short(shown)}."
            )
    return pieces


def locate(span: CharSpan, text: str, rules: SpanRules) -> CharSpan:
    """Return the span where the file means it to be in the text, in characters.

    Raises:
        FieldError: It is not in the text, or the text that it repeats is not there.
    """
    if rules.offsets != "characters":
        span = _converted(span, text, rules.offsets)
    in_text = 0 <= span.start < span.end <= len(text)
    if in_text and (span.text is None or _is_at(span, text)):
        return span
    if span.text is not None and rules.offsets == "characters":
        for unit, name in OTHER_UNITS.items():
            with suppress(FieldError):
                moved = _converted(span, text, unit)
                if moved.start < moved.end and _is_at(moved, text):
                    rules.notes.ignored[f"offsets in {name}, which were converted"] += 1
                    return moved
    if not in_text:
        raise FieldError(
            f"span [{span.start}, {span.end}): must not be empty, and be within a text of "
            f"{len(text)} characters.",
            span.where,
        )
    raise FieldError(
        f"span {_shown(span, text)}: the file says that {short(span.text)} is there.", span.where
    )


def _converted(span: CharSpan, text: str, unit: OffsetUnit) -> CharSpan:
    """Return a span whose offsets count some unit with offsets that count characters."""
    start, end = character_at(text, span.start, unit), character_at(text, span.end, unit)
    if start is None or end is None:
        raise FieldError(
            f"span [{span.start}, {span.end}): must be within the text and not cut a character, "
            f"counted in {OTHER_UNITS[unit]}.",
            span.where,
        )
    return span._replace(start=start, end=end)


def _is_at(span: CharSpan, text: str) -> bool:
    """Whether the text that a span repeats is at its place, apart from white space."""
    covered, repeated = text[span.start : span.end], span.text or ""
    return covered == repeated or without_spaces(covered) == without_spaces(repeated)


def without_spaces(text: str) -> str:
    """Return a text without its white space, in which lone surrogates become U+FFFD."""
    return "".join(replace_surrogates(text).split())


def _align(
    span: CharSpan,
    text: str,
    starts: Sequence[int],
    ends: Sequence[int],
    rules: SpanRules,
    place: str,
) -> tuple[Span, CharSpan] | None:
    """Return the tokens of a span with its characters, or None if it is dropped."""
    # Words that share one range of characters (see `ner.data.formats.conllu`) stay together.
    first = bisect.bisect_right(ends, span.start)
    last = bisect.bisect_left(starts, span.end)
    shown = f"span {_shown(span, text)}"
    if first < last and starts[first] == span.start and ends[last - 1] == span.end:
        return Span(first, last, span.label), span
    if rules.misaligned == "refuse":
        raise FieldError(f"{shown} does not start and end at token borders.", span.where)
    if rules.misaligned == "drop":
        rules.notes.changes.append(f"{place}: dropped: {shown} is not whole tokens.")
        return None
    if first >= last:
        rules.notes.changes.append(f"{place}: dropped: {shown} touches no token.")
        return None
    moved = span._replace(start=starts[first], end=ends[last - 1])
    rules.notes.changes.append(f"{place}: snapped: {shown} to {_shown(moved, text)}.")
    return Span(first, last, span.label), moved


def _flat(
    aligned: Sequence[tuple[Span, CharSpan]], text: str, rules: SpanRules, where: str
) -> list[Span]:
    """Refuse overlaps, or keep the longest spans, and the first one of equally long spans."""
    kept: list[tuple[Span, CharSpan]] = []
    by_length = sorted(aligned, key=lambda pair: (pair[1].start - pair[1].end, pair[0]))
    for span, characters in by_length:
        i = bisect.bisect_left(kept, span.end, key=lambda pair: pair[0].start)
        # The kept spans do not overlap: only the last one that starts before the end of this span
        # can reach it.
        if i and kept[i - 1][0].end > span.start:
            first, second = sorted((kept[i - 1][1], characters), key=lambda span: span[:2])
            overlap = (
                f"spans [{first.start}, {first.end}) and [{second.start}, {second.end}) overlap."
            )
            if rules.overlapping == "refuse":
                raise FieldError(overlap, characters.where)
            shown, place = _shown(characters, text), characters.where or where
            rules.notes.changes.append(f"{place}: dropped: span {shown}: {overlap}")
        else:
            kept.insert(i, (span, characters))
    return [span for span, _ in kept]


def _shown(span: CharSpan, text: str) -> str:
    return f"[{span.start}, {span.end}) {short(text[span.start : span.end])}"
