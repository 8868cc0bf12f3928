"""`ner data convert`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ner.cli.options import (
    Columns,
    Encoding,
    FormatOption,
    Json,
    MisalignedOption,
    MisalignedSpans,
    OnError,
    OnErrorOption,
    OverlappingOption,
    OverlappingSpans,
    Pretokenized,
    Tags,
    TargetColumn,
    WrittenScheme,
    list_lost,
    list_skipped,
    refuse_own_input,
    split_columns,
)
from ner.errors import ConfigError, DataError

if TYPE_CHECKING:
    from ner.data.spans import Notes

data_app = typer.Typer(help="Look at data, and change its form.", no_args_is_help=True)


@data_app.command()
def convert(
    source: Annotated[str, typer.Argument(metavar="IN", help="A corpus, as for ner train.")],
    out: Annotated[str, typer.Argument(help="A file, a folder for brat, or - for stdout.")],
    format_: FormatOption = None,
    to: Annotated[
        str | None, typer.Option(help="Format of the output; by default its ending says it.")
    ] = None,
    encoding: Encoding = "utf-8",
    output_encoding: Annotated[str, typer.Option(help="Of the output.")] = "utf-8",
    scheme: Annotated[
        WrittenScheme, typer.Option(help="Of the tags that are written.")
    ] = WrittenScheme.BIO,
    columns: Columns = None,
    tags: Tags = None,
    target: TargetColumn = None,
    pretokenized: Pretokenized = False,
    misaligned: MisalignedOption = MisalignedSpans.REFUSE,
    overlapping: OverlappingOption = OverlappingSpans.REFUSE,
    drop: Annotated[
        bool, typer.Option("--drop", help="Leave out annotation that the output cannot hold.")
    ] = False,
    on_error: OnErrorOption = OnError.RAISE,
    as_json: Json = False,
) -> None:
    """Convert a corpus from one format to another; nothing is lost in silence."""
    from ner.data.formats.detection import detect_format, format_to_write
    from ner.data.formats.options import ReadOptions
    from ner.data.formats.read import stream_sentences
    from ner.data.formats.records import cut_at_blanks
    from ner.data.formats.registry import FORMATS, find_format
    from ner.data.formats.write import write_sentences
    from ner.data.spans import Notes
    from ner.data.tokenizer import Tokenizer

    refuse_own_input(source, out)
    read_as = detect_format(source, encoding) if format_ is None else find_format(format_)
    write_as = format_to_write(Path(out)) if to is None else find_format(to)
    if write_as is None:
        names = " ".join(name for name, one in FORMATS.items() if one.lines or one.save)
        raise ConfigError(f"ner data convert: --to must say one of {names} for {out!r}.")
    if format_ is None:
        typer.echo(f"{source}: read as {read_as.name} ({read_as.about}).", err=True)
    tokenize = cut_at_blanks if pretokenized else Tokenizer()
    problems: list[DataError] | None = [] if on_error is OnError.SKIP else None
    notes = Notes()
    options = ReadOptions(
        format=read_as.name,
        encoding=encoding,
        misaligned=misaligned.value,
        overlapping=overlapping.value,
        columns=split_columns(columns),
        tags=tags,
        target=target,
        tokenize=tokenize,
        problems=problems,
        notes=notes,
    )
    written = write_sentences(
        stream_sentences(source, options),
        out,
        write_as,
        scheme=scheme.value,
        encoding=output_encoding,
        drop=drop,
        target=target,
        tokenize=tokenize,
    )
    for line in listing(notes):
        typer.echo(line, err=True)
    list_skipped(problems)
    if as_json:
        facts = {
            "read_as": read_as.name,
            "written_as": write_as.name,
            **vars(written),
            **vars(notes),
            "skipped": list(map(str, problems or ())),
        }
        typer.echo(json.dumps(facts, indent=1), err=out == "-")
        return
    list_lost(written.lost, write_as.name)
    typer.echo(
        f"{out}: written as {write_as.name}: {written.sentences} sentences, "
        f"{written.tokens} tokens, {written.entities} entities.",
        err=True,
    )


def listing(notes: "Notes") -> Iterator[str]:
    """Show what reading changed and left out."""
    yield from notes.changes
    if notes.changes:
        yield f"{len(notes.changes)} spans or texts changed or left out."
    for kind, count in notes.ignored.items():
        yield f"not kept: {count} {kind}."
