"""What training says of a surface: how often it has which label, and how often it has none."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from ner.data.schemes import Span
from ner.data.sentence import Sentence

# How well training knows an entity: its surface has this label there, only others, or none.
Familiarity = Literal["same label", "other label", "unseen"]
FAMILIARITIES: tuple[Familiarity, ...] = ("same label", "other label", "unseen")

NO_LABELS: Mapping[str, int] = Counter()


def surface_of(tokens: Sequence[str], span: Span) -> str:
    """Return the surface of a span: its tokens, joined by blanks, upper and lower case as written.

    >>> surface_of(["in", "New", "York"], Span(1, 3, "LOC"))
    'New York'
    """
    return " ".join(tokens[span.start : span.end])


class SurfaceCounts:
    """The surfaces of the entities of training sentences, with the labels that they have there.

    A surface is the tokens of an entity, joined by blanks; upper and lower case count. Sentences
    without gold spans, such as those with partial annotation, are left out.

    Args:
        sentences: The training sentences. They are read twice.

    >>> train = [
    ...     Sentence(["Washington", "calls", "Washington"], spans=[Span(0, 1, "LOC")]),
    ...     Sentence(["Martha", "Washington"], spans=[Span(0, 2, "PER")]),
    ... ]
    >>> surfaces = SurfaceCounts(train)
    >>> surfaces.labels("Washington")
    Counter({'LOC': 1})
    >>> surfaces.describe("Washington")
    'Washington: 1 LOC, 1 outside of entities in training'
    >>> surfaces.familiarity("Washington", "PER")
    'other label'
    """

    def __init__(self, sentences: Sequence[Sentence]) -> None:
        annotated = [sentence for sentence in sentences if sentence.spans is not None]
        labels: defaultdict[str, Counter[str]] = defaultdict(Counter)
        names: set[tuple[str, ...]] = set()
        for sentence in annotated:
            for span in sentence.spans or ():
                labels[surface_of(sentence.tokens, span)][span.label] += 1
                names.add(tuple(sentence.tokens[span.start : span.end]))
        self._labels: Mapping[str, Mapping[str, int]] = dict(labels)
        self._outside = _count_outside(annotated, names)

    def __len__(self) -> int:
        """Count the different surfaces."""
        return len(self._labels)

    def labels(self, surface: str) -> Mapping[str, int]:
        """Return how often the surface is an entity of each label; empty if it never is one."""
        return self._labels.get(surface, NO_LABELS)

    def outside(self, surface: str) -> int:
        """Count the places where the tokens of the surface occur and none is part of an entity.

        Surfaces that are never an entity are not counted and have 0.
        """
        return self._outside.get(surface, 0)

    def familiarity(self, surface: str, label: str) -> Familiarity:
        """Return how well training knows the surface with this label.

        Returns:
            "same label" if it has this label at least once, "other label" if it is an entity, but
            only with other labels, and "unseen" if it is never an entity.
        """
        known = self.labels(surface)
        if not known:
            return "unseen"
        return "same label" if label in known else "other label"

    def describe(self, surface: str) -> str:
        """Say in a line what training says of the surface, the most frequent label first."""
        counts = sorted(self.labels(surface).items(), key=lambda each: (-each[1], each[0]))
        parts = [f"{count} {label}" for label, count in counts]
        if outside := self.outside(surface):
            parts.append(f"{outside} outside of entities")
        return f"{surface}: {', '.join(parts) or 'no entity'} in training"


def _count_outside(
    sentences: Iterable[Sentence], names: Iterable[tuple[str, ...]]
) -> Mapping[str, int]:
    """Count where the tokens of each name occur outside of entities: a look-up for each token."""
    by_first: defaultdict[str, list[tuple[str, ...]]] = defaultdict(list)
    for name in names:
        by_first[name[0]].append(name)
    counts: Counter[str] = Counter()
    for sentence in sentences:
        for start, end in _gaps(sentence):
            for i in range(start, end):
                for name in by_first.get(sentence.tokens[i], ()):
                    stop = i + len(name)
                    if stop <= end and tuple(sentence.tokens[i:stop]) == name:
                        counts[" ".join(name)] += 1
    return counts


def _gaps(sentence: Sentence) -> Iterator[tuple[int, int]]:
    """Yield the ranges of tokens between entities."""
    start = 0
    for span in sorted(sentence.spans or ()):
        yield start, span.start
        start = span.end
    yield start, len(sentence)
