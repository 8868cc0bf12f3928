"""How many words have a pretrained vector, and under which of their forms."""

from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass

from ner.features.vectors import VectorStore
from ner.features.vocabulary import fallback_forms

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
