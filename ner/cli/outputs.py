"""What `ner tag` and `ner classify` print, by what the model predicts."""

import os
import sys
import time
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import TYPE_CHECKING

import typer

from ner.cli.options import WrittenScheme

if TYPE_CHECKING:
    from ner.data.sentence import PredictedSentence, Prediction

COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red")

ESCAPED = {9: "\\t", 10: "\\n", 13: "\\r", 92: "\\\\"}


class Output(StrEnum):
    """What the output is."""

    JSONL = "jsonl"
    CONLL = "conll"
    TSV = "tsv"
    PRETTY = "pretty"


class ClassOutput(StrEnum):
    """What the output of a classifier is."""

    JSONL = "jsonl"
    TSV = "tsv"
    PRETTY = "pretty"
    HTML = "html"


def coloured() -> bool:
    """Whether whoever reads the output sees colours, and wants them."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def print_lines(lines: Iterable[str]) -> None:
    """Print lines as they come; halves of UTF-16 pairs, which no file can hold, are replaced."""
    from ner.data.lines import replace_surrogates

    for line in lines:
        sys.stdout.write(replace_surrogates(line) + "\n")
    sys.stdout.flush()


def write_spans(
    tagged: "Iterable[PredictedSentence]", output: Output, scheme: WrittenScheme
) -> Iterator[str]:
    """Yield lines for sentences with predicted spans."""
    from ner.data.formats.conll import write_conll
    from ner.data.formats.jsonl import write_jsonl

    match output:
        case Output.JSONL:
            return write_jsonl(tagged)
        case Output.CONLL:
            return write_conll(tagged, scheme.value)
        case Output.TSV:
            return _span_rows(tagged)
        case Output.PRETTY:
            return _marked_spans(tagged)


def write_column(
    tagged: "Iterable[PredictedSentence]", output: Output, column: str
) -> Iterator[str]:
    """Yield lines for sentences with a predicted column."""
    from ner.data.formats.conll import write_conll
    from ner.data.formats.jsonl import write_jsonl

    match output:
        case Output.JSONL:
            return write_jsonl(tagged)
        case Output.CONLL:
            found = (s.replace(columns={column: s.column(column)}) for s in tagged)
            return write_conll(found, columns=[column], tagged=False)
        case Output.TSV:
            return _token_rows(tagged, column)
        case Output.PRETTY:
            return _marked_tokens(tagged, column)


def write_classes(labelled: "Iterable[PredictedSentence]", output: ClassOutput) -> Iterator[str]:
    """Yield lines for sentences with predicted labels of their own."""
    from ner.data.formats.jsonl import write_jsonl
    from ner.inference.attention_view import html_page

    match output:
        case ClassOutput.JSONL:
            return write_jsonl(labelled)
        case ClassOutput.TSV:
            return _class_rows(labelled)
        case ClassOutput.PRETTY:
            return _shaded_lines(labelled)
        case ClassOutput.HTML:
            return html_page(_shaded_paragraphs(labelled), "Labels of texts")


def _span_rows(sentences: Iterable["PredictedSentence"]) -> Iterator[str]:
    yield "number\tstart\tend\tlabel\tscore\ttext"
    for number, sentence in enumerate(sentences, 1):
        for e in sentence.entities:
            text = e.text.translate(ESCAPED)
            yield f"{number}\t{e.start}\t{e.end}\t{e.label}\t{e.score:.6f}\t{text}"


def _token_rows(sentences: Iterable["PredictedSentence"], column: str) -> Iterator[str]:
    yield "number\tstart\tend\tlabel\tscore\ttext"
    for number, sentence in enumerate(sentences, 1):
        scores = sentence.prediction.column_scores[column]
        rows = zip(sentence.offsets, sentence.column(column), scores, sentence.tokens, strict=True)
        for (start, end), label, score, token in rows:
            yield f"{number}\t{start}\t{end}\t{label}\t{score:.6f}\t{token.translate(ESCAPED)}"


def _class_rows(sentences: Iterable["PredictedSentence"]) -> Iterator[str]:
    """Write a row for each label of a text; one without label where there is none."""
    yield "number\tlabel\tprobability\ttext"
    for number, sentence in enumerate(sentences, 1):
        found, text = sentence.prediction, sentence.text.translate(ESCAPED)
        for label in found.labels or ():
            share = found.probabilities[label]
            yield f"{number}\t{label.translate(ESCAPED)}\t{share:.6f}\t{text}"
        if not found.labels:
            yield f"{number}\t\t\t{text}"


def _shaded_lines(sentences: Iterable["PredictedSentence"]) -> Iterator[str]:
    """Put labels before a text, whose tokens are shaded by attention on a terminal."""
    from ner.inference.attention_view import shade_terminal

    paint, color = _Painter(), coloured()
    for sentence in sentences:
        found = sentence.prediction
        shown = paint(_labels(found), ", ".join(found.labels or ()))
        yield f"{shown}  {shade_terminal(sentence, _weights(sentence), color)}"


def _shaded_paragraphs(sentences: Iterable["PredictedSentence"]) -> Iterator[str]:
    from ner.inference.attention_view import shade_html

    for number, sentence in enumerate(sentences, 1):
        caption = f"{number}. {_labels(sentence.prediction)}"
        yield shade_html(sentence, _weights(sentence), caption)


def _labels(found: "Prediction") -> str:
    """Name the labels of a text with their probabilities."""
    return ", ".join(f"{n} {found.probabilities[n]:.2f}" for n in found.labels or ()) or "(none)"


def _weights(sentence: "PredictedSentence") -> tuple[float, ...] | None:
    from ner.inference.attention_view import token_weights

    return token_weights(sentence) if sentence.prediction.attention else None


def _marked_spans(sentences: Iterable["PredictedSentence"]) -> Iterator[str]:
    """Mark entities in the text: coloured on a terminal, in brackets elsewhere."""
    paint = _Painter()
    for sentence in sentences:
        pieces, end = [], 0
        for e in sentence.entities:
            pieces.append(sentence.text[end : e.start])
            pieces.append(paint(f"[{e.text} {e.label} {e.score:.2f}]", e.label))
            end = e.end
        yield "".join(pieces) + sentence.text[end:]


def _marked_tokens(sentences: Iterable["PredictedSentence"], column: str) -> Iterator[str]:
    paint = _Painter()
    for sentence in sentences:
        pairs = zip(sentence.tokens, sentence.column(column), strict=True)
        yield " ".join(f"{token}/{paint(label, label)}" for token, label in pairs)


class _Painter:
    """Gives each label a colour of its own, as long as there are some."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._coloured = coloured()

    def __call__(self, text: str, label: str) -> str:
        """Colour a text, on a terminal."""
        colour = self._known.setdefault(label, COLOURS[len(self._known) % len(COLOURS)])
        return typer.style(text, fg=colour) if self._coloured else text


SECONDS_BETWEEN_DRAWINGS = 0.2


def with_progress(sentences: "Iterable[PredictedSentence]") -> "Iterator[PredictedSentence]":
    """Pass sentences on; count them on stderr if it is a terminal, and stdout is not the same."""
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield from sentences
        return
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        count, tokens, began, drawn = 0, 0, time.monotonic(), 0.0
        for sentence in sentences:
            yield sentence
            count, tokens, now = count + 1, tokens + len(sentence), time.monotonic()
            if now - drawn > SECONDS_BETWEEN_DRAWINGS:
                drawn, speed = now, tokens / max(now - began, 1e-9)
                bar.update(task, description=f"{count:,} texts  {speed:,.0f} tokens/s")
