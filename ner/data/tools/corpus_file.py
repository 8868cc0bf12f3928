"""The files of a corpus, such as train and dev, read for a look at the whole."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ner.data.formats.base import Format
from ner.data.formats.columns import BLANKS, Layout
from ner.data.formats.detection import detect_format
from ner.data.formats.options import DEFAULT_TAGS, ReadOptions
from ner.data.formats.read import stream_sentences
from ner.data.formats.registry import find_format
from ner.data.lines import decode_lines, read_lines
from ner.data.partial import allowed_labels, normalize_partial
from ner.data.schemes import spans_from_tags
from ner.data.sentence import Sentence
from ner.data.spans import Notes
from ner.errors import ConfigError, DataError

# So many annotated sentences are looked at to find the column that their spans were read from.
PROBE = 100


@dataclass
class CorpusFile:
    """One file.

    Args:
        name: What it is called: the split that it is, or its path.
        source: Where it is.
        format: Which it is.
        options: How it was read.
        sentences: Those with tokens.
        empty: Those without.
        problems: What could not be read.
        notes: What reading left out.
        tag_rows: The tags of each sentence as the file spells them; None where it has none.
    """

    name: str
    source: str
    format: Format
    options: ReadOptions
    sentences: list[Sentence] = field(default_factory=list)
    empty: list[Sentence] = field(default_factory=list)
    problems: list[DataError] = field(default_factory=list)
    notes: Notes = field(default_factory=Notes)
    tag_rows: Sequence[Sequence[str]] | None = None

    def place(self, sentence: Sentence, token: int = 0) -> str:
        """Say where a token is: its line where each has one, else that of its sentence."""
        if sentence.source is None:
            return self.source
        line = sentence.source.line + (token if self.format.name == "conll" else 0)
        return f"{sentence.source.path}:{line}"

    def layout(self) -> Layout:
        """Give the columns that the file was read with, as far as the caller named them."""
        options = self.options
        return Layout(options.columns, options.tag_column, options.target)


def read_part(name: str, source: str | Path, options: ReadOptions | None = None) -> CorpusFile:
    """Read a file, and whatever is wrong with it into lists.

    Raises:
        ConfigError: There is no such format or encoding, or it is standard input, which can be
            read just once.
        DataError: There is no such file, or nothing in it can be read.
    """
    options = options or ReadOptions()
    if str(source) == "-":
        raise ConfigError("FILE: a file is needed, which can be read twice. Got '-'.")
    format_ = (
        detect_format(source, options.encoding)
        if options.format is None
        else find_format(options.format)
    )
    part = CorpusFile(name, str(source), format_, options)
    reading = options.updated(
        format=format_.name,
        misaligned="drop",
        overlapping="drop",
        problems=part.problems,
        notes=part.notes,
    )
    for sentence in stream_sentences(source, reading):
        (part.sentences if sentence.tokens else part.empty).append(sentence)
    if not (part.sentences or part.problems or part.empty):
        raise DataError(f"{source}: no sentences. At least one is needed.")
    column = _tag_column(part.sentences, options.tags or DEFAULT_TAGS)
    if format_.name == "conllu":
        part.tag_rows = _conllu_tags(part)
    elif column is not None:
        part.tag_rows = [sentence.columns.get(column, ()) for sentence in part.sentences]
    return part


def read_parts(
    sources: Mapping[str, str | Path] | Sequence[str | Path], options: ReadOptions | None = None
) -> list[CorpusFile]:
    """Read several files, which have names, or are called as they are."""
    named = sources if isinstance(sources, Mapping) else {str(source): source for source in sources}
    if not sources or len(named) < len(sources):
        raise ConfigError(
            f"FILE: at least one, and each once. Got {' '.join(map(str, sources)) or 'none'}."
        )
    return [read_part(name, source, options) for name, source in named.items()]


def labels_of(sentence: Sentence, target: str | None = None) -> Iterator[tuple[str, int]]:
    """Yield each label with the token that it begins at.

    They are those of a column that is to be learnt, else of spans, and those of the sentence.
    """
    yield from ((label, 0) for label in sentence.labels or ())
    if target is not None:
        yield from ((label, i) for i, label in enumerate(sentence.columns.get(target, ())))
    elif sentence.allowed is not None:
        yield from ((label, 0) for label in sorted(allowed_labels(sentence.allowed)))
    else:
        yield from ((span.label, span.start) for span in sentence.spans or ())


def count_labels(part: CorpusFile) -> Counter[str]:
    """Count the labels of a file."""
    target = part.options.target
    return Counter(label for s in part.sentences for label, _ in labels_of(s, target))


def normalizer() -> Callable[[str], str | None]:
    """Give a function that spells tags with B, I, E, S, and knows those it has seen."""
    known: dict[str, str | None] = {}

    def normalize(tag: str) -> str | None:
        if tag not in known:
            try:
                known[tag] = normalize_partial(tag)
            except ValueError:
                known[tag] = None
        return known[tag]

    return normalize


def _tag_column(sentences: Sequence[Sentence], usual: str) -> str | None:
    """Find the column whose tags spell the spans."""
    annotated = [s for s in sentences if s.spans is not None or s.allowed is not None]
    probe = [s for s in annotated if s.spans][:PROBE] or annotated[:PROBE]
    if not probe:
        return None
    if all(usual in s.columns for s in probe):
        return usual
    normalize = normalizer()
    for name in probe[0].columns:
        columns = [[normalize(value) for value in s.columns.get(name, ())] for s in probe]
        tags = [[tag for tag in column if tag is not None] for column in columns]
        if all(
            len(known) == len(s) and tuple(spans_from_tags(known)) == s.spans
            for known, s in zip(tags, probe, strict=True)
        ):
            return name
    return None


def _conllu_tags(part: CorpusFile) -> list[list[str]] | None:
    """Read the tags out of the last column of CoNLL-U, as they are spelt there."""
    if all(sentence.spans is None and sentence.allowed is None for sentence in part.sentences):
        return None
    key = re.compile(
        rf"(?:^|\|){re.escape(part.options.tags or DEFAULT_TAGS)}=([^|]*)", re.IGNORECASE
    )
    rows: list[list[str]] = [[] for _ in part.sentences]
    by_line = {s.source.line: row for s, row in zip(part.sentences, rows, strict=True) if s.source}
    row: list[str] | None = None
    lines = read_lines(part.source, part.options.encoding)
    for number, line, _ in decode_lines(lines, part.source):
        row = by_line.get(number, row) if line.strip(BLANKS) else None
        fields = line.split("\t")
        if row is not None and fields[0].isdigit():
            found = key.search(fields[-1])
            row.append(found[1] if found else "O")
    return rows
