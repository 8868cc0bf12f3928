"""Column files: a token on each row, its tag in one of the columns, a blank line after a sentence.

The scheme of the tags, the separators and the ends of lines may be any. Single tabs separate the
columns if the first row holds a tab; otherwise runs of blanks and tabs do. A row of `-DOCSTART-`
begins a document, whose name is a running number; sentences before the first such row have no
document. Lines before a sentence that begin with # are comments, unless they look like its rows
(see `Layout.count_comments`): a token may be a #, or begin with one. If the tag of a token is left
open (see `ner.data.partial`), the sentence has `allowed` instead of `spans`.
"""

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ner.choices import Spelling
from ner.data.formats.base import (
    DOCUMENTS,
    PARTIAL,
    SPANS,
    TOKENS,
    Format,
    WriteOptions,
    sentence_name,
)
from ner.data.formats.columns import (
    BLANKS,
    COMMENT,
    COMMENTS,
    DOCUMENT_BOUNDARY,
    RUN_OF_BLANKS,
    Layout,
    Row,
    sentence_tags,
    token_columns,
)
from ner.data.formats.misread import watch_tokens
from ner.data.formats.options import DEFAULT_TAGS, ReadOptions
from ner.data.lines import decode_lines, input_name, read_lines, replace_surrogates
from ner.data.sentence import Sentence, Source
from ner.data.spans import Notes
from ner.errors import ConfigError, DataError


def read_conll(
    lines: Iterable[bytes],
    name: str,
    columns: Sequence[str] | None = None,
    tags: str | None = "ner",
    problems: list[DataError] | None = None,
    last: str | None = None,
    notes: Notes | None = None,
) -> Iterator[Sentence]:
    """Yield the sentences of a column file.

    Args:
        lines: The lines of the file, undecoded.
        name: What messages call the file.
        columns: The names of its columns in their order; one is "token", and "-" leaves a column
            out. By default the first column is "token", the last is `tags`, and those between are
            "column2", "column3" and so on.
        tags: The column of tags. Without such a column, or with None, the sentences are not
            annotated (`spans` is None).
        problems: A list for the errors of sentences that cannot be read, which are left out; None
            raises the first error.
        last: The name of the last column if `columns` is None; by default `tags`.
        notes: Counts the comments, and gets a warning if the tokens look like another column.

    Raises:
        ConfigError: `columns` does not name exactly one token column, or repeats a name.
        DataError: A row is not UTF-8, has too many or too few columns, an empty token or a tag
            without prefix.
    """
    blocks = _read_blocks(lines, name, Layout(columns, tags, last), problems)
    if notes is None:
        yield from (block.sentence for block in blocks if block.sentence is not None)
        return

    def sentences() -> Iterator[Sentence]:
        for block in blocks:
            if block.comments:
                notes.ignored[COMMENTS] += block.comments
            if block.sentence is not None:
                yield block.sentence

    yield from watch_tokens(sentences(), notes, name)


def comment_lines(lines: Iterable[bytes], name: str, layout: Layout) -> Iterator[int]:
    """Yield the number of each line of a column file that is a comment, from 1."""
    for block in _read_blocks(lines, name, layout, []):
        yield from range(block.start, block.start + block.comments)


