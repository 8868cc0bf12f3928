"""`ner extend`."""

from typing import TYPE_CHECKING, Annotated

import typer

from ner.cli.options import (
    SEED,
    Json,
    ModelArgument,
    SetOption,
    reading_gold,
    with_options,
)
from ner.cli.printing import print_found
from ner.cli.skipped import list_skipped
from ner.cli.training_options import Resume, RunOut, read_changes
from ner.extras import require_training

if TYPE_CHECKING:
    from ner.data.formats.options import ReadOptions


@with_options(reading=reading_gold)
def extend(
    *,
    model: ModelArgument,
    new: Annotated[
        str,
        typer.Option(
            "--with", metavar="FILE", help="Corpus that marks the entities of the new types only."
        ),
    ],
    types: Annotated[
        str, typer.Option(metavar="TYPES", help="New types, such as DRUG or DRUG,DOSE.")
    ],
    dev: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Development corpus for the new types. By default, a tenth of the new sentences "
            "is held out.",
        ),
    ] = None,
    old: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Some of the old training data, if there are any, in which the new types are "
            "unknown.",
        ),
    ] = None,
    old_dev: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Development corpus for the old types, which are scored before and after.",
        ),
    ] = None,
    out: RunOut = None,
    set_: SetOption = None,
    seed: Annotated[int | None, SEED] = None,
    resume: Resume = False,
    as_json: Json = False,
    reading: "ReadOptions",
) -> None:
    """Add types to a tagger, from sentences that mark only these, and keep its old types.

    The old model completes the new sentences where it is sure. F1 of the old types is shown before
    and after.
    """
    require_training()
    from ner.training.extension import extend

    settings = read_changes("extend", set_, {"seed": seed})
    found = extend(
        model,
        new,
        [label.strip() for label in types.split(",") if label.strip()],
        dev=dev,
        old=old,
        old_dev=old_dev,
        out=out,
        options=reading,
        set=settings,
        resume=resume,
    )
    list_skipped(reading.problems)
    print_found(found, as_json)
