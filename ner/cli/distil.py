"""`ner distil`."""

from typing import TYPE_CHECKING, Annotated

import typer

from ner.choices import Occurrences
from ner.cli.options import (
    SEED,
    Json,
    SetOption,
    reading_gold,
    with_options,
)
from ner.cli.printing import print_found
from ner.cli.skipped import list_skipped
from ner.cli.training_options import Init, Resume, RunOut, read_changes
from ner.extras import require_training

if TYPE_CHECKING:
    from ner.data.formats.options import ReadOptions


@with_options(reading=reading_gold)
def distil(
    *,
    teachers: Annotated[
        list[str],
        typer.Argument(metavar="TEACHER", help="Files of texts that teachers have labelled."),
    ],
    gold: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Corpus without errors, whose texts the teachers have labelled, too.",
        ),
    ],
    dev: Annotated[
        str,
        typer.Option(metavar="FILE", help="Gold development corpus, which chooses the epoch."),
    ],
    out: RunOut = None,
    gold_weight: Annotated[
        float,
        typer.Option(
            metavar="NUMBER", help="Weight of a gold sentence; those of teachers have weight 1."
        ),
    ] = 2.0,
    config: Annotated[
        str | None,
        typer.Option(
            metavar="CONFIG", help="TOML file with settings, or the name of a configuration."
        ),
    ] = None,
    init: Init = None,
    occurrences: Annotated[
        Occurrences,
        typer.Option(
            help="Where a span without a place is: at all occurrences of its words, or at the "
            "first."
        ),
    ] = "all",
    set_: SetOption = None,
    seed: Annotated[int | None, SEED] = None,
    resume: Resume = False,
    as_json: Json = False,
    reading: "ReadOptions",
) -> None:
    """Train a tagger on labels of teachers that err, such as language models or rules.

    Texts that gold and a teacher have in common tell how often the teacher errs. Training expects
    such errors in all other texts. It starts from a model of gold alone, which is trained first, in
    OUT-gold. Options on reading are those of gold and development data.
    """
    require_training()
    from ner.training.distilling import distil

    settings = read_changes("distil", set_, {"seed": seed})
    found = distil(
        teachers,
        gold,
        dev,
        out=out,
        config=config,
        gold_weight=gold_weight,
        occurrences=occurrences,
        options=reading,
        init=init,
        set=settings,
        resume=resume,
    )
    list_skipped(reading.problems)
    print_found(found, as_json)