def write_conll(
    sentences: Iterable[Sentence],
    scheme: Spelling = "BIO",
    columns: Sequence[str] = (),
    tagged: bool = True,
) -> Iterator[str]:
    r"""Yield lines, without newline, of the form ``token<TAB>tag``.

    The tags are the predicted ones if there is a prediction, else the gold ones. A `-DOCSTART-` row
    is written wherever the document changes.

    Args:
        sentences: The sentences to write.
        scheme: The spelling of the tags.
        columns: Other columns of the sentences, which are written between token and tag.
        tagged: Whether there is a column of tags.

    Raises:
        DataError: A token, label or value is empty or holds a tab or a newline, a token is
            `-DOCSTART-`, a sentence lacks a column, or its first row would be read as a comment.

    >>> list(write_conll([Sentence(["New", "York"], spans=[(0, 2, "LOC")])], "BIOES"))
    ['New\tB-LOC', 'York\tE-LOC', '']
    """
    document: str | None = None
    layout = Layout(None, DEFAULT_TAGS if tagged else None)
    for number, sentence in enumerate(sentences, 1):
        where = sentence_name(sentence, number)
        if sentence.document != document:
            document = sentence.document
            yield f"{DOCUMENT_BOUNDARY}\tO"
            yield ""
        fields = token_columns(sentence, columns, scheme if tagged else None, where)
        rows = [
            _row([replace_surrogates(field) for field in row], where)
            for row in zip(*fields, strict=True)
        ]
        if rows and layout.count_comments(rows):
            raise DataError(
                f"{where}: without tags, this row would be read as a comment. Got {rows[0]!r}. "
                "Write another format, such as jsonl."
            )
        yield from rows
        yield ""


def annotate_conll(
    lines: Iterable[bytes],
    tag_sentences: Callable[[Iterator[Sentence]], Iterable[Sentence]],
    name: str,
    scheme: Spelling = "BIO",
    columns: Sequence[str] | None = None,
    tags: str | None = None,
    problems: list[DataError] | None = None,
    predicted: str | None = None,
    notes: Notes | None = None,
) -> Iterator[str]:
    """Yield the lines of a column file, without newline, with the predicted tag as last column.

    Everything else stays as it is: separators, comments, blank lines and `-DOCSTART-` rows. These
    rows get an O, or a `_` if a column is predicted, and so do the rows of a sentence that cannot
    be read. A line waits only until its sentence is tagged.

    Args:
        lines: The lines of the file, undecoded.
        tag_sentences: Returns every sentence with its prediction, in order. It may read ahead.
        name: What messages call the file.
        scheme: The spelling of the predicted tags.
        columns: As for `read_conll`.
        tags: As for `read_conll`, but by default no column is taken for tags, nor checked.
        problems: As for `read_conll`.
        predicted: The predicted column to write instead of tags.
        notes: Gets a warning if the tokens look like another column.
    """
    layout = Layout(columns, tags)
    nothing = itertools.repeat("O" if predicted is None else "_")
    waiting: deque[_Block] = deque()

    def sentences() -> Iterator[Sentence]:
        for block in _read_blocks(lines, name, layout, problems):
            waiting.append(block)
            if block.sentence is not None:
                yield block.sentence

    for tagged in tag_sentences(watch_tokens(sentences(), notes or Notes(), name)):
        while waiting[0].sentence is None:
            yield from _annotated(waiting.popleft(), nothing, layout)
        block = waiting.popleft()
        assert len(tagged) == len(block.rows), "tag_sentences changed the tokens or their order"
        if predicted is None:
            values = sentence_tags(tagged, scheme, f"{name}:{block.start}")
        else:
            values = tagged.column(predicted)
        yield from _annotated(block, values, layout)
    for block in waiting:
        assert block.sentence is None, "tag_sentences returned too few sentences"
        yield from _annotated(block, nothing, layout)


@dataclass
class _Block:
    """The lines of one sentence, which may be unreadable, or lines between two sentences.

    The first line has the number `start`. The first lines may be comments.
    """

    lines: list[str]
    start: int = 1
    comments: int = 0
    sentence: Sentence | None = None

    @property
    def rows(self) -> list[str]:
        """The lines that are not comments."""
        return self.lines[self.comments :] if self.comments else self.lines


