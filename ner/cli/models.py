"""`ner eval`, `ner check`, `ner export`, `ner info` and `ner rename`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ner.choices import Scheme
from ner.cli.options import (
    Columns,
    Json,
    ModelArgument,
    list_skipped,
    reading_gold,
    running,
    split_columns,
    with_options,
)
from ner.cli.printing import print_json, print_line, print_lines
from ner.errors import ConfigError
from ner.extras import require, require_evaluation
from ner.messages import tell

if TYPE_CHECKING:
    from ner.data.formats.options import ReadOptions
    from ner.inference.predictor import Predictor


@with_options(reading=reading_gold, load=running)
def eval_command(
    *,
    model: Annotated[
        Path | None,
        typer.Argument(metavar="MODEL", help="Model folder, such as runs/sample/model."),
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
    as_json: Json = False,
    reading: "ReadOptions",
    load: "Callable[[Path], Predictor]",
) -> None:
    """Compare predictions of a model, or those in a file, with gold annotation."""
    require_evaluation()
    if predictions is not None:
        if (model, reading.columns, reading.format) != (None, None, None):
            raise ConfigError(
                "ner eval: --predictions FILE takes no MODEL, no --columns and no --format."
            )
        if reading.problems is not None:
            raise ConfigError(
                "ner eval: --predictions FILE is scored as a whole; --on-error skip is not for it."
            )
        from ner.data.lines import read_lines
        from ner.evaluation.predicted_file import score_predictions

        lines = read_lines(predictions, reading.encoding)
        report = score_predictions(lines, predictions, scheme=scheme)
    elif model is None or data is None:
        raise ConfigError("ner eval: MODEL and FILE are required, or --predictions FILE.")
    elif scheme is not None:
        raise ConfigError("ner eval: --scheme is for --predictions; a model has its own scheme.")
    else:
        from ner.inference.evaluate import evaluate

        report = evaluate(load(model), data, reading, notify=tell)
        list_skipped(reading.problems)
    if as_json:
        print_json(report.to_dict())
        return
    print_lines(str(report))


@with_options(reading=reading_gold, load=running)
def check(
    *,
    model: ModelArgument,
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE", help="Corpus to check on. By default, sentences are made up."
        ),
    ] = None,
    as_json: Json = False,
    reading: "ReadOptions",
    load: "Callable[[Path], Predictor]",
) -> None:
    """Check that a model keeps its promises: exact, repeatable, the same in any batch."""
    from ner.testing import run_checks

    predictor, sentences = load(model), None
    if data is not None:
        from ner.data.formats.read import read_sentences
        from ner.inference.reading import options_for

        options = options_for(predictor, data, reading, split="dev", notify=print_note)
        sentences = list(read_sentences(data, options))
        list_skipped(reading.problems)
    found = run_checks(predictor, sentences, notify=(lambda _: None) if as_json else typer.echo)
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found.checks], indent=1))
    if found.failures:
        raise typer.Exit(1)


def export(
    model: ModelArgument,
    int8: Annotated[
        bool, typer.Option("--int8", help="Also write model.int8.onnx, and measure its cost.")
    ] = False,
    dev: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Corpus to check and to measure on. By default, sentences are made up.",
        ),
    ] = None,
    columns: Columns = None,
    as_json: Json = False,
) -> None:
    """Write the ONNX files of a model, so that it runs without torch."""
    for module in ("torch", "onnx"):
        require(module, "Exporting")
    from ner.exporting.model import export

    cost = export(model, int8=int8, dev=dev, columns=split_columns(columns), notify=tell)
    if as_json:
        print_json({"model": str(model), "int8": asdict(cost) if cost else None}, indent=None)
        return
    print_line(f"{model}: model.onnx gives the same tags as torch.")
    if cost:
        print_line(f"{model}: model.int8.onnx: {cost}")


def info(model: ModelArgument, as_json: Json = False) -> None:
    """Print what a model is: labels, sizes, versions, data and scores."""
    from ner.model_folder import load_model

    folder = load_model(model)
    store = folder.featurizer.vectors
    facts: dict[str, Any] = {
        "task": folder.task.name,
        "labels": list(folder.task.labels),
        **{k: v for k, v in folder.task.to_dict().items() if k not in ("labels", "tags")},
        "words": len(folder.featurizer.words.entries),
        "vectors for new words": 0 if store is None else len(store),
        "weights": sum(array.size for array in folder.weights.values()),
        "megabytes": round(sum(f.stat().st_size for f in model.rglob("*") if f.is_file()) / 1e6, 1),
        **folder.record,
    }
    facts.get("data", {}).get("train", {}).pop("sample", None)
    if as_json:
        print_json(facts)
        return
    for name, value in _flattened(facts):
        print_line(f"{name:24} {value}")


def rename(
    model: ModelArgument,
    names: Annotated[
        list[str],
        typer.Argument(metavar="OLD=NEW", help="New names of labels, such as PER=PERSON."),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FOLDER", help="New folder for the renamed model."),
    ],
) -> None:
    """Copy a model under other names of labels. Its answers stay the same otherwise."""
    from ner.model_folder import rename

    pairs: dict[str, str] = {}
    for given in names:
        old, separator, new = given.partition("=")
        if not (old and separator and new):
            raise ConfigError(
                "ner rename: new names must be given as OLD=NEW, such as PER=PERSON. "
                f"Got {given!r}."
            )
        if pairs.setdefault(old, new) != new:
            raise ConfigError(f"{old}: must get one new name. Got {pairs[old]} and {new}.")
    rename(model, pairs, out)
    shown = ", ".join(f"{old} is now {new}" for old, new in pairs.items())
    print_line(f"{out}: the model of {model} with other labels: {shown}.")


def _flattened(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{prefix}{name}.")
        else:
            yield prefix + name, " ".join(value) if isinstance(value, list) else value
