"""`ner classify`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ner.cli.inputs import Input, InputFormat, SourceArgument
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
    list_skipped,
    split_columns,
)
from ner.cli.outputs import ClassOutput, print_lines, write_classes
from ner.errors import ConfigError


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

    from ner.annotator import WINDOW
    from ner.classifier import TextClassifier
    from ner.cli.progress import with_progress
    from ner.decoding import BATCH_TOKENS
    from ner.loading import load

    lines = given.lines()
    classifier = load(
        model, runtime=runtime.value, precision=precision.value, device=device, threads=threads
    )
    if not isinstance(classifier, TextClassifier):
        raise ConfigError(f"{model}: ner classify needs a classifier. Got a tagger: use ner tag.")
    # Whoever types the lines wants an answer after each.
    window = 1 if source == "-" and sys.stdin.isatty() else WINDOW
    items = given.items(lines, names or classifier.columns, classifier.tokenizer)
    size = batch_tokens or BATCH_TOKENS
    labelled = with_progress(classifier.pipe(items, batch_tokens=size, window=window))
    print_lines(write_classes(labelled, output))
    list_skipped(given.problems)
