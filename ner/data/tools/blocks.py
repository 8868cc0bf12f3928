"""A file cut into its sentences as they stand in it, so that parts of it can be written again.

Formats with a sentence on a line, in a row or in a block of lines are copied line by line:
comments, columns and spacing that no `Sentence` holds stay. The others, such as JSON, are written
by their own writer, which knows nothing of what no `Sentence` holds.
"""

import codecs
import csv
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ner.data.compressed import created, unpacked_name
from ner.data.formats.columns import BLANKS, Layout
from ner.data.formats.write import write_sentences
from ner.data.lines import checked_lines, read_lines, short, text_encoding
from ner.data.sentence import Sentence
from ner.data.tools.check_schemes import find_scheme
from ner.data.tools.corpus_file import CorpusFile
from ner.errors import DataError

NEW_DOCUMENT = re.compile(r"^#[ \t]*newdoc", re.MULTILINE)

BLOCKS = ("conll", "conllu")

TABLES = ("csv", "tsv", "csv-long", "tsv-long")

LINES = ("jsonl", "doccano", "prodigy", "labels")

# What files of a format end in, where that is not its name.
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
    """What belongs together in a file.

    Args:
        sentence: What it says; None where it is no sentence, such as the border of a document.
        document: The document that it is part of.
        raw: Its lines, where the format is copied.
    """

    sentence: Sentence | None
    document: str | None
    raw: str = ""


def read_pieces(part: CorpusFile) -> list[Block]:
    """Cut a file into pieces, which are all of it.

    Raises:
        DataError: Some of it cannot be read, or could not be written again.
    """
    if part.problems:
        raise part.problems[0]
    if not is_copied(part):
        if part.notes.changes:
            raise DataError(part.notes.changes[0])
        ordered = sorted([*part.sentences, *part.empty], key=_line)
        return [Block(sentence, sentence.document) for sentence in ordered]
    if part.format.name in LINES:
        return list(_lines(part))
    if part.format.name in TABLES:
        return list(_rows(part))
    pieces = list(_blocks(part))
    if part.format.name == "conll" and pieces[-1].document == "0":  # without any border
        return [replace(piece, document=None) for piece in pieces]
    return pieces


def is_copied(part: CorpusFile) -> bool:
    """Whether the lines of a file can be copied."""
    return part.format.name in (*BLOCKS, *LINES, *TABLES) and Path(part.source).is_file()


def ending(part: CorpusFile) -> str:
    """Give what the names of files end in that are written like this one."""
    end = ENDINGS.get(part.format.name, f".{part.format.name}")
    packed = part.source.removeprefix(unpacked_name(part.source))
    return end + packed if end else ""


def write_pieces(pieces: Sequence[Block], part: CorpusFile, path: str) -> Counter[str]:
    """Write pieces as a file of the same format and encoding; "-" is standard output.

    Returns:
        How many sentences lost what, which no copied format does.

    Raises:
        ConfigError: The format cannot be written, or not there.
        DataError: The format cannot hold its own annotation any more, or the file is not writable.
    """
    encoding = text_encoding(part.options.encoding)
    if not is_copied(part):
        sentences = [piece.sentence for piece in pieces if piece.sentence is not None]
        scheme = find_scheme(part.tag_rows or ()).spelling or "BIO"
        written = write_sentences(
            sentences,
            path,
            part.format,
            scheme=scheme,
            encoding=encoding,
            target=part.options.target,
        )
        return written.lost
    encoder = codecs.getincrementalencoder(encoding)()
    content = (encoder.encode(text) for text in _marked(_reopened(pieces, part)))
    if path == "-":
        for raw in content:
            sys.stdout.buffer.write(raw)
        sys.stdout.flush()
        return Counter()
    with created(Path(path)) as file:
        for raw in content:
            file.write(raw)
    return Counter()


def _reopened(pieces: Sequence[Block], part: CorpusFile) -> Iterator[str]:
    """Yield the lines, with a table's header and the names of documents cut at the front."""
    before: str | None = None
    if part.format.name in TABLES and not part.options.columns:
        yield next(_raw_rows(part))[1]
    for piece in pieces:
        if part.format.name == "conllu" and piece.document not in (None, before):
            if NEW_DOCUMENT.search(piece.raw) is None:
                yield f"# newdoc id = {piece.document}\n"
            before = piece.document
        yield piece.raw


