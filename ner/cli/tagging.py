"""`ner tag`."""

import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ner.cli.options import Columns, Device, OnError, OnErrorOption, split_columns
from ner.errors import DataError

if TYPE_CHECKING:
    from ner.data.sentence import Sentence
    from ner.tagger import Tagger


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


class TagScheme(StrEnum):
    """How tags are spelt."""

    BIO = "BIO"
    BIOES = "BIOES"
    IOB1 = "IOB1"


ENDINGS = {
    Format.CONLL: (".conll", ".iob", ".bio", ".bioes", ".bmes", ".col", ".tsv"),
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
    device: Device = "cpu",
    on_error: OnErrorOption = OnError.RAISE,
) -> None:
    """Find entities in texts."""
    is_file = source == "-" or Path(source).exists()
    chosen = format_ or _guess_format(source, is_file)
    if not is_file and (chosen in (Format.CONLL, Format.JSONL) or _looks_like_path(source)):
        raise DataError(f"{source}: no such file.")
    if output is None:
        fallback = Output.CONLL if chosen is Format.CONLL else Output.JSONL
        output = Output.PRETTY if sys.stdout.isatty() else fallback

    from ner.tagger import load

    tagger = load(model, device=device)
    problems: list[DataError] | None = [] if on_error is OnError.SKIP else None
    rows = _rows(tagger, source, is_file, chosen, output, scheme, columns, problems)
    for row in rows:
        sys.stdout.write(row + "\n")
    sys.stdout.flush()
    for problem in problems or ():
        sys.stderr.write(f"skipped: {problem}\n")
    if problems:
        sys.stderr.write(f"{len(problems)} skipped.\n")


def _guess_format(source: str, is_file: bool) -> Format:
    if not is_file:
        return Format.TEXT
    for format_, endings in ENDINGS.items():
        if source.lower().endswith(endings):
            return format_
    return Format.LINES


def _looks_like_path(source: str) -> bool:
    endings = tuple(ending for some in ENDINGS.values() for ending in some)
    return not any(c.isspace() for c in source) and source.lower().endswith(endings)


def _rows(
    tagger: "Tagger",
    source: str,
    is_file: bool,
    format_: Format,
    output: Output,
    scheme: TagScheme,
    columns: str | None,
    problems: list[DataError] | None,
) -> Iterator[str]:
    from ner.data.conll import annotate_conll, read_conll, write_conll
    from ner.data.jsonl import read_jsonl, write_jsonl
    from ner.data.lines import decode_line, read_lines

    name = "stdin" if source == "-" else source
    names = split_columns(columns)
    lines = read_lines(source) if is_file else iter(())
    if format_ is Format.CONLL and output is Output.CONLL:
        return annotate_conll(
            lines, tagger.pipe, name, scheme.value, columns=names, problems=problems
        )
    items: Iterable[str | Sentence]
    match format_:
        case Format.CONLL:
            items = read_conll(lines, name, names, None, problems)
        case Format.JSONL:
            items = read_jsonl(lines, name, tagger.tokenizer, problems)
        case Format.LINES if is_file:
            items = (decode_line(raw, i, name) for i, raw in enumerate(lines, 1))
        case Format.TEXT if is_file:
            items = ["\n".join(decode_line(raw, i, name) for i, raw in enumerate(lines, 1))]
        case _:
            items = [source]
    tagged = tagger.pipe(items)
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
    colours = ("cyan", "magenta", "green", "yellow", "blue", "red")
    known: dict[str, str] = {}
    for sentence in sentences:
        pieces, end = [], 0
        for e in sentence.entities:
            colour = known.setdefault(e.label, colours[len(known) % len(colours)])
            pieces.append(sentence.text[end : e.start])
            name = f"[{e.text} {e.label} {e.score:.2f}]"
            pieces.append(typer.style(name, fg=colour) if sys.stdout.isatty() else name)
            end = e.end
        yield "".join(pieces) + sentence.text[end:]
