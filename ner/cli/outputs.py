"""What `ner tag` and `ner classify` print."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

import typer

from ner.choices import Spelling

if TYPE_CHECKING:
    from ner.data.sentence import PredictedSentence, Prediction

COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red")

ESCAPED = {9: "\\t", 10: "\\n", 13: "\\r", 92: "\\\\"}

Output = Literal["jsonl", "conll", "tsv", "pretty"]

ClassOutput = Literal["jsonl", "tsv", "pretty", "html"]


class Result(NamedTuple):
    """A sentence with its prediction.

    Args:
        sentence: The sentence.
        source: The file that it comes from; None if there is only one source, or it is a text.
    """

    sentence: "PredictedSentence"
    source: str | None = None


def coloured() -> bool:
    """Whether whoever reads the output sees colours, and wants them."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def print_lines(lines: Iterable[str]) -> None:
    """Print lines as they come; halves of UTF-16 pairs, which no file can hold, are replaced."""
    from ner.data.lines import replace_surrogates

    for line in lines:
        sys.stdout.write(replace_surrogates(line) + "\n")
    sys.stdout.flush()


def tagged_lines(
    results: Iterable[Result],
    output: Literal["jsonl", "tsv", "pretty"],
    column: str | None,
    *,
    has_sources: bool,
) -> Iterator[str]:
    """Yield lines for predicted spans, or for a predicted column.

    Args:
        results: What was predicted.
        output: The form of the lines; `conll_rows` writes CoNLL.
        column: The name of the column; None for spans.
        has_sources: Whether a table has a column of sources.
    """
    match output:
        case "jsonl":
            return _json_rows(results)
        case "tsv":
            header = ("start", "end", "label", "score", "text")
            rows = _span_rows if column is None else partial(_token_rows, column=column)
            return _table(results, header, rows, has_sources)
        case "pretty":
            return _marked_spans(results) if column is None else _marked_tokens(results, column)


def class_lines(
    results: Iterable[Result], output: ClassOutput, *, has_sources: bool
) -> Iterator[str]:
    """Yield lines for predicted labels of texts; the arguments are those of `tagged_lines`."""
    match output:
        case "jsonl":
            return _json_rows(results)
        case "tsv":
            return _table(results, ("label", "probability", "text"), _class_rows, has_sources)
        case "pretty":
            return _shaded_lines(results)
        case "html":
            return _shaded_page(results)


def _json_rows(results: Iterable[Result]) -> Iterator[str]:
    """Yield a JSON object for each result."""
    from ner.data.formats.json_text import dump
    from ner.data.formats.jsonl import jsonl_record

    for sentence, source in results:
        record = jsonl_record(sentence)
        yield dump(record if source is None else {"source": source, **record})


def conll_rows(
    tagged: "Iterable[PredictedSentence]", column: str | None, scheme: Spelling
) -> Iterator[str]:
    """Yield rows of tokens with their predicted tags, or with a predicted column.

    Args:
        tagged: The sentences.
        column: The name of the column; None for tags.
        scheme: The scheme of the tags.
    """
    from ner.data.formats.conll import write_conll

    if column is None:
        return write_conll(tagged, scheme)
    found = (s.replace(columns={column: s.column(column)}) for s in tagged)
    return write_conll(found, columns=[column], tagged=False)


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
) -> Iterator[str]:
    """Write the rows of each text behind its number and, if there are several, its source."""
    yield "\t".join((*(["source"] if has_sources else []), "number", *header))
    for number, (sentence, source) in enumerate(results, 1):
        place = (*([source or ""] if has_sources else []), str(number))
        for row in rows(sentence):
            yield "\t".join(field.translate(ESCAPED) for field in (*place, *row))


def _marked_spans(results: Iterable[Result]) -> Iterator[str]:
    """Yield texts with marked entities: coloured on a terminal, in brackets elsewhere."""
    paint = _Painter()
    for sentence, _ in results:
        pieces, end = [], 0
        for e in sentence.entities:
            pieces.append(sentence.text[end : e.start])
            pieces.append(paint(f"[{e.text} {e.label} {e.score:.2f}]", e.label))
            end = e.end
        yield "".join(pieces) + sentence.text[end:]


def _marked_tokens(results: Iterable[Result], column: str) -> Iterator[str]:
    """Yield texts with the label of each token behind it."""
    paint = _Painter()
    for sentence, _ in results:
        pairs = zip(sentence.tokens, sentence.column(column), strict=True)
        yield " ".join(f"{token}/{paint(label, label)}" for token, label in pairs)


def _shaded_lines(results: Iterable[Result]) -> Iterator[str]:
    """Yield labels before their text, whose tokens are shaded by attention on a terminal."""
    from ner.inference.attention_view import shade_terminal

    paint, color = _Painter(), coloured()
    for sentence, _ in results:
        found = sentence.prediction
        shown = paint(_labels(found), ", ".join(found.labels or ()))
        yield f"{shown}  {shade_terminal(sentence, _weights(sentence), color)}"


def _shaded_page(results: Iterable[Result]) -> Iterator[str]:
    """Yield the lines of an HTML page with texts whose tokens are shaded by attention."""
    from ner.inference.attention_view import html_page, shade_html

    def paragraphs() -> Iterator[str]:
        for number, (sentence, source) in enumerate(results, 1):
            place = f"{number}." if source is None else f"{number}. {source}:"
            caption = f"{place} {_labels(sentence.prediction)}"
            yield shade_html(sentence, _weights(sentence), caption)

    return html_page(paragraphs(), "Labels of texts")


def _labels(found: "Prediction") -> str:
    """Name the labels of a text with their probabilities."""
    return ", ".join(f"{n} {found.probabilities[n]:.2f}" for n in found.labels or ()) or "(none)"


def _weights(sentence: "PredictedSentence") -> tuple[float, ...] | None:
    from ner.inference.attention_view import token_weights

    return token_weights(sentence) if sentence.prediction.attention else None


class _Painter:
    """Colours each label in its own colour, as long as there are enough."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._coloured = coloured()

    def __call__(self, text: str, label: str) -> str:
        """Colour a text, on a terminal."""
        colour = self._known.setdefault(label, COLOURS[len(self._known) % len(COLOURS)])
        return typer.style(text, fg=colour) if self._coloured else text


SECONDS_BETWEEN_DRAWINGS = 0.2

Watch = Callable[[Iterable["PredictedSentence"]], Iterator["PredictedSentence"]]


@contextmanager
def progress() -> Iterator[Watch]:
    """Yield a function that passes sentences on and counts them on stderr.

    It counts if stderr is a terminal and stdout is not the same one.
    """
    if not sys.stderr.isatty() or sys.stdout.isatty():
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
