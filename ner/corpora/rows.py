"""What only the rows of a column file show: their number of columns, white space, documents."""

from itertools import pairwise
from pathlib import Path

from ner.corpora.findings import Findings
from ner.corpora.kinds import (
    BLANK_ENDS,
    BLANK_LINES,
    CARRIAGE_RETURNS,
    EMPTY,
    LINE_ENDS,
    RAGGED,
    SEPARATORS,
)
from ner.corpora.parts import Part
from ner.data.columns import BLANKS
from ner.data.lines import decode_lines, read_lines, short


def check_rows(part: Part, findings: Findings) -> set[str]:
    """Look at every line of a column file.

    Returns:
        The places of rows with a wrong number of columns.
    """
    if part.format.name != "conll" or not Path(part.source).is_file():
        return set()
    layout, ragged = part.layout(), set[str]()
    end: str | None = None
    # What documents begin at, and what sentences do: each as its line.
    boundaries: list[int] = []
    last_row = 0
    rows_after: set[int] = set()
    lines = read_lines(part.source, part.options.encoding)
    for number, text, _ in decode_lines(lines, part.source, keep_ends=True):
        where = f"{part.source}:{number}"
        body = text.rstrip("\r\n")
        if text.endswith("\n"):
            this_end = "CRLF" if text.endswith("\r\n") else "LF"
            end = end or this_end
            if this_end != end:
                findings.add(LINE_ENDS, part.name, where, f"{this_end}, but the first has {end}")
        line = body.rstrip(BLANKS)
        if not line:
            if body:
                findings.add(BLANK_LINES, part.name, where, short(body))
            continue
        if "\r" in line:
            findings.add(CARRIAGE_RETURNS, part.name, where, short(body))
        if layout.is_boundary(line):
            if body != line:
                findings.add(BLANK_ENDS, part.name, where, short(body))
            boundaries.append(number)
            continue
        last_row = number
        if boundaries:
            rows_after.add(boundaries[-1])
        if not layout.names:
            layout.settle(line)
        fields = layout.cut(line)
        if len(fields) != len(layout.names):
            ragged.add(where)
            findings.add(
                RAGGED,
                part.name,
                where,
                f"{len(fields)}, not {len(layout.names)} columns: {short(body)}",
            )
            continue  # its blanks may stand for what is missing
        # A tab at the front is an empty token, and a blank there a part of one.
        if body != line or (layout.separator == " " and line[0] in BLANKS):
            findings.add(BLANK_ENDS, part.name, where, short(body))
        if layout.separator == " " and "\t" in line:
            findings.add(SEPARATORS, part.name, where, short(body))
    for start, following in pairwise([*boundaries, last_row]):
        if start not in rows_after:
            what = "the end of the file" if start == boundaries[-1] else f"line {following}"
            findings.add(EMPTY, part.name, f"{part.source}:{start}", f"nothing up to {what}")
    return ragged
