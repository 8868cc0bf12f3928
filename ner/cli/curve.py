"""`ner curve`."""

from pathlib import Path
from typing import Annotated

import typer

from ner.cli.options import SEED, ConfigArgument, Json, SetOption
from ner.cli.printing import print_found
from ner.cli.training_options import Dev, read_changes
from ner.extras import require_training


def curve(
    config: ConfigArgument = None,
    fractions: Annotated[
        list[float] | None,
        typer.Option(
            metavar="NUMBERS",
            help="Shares of the training sentences to train with, above 0 and at most 1, one after "
            "the other. By default, they are 0.01 0.05 0.1 0.25 0.5 1.",
        ),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(min=1, help="Number of trainings with each share, each on its own sample."),
    ] = 3,
    train: Annotated[
        str | None, typer.Option("--train", help="Corpus from which samples are drawn.")
    ] = None,
    dev: Dev = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder of the curve, which keeps finished trainings: the same command goes on "
            "where it stopped. By default, it is runs/NAME-curve.",
        ),
    ] = None,
    set_: SetOption = None,
    seed: Annotated[int | None, SEED] = None,
    as_json: Json = False,
) -> None:
    """Train on samples of a corpus, and tell what more sentences are worth."""
    require_training()
    from ner.training.data_curve import FRACTIONS, train_curve

    options = {"data.train": train, "data.dev": dev, "seed": seed}
    found = train_curve(
        config,
        fractions=FRACTIONS if fractions is None else fractions,
        seeds=seeds,
        out=out,
        set=read_changes("curve", set_, options),
    )
    print_found(found, as_json)
