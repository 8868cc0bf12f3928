"""Which format a corpus has, by its name or else by how it begins."""

import re
from pathlib import Path

from ner.data.compressed import unpacked_name
from ner.data.formats import conll2012
from ner.data.formats.base import Format
from ner.data.formats.brat import is_brat
from ner.data.formats.columns import (
    BLANKS,
    RUN_OF_BLANKS,
    TAG,
)
from ner.data.formats.csv_tables import kind_of_table
from ner.data.formats.labelled_lines import LABEL_PREFIX
from ner.data.formats.registry import FORMATS
from ner.data.lines import CHUNK, decode_head, is_folder, read_head
from ner.data.stdin import standard_input
from ner.errors import DataError

PUBTATOR_TITLE = re.compile(r"\s*[^|\t\n]+\|t\|")
CONLLU_ROW = re.compile(r"1(?:-[0-9]+)?\t(?:[^\t]*\t){8}[^\t]*")

# How the first line of a file begins that names its format.
FIRST_LINES = {"conll2012": conll2012.BEGIN, "webanno": "#FORMAT=WebAnno TSV"}

# How the kinds of JSON begin. The first pattern that matches decides.
JSON_BEGINNINGS = (
    (re.compile(r'\s*[\[{].*"passages"\s*:\s*\[\s*\{.*"offset"\s*:', re.DOTALL), "bioc"),
    (re.compile(r'\s*\{\s*"(?:[^"\\]|\\.)*"\s*:.*"examples"\s*:\s*\[', re.DOTALL), "lighttag"),
    (re.compile(r'\s*\{\s*"examples"\s*:\s*\[', re.DOTALL), "lighttag"),
    (re.compile(r'\s*\{.*"annotations"\s*:\s*\[\s*(?:\[|null)', re.DOTALL), "spacy-json"),
    (re.compile(r'\s*\[\s*\[\s*"', re.DOTALL), "spacy-json"),
    (re.compile(r'\s*\[\s*\{.*"data"\s*:\s*\{', re.DOTALL), "label-studio"),
    (re.compile(r"\s*\[\s*[{\]]", re.DOTALL), "json"),
    (re.compile(r'\s*\{\s*"[^\n]*\}\s*(?:\n|$)', re.DOTALL), "jsonl"),
)

# A file needs this many rows to be taken for texts with labels: with fewer rows, the labels could
# be tokens.
FEWEST_TEXTS = 3


def detect_format(
    source: str | Path, encoding: str = "utf-8", *, is_labelled: bool = False
) -> Format:
    """Detect the format of a file, of a folder, or of a name as `read_sentences` takes it.

    A file that looks like no other format has columns, or labels and texts.

    Args:
        source: The file, folder or name.
        encoding: The encoding of the file.
        is_labelled: Whether the texts have labels. Then lines of a few words without tags are
            labels and texts, not tokens and columns.

    Raises:
        DataError: The file does not exist.
    """
    name = str(source)
    if not name:
        raise DataError("FILE: must be a name. Got ''.")
    if name.startswith("sample:"):
        return FORMATS["conll"]
    if name == "-":
        head = decode_head(standard_input().peek(), encoding)
        return detect_content(head, is_labelled=is_labelled)
    path = Path(source)
    if name.startswith("hub:"):
        return FORMATS["hub"]
    if is_brat(path):
        return FORMATS["brat"]
    if is_folder(path):
        return FORMATS["hub"]
    ending = Path(unpacked_name(name)).suffix.lower()
    named = next((entry for entry in FORMATS.values() if ending in entry.endings), None)
    if named is not None and named.name != "conll":
        return named
    head = read_head(path, encoding)
    if named is not None:
        return FORMATS[marked_name(head) or named.name]
    return detect_content(head, ending, is_labelled=is_labelled)


def detect_content(head: str, ending: str = "", *, is_labelled: bool = False) -> Format:
    """Detect the format of a file by how it begins.

    Args:
        head: The start of its content.
        ending: The ending of its name, in small letters.
        is_labelled: As for `detect_format`.
    """
    lines = [line.rstrip("\r") for line in head.split("\n")]
    if len(head) >= CHUNK // 4:
        lines.pop()  # it may be cut off
    found = (
        marked_name(head)
        or _json_name(head)
        or ("json" if ending == ".json" else _table_name(lines, ending))
    )
    return FORMATS[found or _lines_name(lines, is_labelled)]


def marked_name(head: str) -> str | None:
    """Return the name of the format that the first line of a file names; None if it names none."""
    first = head.lstrip().partition("\n")[0]
    return next((name for name, mark in FIRST_LINES.items() if first.startswith(mark)), None)


def format_to_write(path: Path) -> Format | None:
    """Detect by its name in which format a file is written; None if the name does not tell."""
    if str(path) == "-":
        return None
    ending = Path(unpacked_name(path.name)).suffix.lower()
    return next(
        (
            entry
            for entry in FORMATS.values()
            if ending in (*entry.endings, f".{entry.name}") and (entry.lines or entry.save)
        ),
        None,
    )


def _json_name(head: str) -> str | None:
    return next((name for begins, name in JSON_BEGINNINGS if begins.match(head)), None)


def _table_name(lines: list[str], ending: str) -> str | None:
    """Detect a table by its header. Only the ending .csv makes a table of any header."""
    header = next((line for line in lines if line), "")
    return kind_of_table(header, any_header=ending == ".csv")


def _lines_name(lines: list[str], is_labelled: bool) -> str:
    """Tell PubTator, CoNLL-U, columns, and labels with texts apart."""
    first = next((line for line in lines if line and not line.startswith("#")), "")
    if PUBTATOR_TITLE.match(first):
        return "pubtator"
    if CONLLU_ROW.fullmatch(first):
        return "conllu"
    while lines and not lines[-1].strip(BLANKS):
        lines.pop()
    if is_labelled:
        lines = [line for line in lines if line.strip(BLANKS)]
    rows = [RUN_OF_BLANKS.split(line.strip(BLANKS)) for line in lines]
    if rows and all(row[0].startswith(LABEL_PREFIX) for row in rows):
        return "labels"
    have_texts = all(len(row) > 1 for row in rows)
    have_tags = all(TAG.fullmatch(row[-1]) for row in rows)
    # A column of texts beside one of labels: fields with several words are no tokens and tags.
    are_pairs = all(line.count("\t") == 1 for line in lines)
    with_words = sum(max(len(field.split()) for field in line.split("\t")) > 2 for line in lines)
    are_texts = (
        is_labelled
        or (are_pairs and 2 * with_words > len(lines))
        or (
            len(rows) >= FEWEST_TEXTS
            and len({len(row) for row in rows}) > FEWEST_TEXTS - 1
            and len({row[0] for row in rows}) <= len(rows) / 2 + 1
        )
    )
    return "labels" if have_texts and not have_tags and are_texts else "conll"
