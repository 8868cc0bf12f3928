"""The row of a string in a table: words through several forms, other strings as they are."""

import re
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ner.features.vectors import VectorStore

UNKNOWN = 0

# Row of a word that has a vector in the vector store, and no trained row.
OWN_VECTOR = -1

# Kinds of words in `Coverage`, by the first form that is known.
KINDS: tuple[str, ...] = ("exact", "lower-cased", "digits as 0", "none")
_DIGIT = re.compile("[0-9]")

# Marks of typography, and the marks of typewriters that are looked up in their place.
_QUOTES = str.maketrans({**dict.fromkeys("‘’‚‛′´", "'"), **dict.fromkeys("“”„‟″", '"')})


def plain_quotes(word: str) -> str:
    """Replace typographic quotes and apostrophes, so that they are known like those of typewriters.

    >>> [plain_quotes(word) for word in ("don’t", "“", "Köln")]
    ["don't", '"', 'Köln']
    """
    return word if word.isascii() else word.translate(_QUOTES)


def fallback_forms(word: str, lowercase: bool = False) -> tuple[str, ...]:
    """List the forms under which a word is looked up, the best form first.

    Args:
        word: The word as it is in the text.
        lowercase: Leave out the exact form, so that words that differ only in case share a row.

    >>> fallback_forms("Boeing-747")
    ('Boeing-747', 'boeing-747', 'boeing-000')
    >>> fallback_forms("lamb")
    ('lamb',)
    >>> fallback_forms("’Tis")
    ('’Tis', "'tis")
    """
    lower = plain_quotes(word.lower())
    digits = _DIGIT.sub("0", lower)
    forms = (lower, digits) if lowercase else (word, lower, digits)
    return tuple(dict.fromkeys(forms))


class Vocabulary:
    """Strings in a fixed order. Row 0 is for every string that is not among them.

    Args:
        entries: The strings, each once.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        self.entries = tuple(entries)
        self.rows = {entry: row for row, entry in enumerate(self.entries, start=1)}

    def __len__(self) -> int:
        """Count the rows of a table for these strings, with row 0."""
        return len(self.entries) + 1

    def __contains__(self, entry: str) -> bool:
        return entry in self.rows

    def extended(self, entries: Iterable[str]) -> "Vocabulary":
        """Append new entries; the rows of the old entries stay."""
        return Vocabulary(dict.fromkeys((*self.entries, *entries)))

    def encode(self, strings: Iterable[str]) -> NDArray[np.int32]:
        """Look up the rows of strings (N); the row of an unknown string is `UNKNOWN`."""
        return np.array([self.rows.get(string, UNKNOWN) for string in strings], dtype=np.int32)


class WordVocabulary(Vocabulary):
    """The words of a training split, which are looked up through `fallback_forms`.

    The row of a word is `UNKNOWN` if no form of it is in the vocabulary. If the vector store has a
    form of it, the row is `OWN_VECTOR` instead, and the word brings that vector along.

    Args:
        entries: Forms of words, each once.
        lowercase: Whether words that differ only in case share a row.
    """

    def __init__(self, entries: Iterable[str], lowercase: bool) -> None:
        super().__init__(entries)
        self.lowercase = lowercase

    def extended(self, entries: Iterable[str]) -> "WordVocabulary":
        """Append new entries; the rows of the old entries stay."""
        return WordVocabulary(super().extended(entries).entries, self.lowercase)

    def known(self, words: Iterable[str]) -> set[str]:
        """Return the words that are in the training split, in any case if words share rows."""
        return {w for w in set(words) if fallback_forms(w, self.lowercase)[0] in self.rows}

    def find(
        self, words: Sequence[str], store: VectorStore | None
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Look up words form by form, each form first among the trained rows, then in the store.

        Returns:
            The row of each word (U), and its row in the store (U), which is -1 if the word is not
            there or has a trained row.
        """
        rows = np.full(len(words), UNKNOWN, dtype=np.int32)
        stored = np.full(len(words), -1, dtype=np.int64)
        all_forms = [fallback_forms(word, self.lowercase) for word in words]
        absent = [form for forms in all_forms if forms[0] not in self.rows for form in forms]
        in_store = dict(zip(absent, store.find(absent).tolist(), strict=True)) if store else {}
        for i, forms in enumerate(all_forms):
            for form in forms:
                if form in self.rows:
                    rows[i] = self.rows[form]
                    break
                if in_store.get(form, -1) >= 0:
                    rows[i], stored[i] = OWN_VECTOR, in_store[form]
                    break
        return rows, stored

    def substitutes(self, words: Sequence[str], rare: set[str]) -> NDArray[np.int32]:
        """Look up the row that each word would have if the forms in `rare` were unknown (U).

        Training shows this row now and then in place of a rare word's own row, so that the rows of
        unknown words learn their meaning.
        """
        rows = np.full(len(words), UNKNOWN, dtype=np.int32)
        for i, word in enumerate(words):
            forms = fallback_forms(word, self.lowercase)
            kept = (self.rows[form] for form in forms if form in self.rows and form not in rare)
            rows[i] = next(kept, UNKNOWN)
        return rows


def count_forms(words: Iterable[str], lowercase: bool) -> Counter[str]:
    """Count the first form of each word, and also the last form of words with digits.

    The last form, with zeros as digits, has a row for numbers that are not in the training split.

    Args:
        words: The words, or a `Counter` of them.
        lowercase: See `fallback_forms`.
    """
    counts: Counter[str] = Counter()
    for word, count in Counter(words).items():
        first, *rest = fallback_forms(word, lowercase)
        counts[first] += count
        if rest and "0" in rest[-1]:
            counts[rest[-1]] += count
    return counts


class Coverage(NamedTuple):
    """How many words are known, by the first form that is known: one of `KINDS`.

    Args:
        types: Counts of distinct words.
        tokens: Counts of all words.
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
    forms_of = {word: fallback_forms(word) for word in counts}
    all_forms = list(dict.fromkeys(form for forms in forms_of.values() for form in forms))
    if isinstance(known, VectorStore):
        rows = known.find(all_forms).tolist()
        found = {form for form, row in zip(all_forms, rows, strict=True) if row >= 0}
    else:
        found = {form for form in all_forms if form in known}

    types, tokens = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
    for word, count in counts.items():
        form = next((form for form in forms_of[word] if form in found), None)
        lower = plain_quotes(word.lower())
        kind = {None: "none", lower: "lower-cased", word: "exact"}.get(form, "digits as 0")
        types[kind] += 1
        tokens[kind] += count
    return Coverage(types, tokens)


def _share(counts: dict[str, int], kind: str | None = None) -> str:
    """Write the share of one kind, or of all known words, in percent."""
    total = sum(counts.values())
    count = total - counts["none"] if kind is None else counts[kind]
    return f"{100 * count / max(total, 1):.1f} %"