def _read_blocks(
    lines: Iterable[bytes], name: str, layout: Layout, problems: list[DataError] | None
) -> Iterator[_Block]:
    """Yield every line of the file, in blocks."""
    block = _Block([])
    # What is wrong with the encoding of a line, by its index in the block.
    undecoded: dict[int, DataError] = {}
    document_names = map(str, itertools.count())
    document: str | None = None

    def finished() -> _Block:
        if layout.has_comments is None or block.lines[0].startswith(COMMENT):
            block.comments = layout.count_comments(block.lines)
        rows = None if undecoded else layout.read_plain_rows(block.rows)
        if rows is None:
            rows = _read_rows(block, undecoded, layout, name, problems)
        if rows:
            source = Source(name, block.start + block.comments)
            block.sentence = layout.sentence(rows, document=document, source=source)
        return block

    for number, text, problem in decode_lines(lines, name):
        line = text.rstrip(BLANKS)
        is_boundary = layout.is_boundary(line)
        if not line or is_boundary:
            if block.lines:
                yield finished()
                block, undecoded = _Block([]), {}
            yield _Block([line], number)
            if is_boundary:
                document = next(document_names)
            continue
        if not block.lines:
            block.start = number
        if problem is not None:
            undecoded[len(block.lines)] = problem
        block.lines.append(line)
    if block.lines:
        yield finished()


def _read_rows(
    block: _Block,
    undecoded: Mapping[int, DataError],
    layout: Layout,
    name: str,
    problems: list[DataError] | None,
) -> list[Row] | None:
    """Read the rows of a sentence one by one, up to the first that cannot be read."""
    rows: list[Row] = []
    for i, line in enumerate(block.lines):
        try:
            if i in undecoded:
                raise undecoded[i]
            if i >= block.comments:
                where = f"{name}:{block.start + i}"
                rows.append(layout.read_row(line, where, is_first=not rows))
        except DataError as error:
            if problems is None:
                raise
            problems.append(error)
            return None
    return rows


def _annotated(block: _Block, values: Iterable[str], layout: Layout) -> Iterator[str]:
    yield from block.lines[: block.comments]
    for line, value in zip(block.rows, values, strict=False):
        yield f"{line}{layout.separator}{value}" if line else ""


def _row(fields: Sequence[str], where: str) -> str:
    row = "\t".join(fields)
    is_whole = row.count("\t") == len(fields) - 1 and "\n" not in row and "" not in fields
    # Reading removes blanks from the end of a line, and cuts a row without a tab at its blanks.
    is_whole = is_whole and row == row.rstrip(f"{BLANKS}\r")
    is_whole = is_whole and (len(fields) > 1 or not any(blank in row for blank in BLANKS))
    if not is_whole or DOCUMENT_BOUNDARY in RUN_OF_BLANKS.split(row)[:1]:
        raise DataError(
            f"{where}: in a column file, tokens and labels must not be empty, hold a tab or a "
            f"newline, end in a blank, or begin with {DOCUMENT_BOUNDARY}. Got {fields}."
        )
    return row


def _read_conll(source: str | Path, options: ReadOptions) -> Iterator[Sentence]:
    lines = read_lines(source, options.encoding, max_line=options.max_line)
    tags = options.tag_column
    if options.tags and options.columns and tags not in (None, *options.columns):
        raise ConfigError(
            f"tags: must be one of the named columns ({' '.join(options.columns)}). Got {tags!r}."
        )
    return read_conll(
        lines,
        input_name(source),
        options.columns,
        tags,
        options.problems,
        options.target,
        options.rules.notes,
    )


def _lines_conll(sentences: Iterable[Sentence], options: WriteOptions) -> Iterator[str]:
    return write_conll(sentences, options.scheme, options.columns, options.tagged)


def _lost(sentence: Sentence) -> Iterator[str]:
    """Only where documents begin is written; reading numbers them."""
    if sentence.document is not None and not sentence.document.isdigit():
        yield f"names of {DOCUMENTS}"


FORMAT = Format(
    "conll",
    "columns with blanks or tabs, a token per line",
    frozenset({SPANS, PARTIAL, TOKENS, DOCUMENTS}),
    _read_conll,
    _lines_conll,
    columns=None,
    is_table=True,
    options=frozenset({"columns", "tags"}),
    loses=_lost,
    endings=(
        *(".conll", ".iob", ".bio", ".bioes", ".bmes", ".bilou", ".col"),
        *(".testa", ".testb"),  # as in eng.testa
    ),
)
