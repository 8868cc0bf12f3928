"""What `ner tag` and `ner classify` print."""

import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import typer

from ner.choices import Spelling
from ner.cli.options import list_lost
from ner.display import visible, without_formula
from ner.messages import logger

if TYPE_CHECKING:
    from ner.cli.record_fields import RecordFields
    from ner.data.formats.records import Tokenize
    from ner.data.sentence import PredictedSentence, Prediction

COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red")
# Escapes in tables: of what separates cells and rows, and of other control characters. A backslash
# is doubled, so that nothing is lost.
CONTROLS = (*range(32), *range(127, 160))
SHORT = {9: "\\t", 10: "\\n", 13: "\\r", 92: "\\\\"}
ESCAPED = {code: f"\\u{code:04x}" for code in CONTROLS} | SHORT
# Outputs that annotation tools import, under the names of their formats.
BRAT = "brat"
TOOLS = ("label-studio", "doccano", BRAT)
Output = Literal["jsonl", "conll", "tsv", "pretty", "html", "label-studio", "doccano", "brat"]
ClassOutput = Literal["jsonl", "tsv", "pretty", "html"]


class Result(NamedTuple):
    """A sentence with its prediction.

    Args:
        sentence: The sentence.
        fields: Other fields of its record.
        source: The file that it comes from; None if there is only one source, or it is a text.
        row: The line on which it begins there; None unless others may be skipped.
    """

    sentence: "PredictedSentence"
    fields: "RecordFields"
    source: str | None = None
    row: int | None = None


class Failure(NamedTuple):
    """A text that cannot be read, with the line on which it begins, as far as that is known."""

    error: str
    source: str | None = None
    row: int | None = None


def place_fields(source: str | None, row: int | None) -> dict[str, Any]:
    """Return a source and a row, as far as they are known, as fields of a JSON object."""
    return {n: v for n, v in (("source", source), ("row", row)) if v is not None}


