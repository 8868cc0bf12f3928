"""`ner simulate`."""

from pathlib import Path
from typing import Annotated

import typer

from ner.cli.options import SEED, ConfigArgument, Json, SetOption
from ner.cli.printing import print_found
from ner.cli.training_options import Dev, read_changes
from ner.extras import require_training


def simulate(
    config: ConfigArgument = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Way to choose texts: random, entropy, entropy-diverse, margin or margin-diverse. "
            "Repeat it for several. By default, it is the first three.",
        ),
    ] = None,
    tokens: Annotated[
        list[int] | None,
        typer.Option(
            metavar="NUMBERS",
            help="Numbers of annotated tokens at which a model is trained and scored, one after "
            "the other. By default, they are 1000 to 16000.",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Number of repetitions with other seeds.")] = 1,
    train: Annotated[
        str | None, typer.Option("--train", help="Annotated corpus that is replayed.")
    ] = None,
    dev: Dev = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder of the result, which keeps finished trainings: the same command goes on "
            "where it stopped. By default, it is runs/NAME-replay.",
        ),
    ] = None,
    set_: SetOption = None,
    seed: Annotated[int | None, SEED] = None,
    as_json: Json = False,
) -> None:
    """Replay an annotated corpus as the person of ner suggest, and tell what each way saves."""
    require_training()
    from ner.suggesting.replay import STRATEGIES, TOKENS, replay

    options = {"data.train": train, "data.dev": dev, "seed": seed}
    found = replay(
        config,
        by=STRATEGIES if by is None else by,
        tokens=TOKENS if tokens is None else tokens,
        seeds=seeds,
        out=out,
        set=read_changes("simulate", set_, options),
    )
    print_found(found, as_json)
