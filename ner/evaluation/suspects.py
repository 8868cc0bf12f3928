"""Annotation that models hold for wrong, the most suspicious first.

At each gold entity, the gold reading competes with the most probable other one: another type, other
borders, or no entity. Where models find an entity and gold has none, their entity competes with no
entity. A suspicion is the probability of the other reading, if there were only these two.

Its odds are the ratio of the posteriors of the two readings, times the ratio of how often the rest
of the corpus annotates the same text in one and in the other way. A model that has seen none of
these entities knows only their context, so what the rest of the corpus says is further evidence.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from ner.data.schemes import Span
from ner.data.sentence import Sentence

SuspectKind = Literal["type", "boundary", "spurious", "missing"]

# Probabilities below this one are taken as this one.
SMALLEST = 1e-12


class Posterior(NamedTuple):
    """The posterior of a labelled span, and that no entity touches its tokens."""

    entity: float
    nothing: float


@dataclass(frozen=True)
class Judgement:
    """What one or several models say about the annotation of a sentence.

    Args:
        gold: The posterior of each gold entity; None where no model knows its label.
        found: The entities that models found, with their posteriors.
    """

    gold: Sequence[Posterior | None]
    found: Mapping[Span, Posterior]

    @classmethod
    def mean(cls, judgements: Sequence["Judgement"]) -> "Judgement":
        """Average the judgements of several models.

        To a model that did not find an entity, that entity has the probability 0.
        """
        columns = zip(*(each.gold for each in judgements), strict=True)
        known = [[each for each in column if each is not None] for column in columns]
        gold = [_mean(each, len(each)) if each else None for each in known]
        spans = dict.fromkeys(span for each in judgements for span in each.found)
        found = {
            span: _mean([j.found[span] for j in judgements if span in j.found], len(judgements))
            for span in spans
        }
        return cls(gold, found)


def _mean(posteriors: Sequence[Posterior], count: int) -> Posterior:
    """Average posteriors; those that lack in `count` have the mean of others for no entity."""
    entity = sum(each.entity for each in posteriors) / count
    return Posterior(entity, sum(each.nothing for each in posteriors) / len(posteriors))


@dataclass(frozen=True)
class Suspect:
    """A gold entity that models doubt, or an entity that gold seems to lack.

    Args:
        sentence: The index of the sentence.
        span: The tokens in question.
        kind: What seems wrong: the `type` or the `boundary` of a gold entity, that it is one at all
            (`spurious`), or that gold has none (`missing`).
        log_odds: The logarithm of the odds that gold is wrong.
        gold: The gold entity; None where one seems to be missing.
        posterior: The posterior of the gold reading.
        other: The entity that models hold for more probable; None for no entity.
        other_posterior: Its posterior.
    """

    sentence: int
    span: Span
    kind: SuspectKind
    log_odds: float
    gold: Span | None
    posterior: float
    other: Span | None
    other_posterior: float

    @property
    def suspicion(self) -> float:
        """The probability that gold is wrong, in [0, 1]."""
        return 1 / (1 + math.exp(-self.log_odds))

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name, as JSON can hold them."""
        return {
            "suspicion": self.suspicion,
            "kind": self.kind,
            "sentence": self.sentence,
            "gold": self.gold and self.gold._asdict(),
            "gold_posterior": self.posterior,
            "models": self.other and self.other._asdict(),
            "models_posterior": self.other_posterior,
        }


def rank_suspects(
    sentences: Sequence[Sentence], judgements: Sequence[Judgement | None]
) -> list[Suspect]:
    """Rank all gold entities, and those that gold lacks, by suspicion.

    Args:
        sentences: The annotated sentences.
        judgements: What models say about each; None for a sentence that is not judged.

    Returns:
        The most suspicious first; equal ones in the order of the text.
    """
    pairs = [(s, j) for s, j in zip(sentences, judgements, strict=True) if j is not None]
    usage = Usage(
        sentences,
        {text_of(s, span) for s, j in pairs for span in j.found if not _touches(span, s.spans)},
    )
    suspects = [
        suspect
        for i, (sentence, judgement) in enumerate(zip(sentences, judgements, strict=True))
        if judgement is not None
        for suspect in sorted(_suspects(i, sentence, judgement, usage), key=lambda s: s.span)
    ]
    return sorted(suspects, key=lambda suspect: -suspect.log_odds)