def coloured() -> bool:
    """Whether whoever reads the output sees colours, and wants them."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def tagged_lines(
    results: "Iterable[Result | Failure]",
    output: Output,
    column: str | None,
    *,
    has_sources: bool,
    has_rows: bool,
    formulas: bool = True,
) -> Iterator[str]:
    """Yield lines for predicted spans, or for a predicted column.

    Args:
        results: What was predicted.
        output: The form of the lines: JSON lines, a table, a page of HTML, or for people.
            `conll_rows` writes CoNLL, and `ner.data.formats` what annotation tools import.
        column: The name of the column; None for spans.
        has_sources: Whether a table has a column of sources.
        has_rows: Whether a table has a column of rows.
        formulas: Whether a cell of a table may begin as a formula of a spreadsheet does.
    """
    if output == "jsonl":
        return _json_rows(results)
    found = _without_failures(results)
    if output == "pretty":
        return _marked_spans(found) if column is None else _marked_tokens(found, column)
    if output == "html":
        return _page(found, "Entities" if column is None else f"Labels of tokens: {column}")
    header = ("start", "end", "label", "score", "text")
    rows = _span_rows if column is None else partial(_token_rows, column=column)
    return _table(found, header, rows, has_sources, has_rows, formulas)


def class_lines(
    results: "Iterable[Result | Failure]",
    output: ClassOutput,
    *,
    has_sources: bool,
    has_rows: bool,
    formulas: bool = True,
) -> Iterator[str]:
    """Yield lines for predicted labels of texts; the arguments are those of `tagged_lines`."""
    if output == "jsonl":
        return _json_rows(results)
    found = _without_failures(results)
    if output == "pretty":
        return _shaded_lines(found)
    if output == "html":
        return _page(found, "Labels of texts")
    header = ("label", "probability", "text")
    return _table(found, header, _class_rows, has_sources, has_rows, formulas)


def _json_rows(results: "Iterable[Result | Failure]") -> Iterator[str]:
    """Yield a JSON object for each result, and for each text that cannot be read."""
    from ner.data.formats.json_text import dump
    from ner.data.formats.jsonl import jsonl_record

    for result in results:
        place = place_fields(result.source, result.row)
        if isinstance(result, Failure):
            yield dump({**place, "error": result.error})
        else:
            record = {**place, **jsonl_record(result.sentence)}
            yield dump(result.fields.add_to(record, result.sentence))


def _without_failures(results: "Iterable[Result | Failure]") -> Iterator[Result]:
    return (result for result in results if isinstance(result, Result))


def conll_rows(
    tagged: "Iterable[PredictedSentence]", column: str | None, scheme: Spelling
) -> Iterator[str]:
    """Yield rows of tokens with their predicted tags, or with a predicted column.

    Args:
        tagged: The sentences.
        column: The name of the column; None for tags.
        scheme: The scheme of the tags.
    """
    from ner.data.formats.blank_tokens import without_blank_tokens
    from ner.data.formats.conll import write_conll

    # A sentence with a prediction keeps it, which its type does not tell.
    whole: Any = map(without_blank_tokens, tagged)
    if column is None:
        return write_conll(whole, scheme)
    found = (s.replace(columns={column: s.column(column)}) for s in whole)
    return write_conll(found, columns=[column], tagged=False)


def write_for_tool(
    results: "Iterable[Result | Failure]", tool: str, out: Path | None, tokenize: "Tokenize"
) -> None:
    """Write predicted entities for an annotation tool, and list what it cannot hold on stderr.

    Args:
        results: What was predicted.
        tool: The name of the format.
        out: The folder of a format that is no single file; None for standard output.
        tokenize: Cuts texts; a text with other tokens loses them.
    """
    from ner.data.formats.registry import find_format
    from ner.data.formats.write import write_sentences

    sources = 0

    def sentences() -> "Iterator[PredictedSentence]":
        nonlocal sources
        for result in _without_failures(results):
            sources += result.source is not None
            yield result.sentence

    written = write_sentences(
        sentences(), out or "-", find_format(tool), drop=True, tokenize=tokenize
    )
    list_lost({**written.lost, "the name of the source": sources}, tool)


def concatenated(files: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield the rows of several CoNLL files as those of one; a blank line ends each file."""
    row = ""
    for rows in files:
        if row:
            yield ""
        for row in rows:
            yield row


def _span_rows(sentence: "PredictedSentence") -> Iterator[Sequence[str]]:
    for e in sentence.entities:
        yield str(e.start), str(e.end), e.label, f"{e.score:.6f}", e.text


def _token_rows(sentence: "PredictedSentence", column: str) -> Iterator[Sequence[str]]:
    scores = sentence.prediction.column_scores[column]
    rows = zip(sentence.offsets, sentence.column(column), scores, sentence.tokens, strict=True)
    for (start, end), label, score, token in rows:
        yield str(start), str(end), label, f"{score:.6f}", token


def _class_rows(sentence: "PredictedSentence") -> Iterator[Sequence[str]]:
    """Yield a row for each label of a text; one without label if it has none."""
    found = sentence.prediction
    for label in found.labels or ():
        yield label, f"{found.probabilities[label]:.6f}", sentence.text
    if not found.labels:
        yield "", "", sentence.text


def _table(
    results: Iterable[Result],
    header: Sequence[str],
    rows: "Callable[[PredictedSentence], Iterable[Sequence[str]]]",
    has_sources: bool,
    has_rows: bool,
    formulas: bool,
) -> Iterator[str]:
    """Write the rows of each text behind its number and, if asked for, its source and row."""
    sources, numbers = ["source"] * has_sources, ["row"] * has_rows
    yield "\t".join((*sources, "number", *numbers, *header))
    for number, result in enumerate(results, 1):
        source = [result.source or ""] * has_sources
        line = ["" if result.row is None else str(result.row)] * has_rows
        place = (*source, str(number), *line)
        for row in rows(result.sentence):
            cells = [field.translate(ESCAPED) for field in (*place, *row)]
            yield "\t".join(cells if formulas else map(without_formula, cells))


