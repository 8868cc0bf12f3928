"""`ner data label`."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ner.cli.inputs import Input, Sources, open_inputs
from ner.cli.options import (
    OnErrorOption,
    error_list,
    list_lost,
    list_notes,
    list_skipped,
    reading_corpora,
    refuse_own_input,
    with_options,
)
from ner.errors import ConfigError, DataError
from ner.messages import tell

if TYPE_CHECKING:
    from ner.data.formats.options import ReadOptions
    from ner.data.sentence import Sentence
    from ner.rules.rules import Rules


@with_options(reading=reading_corpora)
def label(
    *,
    rules: Annotated[Path, typer.Argument(metavar="RULES", help="TOML file of rules.")],
    sources: Sources = None,
    out: Annotated[
        str, typer.Option("-o", "--out", metavar="FILE", help="File to write, or - for stdout.")
    ] = "-",
    teacher: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="NAME",
            help="Name of one teacher, who finds nothing outside of the matches. By default, each "
            "rule is a teacher, and tokens that it does not match stay open.",
        ),
    ] = None,
    column: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Keep the annotation, and write the matches as tags in a column of this name, "
            "which a model can read (inputs.columns).",
        ),
    ] = None,
    on_error: OnErrorOption = "raise",
    reading: "ReadOptions",
) -> None:
    """Label texts by rules, for ner data merge; or add the matches of rules as a column."""
    from ner.rules.rules import Rules

    if teacher is not None and column is not None:
        raise ConfigError("--as: is for labels, and goes without --column. Got both.")
    found = Rules.load(rules)
    reading = reading.updated(problems=error_list(on_error))
    inputs = open_inputs(sources, reading, "data label")
    for given in inputs:
        refuse_own_input(given.source, out, "--out")
    sentences = (sentence for given in inputs for sentence in _read(given, reading))
    if column is None:
        _write_records(found, sentences, out, teacher)
    else:
        _write_column(found, sentences, out, column)
    for given in inputs:
        list_notes(given.fields.notes, given.name)
    list_skipped(reading.problems)


def _read(given: Input, reading: "ReadOptions") -> "Iterator[Sentence]":
    """Yield the sentences of a corpus, or the texts of a file of texts."""
    from ner.data.formats.read import stream_sentences
    from ner.data.sentence import Sentence

    if not given.is_text:
        options = reading.updated(format=given.format, notes=given.fields.notes)
        yield from stream_sentences(given.source, options)
        return
    for text in given.texts(reading.tokenizer):
        if isinstance(text, str):
            tokens, offsets = reading.tokenizer(text)
            yield Sentence(tokens, text=text, offsets=offsets)
        elif isinstance(text, Sentence):
            yield text


def _write_records(
    rules: "Rules", sentences: "Iterable[Sentence]", out: str, teacher: str | None
) -> None:
    """Write a record of JSON lines for each text."""
    from ner.data.formats.json_text import dump
    from ner.data.formats.write import write_bytes

    texts = spans = 0

    def lines() -> Iterator[bytes]:
        nonlocal texts, spans
        for sentence in sentences:
            record = rules.record(sentence, teacher)
            texts, spans = texts + 1, spans + len(record["spans"])
            yield f"{dump(record)}\n".encode()

    write_bytes(lines(), out)
    tell(f"{out}: written as jsonl: {texts:,} texts, {spans:,} spans.")


def _write_column(rules: "Rules", sentences: "Iterable[Sentence]", out: str, column: str) -> None:
    """Write sentences with their annotation, and a column of the tags of matches."""
    from ner.data.formats.detection import format_to_write
    from ner.data.formats.registry import FORMATS
    from ner.data.formats.write import write_sentences

    write_as = FORMATS["jsonl"] if out == "-" else format_to_write(Path(out))
    if write_as is None:
        raise ConfigError(f"--out: must have the ending of a format, such as .jsonl. Got {out}.")

    def with_column() -> "Iterator[Sentence]":
        for sentence in sentences:
            if column in sentence.columns:
                raise DataError(
                    f"{sentence.source or 'sentences'}: --column must name a new column. "
                    f"Got {column!r}."
                )
            columns = {column: rules.tags(sentence), **sentence.columns}
            yield sentence.replace(columns=columns)

    written = write_sentences(with_column(), out, write_as)
    list_lost(written.lost, write_as.name)
    if written.columns is not None:
        tell(f"{out}: its columns are {' '.join(written.columns)}.")
    tell(f"{out}: written as {write_as.name}: {written.sentences:,} texts.")
