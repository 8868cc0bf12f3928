"""`ner eval`: figures of a model or of a file of predictions, and the error report."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ner.choices import Scheme
from ner.cli.options import (
    Json,
    reading_gold,
    refuse_own_input,
    running,
    with_options,
)
from ner.cli.printing import print_json, print_lines
from ner.cli.skipped import list_skipped
from ner.errors import ConfigError
from ner.extras import require_evaluation
from ner.messages import tell

if TYPE_CHECKING:
    from ner.data.formats.options import ReadOptions
    from ner.evaluation.predicted_file import PredictionReport
    from ner.inference.predictor import Predictor


@with_options(reading=reading_gold, load=running)
def eval_command(
    *,
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help="Model folder, such as runs/sample/model, an installed model, or hf://org/name on "
            "the Hugging Face hub.",
        ),
    ] = None,
    data: Annotated[
        str | None, typer.Argument(metavar="FILE", help="Corpus with gold annotation.")
    ] = None,
    predictions: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Column file to score without a model. Its last two columns are gold and "
            "predicted tags.",
        ),
    ] = None,
    scheme: Annotated[
        Scheme | None,
        typer.Option(
            help="Tag scheme of --predictions in strict mode. By default, it is inferred."
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the error report: a page with the figures and all errors, to open in a "
            "browser.",
        ),
    ] = None,
    errors: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write all errors as JSON lines."),
    ] = None,
    train: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Training data, read as FILE is. --details and --json then have the scores of "
            "names that they hold and of others, and the error report says how often they hold "
            "each name, and with which labels.",
        ),
    ] = None,
    details: Annotated[
        bool,
        typer.Option(
            "--details",
            help="Also print intervals of all scores, scores of groups of spans, and how often the "
            "scores of predictions are right.",
        ),
    ] = False,
    as_json: Json = False,
    reading: "ReadOptions",
    load: "Callable[[str], Predictor]",
) -> None:
    """Compare predictions of a model, or those in a file, with gold annotation."""
    require_evaluation()
    for name, out in (("html", html), ("errors", errors)):
        for source in filter(None, (data, predictions, train)):
            if out is not None:
                refuse_own_input(source, str(out), f"--{name}")
    if html is not None and html == errors:
        raise ConfigError(f"ner eval: --html and --errors must name two files. Got {str(html)!r}.")
    if predictions is not None:
        if (model, reading.columns, reading.format) != (None, None, None):
            raise ConfigError(
                "ner eval: --predictions FILE takes no MODEL, no --columns and no --format."
            )
        if reading.problems is not None:
            raise ConfigError(
                "ner eval: --predictions FILE is scored as a whole; --on-error skip is not for it."
            )
        report = _score_file(predictions, reading, scheme, train, html=html, errors=errors)
    elif model is None or data is None:
        raise ConfigError("ner eval: MODEL and FILE are required, or --predictions FILE.")
    elif scheme is not None:
        raise ConfigError("ner eval: --scheme is for --predictions; a model has its own scheme.")
    else:
        from ner.inference.evaluate import evaluate

        report = evaluate(
            load(model), data, reading, html=html, errors=errors, train=train, notify=tell
        )
        list_skipped(reading.problems)
    if as_json:
        print_json(report.to_dict())
        return
    print_lines(f"{report}\n\n{report.details()}" if details else str(report))


def _score_file(
    predictions: str,
    reading: "ReadOptions",
    scheme: Scheme | None,
    train: str | None,
    *,
    html: Path | None,
    errors: Path | None,
) -> "PredictionReport":
    """Score the predictions in a file, and list its errors where options ask for that."""
    from ner.data.formats.read import read_sentences
    from ner.data.lines import read_lines
    from ner.evaluation.error_report.write import write_errors
    from ner.evaluation.errors import span_errors
    from ner.evaluation.predicted_file import read_gold_and_predicted, score_predictions
    from ner.evaluation.surfaces import SurfaceCounts

    lines = list(read_lines(predictions, reading.encoding, max_line=reading.max_line))
    training = None if train is None else SurfaceCounts(list(read_sentences(train, reading)))
    report = score_predictions(lines, predictions, scheme=scheme, surfaces=training)
    if html is not None or errors is not None:
        wrong = span_errors(*read_gold_and_predicted(lines, predictions))
        write_errors(report.default, wrong, html=html, errors=errors, training=training)
    return report