def _marked_spans(results: Iterable[Result]) -> Iterator[str]:
    """Yield texts with marked entities: coloured on a terminal, in brackets elsewhere."""
    paint = _Painter()
    for sentence in (result.sentence for result in results):
        pieces, end = [], 0
        for e in sentence.entities:
            pieces.append(visible(sentence.text[end : e.start]))
            pieces.append(paint(f"[{e.text} {e.label} {e.score:.2f}]", e.label))
            end = e.end
        yield "".join(pieces) + visible(sentence.text[end:])


def _marked_tokens(results: Iterable[Result], column: str) -> Iterator[str]:
    """Yield texts with the label of each token behind it."""
    paint = _Painter()
    for sentence in (result.sentence for result in results):
        pairs = zip(sentence.tokens, sentence.column(column), strict=True)
        yield " ".join(f"{visible(token)}/{paint(label, label)}" for token, label in pairs)


def _shaded_lines(results: Iterable[Result]) -> Iterator[str]:
    """Yield labels before their text, whose tokens are shaded by attention on a terminal."""
    from ner.data.attention_view import shade_terminal

    paint, color = _Painter(), coloured()
    for sentence in (result.sentence for result in results):
        found = sentence.prediction
        shown = paint(_labels(found), ", ".join(found.labels or ()))
        yield f"{shown}  {shade_terminal(sentence, _weights(sentence), color)}"


def _page(results: Iterable[Result], title: str) -> Iterator[str]:
    """Yield the lines of an HTML page with a section for each text."""
    from ner.data.html_view import Hues, html_page, sentence_html

    hues = Hues()

    def sections() -> Iterator[str]:
        for number, (sentence, _, source, row) in enumerate(results, 1):
            place = [str(number), source, None if row is None else f"row {row}"]
            yield sentence_html(sentence, ", ".join(filter(None, place)), hues)

    return html_page(sections(), title)


def _labels(found: "Prediction") -> str:
    """Name the labels of a text with their probabilities."""
    return ", ".join(f"{n} {found.probabilities[n]:.2f}" for n in found.labels or ()) or "(none)"


def _weights(sentence: "PredictedSentence") -> tuple[float, ...] | None:
    from ner.data.attention_view import token_weights

    return token_weights(sentence) if sentence.prediction.attention else None


class _Painter:
    """Colours each label in its own colour, as long as there are enough."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._coloured = coloured()

    def __call__(self, text: str, label: str) -> str:
        """Make a text harmless, and colour it on a terminal."""
        text = visible(text)
        colour = self._known.setdefault(label, COLOURS[len(self._known) % len(COLOURS)])
        return typer.style(text, fg=colour) if self._coloured else text


SECONDS_BETWEEN_DRAWINGS = 0.2
Watch = Callable[[Iterable["PredictedSentence"]], Iterator["PredictedSentence"]]


@contextmanager
def progress() -> Iterator[Watch]:
    """Yield a function that passes sentences on and counts them on stderr.

    It counts if stderr is a terminal and stdout is not the same one, and unless told to be quiet.
    """
    is_quiet = not logger.isEnabledFor(logging.INFO)
    if is_quiet or not sys.stderr.isatty() or sys.stdout.isatty():
        yield iter
        return
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    # Unless told otherwise, rich takes over what is printed and writes it to its own console.
    bar = Progress(
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    task = bar.add_task("", total=None)
    count, tokens, began, drawn = 0, 0, time.monotonic(), 0.0

    def watch(sentences: "Iterable[PredictedSentence]") -> "Iterator[PredictedSentence]":
        nonlocal count, tokens, drawn
        for sentence in sentences:
            yield sentence
            count, tokens, now = count + 1, tokens + len(sentence), time.monotonic()
            if now - drawn > SECONDS_BETWEEN_DRAWINGS:
                drawn, speed = now, tokens / max(now - began, 1e-9)
                bar.update(task, description=f"{count:,} texts  {speed:,.0f} tokens/s")

    with bar:
        yield watch
