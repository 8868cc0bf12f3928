"""The files of a corpus, such as train and dev, each read as a whole."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ner.data.formats.base import Format
from ner.data.formats.columns import BLANKS, COMMENTS, Layout
from ner.data.formats.conll import comment_lines
from ner.data.formats.detection import detect_format
from ner.data.formats.options import DEFAULT_TAGS, ReadOptions
from ner.data.formats.read import stream_sentences
from ner.data.formats.registry import find_format
from ner.data.lines import decode_lines, read_lines
from ner.data.partial import allowed_labels, normalize_partial
from ner.data.schemes import spans_from_tags
from ner.data.sentence import Sentence, Source
from ner.data.spans import Notes
from ner.errors import ConfigError, DataError

# The number of annotated sentences that are searched for the column of their tags.
PROBED = 100


@dataclass
class CorpusFile:
    """One file of a corpus.

    Args:
        name: Its name: the split that it is, or its path.
        source: Its path, or another name that `read_sentences` takes.
        format: Its format.
        options: How it was read.
        sentences: Its sentences with tokens.
        empty: Its sentences without tokens.
        problems: The errors of sentences that could not be read.
        notes: What was left out or changed.
        tag_rows: The tags of each sentence as the file spells them; None if it has no tags.
        comments: The numbers of the lines of a column file that are comments.
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
    comments: Collection[int] = frozenset()

    def place(self, sentence: Sentence, token: int = 0) -> str:
        """Return the place of a token: its own line if it has one, else that of its sentence."""
        return token_place(sentence, token, self.format.name) or self.source

    def layout(self) -> Layout:
        """Return the columns with which the file was read, as far as the caller named them."""
        options = self.options
        return Layout(options.columns, options.tag_column, options.target)


def token_place(sentence: Sentence, token: int, format_: str | None) -> str:
    """Return the file and line of a token; "" if the source of its sentence is not known.

    Args:
        sentence: The sentence.
        token: The index of the token.
        format_: The format of the file. In `conll`, a token has a line of its own.
    """
    if sentence.source is None:
        return ""
    source = sentence.source
    if format_ == "conll" and source.line:
        source = Source(source.path, source.line + token)
    return str(source)


def read_corpus_file(
    name: str, source: str | Path, options: ReadOptions | None = None
) -> CorpusFile:
    """Read a file. What is wrong with it goes to `problems` and `notes`.

    Raises:
        ConfigError: The format or encoding does not exist, or the source is standard input, which
            can be read only once.
        DataError: The file does not exist, or nothing in it can be read.
    """
    options = options or ReadOptions()
    if str(source) == "-":
        raise ConfigError("FILE: must be a file, which can be read twice. Got '-'.")
    format_ = (
        detect_format(source, options.encoding)
        if options.format is None
        else find_format(options.format)
    )
    file = CorpusFile(name, str(source), format_, options)
    reading = options.updated(
        format=format_.name,
        misaligned="drop",
        overlapping="drop",
        problems=file.problems,
        notes=file.notes,
    )
    for sentence in stream_sentences(source, reading):
        (file.sentences if sentence.tokens else file.empty).append(sentence)
    if not (file.sentences or file.problems or file.empty or file.notes.changes):
        raise DataError(f"{source}: no sentences. At least one is needed.")
    if format_.name == "conll" and file.notes.ignored[COMMENTS]:
        lines = read_lines(source, options.encoding, max_line=options.max_line)
        file.comments = frozenset(comment_lines(lines, file.source, file.layout()))
    column = _tag_column(file.sentences, options.tags or DEFAULT_TAGS)
    if format_.name == "conllu":
        file.tag_rows = _conllu_tags(file)
    elif column is not None:
        file.tag_rows = [sentence.columns.get(column, ()) for sentence in file.sentences]
    return file


def read_corpus_files(
    sources: Mapping[str, str | Path] | Sequence[str | Path], options: ReadOptions | None = None
) -> list[CorpusFile]:
    """Read several files, by their names or by their paths alone."""
    named = sources if isinstance(sources, Mapping) else {str(source): source for source in sources}
    if not sources or len(named) < len(sources):
        raise ConfigError(
            "FILE: must be one or more different files. "
            f"Got {' '.join(map(str, sources)) or 'none'}."
        )
    return [read_corpus_file(name, source, options) for name, source in named.items()]


def labels_of(sentence: Sentence, target: str | None = None) -> Iterator[tuple[str, int]]:
    """Yield each label with the index of the token where it begins.

    These are the labels of the sentence, and those of the target column, or else of its spans.
    """
    yield from ((label, 0) for label in sentence.labels or ())
    if target is not None:
        yield from ((label, i) for i, label in enumerate(sentence.columns.get(target, ())))
    elif sentence.allowed is not None:
        yield from ((label, 0) for label in sorted(allowed_labels(sentence.allowed)))
    else:
        yield from ((span.label, span.start) for span in sentence.spans or ())


def count_labels(file: CorpusFile) -> Counter[str]:
    """Count the labels of a file."""
    target = file.options.target
    return Counter(label for s in file.sentences for label, _ in labels_of(s, target))


def normalizer() -> Callable[[str], str | None]:
    """Return a function that normalizes tags and remembers them.

    It returns None for a tag without prefix.
    """
    normalized: dict[str, str | None] = {}

    def normalize(tag: str) -> str | None:
        if tag not in normalized:
            try:
                normalized[tag] = normalize_partial(tag)
            except ValueError:
                normalized[tag] = None
        return normalized[tag]

    return normalize


def _tag_column(sentences: Sequence[Sentence], usual: str) -> str | None:
    """Find the column whose tags spell the spans."""
    annotated = [s for s in sentences if s.spans is not None or s.allowed is not None]
    probed = [s for s in annotated if s.spans][:PROBED] or annotated[:PROBED]
    if not probed:
        return None
    if all(usual in s.columns for s in probed):
        return usual
    normalize = normalizer()
    for name in probed[0].columns:
        columns = [[normalize(value) for value in s.columns.get(name, ())] for s in probed]
        tags = [[tag for tag in column if tag is not None] for column in columns]
        if all(
            len(valid) == len(s) and tuple(spans_from_tags(valid)) == s.spans
            for valid, s in zip(tags, probed, strict=True)
        ):
            return name
    return None


def _conllu_tags(file: CorpusFile) -> list[list[str]] | None:
    """Read the tags in the last column of CoNLL-U, as the file spells them."""
    if all(sentence.spans is None and sentence.allowed is None for sentence in file.sentences):
        return None
    key = re.compile(
        rf"(?:^|\|){re.escape(file.options.tags or DEFAULT_TAGS)}=([^|]*)", re.IGNORECASE
    )
    rows: list[list[str]] = [[] for _ in file.sentences]
    by_line = {s.source.line: row for s, row in zip(file.sentences, rows, strict=True) if s.source}
    row: list[str] | None = None
    lines = read_lines(file.source, file.options.encoding, max_line=file.options.max_line)
    for number, line, _ in decode_lines(lines, file.source):
        row = by_line.get(number, row) if line.strip(BLANKS) else None
        fields = line.split("\t")
        if row is not None and fields[0].isdigit():
            found = key.search(fields[-1])
            row.append(found[1] if found else "O")
    return rows
