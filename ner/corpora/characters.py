"""Characters that no one meant: wrongly decoded, invisible, or in two forms."""

import re
import unicodedata
from collections.abc import Iterator

from ner.corpora.findings import Findings, Kind
from ner.corpora.kinds import (
    CONTROL,
    INVISIBLE,
    MOJIBAKE,
    NORMAL_FORMS,
    REPLACEMENT,
    WHITE_TOKENS,
)
from ner.corpora.parts import Part

# Joiners (U+200C, U+200D) and direction marks have their place in some scripts and in emoji.
ZERO_WIDTH = re.compile("[\ufeff\u200b\u2060\u00ad]")
CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1b\x7f-\x84\x86-\x9f]")
WHITE = re.compile(r"\s")


def check_characters(part: Part, findings: Findings) -> None:
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
