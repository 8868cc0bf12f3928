"""`ner tag` and `ner classify`."""

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ner.choices import Spelling
from ner.cli.inputs import Input, Sources, open_inputs, split_model
from ner.cli.looking import CONLL
from ner.cli.options import (
    MODEL_HELP,
    LowestScore,
    NoFormulas,
    RulesOption,
    list_skipped,
    read_rules,
    reading_texts,
    running,
    splitting,
    with_options,
)
from ner.cli.outputs import (
    BRAT,
    TOOLS,
    ClassOutput,
    Output,
    class_lines,
    concatenated,
    progress,
    tagged_lines,
    write_for_tool,
)
from ner.cli.printing import print_output, print_shown
from ner.cli.streams import Stream
from ner.cli.thresholds import read_min_score
from ner.errors import ConfigError
from ner.installed import DEFAULT
from ner.messages import tell

if TYPE_CHECKING:
    from ner.data.formats.options import ReadOptions
    from ner.data.sentence_splitter import FindStarts
    from ner.inference.predictor import Predictor

    Load = Callable[[str], Predictor]

Model = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        help=f"{MODEL_HELP} By default, it is {DEFAULT}.",
    ),
]

RequiredModel = Annotated[
    str | None,
    typer.Option(metavar="MODEL", help="Model folder, such as runs/topics/model. Required."),
]

BatchTokens = Annotated[
    int | None,
    typer.Option(min=1, help="Number of tokens in a batch, padding included."),
]


ErrorRows = Annotated[
    bool,
    typer.Option(
        "--error-rows",
        help="Skip what cannot be read, and write a row with its error in JSON lines.",
    ),
]


@with_options(splitting=splitting, reading=reading_texts, load=running)
def tag(
    *,
    sources: Sources = None,
    model: Model = None,
    output: Annotated[
        Output | None,
        typer.Option(
            help="Output format. By default, it is pretty on a terminal, conll if all input is "
            "in CoNLL format, and else jsonl; html is a whole page, and the last three are "
            "predictions for annotation tools."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="New folder for the files of --output brat."),
    ] = None,
    min_score: LowestScore = "0",
    rules: RulesOption = None,
    scheme: Annotated[Spelling, typer.Option(help="Tag scheme for CoNLL output.")] = "BIO",
    no_formulas: NoFormulas = False,
    tokens: Annotated[
        bool,
        typer.Option(
            "--tokens", help="Write the offsets of all tokens in JSON lines, also for raw text."
        ),
    ] = False,
    splitting: "Callable[[], FindStarts | None]",
    batch_tokens: BatchTokens = None,
    error_rows: ErrorRows = False,
    reading: "ReadOptions",
    load: "Load",
) -> None:
    """Find entities in texts, or label their tokens."""
    reading = _with_error_rows(reading, error_rows)
    bound = read_rules(rules)
    model, sources = split_model(sources, model, "tag")
    inputs = open_inputs(sources, reading, "tag")
    tagger = _load_for("tag", model or DEFAULT, inputs, load)
    if output is None:
        is_conll = all(given.format == CONLL for given in inputs)
        output = "pretty" if sys.stdout.isatty() else "conll" if is_conll else "jsonl"
    _check_rows(output, error_rows, no_formulas)
    if tokens and output != "jsonl":
        raise ConfigError(f"--tokens: needs --output jsonl. Got {output}.")
    lowest = read_min_score(min_score, tagger)
    if bound is not None:
        tagger.check_rules(bound)
    _check_output(output, out, tagger)
    split = splitting()
    column = tagger.task.column
    with progress() as watch:
        stream = Stream(
            *(inputs, tagger, watch, output, error_rows, batch_tokens),
            has_tokens=tokens,
            min_score=lowest,
            rules=bound,
            split=split,
        )
        if output == "conll":
            print_output(concatenated(stream.conll_file(given, scheme) for given in inputs))
        elif output in TOOLS:
            write_for_tool(stream.results(), output, out, tagger.tokenizer)
        else:
            options = {**stream.places, "formulas": not no_formulas}
            _print(tagged_lines(stream.results(), output, column, **options), output)
    _report(inputs, reading, output)


