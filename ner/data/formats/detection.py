"""The format of a corpus that nobody named: told by its name, else by how it begins."""

import re
from pathlib import Path

from ner.data.compressed import unpacked_name
from ner.data.formats.base import Format
from ner.data.formats.brat import ANNOTATION, TEXT
from ner.data.formats.columns import BLANKS, RUN_OF_BLANKS
from ner.data.formats.csv_tables import LABELS, SENTENCE, SPANS, TOKEN
from ner.data.formats.csv_tables import TEXT as TEXTS
from ner.data.formats.registry import FORMATS
from ner.data.lines import CHUNK, is_folder, read_head
from ner.errors import DataError

TAG = re.compile(r"O|[BIESLUM]-.+")

FIRST_ROW = re.compile(r"1(?:-[0-9]+)?\t(?:[^\t]*\t){8}[^\t]*")

# How JSON of one kind or another begins.
JSON_BEGINNINGS = (
    (re.compile(r'\s*\{\s*"(?:[^"\\]|\\.)*"\s*:.*"examples"\s*:\s*\[', re.DOTALL), "lighttag"),
    (re.compile(r'\s*\{\s*"examples"\s*:\s*\[', re.DOTALL), "lighttag"),
    (re.compile(r'\s*\{.*"annotations"\s*:\s*\[\s*(?:\[|null)', re.DOTALL), "spacy-json"),
    (re.compile(r'\s*\[\s*\[\s*"', re.DOTALL), "spacy-json"),
    (re.compile(r'\s*\[\s*\{.*"data"\s*:\s*\{', re.DOTALL), "label-studio"),
    (re.compile(r"\s*\[\s*[{\]]", re.DOTALL), "json"),
    (re.compile(r'\s*\{\s*"[^\n]*\}\s*(?:\n|$)', re.DOTALL), "jsonl"),
)

# So many rows say what a file is; in fewer, labels of texts could be tokens.
FEWEST_TEXTS = 3


def detect_format(
    source: str | Path, encoding: str = "utf-8", *, is_labelled: bool = False
) -> Format:
    """Tell the format of a file, a folder, or a name as `read_sentences` takes it.

    Standard input, and whatever looks like nothing else, is taken for columns, or for labels and
    texts.

    Args:
        source: The file, folder or name.
        encoding: Of the file.
        is_labelled: Whether its texts have labels, so that lines of a few words without tags are
            labels and texts, and not tokens and columns.

    Raises:
        DataError: There is no such file.
    """
    name = str(source)
    if not name:
        raise DataError("FILE: a name is needed. Got ''.")
    if name == "-" and is_labelled:
        return FORMATS["labels"]
    if name == "-" or name.startswith("sample:"):
        return FORMATS["conll"]
    path = Path(source)
    if name.startswith("hub:") or (is_folder(path) and not any(path.rglob(f"*{ANNOTATION}"))):
        return FORMATS["hub"]
    if is_folder(path) or (path.suffix == TEXT and path.with_suffix(ANNOTATION).is_file()):
        return FORMATS["brat"]
    ending = Path(unpacked_name(name)).suffix.lower()
    for known in FORMATS.values():
        if ending in known.endings:
            return known
    head = read_head(path, encoding)
    lines = [line.rstrip("\r") for line in head.split("\n")]
    if len(head) >= CHUNK // 4:
        lines.pop()  # what may have been cut off
    found = _json_name(head) or ("json" if ending == ".json" else _table_name(lines, ending))
    return FORMATS[found or _lines_name(lines, is_labelled)]


def format_to_write(path: Path) -> Format | None:
    """Tell by a name which format is to be written; None if it does not say."""
    if str(path) == "-":
        return None
    ending = Path(unpacked_name(path.name)).suffix.lower()
    return next(
        (
            known
            for known in FORMATS.values()
            if ending in (*known.endings, f".{known.name}") and (known.lines or known.save)
        ),
        None,
    )


def _json_name(head: str) -> str | None:
    return next((name for begins, name in JSON_BEGINNINGS if begins.match(head)), None)


def _table_name(lines: list[str], ending: str) -> str | None:
    """Tell a table by its header; any file may be one, but only .csv is one for sure."""
    header = next((line for line in lines if line), "")
    kind, delimiter = ("tsv", "\t") if "\t" in header and ending != ".csv" else ("csv", ",")
    names = {name.strip(' "').lower() for name in header.split(delimiter)}
    if names.intersection(TOKEN) and names.intersection(SENTENCE):
        return f"{kind}-long"
    is_wide = names.intersection(TEXTS) and names.intersection((*SPANS, *LABELS))
    return kind if is_wide or ending == ".csv" else None


def _lines_name(lines: list[str], is_labelled: bool) -> str:
    first = next((line for line in lines if line and not line.startswith("#")), "")
    if FIRST_ROW.fullmatch(first):
        return "conllu"
    while lines and not lines[-1].strip(BLANKS):
        lines.pop()
    if is_labelled:
        lines = [line for line in lines if line.strip(BLANKS)]
    rows = [RUN_OF_BLANKS.split(line.strip(BLANKS)) for line in lines]
    have_texts = all(len(row) > 1 for row in rows)
    have_tags = all(TAG.fullmatch(row[-1]) for row in rows)
    are_texts = is_labelled or (
        len(rows) >= FEWEST_TEXTS
        and len({len(row) for row in rows}) > FEWEST_TEXTS - 1
        and len({row[0] for row in rows}) <= len(rows) / 2 + 1
    )
    return "labels" if have_texts and not have_tags and are_texts else "conll"
