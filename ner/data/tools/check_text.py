"""Checks of the text itself: rows of column files, characters of tokens, lengths.

Rows are checked for their number of columns, their white space, and documents without tokens,
which no `Sentence` shows.
"""

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
    CONTROL_CHARACTERS,
    EMPTY_DOCUMENTS,
    INVISIBLE_CHARACTERS,
    LONG_ENTITIES,
    LONG_SENTENCES,
    LONG_TOKENS,
    MIXED_LINE_ENDS,
    MIXED_NORMAL_FORMS,
    MIXED_SEPARATORS,
    MOJIBAKE,
    RAGGED_ROWS,
    REPLACEMENT_CHARACTERS,
    ROW_LIKE_COMMENTS,
    WHITE_SPACE_IN_TOKENS,
    Findings,
    Kind,
)

# Joiners (U+200C, U+200D) and direction marks are right in some scripts and in emoji.
ZERO_WIDTH = re.compile("[\ufeff\u200b\u2060\u00ad]")
CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1b\x7f-\x84\x86-\x9f]")
WHITE_SPACE = re.compile(r"\s")

# A sentence is too long if it has more tokens than this multiple of what 99 % of sentences have at
# most. The limit is never below LONG_SENTENCE, and never above LONGEST_SENTENCE.
SENTENCE_RATIO, LONG_SENTENCE, LONGEST_SENTENCE = 5, 100, 1000

# The same for entities, without an upper bound of the limit.
ENTITY_RATIO, LONG_ENTITY = 3, 10
LONG_TOKEN = 100

# What an address holds, which may be a long token.
ADDRESS_MARKS = ("://", "www.", "@")


def check_rows(file: CorpusFile, findings: Findings) -> set[str]:
    """Check every line of a column file.

    Returns:
        The places of rows with a wrong number of columns.
    """
    if file.format.name != "conll" or not Path(file.source).is_file():
        return set()
    checker = _RowChecker(file, findings)
    lines = read_lines(file.source, file.options.encoding, max_line=file.options.max_line)
    for number, text, _ in decode_lines(lines, file.source, keep_ends=True):
        checker.check_line(number, text)
    checker.check_comments()
    checker.check_documents()
    return checker.ragged


def check_characters(file: CorpusFile, findings: Findings) -> None:
    """Find tokens with suspicious characters."""
    words = set[str]().union(*(sentence.tokens for sentence in file.sentences))
    suspects = [word for word in words if not (word.isascii() and word.isprintable())]
    has_composed = any(unicodedata.normalize("NFD", word) != word for word in suspects)
    wrong: dict[str, list[tuple[Kind, str]]] = {}
    for word in suspects:
        problems = list(_problems(word))
        if has_composed and not unicodedata.is_normalized("NFC", word) and _is_decomposed(word):
            problems.append((MIXED_NORMAL_FORMS, f"{word!a} is {_nfc(word)!a} in NFC"))
        if problems:
            wrong[word] = problems
    for sentence in file.sentences:
        if wrong.keys().isdisjoint(sentence.tokens):
            continue
        for i, token in enumerate(sentence.tokens):
            for kind, example in wrong.get(token, ()):
                findings.add(kind, file.name, file.place(sentence, i), example)


def check_lengths(file: CorpusFile, findings: Findings) -> None:
    """Find what is empty, or far longer than the rest of the file."""
    for sentence in file.empty:
        findings.add(EMPTY_DOCUMENTS, file.name, file.place(sentence), short(sentence.text))
    usual = percentile([len(sentence) for sentence in file.sentences], 0.99)
    limit = min(LONGEST_SENTENCE, max(LONG_SENTENCE, SENTENCE_RATIO * usual))
    for sentence in file.sentences:
        if len(sentence) > limit:
            example = f"{len(sentence)} tokens; 99 % have {usual} at most"
            findings.add(LONG_SENTENCES, file.name, file.place(sentence), example)
        if len(sentence.text) <= LONG_TOKEN:
            continue
        for i, token in enumerate(sentence.tokens):
            if len(token) > LONG_TOKEN and not any(mark in token for mark in ADDRESS_MARKS):
                example = f"{len(token)} characters: {short(token)}"
                findings.add(LONG_TOKENS, file.name, file.place(sentence, i), example)
    _check_entities(file, findings)


def percentile(values: Sequence[int], share: float) -> int:
    """Return the smallest value that this share of the values does not exceed; 0 if there are none.

    >>> percentile([3, 1, 2, 10], 0.5)
    2
    """
    return int(np.quantile(values, share, method="inverted_cdf")) if values else 0


