"""`ner data suspects`."""

from pathlib import Path
from typing import Annotated

import typer

from ner.cli.options import SEED, Json, SetOption
from ner.cli.printing import print_json, print_lines
from ner.cli.training_options import read_changes
from ner.extras import require_training
from ner.messages import tell


def suspects(
    train: Annotated[
        str | None, typer.Option("--train", help="Annotated corpus in any format.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="CONFIG",
            help="TOML file with settings of the trainings, or the name of a configuration of ner "
            "config list. By default, trainings are short.",
        ),
    ] = None,
    set_: SetOption = None,
    folds: Annotated[
        int,
        typer.Option(
            min=2, help="Number of parts, each of which is judged by a model of the others."
        ),
    ] = 5,
    rounds: Annotated[
        int,
        typer.Option(
            min=1, help="Number of repetitions with other parts, whose judgements are averaged."
        ),
    ] = 1,
    seed: Annotated[int | None, SEED] = None,
    number: Annotated[
        int, typer.Option("-n", "--number", min=0, help="Number of suspects to print.")
    ] = 20,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="JSONL", help="File for all suspects, as JSON lines."),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            metavar="JSONL",
            help="File for a weight of each sentence, which the setting training.weights reads.",
        ),
    ] = None,
    folder: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER",
            help="Folder that keeps finished trainings: the same command goes on where it stopped.",
        ),
    ] = Path("runs/suspects"),
    as_json: Json = False,
) -> None:
    """Find entities of a corpus whose annotation may be wrong, by cross-validation.

    Models judge sentences whose entities they have not seen, and disagree the more surely the
    higher a suspect is in the list.
    """
    require_training()
    from ner.data.formats.json_text import dump
    from ner.files import write_text
    from ner.training.sentence_weights import write_weights
    from ner.training.suspect_annotation import find_suspects

    options = {"data.train": train, "seed": seed}
    settings = read_changes("data suspects", set_, options)
    found = find_suspects(config, folder=folder, folds=folds, rounds=rounds, set=settings)
    if out is not None:
        write_text(out, "".join(f"{dump(record)}\n" for record in found.records()))
        tell(f"{out}: written, {len(found.suspects):,} suspects.")
    if weights is not None:
        write_weights(weights, found.sentences, found.weights)
        changed = sum(weight < 1 for weight in found.weights)
        tell(f"{weights}: written, {changed:,} of {len(found.weights):,} weights are below 1.")
    if as_json:
        print_json(found.to_dict())
    else:
        print_lines(found.lines(number))
