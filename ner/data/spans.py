"""Character spans to token spans: what does not fit is refused, or changed as asked and listed."""

import bisect
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ner.choices import Misaligned, Overlapping
from ner.data.lines import replace_surrogates, short
from ner.data.schemes import Span

Offsets = Sequence[tuple[int, int]]


class FieldError(Exception):
    """What is wrong with a record, without its place unless that is known better.

    Args:
        message: What must hold, and what was got.
        where: The place, if it is not that of the record.
    """

    def __init__(self, message: str, where: str | None = None) -> None:
        super().__init__(message)
        self.where = where


class CharSpan(NamedTuple):
    """A labelled range of characters, half open.

    A file may repeat the text there, and have a place for each span.
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
        changes: One line for each span that was moved or dropped, and each text left out.
        ignored: How often something was met that is no part of a `Sentence`, such as a relation.
    """

    changes: list[str] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)

    def warn(self, name: str) -> None:
        """Sum the changes up in a warning, for those who did not ask for the list."""
        if self.changes:
            warnings.warn(
                f"{name}: {len(self.changes)} changes. The first: {self.changes[0]}", stacklevel=3
            )


@dataclass(frozen=True)
class SpanRules:
    """What to do with spans that are not whole tokens, or that no flat tagging holds.

    Args:
        misaligned: Spans that do not start and end at token borders: "refuse" the sentence,
            "snap" them outwards to the tokens they touch, or "drop" them.
        overlapping: Spans that overlap, nest or have gaps: "refuse" the sentence, or "drop" those
            with gaps, and of others all but the longest.
        notes: Where everything is listed that is not refused.
    """

    misaligned: Misaligned = "refuse"
    overlapping: Overlapping = "refuse"
    notes: Notes = field(default_factory=Notes)


def align_spans(
    given: Iterable[CharSpan], text: str, offsets: Offsets, rules: SpanRules, where: str
) -> list[Span]:
    """Turn ranges of characters into ranges of tokens.

    A range whose repeated text stands elsewhere is tried once more with offsets that count UTF-16
    units, as programs in JavaScript and Java do.

    Args:
        given: The ranges, in any order.
        text: What they are ranges of.
        offsets: Where the tokens are.
        rules: What to do with what does not fit.
        where: The file and line, for the list of changes.

    Raises:
        FieldError: Something does not fit and is refused.
    """
    starts, ends = [start for start, _ in offsets], [end for _, end in offsets]
    placed: list[tuple[Span, CharSpan]] = []
    for span in given:
        try:
            span = _located(span, text, rules.notes)
        except FieldError as error:
            if rules.misaligned != "drop":
                raise
            rules.notes.changes.append(f"{span.where or where}: dropped: {error}")
            continue
        place = span.where or where
        # Words that share one range of characters (see `ner.data.formats.conllu`) go together.
        first = bisect.bisect_right(ends, span.start)
        last = bisect.bisect_left(starts, span.end)
        shown = f"span {_shown(span, text)}"
        if first < last and starts[first] == span.start and ends[last - 1] == span.end:
            placed.append((Span(first, last, span.label), span))
        elif rules.misaligned == "refuse":
            raise FieldError(f"{shown} does not start and end at token borders.", span.where)
        elif rules.misaligned == "drop":
            rules.notes.changes.append(f"{place}: dropped: {shown} is not whole tokens.")
        elif first >= last:
            rules.notes.changes.append(f"{place}: dropped: {shown} touches no token.")
        else:
            moved = span._replace(start=starts[first], end=ends[last - 1])
            placed.append((Span(first, last, span.label), moved))
            rules.notes.changes.append(f"{place}: snapped: {shown} to {_shown(moved, text)}.")
    return _flat(placed, text, rules, where)


def refuse_gaps(span: str, rules: SpanRules, where: str) -> None:
    """Refuse, or list as dropped, a span with gaps; `span` shows it.

    Raises:
        FieldError: Such spans are refused.
    """
    message = f"span {span} has gaps, which no sequence of tags can hold."
    if rules.overlapping == "refuse":
        raise FieldError(message)
    rules.notes.changes.append(f"{where}: dropped: {message}")


def _located(span: CharSpan, text: str, notes: Notes) -> CharSpan:
    in_text = 0 <= span.start < span.end <= len(text)
    if in_text and (span.text is None or _is_at(span, text)):
        return span
    units = text.encode("utf-16-le", "surrogatepass")
    if span.text is not None and 0 <= span.start < span.end <= len(units) // 2:
        before = units[: 2 * span.start].decode("utf-16-le", "surrogatepass")
        inside = units[2 * span.start : 2 * span.end].decode("utf-16-le", "surrogatepass")
        moved = span._replace(start=len(before), end=len(before) + len(inside))
        if moved.end <= len(text) and _is_at(moved, text):
            notes.ignored["offsets in UTF-16 units, which were converted"] += 1
            return moved
    if not in_text:
        raise FieldError(
            f"span [{span.start}, {span.end}): not empty, and within a text of {len(text)} "
            "characters.",
            span.where,
        )
    raise FieldError(
        f"span {_shown(span, text)}: the file says {short(span.text)} stands there.", span.where
    )


def _is_at(span: CharSpan, text: str) -> bool:
    """Whether the text repeated with a span stands there, white space apart."""
    there, repeated = text[span.start : span.end], span.text or ""
    return there == repeated or _bare(there) == _bare(repeated)


def _bare(text: str) -> str:
    return "".join(replace_surrogates(text).split())


def _flat(
    placed: Sequence[tuple[Span, CharSpan]], text: str, rules: SpanRules, where: str
) -> list[Span]:
    """Refuse overlaps, or keep the longest spans; of equal ones the first."""
    kept: list[tuple[Span, CharSpan]] = []
    by_length = sorted(placed, key=lambda pair: (pair[1].start - pair[1].end, pair[0]))
    for span, characters in by_length:
        i = bisect.bisect_left(kept, span.end, key=lambda pair: pair[0].start)
        # Those kept do not overlap: only the last that starts before this one ends can reach it.
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
