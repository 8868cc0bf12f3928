"""Texts with a label each, a line a text: the label, a blank or a tab, the text."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from ner.data.formats.base import _name
from ner.data.formats.options import ReadOptions
from ner.data.formats.records import Tokenize, build_sentences, text_sentence
from ner.data.lines import decode_lines, read_lines, replace_surrogates, short
from ner.data.sentence import Sentence, Source
from ner.data.spans import FieldError, SpanRules
from ner.errors import DataError


def read_labelled_lines(
    lines: Iterable[bytes],
    name: str,
    tokenize: Tokenize,
    problems: list[DataError] | None = None,
) -> Iterator[Sentence]:
    """Yield a sentence for each line that is not blank, with what its first word is as label.

    Args:
        lines: The lines of the file, undecoded.
        name: What messages call the file.
        tokenize: Cuts the texts.
        problems: Where to put the errors of lines that cannot be read, which are left out; None
            raises the first one.

    Raises:
        DataError: A line is not UTF-8, begins with a blank, or has no text.
    """
    rules = SpanRules()

    def build(line: str, source: Source) -> Sentence:
        end = min((i for i in (line.find(" "), line.find("\t")) if i >= 0), default=len(line))
        label, text = line[:end], line[end + 1 :]
        if not label or not text:
            raise FieldError(f"a label, a blank or a tab, and a text. Got {short(line)}.")
        return text_sentence(text, None, source, tokenize, rules, labels=(label,))

    records = (
        (Source(name, number), problem or line)
        for number, line, problem in decode_lines(lines, name)
        if problem is not None or line.strip(" \t")
    )
    return build_sentences(records, build, problems)


def write_labelled_lines(sentences: Iterable[Sentence]) -> Iterator[str]:
    """Yield a line a sentence, without newline, as `read_labelled_lines` reads it.

    Raises:
        DataError: A sentence has no label or several, or a line cannot hold its text.
    """
    for number, sentence in enumerate(sentences, 1):
        where = sentence.source or f"sentence {number}"
        labels = sentence.labels or ()
        if len(labels) != 1:
            raise DataError(f"{where}: a line has one label. Got {' '.join(labels) or 'none'}.")
        label, text = replace_surrogates(labels[0]), replace_surrogates(sentence.text)
        if any(blank in label for blank in " \t\n\r") or not label:
            raise DataError(f"{where}: in a line, a label holds no blank. Got {label!r}.")
        if "\n" in text or text.endswith("\r") or not text:
            raise DataError(
                f"{where}: a line holds a text without newlines, and not none. Got {short(text)}."
            )
        yield f"{label} {text}"


def _read_labels(source: str | Path, options: ReadOptions) -> Iterator[Sentence]:
    lines = read_lines(source, options.encoding)
    return read_labelled_lines(lines, _name(source), options.tokenizer, options.problems)
