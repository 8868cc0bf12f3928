"""`ner check`, `ner ensemble`, `ner export`, `ner info`, `ner models` and `ner rename`."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ner.cli.options import (
    Columns,
    Json,
    ModelArgument,
    reading_gold,
    running,
    split_columns,
    with_options,
)
from ner.cli.printing import print_json, print_line
from ner.cli.skipped import list_skipped
from ner.errors import ConfigError
from ner.extras import require
from ner.messages import ignore, tell

if TYPE_CHECKING:
    from ner.data.formats.options import ReadOptions
    from ner.inference.predictor import Predictor
    from ner.model_folder import ModelFolder


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
    load: "Callable[[str], Predictor]",
) -> None:
    """Check that a model keeps its promises: exact, repeatable, the same in any batch."""
    from ner.testing import run_checks

    predictor, sentences = load(str(model)), None
    if data is not None:
        from ner.data.formats.read import read_sentences
        from ner.inference.reading import options_for

        options = options_for(predictor, data, reading, split="dev", notify=tell)
        sentences = list(read_sentences(data, options))
        list_skipped(reading.problems)
    notify = ignore if as_json else print_line
    found = run_checks(predictor, sentences, notify=notify)
    if as_json:
        print_json([asdict(each) for each in found.checks])
    if found.failures:
        raise typer.Exit(1)


def export(
    model: ModelArgument,
    int8: Annotated[
        bool, typer.Option("--int8", help="Also write model.int8.onnx, and measure its cost.")
    ] = False,
    compact: Annotated[
        bool,
        typer.Option(
            "--compact",
            help="Store numbers in eight bits and without copies, leave out private words, and "
            "measure the cost. Tagging still computes in fp32.",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FOLDER", help="Folder to write. By default, MODEL is replaced."
        ),
    ] = None,
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

    cost = export(
        model,
        out=out,
        int8=int8,
        compact=compact,
        dev=dev,
        columns=split_columns(columns),
        notify=tell,
    )
    written = out or model
    if as_json:
        print_json({"model": str(written), **asdict(cost)}, indent=None)
        return
    print_line(f"{written}: model.onnx gives the same tags as torch.")
    if cost.compact:
        print_line(f"{written}: compact: {cost.compact}")
    if cost.int8:
        print_line(f"{written}: model.int8.onnx: {cost.int8}")


def info(model: ModelArgument, as_json: Json = False) -> None:
    """Print what a model is: labels, sizes, versions, data and scores."""
    from ner.ensemble_folder import load_folder, networks_of
    from ner.files import folder_size
    from ner.installed import model_folder

    path = model_folder(model)
    folder = load_folder(path)
    networks = networks_of(folder)
    store = folder.featurizer.vectors
    facts: dict[str, Any] = {
        "task": folder.task.name,
        "labels": list(folder.task.labels),
        **{k: v for k, v in folder.task.to_dict().items() if k not in ("labels", "tags")},
        "words": len(folder.featurizer.words.entries),
        "vectors for other words": 0 if store is None else len(store),
        "compact": all(network.compact for network in networks),
        "weights": sum(array.size for network in networks for array in network.weights.values()),
        "megabytes": round(folder_size(path) / 1e6, 1),
        **_encoder_facts(networks),
        **folder.record,
    }
    facts.get("data", {}).get("train", {}).pop("sample", None)
    if as_json:
        print_json(facts)
        return
    for name, value in _flattened(facts):
        print_line(f"{name:24} {value}")


def _encoder_facts(networks: Iterable["ModelFolder"]) -> dict[str, Any]:
    """Collect facts about the pretrained encoder of a model, or of the first model with one."""
    for each in networks:
        if "pretrained" in each.network:
            chosen, facts = each.network["transformer"], each.network["pretrained"]
            return {
                "transformer": {
                    "path": chosen["path"],
                    "kind": facts["architecture"].get("model_type"),
                    "tuned": chosen["tuned"],
                    "context": chosen["context"],
                    "licence": facts.get("licence"),
                    "sha256": facts.get("digest"),
                }
            }
    return {}


def ensemble(
    models: Annotated[
        list[str],
        typer.Argument(metavar="MODEL…", help="Model folders or names of models, at least two."),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="New folder for the ensemble.")
    ],
) -> None:
    """Join models in one folder that tags by the mean of what they think.

    It takes the time of all of them.
    """
    from ner.ensemble_folder import ensemble

    ensemble(models, out)
    print_line(f"{out}: an ensemble of {len(models)} models.")


def models(as_json: Json = False) -> None:
    """List the installed models, and where they are."""
    from ner.installed import installed_models

    found = installed_models()
    if as_json:
        print_json([model.to_dict() for model in found])
        return
    for model in found:
        size = f"{model.size / 1e6:.1f} MB"
        labels = " ".join(model.labels)
        print_line(
            "\t".join((model.name, model.task, labels, size, model.licence, str(model.folder)))
        )


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
