"""Texts with labels, a text on each line, in one of three layouts.

* A label, a blank and the text.
* Labels and texts in two columns with a tab between them. The column with fewer different values
  holds the labels; if both have as many, the one without blanks does.
* Labels that begin with `__label__` before or after the text, as fastText reads them. This prefix
  is no part of a label, and a line may have several of them.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ner.data.formats.base import (
    EMPTY,
    LABELS,
    NO_SPANS,
    SPACING,
    Format,
    sentence_name,
    without_options,
)
from ner.data.formats.columns import LABEL_NAMES, TEXT_NAMES, plain_name
from ner.data.formats.options import ReadOptions
from ner.data.formats.records import build_sentences, text_sentence
from ner.data.lines import decode_lines, input_name, read_lines, replace_surrogates, short
from ner.data.sentence import Sentence, Source
from ner.data.spans import FieldError
from ner.errors import DataError

# What every label begins with in files for fastText.
LABEL_PREFIX = "__label__"

# The number of lines that decide about the layout.
PROBED_LINES = 1000

# The labels and the text of a line.
LabelledText = tuple[tuple[str, ...], str]


def read_labelled_lines(source: str | Path, options: ReadOptions) -> Iterator[Sentence]:
    """Yield a sentence for each line that is not blank.

    Raises:
        DataError: A line is not UTF-8 or lacks a label or a text, or it does not show which of two
            columns holds the labels.
    """
    name = input_name(source)
    lines = (
        (Source(name, number), problem or line)
        for number, line, problem in decode_lines(
            read_lines(source, options.encoding, max_line=options.max_line), name
        )
        if problem is not None or line.strip(" \t")
    )
    head = list(itertools.islice(lines, PROBED_LINES))
    readable = [line for _, line in head if isinstance(line, str)]
    cut = _layout(readable, name)
    header = _header(readable, cut)
    if header is not None:
        options.rules.notes.guess(f"the first line, {short(header)}, is read as a header.")
        head = head[1:]

    def build(line: str, place: Source) -> Sentence:
        labels, text = cut(line)
        if not all(labels) or not labels or not text:
            raise FieldError(
                f"a line must be a label, a blank or a tab, and a text. Got {short(line)}."
            )
        return text_sentence(text, None, place, options.tokenizer, options.rules, labels=labels)

    return build_sentences(itertools.chain(head, lines), build, options.problems)


def write_labelled_lines(sentences: Iterable[Sentence]) -> Iterator[str]:
    """Yield a line for each sentence, without newline, as `read_labelled_lines` reads it.

    Several labels are written with the prefix of fastText.

    Raises:
        DataError: A sentence has no label, or a line cannot hold its labels or its text.
    """
    for number, sentence in enumerate(sentences, 1):
        where = sentence_name(sentence, number)
        labels, text = sentence.labels or (), replace_surrogates(sentence.text)
        if not labels:
            raise DataError(f"{where}: a line must have a label. Got none.")
        for label in labels:
            if any(blank in label for blank in " \t\n\r") or not label:
                raise DataError(f"{where}: a label must not hold a blank. Got {label!r}.")
        words = text.split(" ")
        is_held = not any(blank in text for blank in "\t\n") and not text.endswith("\r")
        if not is_held or not text or _is_label(words[0]) or _is_label(words[-1]):
            raise DataError(
                f"{where}: a text must not be empty, hold a tab or a newline, or begin or end "
                f"with {LABEL_PREFIX}. Got {short(text)}."
            )
        is_plain = len(labels) == 1 and not labels[0].startswith(LABEL_PREFIX)
        written = labels if is_plain else [f"{LABEL_PREFIX}{label}" for label in labels]
        yield " ".join([*map(replace_surrogates, written), text])


def _layout(lines: Sequence[str], name: str) -> Callable[[str], LabelledText]:
    """Return the function that cuts the lines of a file into labels and a text."""
    tabs = Counter(line.count("\t") for line in lines)
    if 2 * tabs[0] >= len(lines) or any(map(_has_prefix, lines)):
        return _by_blank
    usual = max(tabs, key=lambda count: tabs[count])
    if usual > 1:
        raise DataError(
            f"{name}: must have two columns, of labels and texts. Got {usual + 1} columns, "
            "which --format tsv reads if --columns names them, such as 'label - text'."
        )
    rows = [line.partition("\t") for line in lines if line.count("\t") == 1]
    firsts, lasts = [first for first, _, _ in rows], [last for _, _, last in rows]
    key, other = _variety(firsts), _variety(lasts)
    if key == other:
        raise DataError(
            f"{name}: it must show which of two columns holds the labels. Got {short(lines[0])}. "
            "Add --format tsv --columns 'label text', or 'text label'."
        )
    return _by_tab if key < other else _by_last_tab


def _variety(values: Sequence[str]) -> tuple[int, bool]:
    """Return how many different values there are, and whether some hold blanks."""
    return len(set(values)), any(" " in value.strip(" ") for value in values)


def _by_blank(line: str) -> LabelledText:
    if _has_prefix(line):
        return _by_prefix(line)
    end = min((i for i in (line.find(" "), line.find("\t")) if i >= 0), default=len(line))
    return (line[:end],), line[end + 1 :]


def _by_tab(line: str) -> LabelledText:
    label, _, text = line.partition("\t")
    return (label.strip(" "),), text


def _by_last_tab(line: str) -> LabelledText:
    text, _, label = line.rpartition("\t")
    return (label.strip(" "),), text


def _by_prefix(line: str) -> LabelledText:
    """Cut off the labels at the start of a line, or else those at its end."""
    labels: list[str] = []
    text = line
    while _is_label(word := text.replace("\t", " ").partition(" ")[0]):
        labels.append(word.removeprefix(LABEL_PREFIX))
        text = text[len(word) + 1 :]
    if labels:
        return tuple(labels), text
    while _is_label(word := text.replace("\t", " ").rpartition(" ")[2]):
        labels.insert(0, word.removeprefix(LABEL_PREFIX))
        text = text[: -len(word) - 1]
    return tuple(labels), text


def _is_label(word: str) -> bool:
    return word.startswith(LABEL_PREFIX)


def _has_prefix(line: str) -> bool:
    """Whether the first or the last word of a line is a label of fastText."""
    words = line.replace("\t", " ").split(" ")
    return _is_label(words[0]) or _is_label(words[-1])


def _header(lines: Sequence[str], cut: Callable[[str], LabelledText]) -> str | None:
    """Return the first line if it names the columns; its label is that of no other line."""
    if not lines:
        return None
    labels, text = cut(lines[0])
    names = [plain_name(text) in TEXT_NAMES, plain_name(" ".join(labels)) in LABEL_NAMES]
    named = all(names) if cut is _by_blank else any(names)
    return lines[0] if named and all(cut(line)[0] != labels for line in lines[1:]) else None


def _lost(sentence: Sentence) -> Iterator[str]:
    if sentence.found_spans == ():
        yield NO_SPANS


FORMAT = Format(
    "labels",
    "a label and a text per line, also those of fastText",
    frozenset({LABELS, SPACING, EMPTY}),
    read_labelled_lines,
    without_options(write_labelled_lines),
    loses=_lost,
)
