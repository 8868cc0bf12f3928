"""`ner data check`, `stats`, `split` and `sample`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ner.cli.options import (
    Columns,
    Encoding,
    FormatOption,
    Json,
    Pretokenized,
    Tags,
    TargetColumn,
    WrittenScheme,
    list_lost,
    refuse_own_input,
    split_columns,
)
from ner.errors import ConfigError

if TYPE_CHECKING:
    from ner.data.formats.options import ReadOptions
    from ner.data.tools.corpus_file import CorpusFile

Files = Annotated[
    list[str] | None, typer.Argument(metavar="[FILE]...", help="Corpora, as for ner train.")
]

Source = Annotated[str, typer.Argument(metavar="FILE", help="A corpus, as for ner train.")]

Train = Annotated[str | None, typer.Option(help="The file for training; it is the first.")]

Dev = Annotated[str | None, typer.Option(help="The file for development.")]

Test = Annotated[str | None, typer.Option(help="The file for the last test.")]

Seed = Annotated[int, typer.Option(help="Another seed chooses otherwise.")]


def check(
    files: Files = None,
    train: Train = None,
    dev: Dev = None,
    test: Test = None,
    scheme: Annotated[
        WrittenScheme | None,
        typer.Option(help="Of the tags; by default the scheme of each file is inferred."),
    ] = None,
    fix: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT",
            help="Write column files anew, with white space, line ends, byte order marks and "
            "illegal tags mended; the spans stay as they are read. A folder for several files.",
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail for warnings, too.")] = False,
    examples: Annotated[
        int | None,
        typer.Option(min=0, help="Places of each finding; 0 for all. By default 3, all in JSON."),
    ] = None,
    format_: FormatOption = None,
    encoding: Encoding = "utf-8",
    columns: Columns = None,
    tags: Tags = None,
    target: TargetColumn = None,
    pretokenized: Pretokenized = False,
    as_json: Json = False,
) -> None:
    """Look for what is wrong with the files of a corpus.

    The exit code is 0 if there are no errors, and 1 if there are; with --strict, warnings count as
    errors. Notes never do.
    """
    from ner.data.tools.check import check_corpus
    from ner.data.tools.fix import fix_parts

    options = _options(format_, encoding, columns, tags, target, pretokenized)
    sources = _named("check", files, train, dev, test)
    report = check_corpus(sources, options, None if scheme is None else scheme.value)
    fixed = [] if fix is None else fix_parts(report.parts, report.schemes, fix)
    if as_json:
        result = report.to_dict(examples or 0)
        result["fixed"] = [vars(one) for one in fixed]
        typer.echo(json.dumps(result, indent=1))
    else:
        for line in report.lines(3 if examples is None else examples):
            typer.echo(line)
    for one in fixed:
        changes = ", ".join(f"{n} {what}" for what, n in one.changes.items() if n) or "nothing"
        typer.echo(f"{one.path}: written from {one.source}; changed: {changes}.", err=True)
    if not report.passed(strict):
        raise typer.Exit(1)


def stats(
    files: Files = None,
    train: Train = None,
    dev: Dev = None,
    test: Test = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Draw labels and lengths into this file.")
    ] = None,
    format_: FormatOption = None,
    encoding: Encoding = "utf-8",
    columns: Columns = None,
    tags: Tags = None,
    target: TargetColumn = None,
    pretokenized: Pretokenized = False,
    as_json: Json = False,
) -> None:
    """Count what the files of a corpus hold, and how much of it is new after the first."""
    from ner.data.tools.corpus_file import read_parts
    from ner.data.tools.stats import corpus_stats
    from ner.plots import labels_and_lengths

    options = _options(format_, encoding, columns, tags, target, pretokenized)
    parts = read_parts(_named("stats", files, train, dev, test), options)
    for part in parts:
        if part.problems:
            raise part.problems[0]
        if part.notes.changes:
            count, first = len(part.notes.changes), part.notes.changes[0]
            typer.echo(f"{part.name}: {count} spans are not counted. The first: {first}", err=True)
    found = corpus_stats(parts)
    if plot is not None:
        lengths = {part.name: [len(sentence) for sentence in part.sentences] for part in parts}
        labels_and_lengths({part.name: part.labels for part in found.parts}, lengths, plot)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=1))
        return
    for line in found.lines():
        typer.echo(line)


def split(
    source: Source,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the parts are written.")],
    ratios: Annotated[
        tuple[float, float, float],
        typer.Option(help="Sizes of train, dev and test; one of 0 is not written."),
    ] = (80, 10, 10),
    seed: Seed = 0,
    format_: FormatOption = None,
    encoding: Encoding = "utf-8",
    columns: Columns = None,
    tags: Tags = None,
    target: TargetColumn = None,
    pretokenized: Pretokenized = False,
    as_json: Json = False,
) -> None:
    """Split a corpus into train, dev and test, each with its share of every label.

    No document is in two parts, and where there are no documents, no sentence is.
    """
    from ner.data.tools.corpus_file import labels_of, read_part
    from ner.data.tools.split import split_part

    options = _options(format_, encoding, columns, tags, target, pretokenized)
    part = read_part(source, source, options)
    written, lost = split_part(part, out, ratios, seed)
    _warn_of_writer(part)
    facts = []
    for path, pieces in written.items():
        sentences = [piece.sentence for piece in pieces if piece.sentence is not None]
        facts.append(
            {
                "path": path,
                "documents": len({p.document for p in pieces if p.sentence and p.document}),
                "sentences": len(sentences),
                "tokens": sum(map(len, sentences)),
                "labels": sum(1 for s in sentences for _ in labels_of(s, target)),
            }
        )
    if as_json:
        typer.echo(json.dumps({"files": facts, "lost": lost}, indent=1))
        return
    for fact in facts:
        documents = f"{fact['documents']} documents, " if fact["documents"] else ""
        typer.echo(
            f"{fact['path']}: {documents}{fact['sentences']} sentences, {fact['tokens']} tokens, "
            f"{fact['labels']} labels."
        )
    list_lost(lost, "the format")


def sample(
    source: Source,
    number: Annotated[int, typer.Option("-n", "--number", min=1, help="Of sentences.")],
    out: Annotated[str, typer.Option(help="A file of the same format; - for stdout.")] = "-",
    seed: Seed = 0,
    format_: FormatOption = None,
    encoding: Encoding = "utf-8",
    columns: Columns = None,
    tags: Tags = None,
    target: TargetColumn = None,
    pretokenized: Pretokenized = False,
) -> None:
    """Draw sentences of a corpus at random, in its order and format."""
    from ner.data.tools.blocks import read_pieces, write_pieces
    from ner.data.tools.corpus_file import read_part
    from ner.data.tools.split import sample_pieces

    options = _options(format_, encoding, columns, tags, target, pretokenized)
    part = read_part(source, source, options)
    _warn_of_writer(part)
    refuse_own_input(source, out)
    pieces = sample_pieces(read_pieces(part), number, seed)
    list_lost(write_pieces(pieces, part, out), "the format")


def _warn_of_writer(part: "CorpusFile") -> None:
    from ner.data.tools.blocks import is_copied

    if not is_copied(part):
        typer.echo(
            f"{part.source}: {part.format.name} is written anew; what no sentence holds, such as "
            "unknown fields, is left out.",
            err=True,
        )


def _named(
    command: str, files: list[str] | None, train: str | None, dev: str | None, test: str | None
) -> dict[str, str]:
    """Name the files by their splits, or as they are."""
    named = {"train": train, "dev": dev, "test": test}
    given = {name: source for name, source in named.items() if source is not None}
    sources = given | {source: source for source in files or ()}
    if len(sources) < len(given) + len(files or ()):
        raise ConfigError(f"ner data {command}: each FILE once. Got {' '.join(files or ())}.")
    if not sources:
        raise ConfigError(f"ner data {command}: needs FILE, --train, --dev or --test.")
    return sources


def _options(
    format_: str | None,
    encoding: str,
    columns: str | None,
    tags: str | None,
    target: str | None,
    pretokenized: bool,
) -> "ReadOptions":
    from ner.data.formats.options import ReadOptions
    from ner.data.formats.records import cut_at_blanks

    return ReadOptions(
        format=format_,
        encoding=encoding,
        columns=split_columns(columns),
        tags=tags,
        target=target,
        tokenize=cut_at_blanks if pretokenized else None,
    )
