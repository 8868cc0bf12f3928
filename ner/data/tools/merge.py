"""Labels of several teachers to one corpus, in which stays open what they do not settle."""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

from ner.choices import MergeBy, Occurrences
from ner.data.formats.options import ReadKeywords, ReadOptions
from ner.data.formats.read import CorpusSource
from ner.data.frozen_dict import plain
from ner.data.sentence import Sentence
from ner.data.spans import Notes, SpanRules
from ner.data.tools.matching import Texts
from ner.data.tools.source_agreement import Agreement, agreement
from ner.data.tools.suggestions import Counts, Opinion, Placing
from ner.data.tools.teachers import read_teacher
from ner.data.tools.votes import Outcome, Vote, allowed_tags, take_votes
from ner.errors import ConfigError, DataError, suggestion

# What the list of types of a teacher says who looks for all labels that there are.
ALL_TYPES = "*"


@dataclass(frozen=True)
class Teacher:
    """A teacher, and what became of the suggestions.

    Args:
        name: The name.
        texts: The number of texts that the teacher has read.
        types: The labels for which the teacher looks.
        weight: The weight of the teacher.
        counts: The number of spans, and of those that were moved, searched for or dropped.
    """

    name: str
    texts: int
    types: tuple[str, ...]
    weight: float
    counts: Counts


@dataclass(frozen=True, repr=False)
class Merged:
    """One annotation of all texts, and how it came about.

    Args:
        sentences: The texts in the order in which they were read. A text in which something is
            open has `allowed` tags, the others have `spans`.
        by: How the labels were merged.
        teachers: The teachers, in the order in which they were read.
        agreement: How far they agree.
        votes: For each text what was decided about each span.
        changes: A line for each suggestion that was moved, searched for, or dropped.
        ignored: How often something occurred that is not read.
        unread: The number of texts that no teacher has labelled, all of whose tokens are open.
    """

    sentences: Sequence[Sentence]
    by: MergeBy
    teachers: Sequence[Teacher]
    agreement: Agreement
    votes: Sequence[Sequence[Vote]]
    changes: Sequence[str]
    ignored: Mapping[str, int]
    unread: int

    def __repr__(self) -> str:
        names = ", ".join(teacher.name for teacher in self.teachers)
        return f"<Merged {len(self.sentences)} texts of {names} by {self.by}>"

    @property
    def outcomes(self) -> Mapping[Outcome, int]:
        """The number of spans that are agreed, outvoted and open."""
        counts = Counter(vote.outcome for votes in self.votes for vote in votes)
        return {"agreed": counts["agreed"], "outvoted": counts["outvoted"], "open": counts["open"]}

    @property
    def open_tokens(self) -> int:
        """The number of tokens whose tag is left open."""
        return sum(len(tags) != 1 for s in self.sentences for tags in s.allowed or ())

    def disputes(self) -> Iterator[dict[str, Any]]:
        """Yield each span that not all of its judges suggest, as JSON can hold it."""
        for sentence, votes in zip(self.sentences, self.votes, strict=True):
            for vote in (vote for vote in votes if not vote.is_unanimous or vote.outcome == "open"):
                (entity,) = sentence.replace(spans=[vote.span], allowed=None).entities
                against = [name for name in vote.judges if name not in vote.teachers]
                yield {
                    "place": str(sentence.source or ""),
                    "id": sentence.id,
                    **entity.to_dict(),
                    "for": list(vote.teachers),
                    "not for": against,
                    "outcome": vote.outcome,
                }

    def to_dict(self) -> dict[str, Any]:
        """Return all facts but the sentences, as JSON can hold them."""
        return {
            "by": self.by,
            "texts": len(self.sentences),
            "unread": self.unread,
            "teachers": plain(tuple(self.teachers)),
            "agreement": plain(self.agreement),
            "spans": dict(self.outcomes),
            "open_tokens": self.open_tokens,
            "disputes": list(self.disputes()),
            "changes": list(self.changes),
            "ignored": dict(self.ignored),
        }


