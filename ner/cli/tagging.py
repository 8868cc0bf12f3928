"""`ner tag`."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ner.cli.options import (
    Columns,
    Device,
    OnError,
    OnErrorOption,
    Precision,
    PrecisionOption,
    Runtime,
    RuntimeOption,
    TagScheme,
    Threads,
    list_skipped,
    split_columns,
)
from ner.errors import ConfigError, DataError

if TYPE_CHECKING:
    from ner.data.sentence import Sentence
    from ner.data.tokenizer import Tokenizer


class Format(StrEnum):
    """What the input is."""

    TEXT = "text"
    LINES = "lines"
    CONLL = "conll"
    JSONL = "jsonl"


class Output(StrEnum):
    """What the output is."""

    JSONL = "jsonl"
    CONLL = "conll"
    TSV = "tsv"
    PRETTY = "pretty"


CONLL_RELEASE = (".train", ".testa", ".testb")  # as in eng.testa
ENDINGS = {
    Format.CONLL: (".conll", ".iob", ".bio", ".bioes", ".bmes", ".col", ".tsv", *CONLL_RELEASE),
    Format.JSONL: (".jsonl", ".ndjson"),
    Format.LINES: (".txt",),
}


def tag(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    source: Annotated[
        str, typer.Argument(metavar="[TEXT|FILE|-]", help="A text, a file, or - for stdin.")
    ] = "-",
    format_: Annotated[
        Format | None,
        typer.Option(
            "--format",
            help="text: all of it is one text; lines: each line is. By default a file's ending "
            "decides, else lines.",
        ),
    ] = None,
    output: Annotated[
        Output | None,
        typer.Option(help="By default pretty on a terminal, else conll for conll, else jsonl."),
    ] = None,
    scheme: Annotated[TagScheme, typer.Option(help="Of the tags in conll output.")] = TagScheme.BIO,
    columns: Columns = None,
    runtime: RuntimeOption = Runtime.AUTO,
    precision: PrecisionOption = Precision.FP32,
    device: Device = "cpu",
    threads: Threads = None,
    batch_tokens: Annotated[
        int | None, typer.Option(min=1, help="Tokens of a batch, padding included.")
    ] = None,
    split_sentences: Annotated[
        bool, typer.Option("--split-sentences", help="Tag each sentence of a text by itself.")
    ] = False,
    language: Annotated[
        str, typer.Option(help="Of the texts, for --split-sentences: an ISO 639 code.")
    ] = "en",
    filled_lines: Annotated[
        bool,
        typer.Option(
            "--filled-lines",
            help="Lines are filled up to a width: blank lines alone end sentences.",
        ),
    ] = False,
    on_error: OnErrorOption = OnError.RAISE,
) -> None:
    """Find entities in texts."""
    is_file = source == "-" or _exists(source)
    chosen = format_ or _guess_format(source, is_file)
    if not is_file and chosen in (Format.CONLL, Format.JSONL):
        raise DataError(f"{source}: no such file.")
    if not is_file and format_ is None and _looks_like_path(source):
        raise DataError(f"{source}: no such file. If it is a text, say --format text.")
    if columns is not None and chosen is not Format.CONLL:
        raise ConfigError(f"ner tag: --columns names those of conll input. Got {chosen} input.")
    if output is None:
        fallback = Output.CONLL if chosen is Format.CONLL else Output.JSONL
        output = Output.PRETTY if sys.stdout.isatty() else fallback

    from ner.cli.progress import with_progress
    from ner.data.conll import annotate_conll
    from ner.data.lines import read_lines, replace_surrogates
    from ner.data.sentences import SentenceSplitter
    from ner.decoding import BATCH_TOKENS
    from ner.loading import load
    from ner.tagger import WINDOW

    lines = read_lines(source) if is_file else ()
    name = "stdin" if source == "-" else source
    tagger = load(
        model, runtime=runtime.value, precision=precision.value, device=device, threads=threads
    )
    # Whoever types the lines wants an answer after each.
    typed = source == "-" and sys.stdin.isatty()
    window = 1 if typed else WINDOW
    split = SentenceSplitter(language, lines=not filled_lines) if split_sentences else None

    def pipe(items: "Iterable[str | Sentence]") -> "Iterator[Sentence]":
        size = batch_tokens or BATCH_TOKENS
        return with_progress(tagger.pipe(items, batch_tokens=size, window=window, split=split))

    problems: list[DataError] | None = [] if on_error is OnError.SKIP else None
    names = split_columns(columns) or tagger.columns
    if chosen is Format.CONLL and output is Output.CONLL:
        rows = annotate_conll(lines, pipe, name, scheme.value, columns=names, problems=problems)
    else:
        if is_file:
            items = _read(lines, name, chosen, names, tagger.tokenizer, problems)
        else:
            items = source.split("\n") if chosen is Format.LINES else [source]
        rows = _write(pipe(items), output, scheme)
    for row in rows:
        sys.stdout.write(replace_surrogates(row) + "\n")
    sys.stdout.flush()
    list_skipped(problems)


def _exists(source: str) -> bool:
    try:
        return source != "" and Path(source).exists()
    except (OSError, ValueError):  # a text that can be no name, such as a long one
        return False


def _guess_format(source: str, is_file: bool) -> Format:
    if not is_file:
        return Format.TEXT
    for format_, endings in ENDINGS.items():
        if source.lower().endswith(endings):
            return format_
    return Format.LINES


def _looks_like_path(source: str) -> bool:
    endings = tuple(ending for some in ENDINGS.values() for ending in some)
    beginnings = ("/", "./", "../", "~/")
    one_word = not any(c.isspace() for c in source)
    return one_word and (source.lower().endswith(endings) or source.startswith(beginnings))


def _read(
    lines: Iterable[bytes],
    name: str,
    format_: Format,
    columns: Sequence[str] | None,
    tokenizer: "Tokenizer",
    problems: list[DataError] | None,
) -> "Iterable[str | Sentence]":
    from ner.data.conll import read_conll
    from ner.data.jsonl import read_jsonl

    match format_:
        case Format.CONLL:
            return read_conll(lines, name, columns, None, problems)
        case Format.JSONL:
            return read_jsonl(lines, name, tokenizer, problems)
        case Format.LINES:
            return _decoded(lines, name, problems)
        case Format.TEXT:
            return ["\n".join(_decoded(lines, name, problems))]


def _decoded(lines: Iterable[bytes], name: str, problems: list[DataError] | None) -> Iterator[str]:
    from ner.data.lines import decode_line

    for number, raw in enumerate(lines, 1):
        try:
            yield decode_line(raw, number, name)
        except DataError as problem:
            if problems is None:
                raise
            problems.append(problem)


def _write(tagged: "Iterable[Sentence]", output: Output, scheme: TagScheme) -> Iterator[str]:
    from ner.data.conll import write_conll
    from ner.data.jsonl import write_jsonl

    match output:
        case Output.JSONL:
            return write_jsonl(tagged)
        case Output.CONLL:
            return write_conll(tagged, scheme.value)
        case Output.TSV:
            return _tsv(tagged)
        case Output.PRETTY:
            return _pretty(tagged)


def _tsv(sentences: Iterable["Sentence"]) -> Iterator[str]:
    yield "number\tstart\tend\tlabel\tscore\ttext"
    for number, sentence in enumerate(sentences, 1):
        for e in sentence.entities:
            text = e.text.translate({9: "\\t", 10: "\\n", 13: "\\r", 92: "\\\\"})
            yield f"{number}\t{e.start}\t{e.end}\t{e.label}\t{e.score:.6f}\t{text}"


def _pretty(sentences: Iterable["Sentence"]) -> Iterator[str]:
    """Mark entities in the text: coloured on a terminal, in brackets elsewhere."""
    coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    colours = ("cyan", "magenta", "green", "yellow", "blue", "red")
    known: dict[str, str] = {}
    for sentence in sentences:
        pieces, end = [], 0
        for e in sentence.entities:
            colour = known.setdefault(e.label, colours[len(known) % len(colours)])
            pieces.append(sentence.text[end : e.start])
            name = f"[{e.text} {e.label} {e.score:.2f}]"
            pieces.append(typer.style(name, fg=colour) if coloured else name)
            end = e.end
        yield "".join(pieces) + sentence.text[end:]
