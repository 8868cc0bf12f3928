"""`ner documents`."""

from pathlib import Path
from typing import Annotated

import typer

from ner.cli.options import Json, ModelArgument, SetOption
from ner.cli.printing import print_json, print_line
from ner.cli.training_options import read_changes
from ner.extras import require_training


def documents(
    model: ModelArgument,
    train: Annotated[
        str, typer.Option("--train", help="Training data of the model, with documents.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="FOLDER", help="New folder for the model that uses documents."
        ),
    ],
    set_: SetOption = None,
    folds: Annotated[
        int,
        typer.Option(
            min=2, help="Number of parts, each of which is tagged by a model of the others."
        ),
    ] = 3,
    folder: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER",
            help="Folder that keeps finished trainings: the same command goes on where it stopped.",
        ),
    ] = Path("runs/documents"),
    as_json: Json = False,
) -> None:
    """Copy a model that then uses what a document says of the same word elsewhere.

    It trains a model for each part of the training data, so it takes 0.8 times as long as training.
    """
    require_training()
    from ner.training.document_evidence import learn_documents

    settings = read_changes("documents", set_, {})
    worth = learn_documents(model, train, out, folder=folder, folds=folds, set=settings)
    if as_json:
        print_json(worth.to_dict())
        return
    print_line(f"{out}: uses documents.")
