"""One annotation out of several opinions about a text; what they do not settle stays open.

Each span that a teacher suggests is agreed, outvoted or open. Its judges are the teachers who look
for its label and have read all of its tokens. A judge who suggests it is for it, one who suggests
nothing that touches its tokens is against it, and one who suggests something else there is neither.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ner.choices import MergeBy
from ner.data.partial import Allowed
from ner.data.schemes import Span, span_tags, tag_set
from ner.data.tools.suggestions import Opinion

Outcome = Literal["agreed", "outvoted", "open"]


@dataclass(frozen=True)
class Vote:
    """A span that a teacher suggests, and what the others say.

    Args:
        span: The span of tokens.
        teachers: Those who suggest it.
        judges: All who look for its label, and have read its tokens.
        outcome: Whether the span is annotation, is none, or stays open.
    """

    span: Span
    teachers: tuple[str, ...]
    judges: tuple[str, ...]
    outcome: Outcome

    @property
    def is_unanimous(self) -> bool:
        """Whether all judges suggest it."""
        return self.teachers == self.judges


@dataclass(frozen=True)
class _Tally:
    """The weights for and against a span, and of all its judges."""

    span: Span
    teachers: tuple[str, ...]
    judges: tuple[str, ...]
    weight_for: float
    weight_against: float
    weight: float


def take_votes(opinions: Mapping[str, Opinion], by: MergeBy) -> list[Vote]:
    """Decide about each span that somebody suggests.

    Args:
        opinions: What each teacher says about a text; their types are known.
        by: "vote" takes what more than half of the judges suggest, "weight" does so by their
            weights times the scores of the spans, "union" takes what anybody suggests, and
            "strict" what all judges suggest. Of spans that are taken and overlap, all are open.
            By "vote" and "weight", a span is outvoted that overlaps a taken one, or that more than
            half of its judges are against.
    """
    spans = sorted({span for opinion in opinions.values() for span in opinion.spans})
    tallies = [_tally(span, opinions, by) for span in spans]
    taken = {tally.span for tally in tallies if _is_taken(tally, by)}
    rivals = spans if by in ("strict", "union") else taken
    agreed = {span for span in taken if not _overlaps(span, rivals)}

    def outcome(tally: _Tally) -> Outcome:
        if tally.span in agreed:
            return "agreed"
        if by in ("strict", "union") or tally.span in taken:
            return "open"
        is_beaten = 2 * tally.weight_against > tally.weight or _overlaps(tally.span, agreed)
        return "outvoted" if is_beaten else "open"

    return [Vote(t.span, t.teachers, t.judges, outcome(t)) for t in tallies]


def _tally(span: Span, opinions: Mapping[str, Opinion], by: MergeBy) -> _Tally:
    judges = {name: o for name, o in opinions.items() if span in o.spans or _judges(o, span)}
    teachers = [name for name, opinion in judges.items() if span in opinion.spans]
    against = [name for name, o in judges.items() if not any(_touch(span, s) for s in o.spans)]

    def weight(name: str) -> float:
        return judges[name].weight if by == "weight" else 1.0

    def score(name: str) -> float:
        return judges[name].spans[span] if by == "weight" else 1.0

    return _Tally(
        span,
        tuple(teachers),
        tuple(judges),
        sum(weight(name) * score(name) for name in teachers),
        sum(map(weight, against)),
        sum(map(weight, judges)),
    )


def _is_taken(tally: _Tally, by: MergeBy) -> bool:
    if by == "union":
        return True
    if by == "strict":
        return tally.teachers == tally.judges
    return 2 * tally.weight_for > tally.weight


def _judges(opinion: Opinion, span: Span) -> bool:
    looks_for_it = span.label in (opinion.types or ())
    return looks_for_it and opinion.unread.isdisjoint(range(span.start, span.end))


def _touch(first: Span, second: Span) -> bool:
    return first.start < second.end and second.start < first.end


def _overlaps(span: Span, others: Iterable[Span]) -> bool:
    return any(other != span and _touch(span, other) for other in others)


def allowed_tags(
    votes: Sequence[Vote], opinions: Mapping[str, Opinion], length: int, types: Iterable[str]
) -> Allowed:
    """Return the tags, in BIOES, that each token may have after the votes: a tuple for each token.

    A token of an open span may have the tags of all open spans there, and O if a judge says so. A
    token has any tag of the labels that nobody looked for who has read it.

    Args:
        votes: What `take_votes` returned.
        opinions: What each teacher says about the text; their types are known.
        length: The number of tokens.
        types: All labels that there are.
    """
    labels = sorted(types)
    open_spans = [vote.span for vote in votes if vote.outcome == "open"]
    everything = set(tag_set(labels, "BIOES"))
    allowed: list[tuple[str, ...]] = []
    for t in range(length):
        readers = [opinion for opinion in opinions.values() if t not in opinion.unread]
        sought = {label for opinion in readers for label in opinion.types or ()}
        covering = [span for span in open_spans if span.start <= t < span.end]
        tags = {span_tags(s.label, s.end - s.start, "BIOES")[t - s.start] for s in covering}
        tags.update(tag_set([label for label in labels if label not in sought], "BIOES")[1:])
        if not covering or _may_be_outside(readers, open_spans, covering, t):
            tags.add("O")
        allowed.append(() if tags == everything else tuple(sorted(tags, key=_order)))
    for start, end, label in (vote.span for vote in votes if vote.outcome == "agreed"):
        allowed[start:end] = [(tag,) for tag in span_tags(label, end - start, "BIOES")]
    return allowed


def _may_be_outside(
    readers: Iterable[Opinion], open_spans: Sequence[Span], covering: Sequence[Span], t: int
) -> bool:
    """Whether a token of open spans may be in none of them."""
    # If a rival is right, tokens that only the other span has are outside.
    for span in covering:
        if any(_touch(span, other) and not other.start <= t < other.end for other in open_spans):
            return True
    labels = {span.label for span in covering}
    for reader in readers:
        scores = [reader.spans[span] for span in covering if span in reader.spans]
        # A score of a half or less says that the span is more likely none.
        if max(scores, default=0.0) <= 0.5 and labels <= (reader.types or frozenset()):
            return True
    return False


def _order(tag: str) -> tuple[bool, str, str]:
    return tag != "O", tag[2:], tag[:1]
