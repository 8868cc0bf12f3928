"""Texts with one label each: on every line a label, a blank or a tab, and the text."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from ner.data.formats.base import (
    EMPTY,
    LABELS,
    SPACING,
    Format,
    sentence_name,
    without_options,
)
from ner.data.formats.options import ReadOptions
from ner.data.formats.records import build_sentences, text_sentence
from ner.data.lines import decode_lines, input_name, read_lines, replace_surrogates, short
from ner.data.sentence import Sentence, Source
from ner.data.spans import FieldError
from ner.errors import DataError


def read_labelled_lines(source: str | Path, options: ReadOptions) -> Iterator[Sentence]:
    """Yield a sentence for each line that is not blank. Its first word is the label.

    Raises:
        DataError: A line is not UTF-8, begins with a blank, or has no text.
    """
    name = input_name(source)

    def build(line: str, place: Source) -> Sentence:
        end = min((i for i in (line.find(" "), line.find("\t")) if i >= 0), default=len(line))
        label, text = line[:end], line[end + 1 :]
        if not label or not text:
            raise FieldError(
                f"a line must be a label, a blank or a tab, and a text. Got {short(line)}."
            )
        return text_sentence(text, None, place, options.tokenizer, options.rules, labels=(label,))

    records = (
        (Source(name, number), problem or line)
        for number, line, problem in decode_lines(read_lines(source, options.encoding), name)
        if problem is not None or line.strip(" \t")
    )
    return build_sentences(records, build, options.problems)


def write_labelled_lines(sentences: Iterable[Sentence]) -> Iterator[str]:
    """Yield a line for each sentence, without newline, as `read_labelled_lines` reads it.

    Raises:
        DataError: A sentence does not have exactly one label, or a line cannot hold its text.
    """
    for number, sentence in enumerate(sentences, 1):
        where = sentence_name(sentence, number)
        labels = sentence.labels or ()
        if len(labels) != 1:
            raise DataError(
                f"{where}: a line must have exactly one label. Got {' '.join(labels) or 'none'}."
            )
        label, text = replace_surrogates(labels[0]), replace_surrogates(sentence.text)
        if any(blank in label for blank in " \t\n\r") or not label:
            raise DataError(f"{where}: a label must not hold a blank. Got {label!r}.")
        if "\n" in text or text.endswith("\r") or not text:
            raise DataError(
                f"{where}: a text must not be empty or hold a newline. Got {short(text)}."
            )
        yield f"{label} {text}"


FORMAT = Format(
    "labels",
    "a label, a blank and a text per line",
    frozenset({LABELS, SPACING, EMPTY}),
    read_labelled_lines,
    without_options(write_labelled_lines),
)
