"""`ner tag`."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ner.cli.inputs import CONLL, Input, InputFormat, SourceArgument
from ner.cli.options import (
    BatchTokens,
    Columns,
    Device,
    Encoding,
    OnError,
    OnErrorOption,
    Precision,
    PrecisionOption,
    Runtime,
    RuntimeOption,
    Threads,
    WrittenScheme,
    list_skipped,
    split_columns,
)
from ner.cli.outputs import (
    ClassOutput,
    Output,
    print_lines,
    write_classes,
    write_column,
    write_spans,
)
from ner.errors import ConfigError

if TYPE_CHECKING:
    from ner.data.sentence import PredictedSentence, Sentence
    from ner.inference.predictor import Predictor


def tag(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    source: SourceArgument = "-",
    format_: InputFormat = None,
    output: Annotated[
        Output | None,
        typer.Option(help="By default pretty on a terminal, else conll for conll, else jsonl."),
    ] = None,
    scheme: Annotated[
        WrittenScheme, typer.Option(help="Of the tags in conll output.")
    ] = WrittenScheme.BIO,
    encoding: Encoding = "utf-8",
    columns: Columns = None,
    runtime: RuntimeOption = Runtime.AUTO,
    precision: PrecisionOption = Precision.FP32,
    device: Device = "cpu",
    threads: Threads = None,
    batch_tokens: BatchTokens = None,
    split_sentences: Annotated[
        bool, typer.Option("--split-sentences", help="Tag each sentence of a text by itself.")
    ] = False,
    language: Annotated[
        str, typer.Option(help="Of the texts, for --split-sentences: an ISO 639 code.")
    ] = "en",
    hard_wrapped: Annotated[
        bool,
        typer.Option(
            "--hard-wrapped",
            help="Lines are filled up to a width: blank lines alone end sentences.",
        ),
    ] = False,
    on_error: OnErrorOption = OnError.RAISE,
) -> None:
    """Find entities in texts, or label their tokens."""
    names = split_columns(columns)
    given = Input(source, format_, "tag", names, on_error, encoding)
    if output is None:
        fallback = Output.CONLL if given.format == CONLL else Output.JSONL
        output = Output.PRETTY if sys.stdout.isatty() else fallback

    from ner.cli.outputs import with_progress
    from ner.data.formats.conll import annotate_conll
    from ner.data.sentence_splitter import SentenceSplitter
    from ner.inference.batching import BATCH_TOKENS
    from ner.inference.loading import load
    from ner.inference.predictor import WINDOW

    lines = given.lines()
    tagger = load(
        model, runtime=runtime.value, precision=precision.value, device=device, threads=threads
    )
    check_command(model, tagger, "tag")
    column = tagger.task.column
    # Whoever types the lines wants an answer after each.
    typed = source == "-" and sys.stdin.isatty()
    window = 1 if typed else WINDOW
    split = SentenceSplitter(language, lines=not hard_wrapped) if split_sentences else None

    def pipe(items: "Iterable[str | Sentence]") -> "Iterator[PredictedSentence]":
        size = batch_tokens or BATCH_TOKENS
        return with_progress(tagger.pipe(items, batch_tokens=size, window=window, split=split))

    names = names or tagger.columns
    if given.format == CONLL and output is Output.CONLL:
        rows = annotate_conll(
            lines,
            pipe,
            given.name,
            scheme.value,
            columns=names,
            problems=given.problems,
            predicted=column,
        )
    else:
        tagged = pipe(given.items(lines, names, tagger.tokenizer))
        if column is None:
            rows = write_spans(tagged, output, scheme)
        else:
            rows = write_column(tagged, output, column)
    print_lines(rows)
    list_skipped(given.problems)


def classify(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    source: SourceArgument = "-",
    format_: InputFormat = None,
    output: Annotated[
        ClassOutput | None,
        typer.Option(help="By default pretty on a terminal, else jsonl. html is one whole page."),
    ] = None,
    encoding: Encoding = "utf-8",
    columns: Columns = None,
    runtime: RuntimeOption = Runtime.AUTO,
    precision: PrecisionOption = Precision.FP32,
    device: Device = "cpu",
    threads: Threads = None,
    batch_tokens: BatchTokens = None,
    on_error: OnErrorOption = OnError.RAISE,
) -> None:
    """Label whole texts, with probabilities and the attention that each token got."""
    names = split_columns(columns)
    given = Input(source, format_, "classify", names, on_error, encoding)
    if output is None:
        output = ClassOutput.PRETTY if sys.stdout.isatty() else ClassOutput.JSONL

    from ner.cli.outputs import with_progress
    from ner.inference.batching import BATCH_TOKENS
    from ner.inference.loading import load
    from ner.inference.predictor import WINDOW

    lines = given.lines()
    classifier = load(
        model, runtime=runtime.value, precision=precision.value, device=device, threads=threads
    )
    check_command(model, classifier, "classify")
    # Whoever types the lines wants an answer after each.
    window = 1 if source == "-" and sys.stdin.isatty() else WINDOW
    items = given.items(lines, names or classifier.columns, classifier.tokenizer)
    size = batch_tokens or BATCH_TOKENS
    labelled = with_progress(classifier.pipe(items, batch_tokens=size, window=window))
    print_lines(write_classes(labelled, output))
    list_skipped(given.problems)


def check_command(model: Path, predictor: "Predictor", command: str) -> None:
    """Refuse a model that another command applies to texts.

    Raises:
        ConfigError: With the name of the right command.
    """
    from ner.tasks import TASKS

    task = predictor.task
    nouns = {known.verb: known.noun for known in TASKS.values()}
    if task.verb != command:
        raise ConfigError(
            f"{model}: ner {command} needs a {nouns[command]}. Got a {task.noun}: "
            f"use ner {task.verb}."
        )