def merge(
    sources: Mapping[str, CorpusSource] | Sequence[str | Path],
    *,
    by: MergeBy = "vote",
    occurrences: Occurrences = "all",
    weights: Mapping[str, float] | None = None,
    types: Mapping[str, Sequence[str]] | None = None,
    options: ReadOptions | None = None,
    **changes: Unpack[ReadKeywords],
) -> Merged:
    """Merge the labels that several teachers give to the same texts.

    Texts are the same if they have the same id, or the same characters apart from white space. What
    teachers do not settle is left open, as partial annotation.

    Args:
        sources: Files, or what each teacher says by the name of the teacher: a file, a list of
            records, or sentences, also predicted ones. Records of JSON may name their teachers in
            "source", see `ner.data.tools.teachers`. A file is named by its stem.
        by: "vote" takes spans that more than half of the teachers suggest who have read the text
            and look for the label; "weight" does so by weights and scores; "union" takes spans that
            anybody suggests, unless they overlap; "strict" takes spans that all suggest.
        occurrences: Where spans are that have words but no place: "all" occurrences of the words in
            the text, or the "first".
        weights: The weights of teachers by name, 1 by default.
        types: The labels for which teachers look, by name; "*" means all. By default, these are the
            "types" of their records and the labels that they use.
        options: How files are read; by default `ReadOptions()`.
        changes: Fields of `ReadOptions` by their names, in place of those in `options`.

    Raises:
        ConfigError: A weight is negative, or there is no such teacher.
        DataError: A file cannot be read, or there are no texts.

    >>> text = "Ada met Bob."
    >>> gpt = [{"text": text, "spans": [{"text": "Ada", "label": "PER"}]}]
    >>> rules = [{"text": text, "spans": [[0, 3, "PER"], [8, 11, "PER"]]}]
    >>> merge({"gpt": gpt, "rules": rules}).sentences[0].tags()
    ['S-PER', 'O', 'O|S-PER', 'O']
    """
    given = (options or ReadOptions()).updated(**changes)
    notes = Notes() if given.notes is None else given.notes
    reading = given.updated(notes=notes)
    texts = Texts(notes)
    for name, source in named_sources(sources).items():
        texts.read(read_teacher(name, source, reading), name)
    texts.match_by_id()
    if not texts.texts:
        raise DataError(f"{' '.join(map(str, sources))}: at least one text is needed. Got none.")
    placing = Placing(occurrences, SpanRules("snap", "drop", notes, given.offsets))
    read = [text.opinions(placing) for text in texts.texts]
    known = _types(read, types or {})
    factors = _weights(known, weights or {})
    labels = frozenset().union(*known.values())
    judged = [{n: _completed(o, known[n], factors[n]) for n, o in each.items()} for each in read]
    votes = [take_votes(opinions, by) for opinions in judged]
    sentences = [
        text.annotated(allowed_tags(decided, opinions, len(text.sentence), labels))
        for text, opinions, decided in zip(texts.texts, judged, votes, strict=True)
    ]
    lengths = [len(sentence) for sentence in sentences]
    compared = list(zip(lengths, judged, strict=True))
    count = Counter(name for opinions in judged for name in opinions)
    teachers = [
        Teacher(name, count[name], tuple(sorted(own)), factors[name], placing.counts[name])
        for name, own in known.items()
    ]
    found = agreement(compared, known)
    unread = sum(not opinions for opinions in judged)
    return Merged(sentences, by, teachers, found, votes, notes.changes, notes.ignored, unread)


def named_sources(
    sources: Mapping[str, CorpusSource] | Sequence[str | Path],
) -> dict[str, CorpusSource]:
    """Name files by their stems, or by their paths if several have the same stem."""
    if isinstance(sources, Mapping):
        return dict(sources)
    if isinstance(sources, str | Path):
        raise ConfigError(f"sources: must be a list of files. Got {str(sources)!r}.")
    paths = [str(source) for source in sources]
    stems = [Path(path).name.partition(".")[0] or path for path in paths]
    named = {
        path if stems.count(stem) > 1 else stem: path
        for stem, path in zip(stems, paths, strict=True)
    }
    if len(named) < len(paths):
        raise ConfigError(f"FILE: each may be named only once. Got {' '.join(paths)}.")
    return dict(named)


def _types(
    texts: Sequence[Mapping[str, Opinion]], given: Mapping[str, Sequence[str]]
) -> dict[str, frozenset[str]]:
    """Return the labels for which each teacher looks, in the order in which teachers were read."""
    found: dict[str, set[str]] = {}
    for opinions in texts:
        for name, opinion in opinions.items():
            own = found.setdefault(name, set())
            own.update(opinion.types or ())
            own.update(span.label for span in opinion.spans)
    _check_names("types", given, found)
    for name, labels in given.items():
        found[name].update(label for label in labels if label != ALL_TYPES)
    everything = set().union(*found.values())
    return {
        name: frozenset(everything if ALL_TYPES in given.get(name, ()) else own)
        for name, own in found.items()
    }


def _weights(names: Mapping[str, Any], given: Mapping[str, float]) -> dict[str, float]:
    _check_names("weights", given, names)
    for name, weight in given.items():
        if not 0 <= weight < float("inf"):
            raise ConfigError(f"weights: must be numbers of at least 0. Got {name}={weight}.")
    return {name: float(given.get(name, 1.0)) for name in names}


def _check_names(what: str, given: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    for name in given:
        if name not in known:
            raise ConfigError(
                f"{what}: must be of one of the teachers {', '.join(known)}. Got {name!r}."
                f"{suggestion(name, known)}"
            )


def _completed(opinion: Opinion, types: frozenset[str], weight: float) -> Opinion:
    own = types if opinion.types is None else opinion.types
    return dataclasses.replace(opinion, types=own, weight=opinion.weight * weight)
