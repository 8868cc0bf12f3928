"""`ner tag-files`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from ner.choices import BulkOutput, Engine, OnRowError
from ner.cli.options import (
    MODEL_HELP,
    Device,
    Json,
    LowestScore,
    PrecisionOption,
    RulesOption,
    Runtime,
    read_rules,
    splitting,
    with_options,
)
from ner.cli.printing import print_json, print_lines
from ner.cli.thresholds import read_min_score
from ner.errors import ConfigError
from ner.installed import DEFAULT

if TYPE_CHECKING:
    from ner.data.sentence_splitter import FindStarts


@with_options(splitting=splitting)
def tag_files(
    *,
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="Files, folders, patterns and URLs of parquet files, JSON lines (.jsonl) or texts "
            "line by line (.txt).",
        ),
    ],
    out: Annotated[
        str,
        typer.Option("--out", "-o", metavar="FOLDER", help="Folder or URL for the results."),
    ],
    model: Annotated[str, typer.Option(metavar="MODEL", help=MODEL_HELP)] = DEFAULT,
    engine: Annotated[
        Engine,
        typer.Option(
            help="What does the work: processes on this machine, or actors of Ray (extra ray)."
        ),
    ] = "local",
    workers: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Number of processes; by default one for each core. 0 works in one process, which "
            "a text that crashes it would end.",
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(help="Address of a cluster of Ray; by default it runs on this machine."),
    ] = None,
    text_column: Annotated[
        str, typer.Option(metavar="COLUMN", help="Column or field of the texts.")
    ] = "text",
    keep: Annotated[
        str,
        typer.Option(
            metavar="COLUMNS",
            help="Columns or fields that results have, too: all, or names such as id,url.",
        ),
    ] = "all",
    output: Annotated[BulkOutput, typer.Option(help="Format of the results.")] = "parquet",
    on_row_error: Annotated[
        OnRowError,
        typer.Option(
            "--on-error",
            help="Write why a row failed into the column error, or stop at the first such row.",
        ),
    ] = "column",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Remove earlier results in the folder first.")
    ] = False,
    min_score: LowestScore = "0",
    rules: RulesOption = None,
    splitting: "Callable[[], FindStarts | None]",
    runtime: Runtime = "auto",
    precision: PrecisionOption = "fp32",
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Tag or label the texts of many files in several processes, and go on where a run ended."""
    from ner.bulk.run import tag_files
    from ner.inference.rows import RowTagger, portable_name

    # It stays open for what follows.
    named = RowTagger(portable_name(model), runtime=runtime, precision=precision, device=device)
    bound = read_rules(rules)
    lowest = read_min_score(min_score, named.predictor)
    summary = tag_files(
        sources,
        out,
        model,
        engine=engine,
        workers=workers,
        address=address,
        text=text_column,
        keep=_columns(keep),
        output=output,
        on_error=on_row_error,
        overwrite=overwrite,
        min_score=lowest,
        rules=bound,
        split=splitting(),
        runtime=runtime,
        precision=precision,
        device=device,
    )
    if as_json:
        print_json(summary.to_dict())
    else:
        print_lines(str(summary))
    if summary.failed:
        raise typer.Exit(1)


def _columns(keep: str) -> list[str] | None:
    """Read the names of columns; None for all.

    Raises:
        ConfigError: A name is missing.
    """
    if keep == "all":
        return None
    names = [name.strip() for name in keep.split(",")]
    if not all(names):
        raise ConfigError(
            f"--keep: must be all, or names of columns with commas between them. Got {keep!r}."
        )
    return names
