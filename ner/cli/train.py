"""`ner train`."""

from pathlib import Path
from typing import Annotated

import typer

from ner.choices import OnError, TaskName
from ner.cli.options import (
    DEVICE,
    ENCODING,
    ON_ERROR,
    SEED,
    Columns,
    ConfigArgument,
    Format,
    Json,
    SetOption,
    split_columns,
)
from ner.cli.printing import print_json, print_lines
from ner.cli.training_options import Init, Resume, read_changes
from ner.errors import ConfigError
from ner.extras import require_training


def train(
    config: ConfigArgument = None,
    train: Annotated[str | None, typer.Option("--train", help="Corpus to learn from.")] = None,
    dev: Annotated[
        str | None,
        typer.Option(
            help="Development corpus. By default, a tenth of the training sentences is held out."
        ),
    ] = None,
    test: Annotated[
        str | None, typer.Option(help="Test corpus, which is scored once, after training.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder of the run. By default, it is a new folder in runs with the name of the "
            "configuration.",
        ),
    ] = None,
    set_: SetOption = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Number of passes over the training sentences."),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Number of sentences in a batch.")
    ] = None,
    seed: Annotated[int | None, SEED] = None,
    resume: Resume = False,
    seeds: Annotated[
        int,
        typer.Option(
            min=1,
            help="Number of trainings with different seeds, from --seed on; their mean and spread "
            "is shown.",
        ),
    ] = 1,
    jobs: Annotated[
        int,
        typer.Option(
            min=1,
            help="Number of trainings of --seeds at the same time, each in a process of its own.",
        ),
    ] = 1,
    task: Annotated[
        TaskName | None,
        typer.Option(
            help="What the model learns: spans (ner), a label for each token (tag), or labels of "
            "texts (classify). By default, it is ner."
        ),
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="Column of the labels that the task tag learns.")
    ] = None,
    init: Init = None,
    crossweigh: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="ROUNDS",
            help="Number of cross-validations before training, which look for suspect annotation. "
            "Sentences that models disagree with count less.",
        ),
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Model or ensemble whose probabilities the model learns besides the annotation.",
        ),
    ] = None,
    teacher_weight: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Share of --teacher in the loss of annotated sentences. 0.5 if unset.",
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(
            min=2,
            help="Number of parts of the training data, for each of which --teacher is trained "
            "anew on the others, so that it has not seen what it teaches.",
        ),
    ] = None,
    raw: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Text with a sentence on each line, which --teacher alone teaches."
        ),
    ] = None,
    format_: Format = None,
    encoding: Annotated[str | None, ENCODING] = None,
    columns: Columns = None,
    on_error: Annotated[OnError | None, ON_ERROR] = None,
    device: Annotated[str | None, DEVICE] = None,
    as_json: Json = False,
) -> None:
    """Train a model, and report its scores.

    Options have priority over the settings of CONFIG. Under torchrun, all processes train one
    model together.
    """
    require_training()
    from ner.training.launch import read_launch, refuse_several
    from ner.training.seeds import SeedSummary, train_seeds
    from ner.training.train import run_training

    options = {
        "data.train": train,
        "data.dev": dev,
        "data.test": test,
        "task": task,
        "seed": seed,
        "data.target": target,
        "training.epochs": epochs,
        "training.batch_size": batch_size,
        "training.device": device,
        "training.teacher": teacher,
        "training.teacher_weight": teacher_weight,
        "training.teacher_folds": folds,
        "training.raw": raw,
        "data.format": format_,
        "data.encoding": encoding,
        "data.columns": split_columns(columns),
        "data.on_error": on_error,
    }
    changes = read_changes("train", set_, options)
    if crossweigh is not None:
        refuse_several("--crossweigh")
        from ner.training.crossweigh import crossweigh as weigh

        changes["training.weights"] = str(weigh(config, crossweigh, out=out, set=changes))
    arguments = {"out": out, "set": changes, "init": init, "resume": resume}
    if jobs > 1 and seeds == 1:
        raise ConfigError(f"--jobs: needs --seeds with at least 2. Got {jobs} jobs for one seed.")
    if seeds > 1:
        result = train_seeds(config, seeds=seeds, jobs=jobs, **arguments)
    else:
        result = run_training(config, **arguments)
    if not read_launch().is_first:
        return
    if as_json:
        print_json(result.to_dict())
    else:
        print_lines(str(result))
    if isinstance(result, SeedSummary) and result.failed:
        raise typer.Exit(1)
