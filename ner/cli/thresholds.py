"""`ner calibrate` and `ner thresholds`, and the lowest scores that other commands apply."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ner.cli.options import (
    Json,
    ModelArgument,
    reading_gold,
    refuse_own_input,
    running,
    running_fp32,
    split_columns,
    with_options,
)
from ner.cli.printing import print_found, print_json, print_line
from ner.cli.skipped import list_skipped
from ner.errors import ConfigError, DataError
from ner.messages import tell

if TYPE_CHECKING:
    from ner.data.formats.options import ReadOptions
    from ner.data.min_score import MinScore
    from ner.inference.predictor import Predictor

FORMS = "a number from 0 to 1, labels with numbers such as PER=0.9, or a file of ner thresholds"

DevArgument = Annotated[
    str,
    typer.Argument(
        metavar="FILE", help="Corpus with gold annotation that the model was not trained on."
    ),
]


@with_options(reading=reading_gold, load=running)
def calibrate(
    *,
    model: ModelArgument,
    data: DevArgument,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FOLDER", help="New folder for the calibrated model."),
    ],
    as_json: Json = False,
    reading: "ReadOptions",
    load: "Callable[[str], Predictor]",
) -> None:
    """Copy a model with scores that are as often right on a corpus as they say."""
    from ner.inference.recalibration import calibrate
    from ner.installed import new_folder

    new_folder(out)
    found = calibrate(load(model), data, out, reading, notify=tell)
    list_skipped(reading.problems)
    if as_json:
        print_json(found.to_dict())
        return
    print_line(f"{out}: {found}.")


@with_options(reading=reading_gold, load=running_fp32)
def thresholds(
    *,
    model: ModelArgument,
    data: DevArgument,
    precision: Annotated[
        float,
        typer.Option(help="Share of the kept entities that must be right, such as 0.95."),
    ],
    confidence: Annotated[
        float,
        typer.Option(
            help="How sure it must be that other texts of the same kind reach the precision, from "
            "0.5 to below 1. More of it costs recall."
        ),
    ] = 0.8,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="JSON file of the thresholds, for --min-score of ner tag.",
        ),
    ] = None,
    as_json: Json = False,
    reading: "ReadOptions",
    load: "Callable[[str], Predictor]",
) -> None:
    """Find the lowest score of each label from which entities have a precision."""
    from ner.evaluation.thresholds import check_shares
    from ner.files import write_json
    from ner.inference.thresholds import find_thresholds

    check_shares(precision, confidence)
    if out is not None:
        refuse_own_input(data, str(out))
    found = find_thresholds(
        load(model), data, precision, reading, confidence=confidence, notify=tell
    )
    list_skipped(reading.problems)
    if out is not None:
        write_json(out, found.to_dict())
    print_found(found, as_json)


def read_min_score(given: str, model: "Predictor") -> "MinScore":
    """Read `--min-score`: a number, labels with numbers, or the name of a file of thresholds.

    Raises:
        ConfigError: It is none of these, or does not go with the model.
        DataError: The file holds something else.
    """
    found = _number(given)
    if found is None:
        found = _pairs(given) if "=" in given and not Path(given).is_file() else _file(given, model)
    if found and model.task.empty.spans is None:
        raise ConfigError(
            f"--min-score: needs a model that finds entities. Got one that {model.task.does}."
        )
    from ner.data.min_score import check_min_score

    check_min_score(found, model.labels, "--min-score")
    return found


def _number(given: str) -> float | None:
    try:
        return float(given)
    except ValueError:
        return None


def _pairs(given: str) -> dict[str, float | None]:
    pairs: dict[str, float | None] = {}
    for pair in split_columns(given) or ():
        label, _, text = pair.rpartition("=")
        lowest = _number(text)
        if not label or lowest is None:
            raise ConfigError(f"--min-score: must be {FORMS}. Got {pair!r}.")
        if label in pairs:
            raise ConfigError(f"--min-score: {label} must get one number. Got two.")
        pairs[label] = lowest
    return pairs


def _file(given: str, model: "Predictor") -> dict[str, float | None]:
    from ner.evaluation.thresholds import Thresholds
    from ner.files import read_json

    path = Path(given)
    try:
        content: Any = read_json(path)
    except FileNotFoundError:
        raise ConfigError(f"--min-score: must be {FORMS}. Got {given!r}.") from None
    except ValueError as error:
        raise DataError(
            f"{path}: must be a file of ner thresholds. Got no JSON: {error}."
        ) from None
    found = Thresholds.from_dict(content, given)
    own = "" if model.origin is None else model.origin.digest
    if found.model != own:
        raise ConfigError(
            f"{path}: must be of this model. Got thresholds of another one, whose scores mean "
            "something else: run ner thresholds again."
        )
    return found.min_score
