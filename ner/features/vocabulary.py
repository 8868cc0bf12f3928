"""Which row of a table a string has: words by a chain of fallbacks, anything else by itself."""

import re
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ner.features.vectors import VectorStore

UNKNOWN = 0

# The id of a word that brings its own vector: it has no trained row, but the vector store has one.
OWN_VECTOR = -1

_DIGIT = re.compile("[0-9]")


def fallback_forms(word: str, lowercase: bool = False) -> tuple[str, ...]:
    """List the forms under which a word is looked up, best first.

    Args:
        word: As it stands in the text.
        lowercase: Leave out the exact form, so that spellings that differ in case share a row.

    >>> fallback_forms("Boeing-747")
    ('Boeing-747', 'boeing-747', 'boeing-000')
    >>> fallback_forms("lamb")
    ('lamb',)
    """
    lower = word.lower()
    digits = _DIGIT.sub("0", lower)
    forms = (lower, digits) if lowercase else (word, lower, digits)
    return tuple(dict.fromkeys(forms))


class Vocabulary:
    """Strings in a fixed order; row 0 is for all that it does not hold."""

    def __init__(self, entries: Iterable[str]) -> None:
        self.entries = tuple(entries)
        self.rows = {entry: row for row, entry in enumerate(self.entries, start=1)}

    def __len__(self) -> int:
        """Count the rows of a table for it, that of the unknown included."""
        return len(self.entries) + 1

    def __contains__(self, entry: str) -> bool:
        return entry in self.rows

    def extended(self, entries: Iterable[str]) -> "Vocabulary":
        """Append what is new; the rows of the old entries stay."""
        return Vocabulary(dict.fromkeys((*self.entries, *entries)))

    def encode(self, strings: Iterable[str]) -> NDArray[np.int32]:
        """Look up the rows of strings; absent ones get `UNKNOWN`."""
        return np.array([self.rows.get(string, UNKNOWN) for string in strings], dtype=np.int32)


class WordVocabulary(Vocabulary):
    """The words of a training split, found through `fallback_forms`.

    A word that no form finds has the row `UNKNOWN`, unless a vector store holds one of its forms:
    then it is `OWN_VECTOR`, and its vector comes with it.
    """

    def __init__(self, entries: Iterable[str], lowercase: bool) -> None:
        super().__init__(entries)
        self.lowercase = lowercase

    def extended(self, entries: Iterable[str]) -> "WordVocabulary":
        """Append what is new; the rows of the old entries stay."""
        return WordVocabulary(super().extended(entries).entries, self.lowercase)

    def known(self, words: Iterable[str]) -> set[str]:
        """Give those of some words that the training split had, also in another case if shared."""
        return {w for w in set(words) if fallback_forms(w, self.lowercase)[0] in self.rows}

    def find(
        self, words: Sequence[str], store: VectorStore | None
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Look words up, form by form: first among the trained rows, then in the store.

        Returns:
            The rows (U) of the words, and their rows in the store (U), -1 where they have none
            or do not need it.
        """
        rows = np.full(len(words), UNKNOWN, dtype=np.int32)
        stored = np.full(len(words), -1, dtype=np.int64)
        forms = [fallback_forms(word, self.lowercase) for word in words]
        absent = [form for some in forms if some[0] not in self.rows for form in some]
        in_store = dict(zip(absent, store.find(absent).tolist(), strict=True)) if store else {}
        for i, some in enumerate(forms):
            for form in some:
                if form in self.rows:
                    rows[i] = self.rows[form]
                    break
                if in_store.get(form, -1) >= 0:
                    rows[i], stored[i] = OWN_VECTOR, in_store[form]
                    break
        return rows, stored

    def substitutes(self, words: Sequence[str], rare: set[str]) -> NDArray[np.int32]:
        """Say which row each word would have if the forms in `rare` were not in the vocabulary.

        Training shows these rows now and then in place of a rare word's own, so that they learn
        what an unknown word means.
        """
        rows = np.full(len(words), UNKNOWN, dtype=np.int32)
        for i, word in enumerate(words):
            forms = fallback_forms(word, self.lowercase)
            kept = (self.rows[form] for form in forms if form in self.rows and form not in rare)
            rows[i] = next(kept, UNKNOWN)
        return rows


def count_forms(words: Iterable[str], lowercase: bool) -> Counter[str]:
    """Count the first form of each word, and of words with digits also the last one.

    What is counted already may be given as a `Counter`.

    The form with zeros gets a row of its own, for the numbers that training never saw.
    """
    forms: Counter[str] = Counter()
    for word, count in Counter(words).items():
        first, *rest = fallback_forms(word, lowercase)
        forms[first] += count
        if rest and "0" in rest[-1]:
            forms[rest[-1]] += count
    return forms


KINDS: tuple[str, ...] = ("exact", "lower-cased", "digits as 0", "none")


@dataclass(frozen=True)
class Coverage:
    """Words by the form that was found first, one of `KINDS`.

    Args:
        types: Counts of different words.
        tokens: Counts of words as often as they come.
    """

    types: dict[str, int]
    tokens: dict[str, int]

    def __str__(self) -> str:
        kinds = ", ".join(f"{kind} {_share(self.types, kind)}" for kind in KINDS)
        return (
            f"{_share(self.types)} of {sum(self.types.values())} words ({kinds}), "
            f"{_share(self.tokens)} of {sum(self.tokens.values())} tokens"
        )


def coverage(known: VectorStore | Container[str], words: Iterable[str]) -> Coverage:
    """Count the words that are known as they are, lower-cased, with digits as 0, or not at all."""
    counts = Counter(words)
    forms = {word: fallback_forms(word) for word in counts}
    all_forms = list(dict.fromkeys(form for some in forms.values() for form in some))
    if isinstance(known, VectorStore):
        rows = known.find(all_forms).tolist()
        found = {form for form, row in zip(all_forms, rows, strict=True) if row >= 0}
    else:
        found = {form for form in all_forms if form in known}

    types, tokens = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
    for word, count in counts.items():
        form = next((form for form in forms[word] if form in found), None)
        kind = {None: "none", word.lower(): "lower-cased", word: "exact"}.get(form, "digits as 0")
        types[kind] += 1
        tokens[kind] += count
    return Coverage(types, tokens)


def _share(counts: dict[str, int], kind: str | None = None) -> str:
    """Give the share of one kind, or of all that were found, in percent."""
    total = sum(counts.values())
    part = total - counts["none"] if kind is None else counts[kind]
    return f"{100 * part / max(total, 1):.1f} %"
