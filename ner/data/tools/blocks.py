"""A file cut into blocks, as its sentences are in it, so that some of them can be written again.

Formats with a sentence on a line, in a row or in a block of rows are copied line by line: comments,
columns and spacing that no `Sentence` holds stay. Other formats, such as JSON, are written by their
own writer, which loses what no `Sentence` holds.
"""

import codecs
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ner.data.compressed import unpacked_name
from ner.data.formats.columns import BLANKS, Layout
from ner.data.formats.csv_tables import Table, open_table
from ner.data.formats.write import write_bytes, write_sentences
from ner.data.lines import checked_lines, keep_mark, read_lines, short, text_encoding
from ner.data.sentence import Sentence
from ner.data.tools.check_schemes import find_scheme
from ner.data.tools.corpus_file import CorpusFile
from ner.errors import DataError

NEW_DOCUMENT = re.compile(r"^#[ \t]*newdoc", re.MULTILINE)

# The formats that are copied: with a sentence in a block of rows, in a table, or on a line.
ROW_FORMATS = ("conll", "conllu")
TABLE_FORMATS = ("csv", "tsv", "csv-long", "tsv-long")
LINE_FORMATS = ("jsonl", "doccano", "prodigy", "labels")

# The endings of file names in formats whose names are not the ending.
ENDINGS = {
    "csv-long": ".csv",
    "tsv-long": ".tsv",
    **dict.fromkeys(("doccano", "prodigy"), ".jsonl"),
    **dict.fromkeys(("lighttag", "label-studio", "spacy-json"), ".json"),
    "labels": ".txt",
    "hub": ".parquet",
    "brat": "",
}


@dataclass(frozen=True)
class Block:
    """The lines of a file that belong together.

    Args:
        sentence: The sentence in these lines; None if there is none, as at the start of a document.
        document: The document to which they belong.
        raw: The lines, if the format is copied.
    """

    sentence: Sentence | None
    document: str | None
    raw: str = ""


def read_blocks(file: CorpusFile) -> list[Block]:
    """Cut a file into blocks, which together are the whole file.

    Raises:
        DataError: Something in the file cannot be read, or cannot be written again.
    """
    if file.problems:
        raise file.problems[0]
    if not is_copied(file):
        if file.notes.changes:
            raise DataError(file.notes.changes[0])
        ordered = sorted([*file.sentences, *file.empty], key=_line)
        return [Block(sentence, sentence.document) for sentence in ordered]
    if file.format.name in LINE_FORMATS:
        return list(_line_blocks(file))
    if file.format.name in TABLE_FORMATS:
        return list(_table_blocks(file))
    blocks = list(_row_blocks(file))
    if file.format.name == "conll" and blocks[-1].document == "0":  # without any boundary
        return [replace(block, document=None) for block in blocks]
    return blocks


def write_blocks(blocks: Sequence[Block], file: CorpusFile, path: str) -> Counter[str]:
    """Write blocks to a file with the format and encoding of their own file; "-" means stdout.

    Returns:
        How many sentences lost what. A format that is copied loses nothing.

    Raises:
        ConfigError: The format cannot be written, or not to standard output.
        DataError: The format cannot hold its own annotation any more, or the file cannot be
            written.
    """
    encoding = text_encoding(file.options.encoding)
    if not is_copied(file):
        sentences = [block.sentence for block in blocks if block.sentence is not None]
        scheme = find_scheme(file.tag_rows or ()).spelling or "BIO"
        written = write_sentences(
            sentences,
            path,
            file.format,
            scheme=scheme,
            encoding=encoding,
            target=file.options.target,
        )
        return written.lost
    encoder = codecs.getincrementalencoder(encoding)()
    texts = enumerate(_copied_texts(blocks, file))
    write_bytes(
        (encoder.encode(text if i else keep_mark(text, encoding)) for i, text in texts), path
    )
    return Counter()


def is_copied(file: CorpusFile) -> bool:
    """Whether the lines of a file can be copied."""
    is_format_copied = file.format.name in (*ROW_FORMATS, *LINE_FORMATS, *TABLE_FORMATS)
    return is_format_copied and Path(file.source).is_file()


