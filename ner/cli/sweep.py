"""`ner sweep`."""

from pathlib import Path
from typing import Annotated

import typer

from ner.choices import SearchMethod
from ner.cli.options import SEED, ConfigArgument, Json, SetOption
from ner.cli.printing import print_found
from ner.cli.training_options import read_changes
from ner.extras import require, require_training


def sweep(
    config: ConfigArgument = None,
    search: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUES",
            help="Setting to search, and its values: encoder.size=50,100 for a list, "
            "encoder.dropout=0.1..0.5 for a range, training.learning_rate=log:1e-4..1e-2 for one "
            "on a logarithmic scale; or a TOML file of these. Repeat it for several.",
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Number of trials of the whole sweep. By default, it is 20; for --method grid, "
            "all combinations.",
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option(min=1, help="Number of processes that train side by side.")
    ] = 1,
    train: Annotated[str | None, typer.Option("--train", help="Corpus to learn from.")] = None,
    dev: Annotated[
        str | None,
        typer.Option(
            help="Development corpus, whose score is compared. By default, a tenth of the training "
            "sentences is held out."
        ),
    ] = None,
    holdout: Annotated[
        float,
        typer.Option(
            help="Share of the training documents that no choice sees, and on which each run is "
            "scored, too."
        ),
    ] = 0.0,
    seeds: Annotated[
        int,
        typer.Option(
            min=1, help="Number of runs of each trial, from --seed on, whose mean score counts."
        ),
    ] = 1,
    method: Annotated[
        SearchMethod,
        typer.Option(
            help="Settings that are tried: those near to good ones (tpe), random ones (random), or "
            "all combinations (grid)."
        ),
    ] = "tpe",
    no_prune: Annotated[
        bool,
        typer.Option(
            "--no-prune",
            help="Run all trials to their end. By default, runs end early whose score is below the "
            "median of others at the same epoch.",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder of the sweep. The same command goes on where it stopped. By default, it "
            "is runs/NAME-sweep.",
        ),
    ] = None,
    set_: SetOption = None,
    seed: Annotated[int | None, SEED] = None,
    as_json: Json = False,
) -> None:
    """Search for good settings: train with different ones, and compare their scores."""
    require_training()
    require("optuna", "A sweep", "sweep")
    from ner.sweeping.run import sweep as run_sweep
    from ner.sweeping.space import parse_search

    result = run_sweep(
        config,
        search=parse_search(search or ()),
        trials=trials,
        jobs=jobs,
        out=out,
        train=train,
        dev=dev,
        seeds=seeds,
        holdout=holdout,
        method=method,
        prune=not no_prune,
        set=read_changes("sweep", set_, {"seed": seed}),
    )
    print_found(result, as_json)
