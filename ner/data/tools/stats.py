"""What the files of a corpus hold, and how much of the later files is new after the first."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any, Self

from ner.data.tools.check_text import percentile
from ner.data.tools.corpus_file import CorpusFile, count_labels


@dataclass(frozen=True)
class Lengths:
    """The mean, the median, the 95th percentile and the maximum of lengths."""

    mean: float
    median: int
    most: int
    longest: int

    @classmethod
    def of(cls, values: Sequence[int]) -> Self:
        """Summarize lengths. All four numbers are 0 if there are no lengths."""
        if not values:
            return cls(0.0, 0, 0, 0)
        median, most = percentile(values, 0.5), percentile(values, 0.95)
        return cls(round(fmean(values), 2), median, most, max(values))

    def __str__(self) -> str:
        return f"mean {self.mean:.2f}, median {self.median}, 95 % {self.most}, max {self.longest}"


@dataclass(frozen=True)
class FileStats:
    """What one file holds.

    Args:
        name: The name of the file.
        documents: The number of documents; 0 if the file does not mark them.
        sentences: The number of sentences.
        tokens: The number of tokens.
        types: The number of distinct tokens.
        entities: The number of spans.
        partial: The number of sentences whose annotation is partial, which have no spans.
        unknown: The number of tokens in these sentences whose tag is left open.
        inside: The share of tokens inside spans.
        labels: The count of each label, of spans, sentences or the target column.
        sentence_lengths: The lengths of sentences in tokens.
        entity_lengths: The lengths of entities in tokens.
        token_lengths: The lengths of tokens in characters.
    """

    name: str
    documents: int
    sentences: int
    tokens: int
    types: int
    entities: int
    partial: int
    unknown: int
    inside: float
    labels: dict[str, int]
    sentence_lengths: Lengths
    entity_lengths: Lengths
    token_lengths: Lengths


@dataclass(frozen=True)
class Overlap:
    """How much of a file is new after the first file. All shares are from 0 to 1.

    Args:
        name: The name of the file.
        known_as: The name of the first file.
        new_types: The share of distinct tokens that the first file does not have.
        new_tokens: The share of all tokens that the first file does not have.
        new_entities: The share of entities whose words are not an entity in the first file; None
            if there are no entities.
        newly_labelled: The share of entities whose words do not have that label in the first file.
        shared_sentences: The share of sentences that the first file has, too.
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
    """What each file holds, and how new each file is after the first."""

    files: Sequence[FileStats]
    overlaps: Sequence[Overlap]

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers for JSON."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """Yield the lines to print."""
        for file in self.files:
            yield f"{file.name}"
            yield f"  documents         {file.documents or 'not marked'}"
            yield f"  sentences         {file.sentences}  ({file.sentence_lengths} tokens)"
            yield f"  tokens            {file.tokens}  ({file.token_lengths} characters)"
            yield f"  distinct tokens   {file.types}"
            if file.entities:
                yield f"  entities          {file.entities}  ({file.entity_lengths} tokens)"
                yield f"  in entities       {100 * file.inside:.1f} % of tokens"
            if file.partial:
                yield f"  partly annotated  {file.partial} sentences  ({file.unknown} tokens open)"
            total = max(1, sum(file.labels.values()))
            for label, count in file.labels.items():
                yield f"    {label:16}{count:8}  {100 * count / total:5.1f} %"
        for overlap in self.overlaps:
            yield f"{overlap.name}: not in {overlap.known_as}"
            yield f"  distinct tokens   {_percent(overlap.new_types)}"
            yield f"  tokens            {_percent(overlap.new_tokens)}"
            yield f"  entities          {_percent(overlap.new_entities)}"
            yield f"  with this label   {_percent(overlap.newly_labelled)}"
            yield f"{overlap.name}: also in {overlap.known_as}"
            yield f"  sentences         {_percent(overlap.shared_sentences)}"


def corpus_stats(files: Sequence[CorpusFile]) -> CorpusStats:
    """Count what files hold, and what the files after the first have in common with it."""
    first, *later = files
    overlaps = [_overlap(first, file) for file in later]
    return CorpusStats([_stats(file) for file in files], overlaps)


def _stats(file: CorpusFile) -> FileStats:
    sentences = file.sentences
    words = Counter(token for sentence in sentences for token in sentence.tokens)
    lengths = [span.end - span.start for s in sentences for span in s.spans or ()]
    open_tags = [[len(tags) != 1 for tags in s.allowed] for s in sentences if s.allowed is not None]
    # The sentences before the first document boundary count as a document, too.
    documents = {sentence.document for sentence in sentences}
    return FileStats(
        file.name,
        len(documents) if documents != {None} else 0,
        len(sentences),
        words.total(),
        len(words),
        len(lengths),
        len(open_tags),
        sum(map(sum, open_tags)),
        round(sum(lengths) / max(1, words.total()), 6),
        dict(count_labels(file).most_common()),
        Lengths.of([len(sentence) for sentence in sentences]),
        Lengths.of(lengths),
        Lengths.of([len(word) for word, count in words.items() for _ in range(count)]),
    )


def _overlap(first: CorpusFile, later: CorpusFile) -> Overlap:
    words = {token for sentence in first.sentences for token in sentence.tokens}
    counts = Counter(token for sentence in later.sentences for token in sentence.tokens)
    new = [token for token in counts if token not in words]
    first_entities, entities = set(_entities(first)), list(_entities(later))
    surfaces = {surface for surface, _ in first_entities}
    sentences = {sentence.tokens for sentence in first.sentences}
    return Overlap(
        later.name,
        first.name,
        _share(len(new), len(counts)) or 0.0,
        _share(sum(counts[token] for token in new), counts.total()) or 0.0,
        _share(sum(surface not in surfaces for surface, _ in entities), len(entities)),
        _share(sum(entity not in first_entities for entity in entities), len(entities)),
        _share(sum(s.tokens in sentences for s in later.sentences), len(later.sentences)) or 0.0,
    )


def _entities(file: CorpusFile) -> Iterable[tuple[Sequence[str], str]]:
    for sentence in file.sentences:
        for start, end, label in sentence.spans or ():
            yield sentence.tokens[start:end], label


def _share(count: int, total: int) -> float | None:
    return round(count / total, 6) if total else None


def _percent(share: float | None) -> str:
    return "none there" if share is None else f"{100 * share:.1f} %"
