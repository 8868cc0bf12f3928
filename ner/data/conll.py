"""Column files: one token a line, its tag in one of the columns, a blank line after a sentence."""

import itertools
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ner.data.lines import decode_line, replace_surrogates
from ner.data.partial import (
    allowed_from_tags,
    is_partial,
    normalize_partial,
    tags_from_allowed,
)
from ner.data.schemes import Scheme, spans_from_tags, tags_from_spans
from ner.data.sentence import Sentence, Source
from ner.errors import ConfigError, DataError

DOCUMENT_BOUNDARY = "-DOCSTART-"
# Blanks and tabs alone: str.split() would also cut tokens at NBSP, U+3000 and U+2028.
BLANKS = " \t"
RUN_OF_BLANKS = re.compile(r"[ \t]+")


def read_conll(
    lines: Iterable[bytes],
    name: str,
    columns: Sequence[str] | None = None,
    tags: str | None = "ner",
    problems: list[DataError] | None = None,
) -> Iterator[Sentence]:
    """Yield the sentences of a column file, whatever its scheme, separators and line ends.

    The file is separated by single tabs if its first row holds a tab, else by runs of blanks and
    tabs. Rows of `-DOCSTART-` begin a document, named by a running number; sentences before the
    first such row have no document. Where the tag of some token is left open (see
    `ner.data.partial`), the sentence has `allowed` in place of `spans`.

    Args:
        lines: The lines of the file, undecoded.
        name: What messages call the file.
        columns: Names of its columns in their order, one of them "token"; "-" leaves a column out.
            By default the first is "token", the last is `tags`, and those between are "column2",
            "column3" and so on.
        tags: The column that holds the tags. Where there is no such column, or with None, the
            sentences are not annotated (`spans` is None).
        problems: Where to put the errors of sentences that cannot be read, which are left out;
            None raises the first one.

    Raises:
        ConfigError: `columns` do not name one token column, or name one twice.
        DataError: A row is not UTF-8, has too many or too few columns, an empty token or a tag
            without prefix.
    """
    for block in _read_blocks(lines, name, _Layout(columns, tags), problems):
        if block.sentence is not None:
            yield block.sentence


def write_conll(sentences: Iterable[Sentence], scheme: Scheme = "BIO") -> Iterator[str]:
    r"""Yield lines, without newline, of the form ``token<TAB>tag``.

    The tags are the predicted ones where there is a prediction, else the gold ones. A
    `-DOCSTART-` row stands wherever the document changes.

    Raises:
        DataError: A token or label is empty or holds a tab or a newline, or a token reads
            `-DOCSTART-`.

    >>> list(write_conll([Sentence(["New", "York"], spans=[(0, 2, "LOC")])], "BIOES"))
    ['New\tB-LOC', 'York\tE-LOC', '']
    """
    document: str | None = None
    for number, sentence in enumerate(sentences, 1):
        if sentence.document != document:
            document = sentence.document
            yield f"{DOCUMENT_BOUNDARY}\tO"
            yield ""
        for token, tag in zip(sentence.tokens, _tags_to_write(sentence, scheme), strict=True):
            row = replace_surrogates(f"{token}\t{tag}")
            if row.count("\t") != 1 or "\n" in row or token in ("", DOCUMENT_BOUNDARY):
                raise DataError(
                    f"{sentence.source or f'sentence {number}'}: in a column file, tokens and "
                    "labels hold no tab or newline, and a token is neither empty nor "
                    f"{DOCUMENT_BOUNDARY}. Got {token!r} with tag {tag!r}."
                )
            yield row
        yield ""


def annotate_conll(
    lines: Iterable[bytes],
    tag_sentences: Callable[[Iterator[Sentence]], Iterable[Sentence]],
    name: str,
    scheme: Scheme = "BIO",
    columns: Sequence[str] | None = None,
    tags: str | None = None,
    problems: list[DataError] | None = None,
) -> Iterator[str]:
    """Yield the lines of a column file, without newline, with the predicted tag as last column.

    Everything else stays as it was: separators, blank lines and `-DOCSTART-` rows, which get an O.
    So do the rows of a sentence that went to `problems`. Lines are held back only until
    their sentence is tagged.

    Args:
        lines: The lines of the file, undecoded.
        tag_sentences: Gives back every sentence with its prediction, in order; it may read ahead.
        name: What messages call the file.
        scheme: How the predicted tags are written.
        columns: As for `read_conll`.
        tags: As for `read_conll`, but by default no column is taken for tags, nor checked.
        problems: As for `read_conll`.
    """
    layout = _Layout(columns, tags)
    waiting: deque[_Block] = deque()

    def sentences() -> Iterator[Sentence]:
        for block in _read_blocks(lines, name, layout, problems):
            waiting.append(block)
            if block.sentence is not None:
                yield block.sentence

    for tagged in tag_sentences(sentences()):
        while waiting[0].sentence is None:
            yield from _annotated(waiting.popleft(), itertools.repeat("O"), layout)
        block = waiting.popleft()
        assert len(tagged) == len(block.lines), "tag_sentences changed the tokens or their order"
        yield from _annotated(block, _tags_to_write(tagged, scheme), layout)
    for block in waiting:
        assert block.sentence is None, "tag_sentences gave back too few sentences"
        yield from _annotated(block, itertools.repeat("O"), layout)


@dataclass
class _Block:
    """Lines that belong together: a sentence, readable or not, or what stands between two."""

    lines: list[str]
    sentence: Sentence | None = None


