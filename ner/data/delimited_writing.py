"""Sentences to CSV and TSV: the other half of `ner.data.delimited`."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence

from ner.data.delimited import KNOWN, LABELS, SENTENCE, SPANS, TAG_NAMES, TEXT, TOKEN
from ner.data.json_text import dump
from ner.data.lines import replace_surrogates, short
from ner.data.sentence import Sentence
from ner.data.spelling import Spelling, token_columns
from ner.errors import DataError


def write_long(
    sentences: Iterable[Sentence],
    scheme: Spelling = "BIO",
    delimiter: str = ",",
    columns: Sequence[str] = (),
    tagged: bool = True,
) -> Iterator[str]:
    """Yield the lines of a long file, without newline: a token a row, and the sentence's number.

    Args:
        sentences: What to write.
        scheme: How the tags are spelt.
        delimiter: What separates fields.
        columns: Further columns of the sentences.
        tagged: Whether there is a column of tags.

    Raises:
        DataError: A TSV file cannot hold a field, or a sentence lacks a column.
    """
    cell = _cells(delimiter)
    yield cell([SENTENCE[0], TOKEN[0], *columns, *([TAG_NAMES[0]] if tagged else [])], "header")
    for number, sentence in enumerate(sentences, 1):
        where = str(sentence.source or f"sentence {number}")
        fields = token_columns(sentence, columns, scheme if tagged else None, where)
        for values in zip(*fields, strict=True):
            yield cell([str(number), *values], where)


def write_wide(sentences: Iterable[Sentence], delimiter: str = ",") -> Iterator[str]:
    """Yield the lines of a wide file, without newline: a text a row.

    Raises:
        DataError: A TSV file cannot hold a field.
    """
    cell = _cells(delimiter)
    yield cell([*KNOWN, TEXT[0], SPANS[0], LABELS[0]], "header")
    for number, sentence in enumerate(sentences, 1):
        is_annotated = sentence.found_spans is not None
        spans = [[e.start, e.end, e.label] for e in sentence.entities]
        labels = list(sentence.labels or [])
        label = "" if sentence.labels is None else dump(labels)
        if len(labels) == 1 and not labels[0].startswith("["):
            label = labels[0]
        fields = [
            sentence.id or "",
            sentence.document or "",
            sentence.text,
            dump(spans) if is_annotated else "",
            label,
        ]
        yield cell(fields, str(sentence.source or f"sentence {number}"))


def _cells(delimiter: str) -> Callable[[Sequence[str], str], str]:
    """Give what puts fields together to a line."""

    def tabbed(fields: Sequence[str], where: str) -> str:
        row = delimiter.join(map(replace_surrogates, fields))
        if row.count(delimiter) != len(fields) - 1 or "\n" in row or row.endswith("\r"):
            raise DataError(
                f"{where}: in a TSV file, no field holds a tab or a newline; CSV can hold them. "
                f"Got {short(list(fields))}."
            )
        return row

    def quoted(fields: Sequence[str], where: str) -> str:
        line = io.StringIO()
        # With "\r\n" at its end, a field with either of them is quoted.
        csv.writer(line, lineterminator="\r\n").writerow(fields)
        return line.getvalue().removesuffix("\r\n")

    return tabbed if delimiter != "," else quoted
