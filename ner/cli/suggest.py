"""`ner suggest`."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ner.choices import SuggestBy
from ner.cli.inputs import Input
from ner.cli.options import (
    SEED,
    Json,
    ModelArgument,
    list_lost,
    list_skipped,
    reading_texts,
    refuse_own_input,
    running,
    splitting,
    with_options,
)
from ner.cli.printing import print_json, print_lines
from ner.cli.record_fields import SKIPPED
from ner.errors import ConfigError

if TYPE_CHECKING:
    from ner.data.formats.options import ReadOptions
    from ner.data.sentence_splitter import FindStarts
    from ner.inference.predictor import Predictor
    from ner.suggesting.suggest import Suggestions


@with_options(splitting=splitting, reading=reading_texts, load=running)
def suggest(
    *,
    model: ModelArgument,
    pool: Annotated[
        str,
        typer.Argument(
            metavar="POOL", help="File of texts without annotation, or - for standard input."
        ),
    ],
    number: Annotated[
        int | None,
        typer.Option(
            "-n", "--number", min=1, help="Number of texts. By default, it is 100 without --tokens."
        ),
    ] = None,
    tokens: Annotated[
        int | None, typer.Option(min=1, help="Number of tokens of all chosen texts, at most.")
    ] = None,
    by: Annotated[
        SuggestBy,
        typer.Option(
            help="What makes a text worth the work: the entropy of its tags, a small margin "
            "between the two best taggings, or nothing."
        ),
    ] = "entropy",
    train: Annotated[
        str | None,
        typer.Option(
            "--train", help="Corpus that is annotated already, of which no text is chosen."
        ),
    ] = None,
    no_diversity: Annotated[
        bool,
        typer.Option(
            "--no-diversity",
            help="Choose by value alone, also texts that are like each other.",
        ),
    ] = False,
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="FILE", help="File for the chosen texts.")
    ],
    output: Annotated[
        Literal["jsonl", "label-studio", "doccano"],
        typer.Option(
            help="Output format: JSON lines, or predictions to correct in an annotation tool."
        ),
    ] = "jsonl",
    seed: Annotated[int, SEED] = 1,
    as_json: Json = False,
    splitting: "Callable[[], FindStarts | None]",
    reading: "ReadOptions",
    load: "Callable[[str], Predictor]",
) -> None:
    """Choose texts of a pool that a person should annotate next.

    A text is chosen by what its annotation is worth for each of its tokens.
    """
    from ner.data.formats.registry import find_format
    from ner.data.formats.write import write_bytes, write_sentences
    from ner.suggesting.suggest import suggest as choose_texts

    refuse_own_input(pool, str(out), "--out")
    given = Input(pool, reading, "suggest")
    if not given.is_file:
        raise ConfigError(f"ner suggest: POOL must be a file of texts. Got a text, {pool!r}.")
    tagger = load(model)
    found = choose_texts(
        tagger,
        (item for item in given.items(tagger) if item is not SKIPPED),
        number,
        tokens=tokens,
        by=by,
        train=train,
        diverse=not no_diversity,
        split=splitting(),
        seed=seed,
    )
    list_skipped(reading.problems)
    if output == "jsonl":
        write_bytes((line.encode() for line in _records(found)), out)
    else:
        written = write_sentences(found, out, find_format(output), drop=True)
        list_lost(written.lost, output)
    if as_json:
        print_json(found.to_dict())
    else:
        print_lines(_lines(found, by, str(out)))


def _records(found: "Suggestions") -> Iterator[str]:
    """Yield the lines of a file of JSON lines."""
    from ner.data.formats.json_text import dump
    from ner.data.formats.jsonl import jsonl_record

    for sentence, uncertainty in zip(found, found.uncertainty, strict=True):
        yield f"{dump({**jsonl_record(sentence), 'uncertainty': uncertainty})}\n"


def _lines(found: "Suggestions", by: SuggestBy, out: str) -> Iterator[str]:
    """Yield what people read of a choice."""
    yield f"{out}: written, {len(found):,} of {found.pool:,} texts, {found.tokens:,} tokens."
    if by != "random" and len(found):
        mean = sum(found.uncertainty) / len(found)
        what = "Entropy of a text in nats" if by == "entropy" else "1 - margin of a text"
        yield f"{what}: {mean:.2f} on average, {found.mean_uncertainty:.2f} in the pool."
    labels = ", ".join(f"{label} {count:,}" for label, count in found.labels.most_common())
    yield f"Predicted entities: {labels or 'none'}."
    yield f"Left out: {found.annotated:,} annotated texts, {found.similar:,} like another one."
