"""Labels that look wrong beside the others, and words that have another label elsewhere."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from ner.data.lines import short
from ner.data.sentence import Sentence
from ner.data.tools.corpus_file import CorpusFile, count_labels, labels_of
from ner.data.tools.findings import CONFLICTS, MISSPELT, RARE, UNKNOWN_LABELS, Findings

# A label is rare if it comes less often than this, among at least so many.
RARE_BELOW, RARE_AMONG = 5, 1000

# A label one slip away from another is misspelt if that comes so many times as often.
SLIP_RATIO = 50

# Shorter labels differ by one letter as a matter of course: NP, VP, PP.
SHORTEST_SLIP = 3

# Words that have one label in so large a share of at least so many places nearly always have it.
NEARLY_ALWAYS, FEWEST_PLACES = 0.95, 10

SEPARATORS = re.compile(r"[\s_-]+")


def check_labels(parts: Sequence[CorpusFile], findings: Findings) -> None:
    """Find labels that are misspelt, rare, or missing from the first file."""
    counts = {part.name: count_labels(part) for part in parts}
    total = sum(counts.values(), Counter[str]())
    kinds = likely_meant(total)
    for part in parts:
        wrong = [label for label in counts[part.name] if label in kinds]
        if wrong:
            for where, label in _places(part, set(wrong)):
                example = f"{label!r}, beside {total[kinds[label]]} {kinds[label]!r}"
                findings.add(MISSPELT, part.name, where, example)
    known = counts[parts[0].name]
    for part in parts:
        other = {label for label in counts[part.name] if label not in kinds}
        unknown = other - known.keys() if known else set[str]()
        for where, label in _places(part, unknown):
            findings.add(UNKNOWN_LABELS, part.name, where, repr(label))
        rare = {label for label in other if total[label] < RARE_BELOW}
        if total.total() >= RARE_AMONG:
            for where, label in _places(part, rare - unknown):
                findings.add(RARE, part.name, where, f"{label!r} comes {_times(total[label])}")


def likely_meant(counts: Counter[str]) -> dict[str, str]:
    """Give for each label that is a slip for a frequent one the label that is meant.

    A slip is another case or other separators, or, for a far rarer label, one letter added, lost,
    replaced, or two exchanged. Time grows with the number of labels, which a column of lemmas may
    have many of.

    >>> likely_meant(Counter(PER=4000, PRE=3, LOC=3000))
    {'PRE': 'PER'}
    """
    # What two labels that are one slip apart have in common, the most frequent label first.
    alike: dict[str, list[str]] = {}
    for label, _ in counts.most_common():
        for key in _keys(label):
            alike.setdefault(key, []).append(label)
    meant: dict[str, str] = {}
    for label in counts:
        others = {other for key in _keys(label) for other in alike[key]}
        fitting = [other for other in others if _is_slip(label, other, counts)]
        if fitting:
            meant[label] = max(fitting, key=lambda other: (counts[other], other))
    return meant


def _keys(label: str) -> set[str]:
    """Give the label in small letters without separators, and itself without any one letter."""
    shorter = (label[:i] + label[i + 1 :] for i in range(len(label))) if label.isalpha() else ()
    return {f"plain {_plain(label)}", label, *shorter}


def _is_slip(label: str, other: str, counts: Counter[str]) -> bool:
    count = counts[other]
    if other == label or count <= counts[label]:
        return False
    is_far_rarer = count >= SLIP_RATIO * counts[label]
    return _plain(label) == _plain(other) or (is_far_rarer and _is_one_slip(label, other))


def check_surfaces(parts: Sequence[CorpusFile], findings: Findings) -> None:
    """Find entities with another label than the same words have nearly always."""
    by_surface: dict[Sequence[str], Counter[str]] = {}
    for part in parts:
        for surface, label, _, _ in _surfaces(part):
            by_surface.setdefault(surface, Counter())[label] += 1
    usual: dict[Sequence[str], str] = {}
    for surface, labels in by_surface.items():
        label, count = labels.most_common(1)[0]
        if len(labels) > 1 and count >= max(FEWEST_PLACES, NEARLY_ALWAYS * labels.total()):
            usual[surface] = label
    for part in parts:
        for surface, label, sentence, start in _surfaces(part):
            if usual.get(surface, label) != label:
                counts = by_surface[surface]
                findings.add(
                    CONFLICTS,
                    part.name,
                    part.place(sentence, start),
                    f"{short(' '.join(surface))} is {label}, but {usual[surface]} "
                    f"{counts[usual[surface]]} of {counts.total()} times",
                )


def _surfaces(part: CorpusFile) -> Iterator[tuple[Sequence[str], str, Sentence, int]]:
    for sentence in part.sentences:
        for start, end, label in sentence.spans or ():
            yield sentence.tokens[start:end], label, sentence, start


def _places(part: CorpusFile, labels: set[str]) -> Iterator[tuple[str, str]]:
    if labels:
        for sentence in part.sentences:
            for label, token in labels_of(sentence, part.options.target):
                if label in labels:
                    yield part.place(sentence, token), label


def _plain(label: str) -> str:
    return SEPARATORS.sub("", label).casefold() or label


def _is_one_slip(label: str, other: str) -> bool:
    """Whether one letter was added, lost or replaced, or two neighbours were exchanged."""
    if min(len(label), len(other)) < SHORTEST_SLIP or abs(len(label) - len(other)) > 1:
        return False
    if not (label.isalpha() and other.isalpha()):
        return False
    start = 0
    while start < min(len(label), len(other)) and label[start] == other[start]:
        start += 1
    a, b = label[start:], other[start:]
    exchanged = len(a) > 1 and len(b) > 1 and (a[1] + a[0] + a[2:]) == b
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or exchanged


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