class _RowChecker:
    """Checks the lines of a column file one by one."""

    def __init__(self, file: CorpusFile, findings: Findings) -> None:
        self.file, self.findings = file, findings
        self.layout = file.layout()
        self.ragged = set[str]()
        self.first_end: str | None = None
        # The lines of document boundaries, and those boundaries that a row follows.
        self.boundaries: list[int] = []
        self.filled: set[int] = set()
        self.last_row = 0
        self.comments: list[tuple[int, str]] = []

    def check_line(self, number: int, text: str) -> None:
        body = text.rstrip("\r\n")
        self._check_end(number, text)
        line = body.rstrip(BLANKS)
        if not line:
            if body:
                self._add(BLANK_LINES, number, short(body))
            return
        if "\r" in line:
            self._add(CARRIAGE_RETURNS, number, short(body))
        if self.layout.is_boundary(line):
            if body != line:
                self._add(BLANK_ENDS, number, short(body))
            self.boundaries.append(number)
            return
        if number in self.file.comments:
            self.comments.append((number, line))
            return
        self.last_row = number
        if self.boundaries:
            self.filled.add(self.boundaries[-1])
        self._check_row(number, body, line)

    def check_comments(self) -> None:
        """Find comments that could be rows, after the last line."""
        for number, line in self.comments:
            if len(self.layout.cut(line)) == len(self.layout.names):
                self._add(ROW_LIKE_COMMENTS, number, short(line))

    def check_documents(self) -> None:
        """Find documents without rows, after the last line."""
        for start, following in pairwise([*self.boundaries, self.last_row]):
            if start not in self.filled:
                is_last = start == self.boundaries[-1]
                end = "the end of the file" if is_last else f"line {following}"
                self._add(EMPTY_DOCUMENTS, start, f"nothing up to {end}")

    def _check_end(self, number: int, text: str) -> None:
        if not text.endswith("\n"):
            return
        end = "CRLF" if text.endswith("\r\n") else "LF"
        self.first_end = self.first_end or end
        if end != self.first_end:
            self._add(MIXED_LINE_ENDS, number, f"{end}, but the first has {self.first_end}")

    def _check_row(self, number: int, body: str, line: str) -> None:
        layout = self.layout
        if not layout.names:
            layout.settle(line)
        fields = layout.cut(line)
        if len(fields) != len(layout.names):
            self.ragged.add(f"{self.file.source}:{number}")
            example = f"{len(fields)}, not {len(layout.names)} columns: {short(body)}"
            self._add(RAGGED_ROWS, number, example)
            return  # its blanks may be in the place of what is missing
        # In a tab file, a tab at the front is an empty token, and a blank is part of the token.
        if body != line or (layout.separator == " " and line[0] in BLANKS):
            self._add(BLANK_ENDS, number, short(body))
        if layout.separator == " " and "\t" in line:
            self._add(MIXED_SEPARATORS, number, short(body))

    def _add(self, kind: Kind, number: int, example: str) -> None:
        self.findings.add(kind, self.file.name, f"{self.file.source}:{number}", example)


def _problems(word: str) -> Iterator[tuple[Kind, str]]:
    shown = ascii(word)
    meant = _undecoded(word)
    if "\ufffd" in word:
        yield REPLACEMENT_CHARACTERS, shown
    if meant is not None:
        yield MOJIBAKE, f"{word!r} is {meant!r} in UTF-8"
        return
    if CONTROLS.search(word):
        yield CONTROL_CHARACTERS, shown
    if ZERO_WIDTH.search(word):
        yield INVISIBLE_CHARACTERS, shown
    if WHITE_SPACE.search(word):
        yield WHITE_SPACE_IN_TOKENS, shown


def _undecoded(word: str) -> str | None:
    """Return the word in UTF-8 whose bytes were read as a one-byte encoding; None if none were.

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
    """Encode a character in Windows-1252, or in Latin-1 if it has no byte there.

    Raises:
        UnicodeEncodeError: Neither encoding has it.
    """
    try:
        return character.encode("cp1252")
    except UnicodeEncodeError:
        return character.encode("latin-1")


def _nfc(word: str) -> str:
    return unicodedata.normalize("NFC", word)


def _is_decomposed(word: str) -> bool:
    # The many signs that NFC only renames, such as the Kelvin sign, are not decomposed.
    return len(_nfc(word)) < len(word)


def _check_entities(file: CorpusFile, findings: Findings) -> None:
    spans = [(sentence, span) for sentence in file.sentences for span in sentence.spans or ()]
    usual = percentile([span.end - span.start for _, span in spans], 0.99)
    limit = max(LONG_ENTITY, ENTITY_RATIO * usual)
    for sentence, span in spans:
        length = span.end - span.start
        if length > limit:
            text = short(" ".join(sentence.tokens[span.start : span.end]))
            example = f"{length} tokens of {span.label}; 99 % have {usual} at most: {text}"
            findings.add(LONG_ENTITIES, file.name, file.place(sentence, span.start), example)