class Usage:
    """How often a corpus annotates the same text in which way.

    Args:
        sentences: All sentences.
        wanted: The texts whose occurrences without annotation are counted.
    """

    def __init__(self, sentences: Sequence[Sentence], wanted: Iterable[str]) -> None:
        self.entities: Counter[tuple[str, str]] = Counter()
        self.plain: Counter[str] = Counter()
        by_length: dict[int, set[str]] = {}
        for text in wanted:
            by_length.setdefault(text.count(" ") + 1, set()).add(text)
        for sentence in sentences:
            spans = sentence.spans or ()
            self.entities.update((text_of(sentence, span), span.label) for span in spans)
            if sentence.spans is not None:
                self.plain.update(_plain(sentence, by_length))


def text_of(sentence: Sentence, span: Span) -> str:
    """Return the tokens of a span, joined by blanks."""
    return " ".join(sentence.tokens[span.start : span.end])


def _plain(sentence: Sentence, by_length: Mapping[int, set[str]]) -> Iterator[str]:
    """Yield the texts of a sentence that are wanted, where no entity touches them."""
    covered = {t for span in sentence.spans or () for t in range(span.start, span.end)}
    for length, texts in by_length.items():
        for start in range(len(sentence) - length + 1):
            text = " ".join(sentence.tokens[start : start + length])
            if text in texts and covered.isdisjoint(range(start, start + length)):
                yield text


def _suspects(
    index: int, sentence: Sentence, judgement: Judgement, usage: Usage
) -> Iterator[Suspect]:
    gold = sentence.spans or ()
    by_posterior = sorted(judgement.found.items(), key=lambda item: (-item[1].entity, item[0]))
    for span, posterior in zip(gold, judgement.gold, strict=True):
        if posterior is not None:
            others = ((s, p.entity) for s, p in by_posterior if s != span and overlap(s, span))
            other, rival = max(others, key=lambda pair: pair[1], default=(None, 0.0))
            if posterior.nothing >= rival:
                other, rival = None, posterior.nothing
            text = text_of(sentence, span)
            kind, counted = "spurious", 0
            if other is not None:
                is_type = (other.start, other.end) == (span.start, span.end)
                kind = "type" if is_type else "boundary"
                counted = usage.entities[text, other.label] if is_type else 0
            odds = _log_odds(rival, posterior.entity, counted, usage.entities[text, span.label] - 1)
            yield Suspect(index, span, kind, odds, span, posterior.entity, other, rival)
    taken: list[Span] = []
    for span, (entity, nothing) in by_posterior:
        # Of several models, each may find other borders of the same entity.
        if not _touches(span, gold) and not _touches(span, taken):
            taken.append(span)
            text = text_of(sentence, span)
            counts = usage.entities[text, span.label], usage.plain[text] - 1
            odds = _log_odds(entity, nothing, *counts)
            yield Suspect(index, span, "missing", odds, None, nothing, span, entity)


def _log_odds(rival: float, gold: float, rival_count: int, gold_count: int) -> float:
    """Compute the logarithm of the odds of another reading against the gold one.

    Args:
        rival: Posterior of the other reading.
        gold: Posterior of the gold reading.
        rival_count: How often the rest of the corpus annotates the text in the other way.
        gold_count: How often it annotates the text as gold does here. Both counts are raised by 1,
            so that a text that occurs once leaves the posteriors as they are.
    """
    posteriors = math.log(max(rival, SMALLEST)) - math.log(max(gold, SMALLEST))
    return posteriors + math.log(rival_count + 1) - math.log(gold_count + 1)


def _touches(span: Span, others: Iterable[Span] | None) -> bool:
    return any(overlap(span, other) for other in others or ())


def overlap(first: Span, second: Span) -> bool:
    """Whether two spans share a token."""
    return first.start < second.end and second.start < first.end