def _marked(texts: Iterator[str]) -> Iterator[str]:
    """Put a byte order mark before one of a token, since reading takes off what begins a file."""
    for i, text in enumerate(texts):
        yield f"\ufeff{text}" if i == 0 and text.startswith("\ufeff") else text


def _lines(part: CorpusFile) -> Iterator[Block]:
    sentences = _by_line(part)
    for number, text in _decoded(part):
        if text.strip():
            sentence = sentences.get(number)
            document = None if sentence is None else sentence.document
            yield Block(sentence, document, _ended(text))


def _rows(part: CorpusFile) -> Iterator[Block]:
    """Yield the rows of each sentence of a table, without its header."""
    sentences, rows = _by_line(part), _raw_rows(part)
    if not part.options.columns:
        next(rows)
    is_long = part.format.name.endswith("-long")
    block: list[str] = []
    sentence: Sentence | None = None
    for number, raw in rows:
        if block and (number in sentences or not is_long):
            yield Block(sentence, None if sentence is None else sentence.document, "".join(block))
            block, sentence = [], None
        block.append(_ended(raw))
        sentence = sentence or sentences.get(number)
    if block:
        yield Block(sentence, None if sentence is None else sentence.document, "".join(block))


def _raw_rows(part: CorpusFile) -> Iterator[tuple[int, str]]:
    """Yield the rows of a table as they stand there, each with the number of its last line."""
    if part.format.name.startswith("tsv"):
        yield from _decoded(part)
        return
    taken: list[str] = []

    def lines() -> Iterator[str]:
        for _, text in _decoded(part):
            taken.append(text)
            yield text

    reader = csv.reader(lines(), strict=True)
    for _ in reader:
        yield reader.line_num, "".join(taken)
        taken.clear()


def _blocks(part: CorpusFile) -> Iterator[Block]:
    """Yield blocks of rows with the blank lines after them, and borders of documents alone."""
    sentences, layout = _by_line(part), part.layout()
    has_borders = part.format.name == "conll"
    borders = 0
    block: list[str] = []
    sentence: Sentence | None = None
    is_finished = False

    def finished() -> Block:
        # The last block of a file may lack its blank line, or even its newline.
        raw = "".join(block)
        raw = raw if is_finished else f"{_ended(raw)}\n"
        if has_borders:
            return Block(sentence, str(borders), raw)
        return Block(sentence, None if sentence is None else sentence.document, raw)

    for number, text in _decoded(part):
        line = text.rstrip(f"{BLANKS}\r\n")
        is_border = has_borders and layout.is_boundary(line)
        if has_borders and line and not is_border:
            _check_separators(line, layout, f"{part.source}:{number}")
        if block and line and (is_finished or is_border):
            yield finished()
            block, sentence, is_finished = [], None, False
        borders += is_border
        block.append(text)
        sentence = sentence or sentences.get(number)
        # Rows may follow a border without a blank line.
        is_finished = is_finished or not line or is_border
    if block:
        yield finished()


def _check_separators(line: str, layout: Layout, where: str) -> None:
    """Refuse a row that would be cut otherwise if it came first: the first row decides how."""
    if not layout.names:
        layout.settle(line)
    if layout.separator == " " and "\t" in line:
        raise DataError(
            f"{where}: single tabs or blanks must separate all columns of a file that is split. "
            f"Got {short(line)}; ner data check --fix puts blanks."
        )


def _decoded(part: CorpusFile) -> Iterator[tuple[int, str]]:
    lines = read_lines(part.source, part.options.encoding)
    return checked_lines(lines, part.source, keep_ends=True)


def _by_line(part: CorpusFile) -> dict[int, Sentence]:
    return {_line(sentence): sentence for sentence in (*part.sentences, *part.empty)}


def _line(sentence: Sentence) -> int:
    return sentence.source.line if sentence.source is not None else 0


def _ended(text: str) -> str:
    return text if text.endswith("\n") else f"{text}\n"
