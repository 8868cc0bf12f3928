"""What only the rows of a column file show: their number of columns, white space, documents."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from ner.data.formats.columns import BLANKS
from ner.data.lines import decode_lines, read_lines, short
from ner.data.tools.corpus_file import CorpusFile
from ner.data.tools.findings import (
    BLANK_ENDS,
    BLANK_LINES,
    CARRIAGE_RETURNS,
    CONTROL,
    EMPTY,
    INVISIBLE,
    LINE_ENDS,
    LONG_ENTITIES,
    LONG_SENTENCES,
    LONG_TOKENS,
    MOJIBAKE,
    NORMAL_FORMS,
    RAGGED,
    REPLACEMENT,
    SEPARATORS,
    WHITE_TOKENS,
    Findings,
    Kind,
)


def check_rows(part: CorpusFile, findings: Findings) -> set[str]:
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


# Joiners (U+200C, U+200D) and direction marks have their place in some scripts and in emoji.
ZERO_WIDTH = re.compile("[\ufeff\u200b\u2060\u00ad]")

CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1b\x7f-\x84\x86-\x9f]")

WHITE = re.compile(r"\s")


def check_characters(part: CorpusFile, findings: Findings) -> None:
    """Find tokens with suspicious characters."""
    words = set[str]().union(*(sentence.tokens for sentence in part.sentences))
    suspects = [word for word in words if not (word.isascii() and word.isprintable())]
    composed = any(unicodedata.normalize("NFD", word) != word for word in suspects)
    wrong: dict[str, list[tuple[Kind, str]]] = {}
    for word in suspects:
        problems = list(_problems(word))
        if composed and not unicodedata.is_normalized("NFC", word) and _is_decomposed(word):
            problems.append((NORMAL_FORMS, f"{word!a} is {_nfc(word)!a} in NFC"))
        if problems:
            wrong[word] = problems
    for sentence in part.sentences:
        if wrong.keys().isdisjoint(sentence.tokens):
            continue
        for i, token in enumerate(sentence.tokens):
            for kind, example in wrong.get(token, ()):
                findings.add(kind, part.name, part.place(sentence, i), example)


def _problems(word: str) -> Iterator[tuple[Kind, str]]:
    shown = ascii(word)
    if "\ufffd" in word:
        yield REPLACEMENT, shown
    if CONTROLS.search(word) and _undecoded(word) is None:
        yield CONTROL, shown
    if ZERO_WIDTH.search(word) and _undecoded(word) is None:
        yield INVISIBLE, shown
    if WHITE.search(word) and _undecoded(word) is None:
        yield WHITE_TOKENS, shown
    if (meant := _undecoded(word)) is not None:
        yield MOJIBAKE, f"{word!r} is {meant!r} in UTF-8"


def _undecoded(word: str) -> str | None:
    """Give what a word is if its bytes were UTF-8, and taken for a one-byte encoding; else None.

    >>> _undecoded("SÃ£o")
    'São'
    """
    if word.isascii():
        return None
    try:
        return b"".join(map(_byte, word)).decode("utf-8")
    except ValueError:
        return None


def _byte(character: str) -> bytes:
    """Give a character's byte in Windows-1252, or in Latin-1 where that has none.

    Raises:
        UnicodeEncodeError: Neither has it.
    """
    try:
        return character.encode("cp1252")
    except UnicodeEncodeError:
        return character.encode("latin-1")


def _nfc(word: str) -> str:
    return unicodedata.normalize("NFC", word)


def _is_decomposed(word: str) -> bool:
    # Not the many signs that NFC only renames, such as the Kelvin sign.
    return len(_nfc(word)) < len(word)


# A sentence is far longer than all others if it has more than so many times the tokens of those
# that 99 of 100 do not exceed, or, in a small file, more than any sentence should have.
SENTENCE_RATIO, LONG_SENTENCE, ANY_SENTENCE = 5, 100, 1000

ENTITY_RATIO, LONG_ENTITY = 3, 10

LONG_TOKEN = 100

ADDRESS = ("://", "www.", "@")


def percentile(values: Sequence[int], share: float) -> int:
    """Give the smallest value that this share of the values does not exceed; 0 if there are none.

    >>> percentile([3, 1, 2, 10], 0.5)
    2
    """
    return int(np.quantile(values, share, method="inverted_cdf")) if values else 0


def check_lengths(part: CorpusFile, findings: Findings) -> None:
    """Find what is empty, or far longer than all others."""
    for sentence in part.empty:
        findings.add(EMPTY, part.name, part.place(sentence), short(sentence.text))
    usual = percentile([len(sentence) for sentence in part.sentences], 0.99)
    spans = [(s, span) for s in part.sentences for span in s.spans or ()]
    usual_entity = percentile([span.end - span.start for _, span in spans], 0.99)
    limit = min(ANY_SENTENCE, max(LONG_SENTENCE, SENTENCE_RATIO * usual))
    for sentence in part.sentences:
        if len(sentence) > limit:
            example = f"{len(sentence)} tokens; 99 % have {usual} at most"
            findings.add(LONG_SENTENCES, part.name, part.place(sentence), example)
        if len(sentence.text) <= LONG_TOKEN:
            continue
        for i, token in enumerate(sentence.tokens):
            if len(token) > LONG_TOKEN and not any(mark in token for mark in ADDRESS):
                example = f"{len(token)} characters: {short(token)}"
                findings.add(LONG_TOKENS, part.name, part.place(sentence, i), example)
    limit = max(LONG_ENTITY, ENTITY_RATIO * usual_entity)
    for sentence, span in spans:
        length = span.end - span.start
        if length > limit:
            text = " ".join(sentence.tokens[span.start : span.end])
            example = f"{length} tokens of {span.label}, 99 % have {usual_entity} at most: "
            findings.add(
                LONG_ENTITIES, part.name, part.place(sentence, span.start), example + short(text)
            )
