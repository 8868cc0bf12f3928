"""Chooses the texts of a pool that together are worth most for the effort of annotating them."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ner.data.sentence import Sentence
from ner.suggesting.near_duplicates import SeenTexts, word_key
from ner.suggesting.values import Candidate

# To open a text, and to look for what it is about, takes a person as long as so many tokens.
OVERHEAD = 8
# The value of a token rises with how often its word is in the pool, to this power: a name that is
# seen again and again teaches more than one that is never seen again.
FREQUENCY = 0.5
# Each time that a word or a document was chosen, it keeps this share of its value.
SAME_WORD, SAME_DOCUMENT = 0.5, 0.8
# The share of the budget that is divided among all labels, whatever their texts are worth.
FOR_LABELS = 0.25


@dataclass(frozen=True)
class Budget:
    """How much a person can annotate.

    Args:
        texts: Number of texts; None for any.
        tokens: Number of tokens; None for any.
    """

    texts: int | None = None
    tokens: int | None = None

    def used(self, texts: int, tokens: int) -> float:
        """Return the share of the budget that is used; more than 1 is too much."""
        pairs = ((texts, self.texts), (tokens, self.tokens))
        return max((used / limit for used, limit in pairs if limit is not None), default=0.0)


@dataclass(frozen=True)
class Choice:
    """What was chosen of a pool.

    Args:
        places: The places of the texts in the pool, most valuable first.
        annotated: How many texts of the pool are annotated already.
        similar: How many were left out because they are nearly equal to another one.
    """

    places: Sequence[int]
    annotated: int
    similar: int


def choose(
    pool: Sequence[Candidate],
    budget: Budget,
    *,
    annotated: Iterable[Sentence] = (),
    is_diverse: bool = True,
    seed: int = 1,
) -> Choice:
    """Choose texts of a pool, by value for each token that a person has to read.

    A text costs its tokens, and `OVERHEAD` more. Each choice takes the text with the highest value
    by cost, so that neither long nor short texts win by their length alone. Texts without tokens,
    annotated ones, and all but one of equal texts are left out.

    If the choice is diverse, texts that are nearly equal to another one are left out, too; words
    that are frequent in the pool are worth more; a word or a document that was chosen is worth less
    from then on; and a part of the budget goes to texts in which the model sees each of its labels,
    rare ones first.

    Args:
        pool: What may be chosen.
        budget: How much to choose.
        annotated: Texts that are annotated already.
        is_diverse: Whether to avoid texts that are like each other.
        seed: Decides between texts of equal value.

    Source: Settles and Craven, "An Analysis of Active Learning Strategies for Sequence Labeling
    Tasks", EMNLP 2008, section 3.4 (information density; here it is that of words); Leskovec et
    al., "Cost-effective Outbreak Detection in Networks", KDD 2007, section 3.2 (lazy evaluation of
    values that only fall, and gains by cost).
    """
    chooser = _Chooser(pool, budget, annotated, is_diverse)
    order = np.random.default_rng(seed).permutation(len(pool)).tolist()
    if is_diverse:
        places = _places_by_label(pool, order)
        for label, found in places.items():
            chooser.take(found, partial(chooser.has_enough_of, label, FOR_LABELS / len(places)))
    chooser.take(order)
    return chooser.choice()


def _places_by_label(pool: Sequence[Candidate], order: Iterable[int]) -> dict[str, list[int]]:
    """List the texts in which the model sees each label, by label, the rarest one first."""
    places: dict[str, list[int]] = {}
    for i in order:
        for label in pool[i].labels:
            places.setdefault(label, []).append(i)
    return dict(sorted(places.items(), key=lambda pair: (len(pair[1]), pair[0])))


class _Chooser:
    """Chooses text after text, and knows what the next one is worth."""

    def __init__(
        self,
        pool: Sequence[Candidate],
        budget: Budget,
        annotated: Iterable[Sentence],
        is_diverse: bool,
    ) -> None:
        self._pool, self._budget, self._is_diverse = pool, budget, is_diverse
        words: dict[str, int] = {}
        self._words = [
            np.array([words.setdefault(key, len(words)) for key in map(word_key, c.tokens)], int)
            for c in pool
        ]
        counts = np.bincount(np.concatenate([np.zeros(0, int), *self._words]))
        self._worth = counts**FREQUENCY
        self._documents: Counter[str | None] = Counter()
        self._labels: Counter[str] = Counter()
        self._label_tokens: Counter[str] = Counter()
        self._values: dict[int, float] = {}
        self._tokens = 0
        self._similar: set[int] = set()
        self._seen = SeenTexts()
        known: set[str] = set()
        for sentence in annotated:
            known.add(_letters(sentence))
            if is_diverse:
                self._seen.add(sentence.tokens)
        self._annotated = {i for i, c in enumerate(pool) if _letters(c.sentence) in known}
        self._chosen: set[str] = set()

    def take(self, places: Iterable[int], is_enough: Callable[[], bool] = lambda: False) -> None:
        """Choose the best of some texts, until it is enough or the budget is used."""
        heap = [(-self._value(i), rank, i) for rank, i in enumerate(places) if self._may_take(i)]
        heapq.heapify(heap)
        while heap and self._fits(1) and not is_enough():
            before, rank, i = heapq.heappop(heap)
            value = self._value(i)
            # The value of a text only falls. One that is still the highest needs no others.
            if -value > before and heap and (-value, rank) > heap[0][:2]:
                heapq.heappush(heap, (-value, rank, i))
            elif self._fits(len(self._words[i])) and self._is_new(i):
                self._add(i, value)

    def has_enough_of(self, label: str, share: float) -> bool:
        """Whether texts with a label have their share of the budget, or all labels have theirs."""
        used = self._budget.used(self._labels[label], self._label_tokens[label])
        return used >= share or self._budget.used(len(self._values), self._tokens) >= FOR_LABELS

    def choice(self) -> Choice:
        """Return what was chosen."""
        ordered = sorted(self._values, key=lambda i: -self._values[i])
        return Choice(ordered, len(self._annotated), len(self._similar))

    def _may_take(self, i: int) -> bool:
        return i not in self._annotated and i not in self._values and len(self._words[i]) > 0

    def _value(self, i: int) -> float:
        """Compute what a text is worth for each token of its cost."""
        values = self._pool[i].values
        share = 1.0
        if self._is_diverse:
            values = values * self._worth[self._words[i]]
            share = SAME_DOCUMENT ** self._documents[self._pool[i].sentence.document]
        return share * float(values.sum()) / (len(values) + OVERHEAD)

    def _fits(self, tokens: int) -> bool:
        return self._budget.used(len(self._values) + 1, self._tokens + tokens) <= 1

    def _is_new(self, i: int) -> bool:
        candidate = self._pool[i]
        is_equal = _letters(candidate.sentence) in self._chosen
        if is_equal or (self._is_diverse and self._seen.has_like(candidate.tokens)):
            self._similar.add(i)
            return False
        return True

    def _add(self, i: int, value: float) -> None:
        candidate = self._pool[i]
        self._values[i] = value
        self._tokens += len(candidate.tokens)
        self._chosen.add(_letters(candidate.sentence))
        for label in candidate.labels:
            self._labels[label] += 1
            self._label_tokens[label] += len(candidate.tokens)
        if self._is_diverse:
            self._seen.add(candidate.tokens)
            np.multiply.at(self._worth, self._words[i], SAME_WORD)
            self._documents[candidate.sentence.document] += candidate.sentence.document is not None


def _letters(sentence: Sentence) -> str:
    """Return what is the same for a text however it is cut into tokens."""
    return "".join(sentence.text.split())
