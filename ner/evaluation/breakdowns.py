"""Where a tagger is good and where it is not: the scores of groups of spans.

A gold span counts in the group of its own surface, length and sentence, and a predicted span in the
group of its own. The recall of a group is thus the share of its gold spans that are found, and the
precision the share of its predicted spans that are right. A span that is right is the same on both
sides and counts once, so the counts of all groups add up to those of the whole data.
"""

import bisect
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from ner.data.frozen_dict import FrozenDict
from ner.data.schemes import Span
from ner.data.sentence import Sentence
from ner.evaluation.scores import Scores, table
from ner.evaluation.surfaces import FAMILIARITIES, SurfaceCounts, surface_of

# The longest length of each group, in tokens; longer ones are in a group of their own.
SPAN_LENGTHS = (1, 2, 3)
SENTENCE_LENGTHS = (5, 10, 20, 40)
ALL_CAPS, OTHER_CASE = "all caps", "other"
NO_DOCUMENT = "(none)"
# How many of the worst documents are listed.
MOST_WORST = 10

KINDS: tuple[str, ...] = ("right", "predicted", "gold")
# The name of a breakdown, and the name of a group in it.
Group = tuple[str, str]
TITLES = {
    "familiarity": "By what training says of the surface",
    "span_length": "By tokens of the span",
    "sentence_length": "By tokens of the sentence",
    "case": "By case of the sentence",
}


@dataclass(frozen=True, slots=True)
class GroupCounts:
    """The spans of a group: how many are right, predicted and gold."""

    right: int
    predicted: int
    gold: int

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall; 0 where nothing is right."""
        return 2 * self.right / max(self.predicted + self.gold, 1)

    @property
    def scores(self) -> Scores:
        """Precision, recall and F1, each 0 where nothing is right, and the gold spans."""
        precision, recall = self.right / max(self.predicted, 1), self.right / max(self.gold, 1)
        return Scores(precision, recall, self.f1, self.gold)

    @property
    def errors(self) -> int:
        """The gold spans that are not found and the predicted ones that are not right."""
        return self.predicted + self.gold - 2 * self.right

    def to_dict(self) -> dict[str, Any]:
        """Return the counts and the scores, as JSON can hold them."""
        counts = {kind: getattr(self, kind) for kind in KINDS}
        scores = self.scores
        return counts | {"precision": scores.precision, "recall": scores.recall, "f1": self.f1}

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Self:
        """Read what `to_dict` returned, also after a way through JSON.

        Raises:
            KeyError: A count is missing.
        """
        return cls(**{kind: facts[kind] for kind in KINDS})


@dataclass(frozen=True)
class DocumentScores:
    """How F1 differs from document to document; printing it gives a line and a table.

    Args:
        documents: The number of documents. Sentences without one are counted together as one.
        scored: The number of documents with gold or predicted spans; the others have no F1.
        mean: The mean of their F1, each document counting once; 0 of none.
        lowest: The lowest F1; 0 of none.
        highest: The highest F1; 0 of none.
        worst: The documents with the lowest F1 that is less than 1, at most ten, by name. Of equal
            ones, that with the most errors is first.
    """

    documents: int
    scored: int
    mean: float
    lowest: float
    highest: float
    worst: Mapping[str, GroupCounts]

    def __post_init__(self) -> None:
        object.__setattr__(self, "worst", FrozenDict(self.worst))

    def __str__(self) -> str:
        if not self.scored:
            return "By document: no document has spans"
        head = (
            f"By document: F1 {100 * self.mean:.2f} on average, from {100 * self.lowest:.2f} to "
            f"{100 * self.highest:.2f}, over {self.scored} of {self.documents} documents, "
            "which have spans"
        )
        return f"{head}. The worst:\n{_group_table(self.worst)}" if self.worst else head

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as JSON can hold it. The order of the worst documents counts."""
        numbers = ("documents", "scored", "mean", "lowest", "highest")
        return {name: getattr(self, name) for name in numbers} | {"worst": _dicts(self.worst)}

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Self:
        """Read what `to_dict` returned, also after a way through JSON.

        Raises:
            KeyError: A field is missing.
        """
        fields: dict[str, Any] = dict(facts) | {"worst": _counts(facts["worst"])}
        return cls(**fields)


