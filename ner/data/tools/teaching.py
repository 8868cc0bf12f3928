"""What noisy teachers say, as soft annotation that knows how often they err."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ner.choices import Occurrences
from ner.data.formats.options import ReadOptions
from ner.data.formats.read import CorpusSource
from ner.data.schemes import Span
from ner.data.sentence import Sentence
from ner.data.spans import Notes, SpanRules
from ner.data.tools.matching import Texts
from ner.data.tools.merge import named_sources
from ner.data.tools.noise import Channel, Compared, Rates, scores_of, soft_tags
from ner.data.tools.suggestions import Opinion, Placing
from ner.data.tools.teachers import Labelled, read_teacher
from ner.errors import DataError

# The name of gold among the teachers; no file has it.
GOLD = "\0gold"


@dataclass(frozen=True)
class Taught:
    """Soft annotation of the texts of teachers.

    Args:
        sentences: The texts that gold does not have, with `allowed` tags and their weights.
        rates: The rates of each teacher's errors.
        shared: Number of texts of gold that a teacher has labelled, too.
        changes: A line for each suggestion that was moved, searched for, or dropped.
    """

    sentences: Sequence[Sentence]
    rates: Mapping[str, Rates]
    shared: int
    changes: Sequence[str]


def taught(
    teachers: Mapping[str, CorpusSource] | Sequence[str | Path],
    gold: Sequence[Sentence],
    *,
    occurrences: Occurrences = "all",
    options: ReadOptions | None = None,
) -> Taught:
    """Read teachers, count their errors on the texts that gold has, too, and weigh all tags.

    Args:
        teachers: Files, or what each teacher says by name, as for `ner.merge`.
        gold: Annotated sentences.
        occurrences: As for `ner.merge`.
        options: How the files of teachers are read.

    Raises:
        DataError: A file cannot be read, or holds no text that gold lacks.
    """
    notes = Notes()
    reading = (options or ReadOptions()).updated(notes=notes)
    texts = Texts(notes)
    texts.read(gold_records(gold, reading), GOLD)
    for name, source in named_sources(teachers).items():
        texts.read(read_teacher(name, source, reading), name)
    texts.match_by_id()
    placing = Placing(occurrences, SpanRules("snap", "drop", notes, reading.offsets))
    read = [text.opinions(placing) for text in texts.texts]
    known = [tuple(each.pop(GOLD).spans) if GOLD in each else None for each in read]
    names = sorted({name for each in read for name in each})
    labels = sorted(
        {span.label for spans in known for span in spans or ()}
        | {span.label for each in read for opinion in each.values() for span in opinion.spans}
    )
    lengths = [len(text.sentence) for text in texts.texts]
    channels = {
        name: Channel(labels, compared(name, read, known, lengths), scores_of(read, name))
        for name in names
    }
    sentences: list[Sentence] = []
    for text, opinions, spans in zip(texts.texts, read, known, strict=True):
        if spans is None and opinions:
            tables = [channels[n].weights(o, len(text.sentence)) for n, o in opinions.items()]
            allowed, weights = soft_tags(channels[names[0]].tags, tables)
            sentences.append(
                text.sentence.replace(
                    spans=None, prediction=None, allowed=allowed, allowed_weights=weights
                )
            )
    if not sentences:
        raise DataError("TEACHER: must label texts that --gold lacks. Got none.")
    shared = sum(spans is not None and len(o) > 0 for o, spans in zip(read, known, strict=True))
    rates = {name: channel.rates for name, channel in channels.items()}
    return Taught(sentences, rates, shared, notes.changes)


def gold_records(gold: Sequence[Sentence], options: ReadOptions) -> Iterator[Labelled]:
    """Yield gold sentences as the work of a teacher."""
    for record in read_teacher(GOLD, gold, options):
        # Equal names of sentences in two files mean nothing.
        yield replace(record, id=None)


def compared(
    teacher: str,
    read: Sequence[Mapping[str, Opinion]],
    known: Sequence[tuple[Span, ...] | None],
    lengths: Sequence[int],
) -> list[Compared]:
    """List the texts that both a teacher and gold have."""
    return [
        Compared(length, opinions[teacher], gold)
        for opinions, gold, length in zip(read, known, lengths, strict=True)
        if gold is not None and teacher in opinions
    ]