@dataclass
class _Layout:
    """What the columns are. What the caller left open is settled by the first row."""

    columns: Sequence[str] | None
    tags: str | None
    names: list[str] = field(default_factory=list)
    token_column: int = 0
    tag_column: int | None = None
    separator: str = " "
    normalized: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.columns is None:
            return
        named = [column for column in self.columns if column != "-"]
        if named.count("token") != 1 or len(set(named)) != len(named):
            raise ConfigError(
                "columns: one of them must be 'token', and none may come twice. "
                f"Got {' '.join(self.columns)!r}."
            )
        self.token_column = list(self.columns).index("token")

    def is_boundary(self, line: str) -> bool:
        if DOCUMENT_BOUNDARY not in line:
            return False
        fields = RUN_OF_BLANKS.split(line)
        return DOCUMENT_BOUNDARY in (fields[0], *fields[self.token_column : self.token_column + 1])

    def settle(self, first_row: str) -> None:
        self.separator = "\t" if "\t" in first_row else " "
        if self.columns is None:
            count = len(self.cut(first_row))
            self.names = ["token", *(f"column{i}" for i in range(2, count + 1))]
            if self.tags is not None and count > 1:
                self.names[-1] = self.tags
        else:
            self.names = list(self.columns)
        if self.tags in self.names:
            self.tag_column = self.names.index(self.tags)

    def cut(self, line: str) -> list[str]:
        if self.separator == "\t":
            return line.split("\t")
        return RUN_OF_BLANKS.split(line.lstrip(BLANKS))

    def read_row(self, line: str, where: str, is_first: bool) -> tuple[list[str], str]:
        """Cut a row into its columns, and spell its tag with B, I, E, S ("O" if it has none)."""
        if not self.names:
            self.settle(line)
        fields = self.cut(line)
        if len(fields) != len(self.names):
            count = "1 column" if len(fields) == 1 else f"{len(fields)} columns"
            raise DataError(f"{where}: {count}, {self._but_expected(is_first)}")
        if not fields[self.token_column]:
            raise DataError(f"{where}: a token must not be empty. Got {line!r}.")
        if self.tag_column is None:
            return fields, "O"
        return fields, self._normalize(fields[self.tag_column], where)

    def _but_expected(self, is_first: bool) -> str:
        count = len(self.names)
        if self.columns is not None:
            expected = f"{count} are named ({' '.join(self.columns)})"
        else:
            expected = f"the {'rows before have' if is_first else 'line before has'} {count}"
        separators = (
            "single tabs, as in the first row" if self.separator == "\t" else "spaces or tabs"
        )
        return f"but {expected}. Columns are separated by {separators}."

    def _normalize(self, tag: str, where: str) -> str:
        # A file has few distinct tags: each is checked once.
        if tag not in self.normalized:
            try:
                self.normalized[tag] = normalize_partial(tag)
            except ValueError as error:
                raise DataError(f"{where}: {error}. Got {tag!r}.") from None
        return self.normalized[tag]

    def sentence(self, rows: Sequence[tuple[list[str], str]], **known: Any) -> Sentence:
        by_name = dict(
            zip(self.names, zip(*(fields for fields, _ in rows), strict=True), strict=True)
        )
        by_name.pop("-", None)
        tokens = by_name.pop("token")
        tags = [tag for _, tag in rows]
        if self.tag_column is not None and any(map(is_partial, tags)):
            known["allowed"] = allowed_from_tags(tags)
        elif self.tag_column is not None:
            known["spans"] = spans_from_tags(tags)
        return Sentence(tokens, columns=by_name, **known)


def _read_blocks(
    lines: Iterable[bytes], name: str, layout: _Layout, problems: list[DataError] | None
) -> Iterator[_Block]:
    """Yield every line of the file, in blocks."""
    block = _Block([])
    rows: list[tuple[list[str], str]] = []
    document_names = map(str, itertools.count())
    document: str | None = None
    start = 1

    def finished() -> _Block:
        if len(rows) == len(block.lines):
            block.sentence = layout.sentence(rows, document=document, source=Source(name, start))
        return block

    for number, raw in enumerate(lines, 1):
        problem: DataError | None = None
        try:
            line = decode_line(raw, number, name).rstrip(BLANKS)
        except DataError as error:
            problem = error
            line = raw.decode("utf-8", "replace").rstrip(BLANKS + "\r\n")
        is_boundary = layout.is_boundary(line)
        if not line or is_boundary:
            if block.lines:
                yield finished()
                block, rows = _Block([]), []
            yield _Block([line])
            if is_boundary:
                document = next(document_names)
            continue
        if not block.lines:
            start = number
        # After its first bad row, a sentence has fewer rows than lines, and is not read further.
        readable = len(rows) == len(block.lines)
        block.lines.append(line)
        if not readable:
            continue
        try:
            if problem is not None:
                raise problem
            rows.append(layout.read_row(line, f"{name}:{number}", is_first=not rows))
        except DataError as error:
            if problems is None:
                raise
            problems.append(error)
    if block.lines:
        yield finished()


def _annotated(block: _Block, tags: Iterable[str], layout: _Layout) -> Iterator[str]:
    for line, tag in zip(block.lines, tags, strict=False):
        yield f"{line}{layout.separator}{tag}" if line else ""


def _tags_to_write(sentence: Sentence, scheme: Scheme) -> list[str]:
    spans = sentence.spans if sentence.prediction is None else sentence.prediction.spans
    if spans is None and sentence.allowed is not None:
        return tags_from_allowed(sentence.allowed)
    return tags_from_spans(spans or (), len(sentence), scheme)
