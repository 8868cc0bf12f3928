"""`ner tag` and `ner classify`."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ner.choices import Spelling
from ner.cli.inputs import CONLL, Input, Sources, is_typed, open_inputs
from ner.cli.options import list_notes, list_skipped, reading_texts, running, with_options
from ner.cli.outputs import (
    ClassOutput,
    Output,
    Result,
    Watch,
    class_lines,
    concatenated,
    conll_rows,
    print_lines,
    progress,
    tagged_lines,
)
from ner.errors import ConfigError

if TYPE_CHECKING:
    from ner.data.formats.options import ReadOptions
    from ner.data.sentence import PredictedSentence, Sentence
    from ner.inference.predictor import Predictor

    Load = Callable[[Path], Predictor]
    Pipe = Callable[[Iterable[str | Sentence]], Iterator[PredictedSentence]]

Model = Annotated[
    Path | None,
    typer.Option(metavar="MODEL", help="Model folder, such as runs/sample/model. Required."),
]

BatchTokens = Annotated[
    int | None,
    typer.Option(min=1, help="Number of tokens in a batch, padding included."),
]


@with_options(reading=reading_texts, load=running)
def tag(
    *,
    sources: Sources = None,
    model: Model = None,
    output: Annotated[
        Output | None,
        typer.Option(
            help="Output format. By default, it is pretty on a terminal, conll if all input is "
            "in CoNLL format, and else jsonl."
        ),
    ] = None,
    scheme: Annotated[Spelling, typer.Option(help="Tag scheme for CoNLL output.")] = "BIO",
    split_sentences: Annotated[
        bool, typer.Option("--split-sentences", help="Tag each sentence of a text separately.")
    ] = False,
    language: Annotated[
        str, typer.Option(help="Language of the text for --split-sentences, as an ISO 639 code.")
    ] = "en",
    hard_wrapped: Annotated[
        bool,
        typer.Option(
            "--hard-wrapped", help="Text is hard-wrapped; only blank lines end a sentence."
        ),
    ] = False,
    batch_tokens: BatchTokens = None,
    reading: "ReadOptions",
    load: "Load",
) -> None:
    """Find entities in texts, or label their tokens."""
    folder = _required(model, "tag")
    inputs = open_inputs(sources, reading, "tag")
    if output is None:
        is_conll = all(given.format == CONLL for given in inputs)
        output = "pretty" if sys.stdout.isatty() else "conll" if is_conll else "jsonl"

    from ner.data.sentence_splitter import SentenceSplitter

    tagger = _load_for("tag", folder, load)
    split = SentenceSplitter(language, lines=not hard_wrapped) if split_sentences else None
    column = tagger.task.column
    with progress() as watch:
        pipe = _make_pipe(tagger, inputs, watch, batch_tokens, split=split)
        if output == "conll":
            files = (_conll_file(given, tagger, pipe, scheme) for given in inputs)
            print_lines(concatenated(files))
        else:
            results = _annotated(inputs, tagger, pipe)
            print_lines(tagged_lines(results, output, column, has_sources=len(inputs) > 1))
    list_reading(inputs, reading)


@with_options(reading=reading_texts, load=running)
def classify(
    *,
    sources: Sources = None,
    model: Model = None,
    output: Annotated[
        ClassOutput | None,
        typer.Option(
            help="Output format. By default, it is pretty on a terminal, and else jsonl; html is "
            "a whole page."
        ),
    ] = None,
    batch_tokens: BatchTokens = None,
    reading: "ReadOptions",
    load: "Load",
) -> None:
    """Label whole texts, with probabilities and the attention that each token got."""
    folder = _required(model, "classify")
    inputs = open_inputs(sources, reading, "classify")
    output = output or ("pretty" if sys.stdout.isatty() else "jsonl")
    classifier = _load_for("classify", folder, load)
    with progress() as watch:
        pipe = _make_pipe(classifier, inputs, watch, batch_tokens)
        results = _annotated(inputs, classifier, pipe)
        print_lines(class_lines(results, output, has_sources=len(inputs) > 1))
    list_reading(inputs, reading)


def list_reading(inputs: Sequence[Input], reading: "ReadOptions") -> None:
    """List on stderr what was noted and skipped while the sources were read."""
    for given in inputs:
        list_notes(given.notes, given.name)
    list_skipped(reading.problems)


def _required(model: Path | None, command: str) -> Path:
    if model is None:
        raise ConfigError(
            f"ner {command}: --model is required: a model folder, such as runs/sample/model. "
            "Got none."
        )
    return model


def _load_for(command: str, folder: Path, load: "Load") -> "Predictor":
    """Load a model that the command can use.

    Raises:
        ConfigError: It is for another command, which is named.
    """
    from ner.tasks import TASKS

    predictor = load(folder)
    task = predictor.task
    if task.verb != command:
        nouns = {known.verb: known.noun for known in TASKS.values()}
        raise ConfigError(
            f"{folder}: ner {command} needs a {nouns[command]}. Got a {task.noun}: "
            f"use ner {task.verb}."
        )
    return predictor


def _make_pipe(
    model: "Predictor",
    inputs: Sequence[Input],
    watch: Watch,
    batch_tokens: int | None,
    **options: Any,
) -> "Pipe":
    """Return a function that annotates the texts of one source."""
    from ner.inference.batching import BATCH_TOKENS
    from ner.inference.predictor import WINDOW

    window = 1 if is_typed(inputs) else WINDOW
    size = batch_tokens or BATCH_TOKENS
    return lambda items: watch(model.pipe(items, batch_tokens=size, window=window, **options))


def _annotated(inputs: Sequence[Input], model: "Predictor", pipe: "Pipe") -> Iterator[Result]:
    """Yield the results of all sources in order."""
    for given in inputs:
        source = given.name if given.is_file and len(inputs) > 1 else None
        for sentence in pipe(given.items(model)):
            yield Result(sentence, source)


def _conll_file(given: Input, model: "Predictor", pipe: "Pipe", scheme: Spelling) -> Iterator[str]:
    """Yield the rows of a CoNLL file with predictions as last column, or those of tagged texts."""
    from ner.data.formats.conll import annotate_conll

    column = model.task.column
    if given.format != CONLL:
        return conll_rows(pipe(given.items(model)), column, scheme)
    return annotate_conll(
        given.lines,
        pipe,
        given.name,
        scheme,
        columns=given.columns(model),
        problems=given.reading.problems,
        predicted=column,
        notes=given.notes,
    )