@with_options(reading=reading_texts, load=running)
def classify(
    *,
    sources: Sources = None,
    model: RequiredModel = None,
    output: Annotated[
        ClassOutput | None,
        typer.Option(
            help="Output format. By default, it is pretty on a terminal, and else jsonl; html is "
            "a whole page."
        ),
    ] = None,
    no_formulas: NoFormulas = False,
    batch_tokens: BatchTokens = None,
    error_rows: ErrorRows = False,
    reading: "ReadOptions",
    load: "Load",
) -> None:
    """Label whole texts, with probabilities and the attention that each token got."""
    model, sources = split_model(sources, model, "classify")
    if model is None:
        raise ConfigError(
            "ner classify: --model is required: a model folder, such as runs/topics/model. "
            "Got none."
        )
    output = output or ("pretty" if sys.stdout.isatty() else "jsonl")
    _check_rows(output, error_rows, no_formulas)
    reading = _with_error_rows(reading, error_rows)
    inputs = open_inputs(sources, reading, "classify")
    classifier = _load_for("classify", model, inputs, load)
    with progress() as watch:
        stream = Stream(inputs, classifier, watch, output, error_rows, batch_tokens)
        options = {**stream.places, "formulas": not no_formulas}
        _print(class_lines(stream.results(), output, **options), output)
    _report(inputs, reading, output)


def _print(lines: Iterable[str], output: Output | ClassOutput) -> None:
    """Print results; those for people are harmless already."""
    (print_shown if output in ("pretty", "html") else print_output)(lines)


def _load_for(command: str, model: str, inputs: Sequence[Input], load: "Load") -> "Predictor":
    """Load a model that the command can use, and warn if it knows other tokens than raw text has.

    Raises:
        ConfigError: It is for another command, which is named.
    """
    from ner.data.agreement import low_agreement
    from ner.tasks import TASKS

    predictor = load(model)
    task = predictor.task
    if task.verb != command:
        nouns = {known.verb: known.noun for known in TASKS.values()}
        raise ConfigError(
            f"{model}: ner {command} needs a {nouns[command]}. Got a {task.noun}: "
            f"use ner {task.verb}."
        )
    agreement = predictor.record.get("tokenizer", {}).get("agreement", 1.0)
    line = low_agreement(agreement)
    if line is not None and any(given.format != CONLL for given in inputs):
        tell(f"Warning: {model}: {line}")
    return predictor


def _with_error_rows(reading: "ReadOptions", error_rows: bool) -> "ReadOptions":
    """Return options that skip what cannot be read, if errors become rows."""
    skips = error_rows and reading.problems is None
    return reading.updated(problems=[]) if skips else reading


def _check_output(output: str, out: Path | None, tagger: "Predictor") -> None:
    """Refuse options that do not go with the output or the model.

    Raises:
        ConfigError: That is so.
    """
    if output == BRAT and out is None:
        raise ConfigError("--output brat: needs --out FOLDER, a new folder for its files.")
    if output != BRAT and out is not None:
        raise ConfigError(f"--out: is for --output brat. Got {output}.")
    if output in TOOLS and tagger.task.column is not None:
        raise ConfigError(
            f"--output {output}: needs a model that finds entities. Got one that "
            f"{tagger.task.does}."
        )


def _check_rows(output: str, error_rows: bool, no_formulas: bool) -> None:
    if error_rows and output != "jsonl":
        raise ConfigError(f"--error-rows: needs --output jsonl. Got {output}.")
    if no_formulas and output != "tsv":
        raise ConfigError(f"--no-formulas: needs --output tsv. Got {output}.")


def _report(inputs: Sequence[Input], reading: "ReadOptions", output: str) -> None:
    """Tell what was skipped, and what of the sources is not in the output."""
    list_skipped(reading.problems)
    for given in inputs:
        for warning in given.fields.notes.warnings:
            tell(f"Warning: {warning}")
        for guess in given.fields.notes.guesses:
            tell(f"{given.name}: {guess}")
        # What people read on a terminal is not meant to hold all fields.
        for line in given.fields.lost(given.name) if output != "pretty" else ():
            tell(line)
        if given.num_replaced:
            tell(f"{given.name}: predictions replace the annotation of {given.num_replaced} texts.")
