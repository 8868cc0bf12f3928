"""Tell the lines of a text from rows of columns, without the import of any reader."""

import re
from collections.abc import Sequence

from ner.data.formats.columns import BLANKS, DOCUMENT_BOUNDARY, RUN_OF_BLANKS

# A tag, or several of a partial annotation. A label does not begin with a digit, as in B-12.
TAG = re.compile(r"O|\?|[BIESLUM]-[^\W\d][^|]*(?:\|(?:O|[BIESLUM]-[^\W\d][^|]*))*")

# With fewer rows, a text of two words could be a token with its tag.
FEWEST_ROWS = 2


def has_columns(lines: Sequence[str]) -> bool:
    """Whether lines are certainly rows of a column file, and no sentences.

    They are if all rows have as many columns, and one of the columns holds tags; or if tabs
    separate columns without blanks, and blank lines separate sentences; or if a row begins a
    document. Rows that begin with "#" may be comments and do not count.

    >>> has_columns(["Ada B-PER", "left O"]), has_columns(["Ada Lovelace", "left London"])
    (True, False)
    """
    filled = [line.strip(BLANKS) for line in lines]
    if any(RUN_OF_BLANKS.split(line)[0] == DOCUMENT_BOUNDARY for line in filled):
        return True
    rows = [line for line in filled if line and not line.startswith("#")]
    if len(rows) < FEWEST_ROWS:
        return False
    by_tabs = "\t" in rows[0]
    fields = [row.split("\t") if by_tabs else RUN_OF_BLANKS.split(row) for row in rows]
    if len(set(map(len, fields))) > 1 or len(fields[0]) == 1:
        return False
    columns = list(zip(*fields, strict=True))
    if any(all(map(TAG.fullmatch, column)) for column in columns[1:]):
        return True
    are_words = not any(" " in field for row in fields for field in row)
    has_sentences = "\n\n" in "\n".join(filled).strip("\n")
    return by_tabs and are_words and has_sentences


def may_have_format(lines: Sequence[str]) -> bool:
    """Whether lines may be JSON, CoNLL-U or a table with a header: only its reader knows."""
    first = next((line.strip() for line in lines if line.strip() and line[0] != "#"), "")
    names = re.split(r"[\t,;]", first)
    # A header has a name of a few words in each column.
    is_header = len(names) > 1 and all(len(name.split()) <= 3 for name in names)
    return first.startswith(("{", "[")) or is_header
