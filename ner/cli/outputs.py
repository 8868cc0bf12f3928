"""What `ner tag` and `ner classify` print, by what the model predicts."""

import os
import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import TYPE_CHECKING

import typer

from ner.cli.options import TagScheme

if TYPE_CHECKING:
    from ner.data.sentence import Sentence

COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red")
ESCAPED = {9: "\\t", 10: "\\n", 13: "\\r", 92: "\\\\"}


class Output(StrEnum):
    """What the output is."""

    JSONL = "jsonl"
    CONLL = "conll"
    TSV = "tsv"
    PRETTY = "pretty"


def coloured() -> bool:
    """Whether whoever reads the output sees colours, and wants them."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def write_spans(tagged: "Iterable[Sentence]", output: Output, scheme: TagScheme) -> Iterator[str]:
    """Yield lines for sentences with predicted spans."""
    from ner.data.conll import write_conll
    from ner.data.jsonl import write_jsonl

    match output:
        case Output.JSONL:
            return write_jsonl(tagged)
        case Output.CONLL:
            return write_conll(tagged, scheme.value)
        case Output.TSV:
            return _span_rows(tagged)
        case Output.PRETTY:
            return _marked_spans(tagged)


def write_column(tagged: "Iterable[Sentence]", output: Output, column: str) -> Iterator[str]:
    """Yield lines for sentences with a predicted column."""
    from ner.data.conll import write_conll
    from ner.data.jsonl import write_jsonl

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


def _span_rows(sentences: Iterable["Sentence"]) -> Iterator[str]:
    yield "number\tstart\tend\tlabel\tscore\ttext"
    for number, sentence in enumerate(sentences, 1):
        for e in sentence.entities:
            text = e.text.translate(ESCAPED)
            yield f"{number}\t{e.start}\t{e.end}\t{e.label}\t{e.score:.6f}\t{text}"


def _token_rows(sentences: Iterable["Sentence"], column: str) -> Iterator[str]:
    yield "number\tstart\tend\tlabel\tscore\ttext"
    for number, sentence in enumerate(sentences, 1):
        assert sentence.prediction is not None
        scores = sentence.prediction.column_scores[column]
        rows = zip(sentence.offsets, sentence.column(column), scores, sentence.tokens, strict=True)
        for (start, end), label, score, token in rows:
            yield f"{number}\t{start}\t{end}\t{label}\t{score:.6f}\t{token.translate(ESCAPED)}"


def _marked_spans(sentences: Iterable["Sentence"]) -> Iterator[str]:
    """Mark entities in the text: coloured on a terminal, in brackets elsewhere."""
    paint = _Painter()
    for sentence in sentences:
        pieces, end = [], 0
        for e in sentence.entities:
            pieces.append(sentence.text[end : e.start])
            pieces.append(paint(f"[{e.text} {e.label} {e.score:.2f}]", e.label))
            end = e.end
        yield "".join(pieces) + sentence.text[end:]


def _marked_tokens(sentences: Iterable["Sentence"], column: str) -> Iterator[str]:
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
