"""Checks of labels: misspelt, rare and unknown ones, and words with another label elsewhere."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from ner.data.lines import short
from ner.data.sentence import Sentence
from ner.data.tools.corpus_file import CorpusFile, count_labels, labels_of
from ner.data.tools.findings import (
    CONFLICTING_LABELS,
    MISSPELT_LABELS,
    RARE_LABELS,
    UNKNOWN_LABELS,
    Findings,
)

# A label is rare if its count is below the first number, in files with at least the second number
# of labels.
RARE_BELOW, FEWEST_LABELS = 5, 1000

# A label that differs by one letter from another is misspelt if the other is this many times as
# frequent.
MISSPELT_RATIO = 50

# Shorter labels differ by one letter normally: NP, VP, PP.
SHORTEST_MISSPELT = 3

# Words nearly always have a label if they have it in this share of this number of places or more.
NEARLY_ALWAYS, FEWEST_PLACES = 0.95, 10

WORD_SEPARATORS = re.compile(r"[\s_-]+")


def check_labels(files: Sequence[CorpusFile], findings: Findings) -> None:
    """Find labels that are misspelt, rare, or missing from the first file."""
    counts = {file.name: count_labels(file) for file in files}
    total = sum(counts.values(), Counter[str]())
    meant = meant_labels(total)
    for file in files:
        misspelt = counts[file.name].keys() & meant.keys()
        for where, label in _places(file, misspelt):
            example = f"{label!r}, beside {total[meant[label]]} {meant[label]!r}"
            findings.add(MISSPELT_LABELS, file.name, where, example)
    in_first = counts[files[0].name]
    for file in files:
        correct = counts[file.name].keys() - meant.keys()
        unknown = correct - in_first.keys() if in_first else set[str]()
        for where, label in _places(file, unknown):
            findings.add(UNKNOWN_LABELS, file.name, where, repr(label))
        rare = {label for label in correct if total[label] < RARE_BELOW}
        if total.total() >= FEWEST_LABELS:
            for where, label in _places(file, rare - unknown):
                example = f"{label!r} occurs {_times(total[label])}"
                findings.add(RARE_LABELS, file.name, where, example)


def check_surfaces(files: Sequence[CorpusFile], findings: Findings) -> None:
    """Find entities with another label than the same words nearly always have."""
    by_surface: dict[Sequence[str], Counter[str]] = {}
    for file in files:
        for surface, label, _, _ in _surfaces(file):
            by_surface.setdefault(surface, Counter())[label] += 1
    usual: dict[Sequence[str], str] = {}
    for surface, labels in by_surface.items():
        label, count = labels.most_common(1)[0]
        if len(labels) > 1 and count >= max(FEWEST_PLACES, NEARLY_ALWAYS * labels.total()):
            usual[surface] = label
    for file in files:
        for surface, label, sentence, start in _surfaces(file):
            if usual.get(surface, label) != label:
                counts = by_surface[surface]
                findings.add(
                    CONFLICTING_LABELS,
                    file.name,
                    file.place(sentence, start),
                    f"{short(' '.join(surface))} is {label}, but {usual[surface]} "
                    f"{counts[usual[surface]]} of {counts.total()} times",
                )


def meant_labels(counts: Counter[str]) -> dict[str, str]:
    """Return for each label that looks misspelt the frequent label that is meant.

    A misspelt label differs in case or separators, or, if it is far rarer, by one letter that is
    added, missing or replaced, or by two letters that are swapped. Time grows with the number of
    labels, which is large in a column of lemmas.

    >>> meant_labels(Counter(PER=4000, PRE=3, LOC=3000))
    {'PRE': 'PER'}
    """
    # What two labels with one difference have in common, with the most frequent label first.
    alike: dict[str, list[str]] = {}
    for label, _ in counts.most_common():
        for key in _keys(label):
            alike.setdefault(key, []).append(label)
    meant: dict[str, str] = {}
    for label in counts:
        candidates = {candidate for key in _keys(label) for candidate in alike[key]}
        fitting = [candidate for candidate in candidates if _is_misspelt(label, candidate, counts)]
        if fitting:
            meant[label] = max(fitting, key=lambda candidate: (counts[candidate], candidate))
    return meant


def _keys(label: str) -> set[str]:
    """Return the label in plain form, the label itself, and the label without any one letter."""
    shorter = (label[:i] + label[i + 1 :] for i in range(len(label))) if label.isalpha() else ()
    return {f"plain {_plain(label)}", label, *shorter}


def _is_misspelt(label: str, correct: str, counts: Counter[str]) -> bool:
    count = counts[correct]
    if correct == label or count <= counts[label]:
        return False
    is_far_rarer = count >= MISSPELT_RATIO * counts[label]
    return _plain(label) == _plain(correct) or (is_far_rarer and _differs_once(label, correct))


def _plain(label: str) -> str:
    return WORD_SEPARATORS.sub("", label).casefold() or label


def _differs_once(label: str, correct: str) -> bool:
    """Whether one letter is added, missing or replaced, or two neighbours are swapped."""
    lengths = (len(label), len(correct))
    if min(lengths) < SHORTEST_MISSPELT or max(lengths) - min(lengths) > 1:
        return False
    if not (label.isalpha() and correct.isalpha()):
        return False
    start = 0
    while start < min(lengths) and label[start] == correct[start]:
        start += 1
    a, b = label[start:], correct[start:]
    is_swapped = len(a) > 1 and len(b) > 1 and (a[1] + a[0] + a[2:]) == b
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or is_swapped


def _surfaces(file: CorpusFile) -> Iterator[tuple[Sequence[str], str, Sentence, int]]:
    """Yield the words of each entity, its label, its sentence and its first token."""
    for sentence in file.sentences:
        for start, end, label in sentence.spans or ():
            yield sentence.tokens[start:end], label, sentence, start


def _places(file: CorpusFile, labels: set[str]) -> Iterator[tuple[str, str]]:
    if labels:
        for sentence in file.sentences:
            for label, token in labels_of(sentence, file.options.target):
                if label in labels:
                    yield file.place(sentence, token), label


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
