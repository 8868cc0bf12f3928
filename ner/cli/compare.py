"""`ner compare`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ner.choices import Unit
from ner.cli.options import (
    SEED,
    Json,
    Target,
    reading_gold,
    running,
    with_options,
)
from ner.cli.printing import print_found
from ner.cli.skipped import list_skipped
from ner.errors import ConfigError
from ner.extras import require_evaluation
from ner.messages import tell

if TYPE_CHECKING:
    from ner.data.formats.options import ReadOptions
    from ner.inference.predictor import Predictor


@with_options(reading=reading_gold, load=running)
def compare(
    *,
    systems: Annotated[
        list[str],
        typer.Argument(
            metavar="A B...",
            help="Two or more systems: model folders, runs of ner train --seeds, or files of "
            "predictions for FILE. A,B,C are several runs of one system; NAME=A names it.",
        ),
    ],
    data: Annotated[str, typer.Argument(metavar="FILE", help="Corpus with gold annotation.")],
    unit: Annotated[
        Unit | None,
        typer.Option(
            help="What is drawn for samples, and swapped. By default, it is documents if FILE has "
            "several of them, else sentences."
        ),
    ] = None,
    resamples: Annotated[
        int, typer.Option(min=1, help="Number of samples, and of random swaps.")
    ] = 10_000,
    level: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of such intervals that hold the true value."),
    ] = 0.95,
    seed: Annotated[int, SEED] = 1,
    target: Target = None,
    as_json: Json = False,
    reading: "ReadOptions",
    load: "Callable[[str], Predictor]",
) -> None:
    """Compare models or predictions: scores with intervals, and whether differences are chance."""
    require_evaluation()
    from ner.inference.compare import compare as compare_systems

    found = compare_systems(
        named_systems(systems),
        data,
        reading.updated(target=target),
        unit=unit,
        level=level,
        resamples=resamples,
        seed=seed,
        load=lambda model: load(str(model)),
        notify=tell,
    )
    list_skipped(reading.problems)
    print_found(found, as_json)


def named_systems(given: Sequence[str]) -> dict[str, list[str]]:
    """Read the systems of the command line: the paths of the runs of each by its name.

    A path that exists stands for itself, whatever is in it. Otherwise NAME= before paths names the
    system, and commas separate its runs.

    Raises:
        ConfigError: Two systems have one name, or a path is empty.

    >>> named_systems(["runs/a", "new=runs/b,runs/c"])
    {'runs/a': ['runs/a'], 'new': ['runs/b', 'runs/c']}
    """
    systems: dict[str, list[str]] = {}
    for each in given:
        name, separator, paths = each.partition("=")
        if Path(each).exists() or not separator:
            name, paths = each, each
        runs = [paths] if Path(paths).exists() else paths.split(",")
        if not name or "" in runs:
            raise ConfigError(
                f"ner compare: a system must be PATH, PATH,PATH or NAME=PATH. Got {each!r}."
            )
        if name in systems:
            raise ConfigError(
                f"ner compare: each system must have a name of its own. Got {name!r} twice; name "
                "one with NAME=PATH."
            )
        systems[name] = runs
    return systems
