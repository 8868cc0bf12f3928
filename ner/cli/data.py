"""`ner data`: check, stats, split, sample, convert, label, merge and suspects."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ner.choices import Misaligned, Overlapping, Spelling
from ner.cli.commands import Commands
from ner.cli.inputs import is_stream
from ner.cli.label import label
from ner.cli.merge import merge
from ner.cli.options import (
    READING,
    SEED,
    Json,
    NoFormulas,
    OnErrorOption,
    error_list,
    list_lost,
    list_notes,
    reading_corpora,
    refuse_own_input,
    with_options,
)
from ner.cli.printing import print_json, print_line, print_lines
from ner.cli.skipped import list_skipped
from ner.cli.suspects import suspects
from ner.errors import ConfigError
from ner.messages import tell

if TYPE_CHECKING:
    from ner.data.formats.options import ReadOptions
    from ner.data.spans import Notes
    from ner.data.tools.corpus_file import CorpusFile

data_app = Commands(
    name="data",
    help="Inspect, convert and split corpora.",
    no_args_is_help=True,
    add_completion=False,
)
data_app.command()(suspects)
data_app.command()(merge)
data_app.command()(label)
Source = Annotated[str, typer.Argument(metavar="FILE", help="Corpus in any format.")]
Seed = Annotated[int, SEED]


def corpora(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE", help="Corpora in any format.")
    ] = None,
    train: Annotated[
        str | None, typer.Option(help="Training corpus, with which the others are compared.")
    ] = None,
    dev: Annotated[str | None, typer.Option(help="Development corpus, named dev.")] = None,
    test: Annotated[str | None, typer.Option(help="Test corpus, named test.")] = None,
) -> dict[str, str]:
    """Name the files of a corpus by their splits, or as they are."""
    named = {"train": train, "dev": dev, "test": test}
    given = {name: source for name, source in named.items() if source is not None}
    sources = given | {source: source for source in files or ()}
    if len(sources) < len(given) + len(files or ()):
        raise ConfigError(f"FILE: each may be named only once. Got {' '.join(files or ())}.")
    if not sources:
        raise ConfigError("FILE: at least one is required, or --train, --dev or --test. Got none.")
    return sources


@data_app.command()
@with_options(sources=corpora, reading=reading_corpora)
def check(
    *,
    sources: dict[str, str],
    scheme: Annotated[
        Spelling | None,
        typer.Option(help="Scheme of the tags. By default, that of each file is inferred."),
    ] = None,
    fix: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT",
            help="Write corrected column files: white space, line ends, byte order marks and "
            "illegal tags are mended, spans stay. For several files, OUT is a folder.",
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Count warnings as errors, too.")
    ] = False,
    examples: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Number of places to list for each finding; 0 lists all. By default, it is 3, "
            "and 0 with --json.",
        ),
    ] = None,
    as_json: Json = False,
    reading: "ReadOptions",
) -> None:
    """Check the files of a corpus, and list what is wrong with them.

    The exit code is 1 if there are errors, and else 0. Notes are never errors.
    """
    from ner.data.tools.check import check_corpus
    from ner.data.tools.fix import fix_files

    report = check_corpus(sources, reading, scheme)
    fixed = [] if fix is None else fix_files(report.files, report.schemes, fix)
    if as_json:
        result = report.to_dict(examples or 0)
        result["fixed"] = [vars(file) for file in fixed]
        print_json(result)
    else:
        print_lines(report.lines(3 if examples is None else examples))
    for file in fixed:
        changes = ", ".join(f"{n} {what}" for what, n in file.changes.items() if n) or "nothing"
        tell(f"{file.path}: written from {file.source}; changed: {changes}.")
    if not report.passed(strict):
        raise typer.Exit(1)


@data_app.command()
@with_options(sources=corpora, reading=reading_corpora)
def stats(
    *,
    sources: dict[str, str],
    plot: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help="Draw labels and lengths into this image file."),
    ] = None,
    as_json: Json = False,
    reading: "ReadOptions",
) -> None:
    """Count what the files of a corpus hold, and how much of it is not in the first file."""
    from ner.data.tools.corpus_file import read_corpus_files
    from ner.data.tools.stats import corpus_stats
    from ner.plots import labels_and_lengths

    corpus_files = read_corpus_files(sources, reading)
    for file in corpus_files:
        list_notes(file.notes, file.name)
        if file.problems:
            raise file.problems[0]
    found = corpus_stats(corpus_files)
    if plot is not None:
        lengths = {
            file.name: [len(sentence) for sentence in file.sentences] for file in corpus_files
        }
        labels_and_lengths({file.name: file.labels for file in found.files}, lengths, plot)
    if as_json:
        print_json(found.to_dict())
        return
    print_lines(found.lines())


@data_app.command()
@with_options(reading=reading_corpora)
def split(
    *,
    source: Source,
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Folder for the files of the splits.")
    ],
    ratios: Annotated[
        tuple[float, float, float],
        typer.Option(help="Relative sizes of train, dev and test; a split of size 0 is left out."),
    ] = (80, 10, 10),
    seed: Seed = 0,
    as_json: Json = False,
    reading: "ReadOptions",
) -> None:
    """Split a corpus into train, dev and test, each with its share of every label.

    No document is in two splits. In a corpus without documents, no sentence is.
    """
    from ner.data.tools.corpus_file import labels_of, read_corpus_file
    from ner.data.tools.split import split_file

    file = read_corpus_file(source, source, reading)
    written, lost = split_file(file, out, ratios, seed)
    _warn_of_writer(file)
    facts = []
    for path, blocks in written.items():
        sentences = [block.sentence for block in blocks if block.sentence is not None]
        facts.append(
            {
                "path": path,
                "documents": len({b.document for b in blocks if b.sentence and b.document}),
                "sentences": len(sentences),
                "tokens": sum(map(len, sentences)),
                "labels": sum(1 for s in sentences for _ in labels_of(s, reading.target)),
            }
        )
    if as_json:
        print_json({"files": facts, "lost": lost})
        return
    for fact in facts:
        documents = f"{fact['documents']} documents, " if fact["documents"] else ""
        print_line(
            f"{fact['path']}: {documents}{fact['sentences']} sentences, {fact['tokens']} tokens, "
            f"{fact['labels']} labels."
        )
    list_lost(lost, "the format")


@data_app.command()
@with_options(reading=reading_corpora)
def sample(
    *,
    source: Source,
    number: Annotated[
        int, typer.Option("-n", "--number", min=1, help="Number of sentences to draw.")
    ],
    out: Annotated[
        str, typer.Option(help="File to write, in the same format, or - for standard output.")
    ] = "-",
    seed: Seed = 0,
    reading: "ReadOptions",
) -> None:
    """Draw sentences of a corpus at random, in its order and format."""
    from ner.data.tools.blocks import read_blocks, write_blocks
    from ner.data.tools.corpus_file import read_corpus_file
    from ner.data.tools.split import sample_blocks

    file = read_corpus_file(source, source, reading)
    _warn_of_writer(file)
    refuse_own_input(source, out)
    blocks = sample_blocks(read_blocks(file), number, seed)
    list_lost(write_blocks(blocks, file, out), "the format")


@data_app.command()
@with_options(reading=reading_corpora)
def convert(
    *,
    source: Annotated[str, typer.Argument(metavar="IN", help="Corpus in any format.")],
    out: Annotated[
        str,
        typer.Argument(
            metavar="OUT", help="File to write, a folder for brat, or - for standard output."
        ),
    ],
    to: Annotated[
        str | None,
        typer.Option(help="Format of the output. By default, the ending of OUT names it."),
    ] = None,
    output_encoding: Annotated[
        str, typer.Option(help="Character encoding of the output.")
    ] = "utf-8",
    scheme: Annotated[Spelling, typer.Option(help="Tag scheme of the output.")] = "BIO",
    drop: Annotated[
        bool, typer.Option("--drop", help="Leave out annotation that the output cannot hold.")
    ] = False,
    no_formulas: NoFormulas = False,
    reading: "ReadOptions",
    misaligned: Annotated[
        Misaligned,
        typer.Option(
            rich_help_panel=READING,
            help="Refuse spans that do not start and end at token boundaries, snap them outwards "
            "to the tokens that they touch, split the tokens that they cut, or drop them.",
        ),
    ] = "refuse",
    overlapping: Annotated[
        Overlapping,
        typer.Option(
            rich_help_panel=READING,
            help="Refuse spans that overlap, nest or have gaps, or drop all but the longest.",
        ),
    ] = "refuse",
    on_error: OnErrorOption = "raise",
    as_json: Json = False,
) -> None:
    """Convert a corpus to another format, and list what is changed or lost."""
    from ner.data.formats.detection import detect_format, format_to_write
    from ner.data.formats.read import stream_sentences
    from ner.data.formats.registry import FORMATS, find_format
    from ner.data.formats.write import write_sentences
    from ner.data.spans import Notes

    refuse_own_input(source, out)
    is_stream(source)  # a pipe is opened, and read once
    given = reading.format
    read_as = find_format(given) if given else detect_format(source, reading.encoding)
    write_as = format_to_write(Path(out)) if to is None else find_format(to)
    if write_as is None:
        names = " ".join(name for name, known in FORMATS.items() if known.lines or known.save)
        raise ConfigError(f"--to: must name the format of the output, one of {names}. Got none.")
    if given is None:
        tell(f"{source}: read as {read_as.name} ({read_as.about}).")
    notes = Notes()
    reading = reading.updated(
        format=read_as.name,
        misaligned=misaligned,
        overlapping=overlapping,
        problems=error_list(on_error),
        notes=notes,
    )
    written = write_sentences(
        stream_sentences(source, reading),
        out,
        write_as,
        scheme=scheme,
        encoding=output_encoding,
        drop=drop,
        target=reading.target,
        tokenize=reading.tokenizer,
        formulas=not no_formulas,
    )
    for line in _changes(notes, source):
        tell(line)
    list_skipped(reading.problems)
    if as_json:
        facts = {
            "read_as": read_as.name,
            "written_as": write_as.name,
            **vars(written),
            **vars(notes),
            "skipped": list(map(str, reading.problems or ())),
        }
        print_json(facts, to_stderr=out == "-")
        return
    list_lost(written.lost, write_as.name)
    if written.columns is not None:
        tell(f"{out}: its columns are {' '.join(written.columns)}.")
    tell(
        f"{out}: written as {write_as.name}: {written.sentences} sentences, "
        f"{written.tokens} tokens, {written.entities} entities."
    )


def _warn_of_writer(file: "CorpusFile") -> None:
    from ner.data.tools.blocks import is_copied

    list_notes(file.notes, file.name)
    if not is_copied(file):
        tell(
            f"{file.source}: the output is written from the sentences alone. Other fields of "
            f"{file.format.name} files are left out."
        )


def _changes(notes: "Notes", source: str) -> Iterator[str]:
    """List what reading guessed, changed and left out, and what may be wrong with it."""
    yield from (f"Warning: {warning}" for warning in notes.warnings)
    for guess in notes.guesses:
        yield f"{source}: {guess}"
    yield from notes.changes
    if notes.changes:
        yield f"Changed or left out {len(notes.changes)} spans or texts."
    for kind, count in notes.ignored.items():
        yield f"ignored: {count} {kind}."