def ending(file: CorpusFile) -> str:
    """Return the ending of the names of files that are written like this one."""
    end = ENDINGS.get(file.format.name, f".{file.format.name}")
    packed = file.source.removeprefix(unpacked_name(file.source))
    return end + packed if end else ""


def _line_blocks(file: CorpusFile) -> Iterator[Block]:
    sentences = _by_line(file)
    for number, text in _decoded(file):
        if text.strip():
            yield _block(sentences.get(number), _ended(text))


def _table_blocks(file: CorpusFile) -> Iterator[Block]:
    """Yield the rows of each sentence of a table, without its header."""
    sentences, table = _by_line(file), _table(file)
    is_long = file.format.name.endswith("-long")
    block: list[str] = []
    sentence: Sentence | None = None
    for line, _, raw in table.rows:
        if block and (line in sentences or not is_long):
            yield _block(sentence, "".join(block))
            block, sentence = [], None
        block.append(_ended(raw))
        sentence = sentence or sentences.get(line)
    if block:
        yield _block(sentence, "".join(block))


def _table(file: CorpusFile) -> Table:
    delimiter = "\t" if file.format.name.startswith("tsv") else ","
    return open_table(file.source, file.options, delimiter)


def _row_blocks(file: CorpusFile) -> Iterator[Block]:
    """Yield blocks of rows with the blank lines after them, and document boundaries alone."""
    sentences, layout = _by_line(file), file.layout()
    has_boundaries = file.format.name == "conll"
    boundaries = 0
    block: list[str] = []
    sentence: Sentence | None = None
    is_finished, waits_for_rows = False, False

    def finished() -> Block:
        # The last block of a file may lack its blank line, or even its newline.
        raw = "".join(block)
        raw = raw if is_finished else f"{_ended(raw)}\n"
        return Block(sentence, str(boundaries), raw) if has_boundaries else _block(sentence, raw)

    for number, text in _decoded(file):
        line = text.rstrip(f"{BLANKS}\r\n")
        is_boundary = has_boundaries and layout.is_boundary(line)
        is_comment = number in file.comments
        if has_boundaries and line and not is_boundary and not is_comment:
            _check_separators(line, layout, f"{file.source}:{number}")
        if block and line and (is_finished or is_boundary):
            yield finished()
            block, sentence, is_finished = [], None, False
        boundaries += is_boundary
        if not block or (line and not is_comment):
            waits_for_rows = is_comment
        block.append(text)
        sentence = sentence or sentences.get(number)
        # Rows may follow a boundary without a blank line. Comments alone belong to the next rows.
        is_finished = is_finished or (not line and not waits_for_rows) or is_boundary
    if block:
        yield finished()


def _check_separators(line: str, layout: Layout, where: str) -> None:
    """Refuse a row that would be cut differently as the first row, which decides how to cut."""
    if not layout.names:
        layout.settle(line)
    if layout.separator == " " and "\t" in line:
        raise DataError(
            f"{where}: all columns of a file to split must be separated by single tabs, or all by "
            f"blanks. Got {short(line)}. ner data check --fix puts blanks."
        )


def _copied_texts(blocks: Sequence[Block], file: CorpusFile) -> Iterator[str]:
    """Yield the lines of the blocks, with the header of a table and lost names of documents."""
    document: str | None = None
    if file.format.name in TABLE_FORMATS and (header := _table(file).header):
        yield _ended(header)
    for block in blocks:
        if file.format.name == "conllu" and block.document not in (None, document):
            if NEW_DOCUMENT.search(block.raw) is None:
                yield f"# newdoc id = {block.document}\n"
            document = block.document
        yield block.raw


def _block(sentence: Sentence | None, raw: str) -> Block:
    return Block(sentence, None if sentence is None else sentence.document, raw)


def _decoded(file: CorpusFile) -> Iterator[tuple[int, str]]:
    lines = read_lines(file.source, file.options.encoding)
    return checked_lines(lines, file.source, keep_ends=True)


def _by_line(file: CorpusFile) -> dict[int, Sentence]:
    return {_line(sentence): sentence for sentence in (*file.sentences, *file.empty)}


def _line(sentence: Sentence) -> int:
    return sentence.source.line if sentence.source is not None else 0


def _ended(text: str) -> str:
    return text if text.endswith("\n") else f"{text}\n"
