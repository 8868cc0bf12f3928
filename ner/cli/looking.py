"""Look into a file or a pipe of texts, to find out what it is."""

import sys
from collections.abc import Sequence
from pathlib import Path

# A file that is one text, a file of one text a line, and formats that the commands treat apart.
TEXT, LINES, CONLL, JSONL, JSON = "text", "lines", "conll", "jsonl", "json"

# Endings that leave no doubt. They are those of `ner.data.formats.registry`, whose import would
# slow down the start, and some more.
ENDINGS = {
    CONLL: (
        *(".conll", ".iob", ".iob2", ".bio", ".bioes", ".bmes", ".bilou", ".col"),
        *(".train", ".testa", ".testb"),  # as in eng.testa
    ),
    JSONL: (".jsonl", ".ndjson"),
}

# Endings of other files with texts or corpora, of files that one must look into, and of binary
# ones.
READABLE = (".conllu", ".json", ".csv")
BINARY = (".parquet", ".spacy", ".ann")
OTHER_ENDINGS = (".txt", ".tsv", *READABLE, *BINARY)

# As many bytes show what the first line names.
FIRST_LINE = 64

# What is taken for columns or for labels with texts when it looks like nothing else.
BY_DEFAULT = (CONLL, "labels")


def format_by_name(source: str) -> str | None:
    """Return the format that the ending of a file tells without doubt; None if it tells none."""
    name = _unpacked(source)
    return next((f for f, endings in ENDINGS.items() if name.endswith(endings)), None)


def format_by_first_line(source: str, encoding: str) -> str | None:
    """Return the format that a file names in its first line; None if it names none."""
    from ner.data.lines import read_head

    head = read_head(Path(source), encoding, FIRST_LINE)
    if not head.lstrip().startswith("#"):
        return None
    # Not at the top: the formats would slow down the start.
    from ner.data.formats.detection import marked_name

    return marked_name(head)


def look_into(source: str, encoding: str, *, is_columns: bool) -> tuple[str, bool]:
    """Find out the format of a file, or of what comes from standard input ("-").

    Args:
        source: The file.
        encoding: Its encoding.
        is_columns: Whether the user named columns, so that lines are rows of them.

    Returns:
        The name of the format, and whether there was anything to see.
    """
    from ner.data.formats.plain_text import has_columns, may_have_format

    ending = Path(_unpacked(source)).suffix
    if ending in BINARY:
        from ner.data.formats.detection import detect_format

        return detect_format(source, encoding).name, True
    if source == "-" and sys.stdin.isatty():  # somebody types
        return LINES, False
    lines = read_start(source, encoding)
    if ending in READABLE or may_have_format(lines):
        from ner.data.formats.detection import detect_content

        found = detect_content("\n".join([*lines, ""]), ending).name
        if found not in BY_DEFAULT:
            return found, True
    found = CONLL if is_columns or has_columns(lines) else LINES
    return found, lines != [""]


def read_start(source: str, encoding: str) -> list[str]:
    """Return the first lines of a file, or of what has come from standard input ("-")."""
    from ner.data.lines import decode_head, read_head
    from ner.data.stdin import standard_input

    if source == "-":
        head = decode_head(standard_input().peek(), encoding)
    else:
        head = read_head(Path(source), encoding)
    lines = [line.rstrip("\r") for line in head.split("\n")]
    # The last one is empty, or it may be cut off.
    return lines[:-1] if len(lines) > 1 else lines


def columns_without_gold(columns: Sequence[str], row: str, gold: str | None) -> tuple[str, ...]:
    """Return the names of columns for a file that may lack the tags, as files to tag often do.

    Args:
        columns: The names of the columns in training.
        row: A row of the file.
        gold: The name of the column of tags.

    >>> columns_without_gold(["token", "pos", "ner"], "Ada NNP", "ner")
    ('token', 'pos')
    """
    count = len(row.split("\t") if "\t" in row else row.split())
    if count == 1:
        return ("token",)
    left = list(columns)
    while len(left) > count and left[-1] in ("-", gold):
        left.pop()
    return tuple(left if len(left) == count and "token" in left else columns)


def looks_like_path(source: str) -> bool:
    """Whether a source is meant to be a file, whether it exists or not."""
    endings = (*OTHER_ENDINGS, *(ending for group in ENDINGS.values() for ending in group))
    beginnings = ("/", "./", "../", "~/")
    one_word = not any(c.isspace() for c in source)
    return one_word and (_unpacked(source).endswith(endings) or source.startswith(beginnings))


def _unpacked(source: str) -> str:
    from ner.data.compressed import unpacked_name

    return unpacked_name(source.lower())
