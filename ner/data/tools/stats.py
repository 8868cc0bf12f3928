"""What the files of a corpus hold, and how much of the later ones the first one has seen."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from ner.data.tools.check_text import percentile
from ner.data.tools.corpus_file import CorpusFile, count_labels


@dataclass(frozen=True)
class Lengths:
    """How long things are: the mean, the median, what 95 of 100 do not exceed, and the longest."""

    mean: float
    median: int
    most: int
    longest: int

    @classmethod
    def of(cls, values: Sequence[int]) -> "Lengths":
        """Sum up lengths; all are 0 where there are none."""
        if not values:
            return cls(0.0, 0, 0, 0)
        middle, most = percentile(values, 0.5), percentile(values, 0.95)
        return cls(round(fmean(values), 2), middle, most, max(values))

    def __str__(self) -> str:
        return f"mean {self.mean:.2f}, median {self.median}, 95 % {self.most}, max {self.longest}"


@dataclass(frozen=True)
class PartStats:
    """What one file holds.

    Args:
        name: What it is called.
        documents: How many there are; 0 where the file has none.
        sentences: How many there are.
        tokens: How many there are.
        types: How many different tokens.
        entities: How many spans.
        inside: The share of tokens that are in one.
        labels: How often each label comes, of spans, sentences or the column that is to be learnt.
        sentence_lengths: In tokens.
        entity_lengths: In tokens.
        token_lengths: In characters.
    """

    name: str
    documents: int
    sentences: int
    tokens: int
    types: int
    entities: int
    inside: float
    labels: dict[str, int]
    sentence_lengths: Lengths
    entity_lengths: Lengths
    token_lengths: Lengths


@dataclass(frozen=True)
class Overlap:
    """How new a file is to whoever knows the first one; all shares are from 0 to 1.

    Args:
        name: The file.
        known_as: The first one.
        new_types: The share of different tokens that the first file does not have.
        new_tokens: The same of all tokens.
        new_entities: The share of entities whose words are no entity of the first file; None
            where there are no entities.
        newly_labelled: The share of entities whose words have not that label there.
        shared_sentences: The share of sentences that stand in the first file, too.
    """

    name: str
    known_as: str
    new_types: float
    new_tokens: float
    new_entities: float | None
    newly_labelled: float | None
    shared_sentences: float


@dataclass(frozen=True)
class CorpusStats:
    """What all files hold, and how new each is after the first."""

    parts: Sequence[PartStats]
    overlaps: Sequence[Overlap]

    def to_dict(self) -> dict[str, Any]:
        """Give all of it for JSON."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """Yield what is printed."""
        for part in self.parts:
            yield f"{part.name}"
            yield f"  documents         {part.documents or 'not marked'}"
            yield f"  sentences         {part.sentences}  ({part.sentence_lengths} tokens)"
            yield f"  tokens            {part.tokens}  ({part.token_lengths} characters)"
            yield f"  different tokens  {part.types}"
            if part.entities:
                yield f"  entities          {part.entities}  ({part.entity_lengths} tokens)"
                yield f"  in entities       {100 * part.inside:.1f} % of tokens"
            total = max(1, sum(part.labels.values()))
            for label, count in part.labels.items():
                yield f"    {label:16}{count:8}  {100 * count / total:5.1f} %"
        for overlap in self.overlaps:
            yield f"{overlap.name}, of which {overlap.known_as} does not have"
            yield f"  different tokens  {_percent(overlap.new_types)}"
            yield f"  tokens            {_percent(overlap.new_tokens)}"
            yield f"  entities          {_percent(overlap.new_entities)}"
            yield f"  with this label   {_percent(overlap.newly_labelled)}"
            yield f"  and which it has: {_percent(overlap.shared_sentences)} of the sentences"


def corpus_stats(parts: Sequence[CorpusFile]) -> CorpusStats:
    """Count what files hold, and what those after the first have in common with it."""
    first, *others = parts
    return CorpusStats([_stats(part) for part in parts], [_overlap(first, o) for o in others])


def _stats(part: CorpusFile) -> PartStats:
    sentences = part.sentences
    words = Counter(token for sentence in sentences for token in sentence.tokens)
    lengths = [span.end - span.start for s in sentences for span in s.spans or ()]
    documents = {sentence.document for sentence in sentences}
    # What stands before the first border of documents is one, too.
    marked = len(documents) if documents != {None} else 0
    return PartStats(
        part.name,
        marked,
        len(sentences),
        words.total(),
        len(words),
        len(lengths),
        round(sum(lengths) / max(1, words.total()), 6),
        dict(count_labels(part).most_common()),
        Lengths.of([len(sentence) for sentence in sentences]),
        Lengths.of(lengths),
        Lengths.of([len(word) for word, count in words.items() for _ in range(count)]),
    )


def _overlap(first: CorpusFile, other: CorpusFile) -> Overlap:
    words = {token for sentence in first.sentences for token in sentence.tokens}
    counts = Counter(token for sentence in other.sentences for token in sentence.tokens)
    new = [token for token in counts if token not in words]
    labelled, entities = set(_entities(first)), list(_entities(other))
    surfaces = {surface for surface, _ in labelled}
    whole = {sentence.tokens for sentence in first.sentences}
    return Overlap(
        other.name,
        first.name,
        _share(len(new), len(counts)) or 0.0,
        _share(sum(counts[token] for token in new), counts.total()) or 0.0,
        _share(sum(surface not in surfaces for surface, _ in entities), len(entities)),
        _share(sum(entity not in labelled for entity in entities), len(entities)),
        _share(sum(s.tokens in whole for s in other.sentences), len(other.sentences)) or 0.0,
    )


def _entities(part: CorpusFile) -> Iterable[tuple[Sequence[str], str]]:
    for sentence in part.sentences:
        for start, end, label in sentence.spans or ():
            yield sentence.tokens[start:end], label


def _share(count: int, total: int) -> float | None:
    return round(count / total, 6) if total else None


def _percent(share: float | None) -> str:
    return "none there" if share is None else f"{100 * share:.1f} %"
