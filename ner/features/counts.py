"""Counts of a training split, made in one pass; vocabularies are built from them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from ner.data.sentence import Sentence
from ner.features.vocabulary import plain_quotes
from ner.features.word_features import bigrams


@dataclass
class CorpusCounts:
    """Counts of a training split. Their size grows with its vocabulary, not with its length.

    Args:
        columns: Counts of the values of input columns, by the name of the column.
        pairs: Counts of the pairs of neighbouring tokens; None does not count them.
        lowercase: Count pairs that differ only in case as one.
        target: The column whose values are labels, if there is one.
        words: Counts of the words, in the order of their first occurrence.
        examples: Sentences that together have every label of spans, tokens and texts.
        sentences: Number of sentences.
        tokens: Number of tokens.
        spans: Number of spans.
        is_partial: Whether a sentence leaves tags open.
    """

    columns: dict[str, Counter[str]]
    pairs: Counter[str] | None = None
    lowercase: bool = True
    target: str | None = None
    words: Counter[str] = field(default_factory=Counter)
    examples: list[Sentence] = field(default_factory=list)
    sentences: int = 0
    tokens: int = 0
    spans: int = 0
    is_partial: bool = False

    def __post_init__(self) -> None:
        self._labels: set[tuple[str, object]] = set()

    def add(self, sentence: Sentence) -> None:
        """Count one more sentence."""
        self.sentences += 1
        self.tokens += len(sentence)
        self.words.update(sentence.tokens)
        for name, values in self.columns.items():
            values.update(sentence.columns.get(name, ()))
        if self.pairs is not None:
            self.pairs.update(bigrams(sentence.tokens, self.lowercase))
        self.spans += len(sentence.spans or ())
        self.is_partial |= sentence.allowed is not None
        # A span, a token and a sentence may have labels of the same name.
        labels: set[tuple[str, object]] = {("span", span.label) for span in sentence.spans or ()}
        labels.update(("token", tags) for tags in sentence.allowed or ())
        labels.update(("sentence", label) for label in sentence.labels or ())
        if self.target is not None:
            labels.update(("column", label) for label in set(sentence.columns[self.target]))
        if not labels <= self._labels:
            self._labels |= labels
            self.examples.append(sentence)

    def characters(self) -> Counter[str]:
        """Count the characters of all words."""
        characters: Counter[str] = Counter()
        for word, count in self.words.items():
            for character in plain_quotes(word):
                characters[character] += count
        return characters

    def to_dict(self) -> dict[str, Any]:
        """Return all counts in a form that JSON can hold."""
        examples = [
            [s.tokens, s.spans, s.allowed, s.labels, self.target and s.columns[self.target]]
            for s in self.examples
        ]
        known = ("columns", "pairs", "lowercase", "target", "words")
        totals = ("sentences", "tokens", "spans", "is_partial")
        return {name: getattr(self, name) for name in known + totals} | {"examples": examples}

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Self:
        """Rebuild the counts from what `to_dict` returned."""
        target = facts["target"]
        return cls(
            **{
                **facts,
                "columns": {name: Counter(values) for name, values in facts["columns"].items()},
                "pairs": None if facts["pairs"] is None else Counter(facts["pairs"]),
                "words": Counter(facts["words"]),
                "examples": [
                    Sentence(
                        tokens,
                        spans=spans,
                        allowed=allowed,
                        labels=labels,
                        columns={target: tuple(values)} if target else {},
                    )
                    for tokens, spans, allowed, labels, values in facts["examples"]
                ],
            }
        )


def count_corpus(
    sentences: Iterable[Sentence],
    *,
    columns: Iterable[str] = (),
    pairs: bool = False,
    lowercase: bool = True,
    target: str | None = None,
) -> CorpusCounts:
    """Count a training split.

    Args:
        sentences: The sentences.
        columns: Names of the input columns to count.
        pairs: Whether to count pairs of neighbouring tokens.
        lowercase: See `CorpusCounts`.
        target: See `CorpusCounts`.
    """
    counts = CorpusCounts(
        {name: Counter() for name in columns}, Counter() if pairs else None, lowercase, target
    )
    for sentence in sentences:
        counts.add(sentence)
    return counts


def by_frequency(counts: Mapping[str, int]) -> Sequence[str]:
    """Sort the keys of counts: the most frequent first, equally frequent ones by the alphabet."""
    return sorted(counts, key=lambda key: (-counts[key], key))