@dataclass(frozen=True)
class Breakdowns:
    """The counts of groups of spans; printing it gives a table for each breakdown.

    Args:
        familiarity: Spans whose surface has the same label in training, only other labels, or none;
            None if the training data are not known.
        span_length: Spans of 1, 2, 3, and 4 or more tokens.
        sentence_length: Spans in sentences of so many tokens.
        case: Spans in sentences whose letters are all capitals, and spans in others.
        documents: How F1 differs between documents; None if the data have none.
    """

    familiarity: Mapping[str, GroupCounts] | None
    span_length: Mapping[str, GroupCounts]
    sentence_length: Mapping[str, GroupCounts]
    case: Mapping[str, GroupCounts]
    documents: DocumentScores | None = None

    def __post_init__(self) -> None:
        for name in TITLES:
            if (groups := getattr(self, name)) is not None:
                object.__setattr__(self, name, FrozenDict(groups))

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as JSON can hold it."""
        groups = {name: getattr(self, name) for name in TITLES}
        facts = {name: None if each is None else _dicts(each) for name, each in groups.items()}
        return facts | {"documents": None if self.documents is None else self.documents.to_dict()}

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Self:
        """Read what `to_dict` returned, also after a way through JSON.

        Raises:
            KeyError: A field is missing.
        """
        groups = {name: facts[name] for name in TITLES}
        known: dict[str, Any] = {
            name: None if each is None else _counts(each) for name, each in groups.items()
        }
        found = facts["documents"]
        return cls(**known, documents=None if found is None else DocumentScores.from_dict(found))

    def __str__(self) -> str:
        blocks: list[str] = []
        for name, title in TITLES.items():
            groups = getattr(self, name) or {}
            used = {group: each for group, each in groups.items() if each.gold or each.predicted}
            if used:
                blocks.append(f"{title}:\n{_group_table(used)}")
        if self.documents is not None:
            blocks.append(str(self.documents))
        return "\n\n".join(blocks)


def break_down(
    gold: Sequence[Sentence],
    predicted: Sequence[Sentence],
    surfaces: SurfaceCounts | None = None,
) -> Breakdowns:
    """Score groups of spans by surface, length, sentence and document.

    Args:
        gold: Sentences with `spans`.
        predicted: The same sentences in the same order, with `prediction`.
        surfaces: The surfaces of the training data; None if they are not known.
    """
    counts: Counter[tuple[str, str, str]] = Counter()
    documents: dict[str, None] = {}
    for one, other in zip(gold, predicted, strict=True):
        document = NO_DOCUMENT if one.document is None else one.document
        documents[document] = None
        expected, found = set(one.spans or ()), set(other.found_spans or ())
        of_sentence = [*_sentence_groups(one), ("document", document)]
        for kind, spans in zip(KINDS, (expected & found, found, expected), strict=True):
            for group in of_sentence:
                counts[*group, kind] += len(spans)
            for span in spans:
                for group in _span_groups(one, span, surfaces):
                    counts[*group, kind] += 1

    def groups(name: str, members: Sequence[str]) -> dict[str, GroupCounts]:
        return {one: GroupCounts(*(counts[name, one, kind] for kind in KINDS)) for one in members}

    has_documents = documents.keys() - {NO_DOCUMENT}
    return Breakdowns(
        None if surfaces is None else groups("familiarity", FAMILIARITIES),
        groups("span_length", _length_names(SPAN_LENGTHS)),
        groups("sentence_length", _length_names(SENTENCE_LENGTHS)),
        groups("case", (ALL_CAPS, OTHER_CASE)),
        _score_documents(groups("document", list(documents))) if has_documents else None,
    )


def is_all_caps(tokens: Sequence[str]) -> bool:
    """Whether a sentence has letters in upper or lower case, and all of them are capitals.

    >>> is_all_caps(["SOCCER", "-", "RESULTS"]), is_all_caps(["1996-08-30"])
    (True, False)
    """
    return "".join(tokens).isupper()


def _sentence_groups(sentence: Sentence) -> Iterator[Group]:
    yield "sentence_length", _length_name(len(sentence), SENTENCE_LENGTHS)
    yield "case", ALL_CAPS if is_all_caps(sentence.tokens) else OTHER_CASE


def _span_groups(sentence: Sentence, span: Span, surfaces: SurfaceCounts | None) -> Iterator[Group]:
    yield "span_length", _length_name(span.end - span.start, SPAN_LENGTHS)
    if surfaces is not None:
        surface = surface_of(sentence.tokens, span)
        yield "familiarity", surfaces.familiarity(surface, span.label)


def _length_names(longest: Sequence[int]) -> list[str]:
    """Name the groups whose longest lengths are given, and that of longer ones.

    >>> _length_names((1, 2, 5))
    ['1', '2', '3-5', '6+']
    """
    firsts = [1, *(length + 1 for length in longest)]
    ranges = zip(firsts, longest, strict=False)
    names = [f"{first}" if first == last else f"{first}-{last}" for first, last in ranges]
    return [*names, f"{firsts[-1]}+"]


def _length_name(length: int, longest: Sequence[int]) -> str:
    """Name the group of a length."""
    return _length_names(longest)[bisect.bisect_left(longest, length)]


def _score_documents(documents: Mapping[str, GroupCounts]) -> DocumentScores:
    scored = {name: each for name, each in documents.items() if each.gold or each.predicted}
    scores = [each.f1 for each in scored.values()] or [0.0]
    wrong = [name for name, each in scored.items() if each.errors]
    wrong.sort(key=lambda name: (scored[name].f1, -scored[name].errors))
    return DocumentScores(
        len(documents),
        len(scored),
        statistics.fmean(scores),
        min(scores),
        max(scores),
        {name: scored[name] for name in wrong[:MOST_WORST]},
    )


def _group_table(groups: Mapping[str, GroupCounts]) -> str:
    rows = [
        [name, *each.scores.cells(), str(each.predicted), str(each.right)]
        for name, each in groups.items()
    ]
    return table([["", "precision", "recall", "F1", *reversed(KINDS)], *rows])


def _dicts(groups: Mapping[str, GroupCounts]) -> dict[str, dict[str, Any]]:
    return {name: each.to_dict() for name, each in groups.items()}


def _counts(facts: Mapping[str, Mapping[str, Any]]) -> dict[str, GroupCounts]:
    return {name: GroupCounts.from_dict(each) for name, each in facts.items()}
