"""`ner data merge`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ner.choices import MergeBy, Occurrences
from ner.cli.options import (
    Json,
    OnErrorOption,
    error_list,
    list_lost,
    reading_corpora,
    refuse_own_input,
    split_columns,
    with_options,
)
from ner.cli.printing import print_json, print_lines
from ner.cli.skipped import list_skipped
from ner.errors import ConfigError
from ner.messages import tell

if TYPE_CHECKING:
    from ner.data.formats.options import ReadOptions
    from ner.data.tools.merge import Merged


@with_options(reading=reading_corpora)
def merge(
    *,
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE", help="Files of labelled texts, such as JSON lines."),
    ],
    by: Annotated[
        MergeBy,
        typer.Option(
            help="Take spans that more than half of the teachers suggest; do so by weights and "
            "scores; take all that overlap no other; or only those that all suggest. What is "
            "neither taken nor outvoted stays open."
        ),
    ] = "vote",
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FILE", help="File for the merged corpus."),
    ] = None,
    disputes: Annotated[
        Path | None,
        typer.Option(
            metavar="JSONL", help="File for each span that not all teachers suggest, for a person."
        ),
    ] = None,
    weight: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=NUMBER",
            help="Weight of a teacher for --by weight, 1 by default. Repeat it for several.",
        ),
    ] = None,
    types: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=LABELS",
            help="Labels for which a teacher looks, such as gpt=DRUG,DOSE; * means all. By "
            "default, these are the labels that it uses. Repeat it for several.",
        ),
    ] = None,
    occurrences: Annotated[
        Occurrences,
        typer.Option(
            help="Where a span without a place is: at all occurrences of its words, or at the "
            "first."
        ),
    ] = "all",
    on_error: OnErrorOption = "raise",
    as_json: Json = False,
    reading: "ReadOptions",
) -> None:
    """Merge labels of several teachers, such as models, rules and people, and compare them.

    What they do not settle becomes partial annotation, on which ner train can train.
    """
    from ner.data.formats.detection import format_to_write
    from ner.data.formats.json_text import dump
    from ner.data.formats.write import write_sentences
    from ner.data.tools.merge import merge
    from ner.files import write_text

    reading = reading.updated(problems=error_list(on_error))
    for written in (path for path in (out, disputes) if path is not None):
        for source in files:
            refuse_own_input(source, str(written), "--out")
    write_as = None if out is None else format_to_write(out)
    if out is not None and write_as is None:
        raise ConfigError(f"--out: must have the ending of a format, such as .jsonl. Got {out}.")
    found = merge(
        files,
        by=by,
        occurrences=occurrences,
        weights={name: _number(name, text) for name, text in _pairs("--weight", weight).items()},
        types={n: split_columns(text) or () for n, text in _pairs("--types", types).items()},
        options=reading,
    )
    list_skipped(reading.problems)
    for line in found.changes:
        tell(line)
    for kind, count in found.ignored.items():
        tell(f"ignored: {count} {kind}.")
    if disputes is not None:
        lines = [f"{dump(record)}\n" for record in found.disputes()]
        write_text(disputes, "".join(lines))
        tell(f"{disputes}: written, {len(lines):,} spans.")
    if out is not None and write_as is not None:
        result = write_sentences(found.sentences, out, write_as)
        list_lost(result.lost, write_as.name)
        tell(f"{out}: written as {write_as.name}: {result.sentences} texts.")
    if as_json:
        print_json(found.to_dict())
    else:
        print_lines(_lines(found))


def _pairs(option: str, given: Sequence[str] | None) -> dict[str, str]:
    """Read what an option says of each teacher.

    Raises:
        ConfigError: It is no pair, or says something twice of a teacher.
    """
    pairs: dict[str, str] = {}
    for each in given or ():
        name, _, value = each.rpartition("=")
        if not name or not value or name in pairs:
            raise ConfigError(f"{option}: must be NAME=VALUE, once for each name. Got {each!r}.")
        pairs[name] = value
    return pairs


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"--weight: must be a number. Got {name}={text}.") from None


def _lines(found: "Merged") -> Iterator[str]:
    """Yield what people read of a merge."""
    from ner.evaluation.scores import table

    header = ["teacher", "texts", "lacks", "spans", "repaired", "searched", "dropped", "weight"]
    rows = [header]
    total = len(found.sentences)
    for one in found.teachers:
        counts = one.counts
        numbers = (one.texts, total - one.texts, counts.spans, counts.repaired, counts.searched)
        cells = [f"{number:,}" for number in (*numbers, counts.dropped)]
        rows.append([one.name, *cells, f"{one.weight:g}"])
    yield from table(rows).split("\n")
    for one in found.teachers:
        yield f"{one.name} looks for {', '.join(one.types) or 'nothing'}."
    if found.agreement.pairs:
        yield ""
        rows = [["pair", "texts", "tokens", "kappa", "span F1"]]
        for pair in found.agreement.pairs:
            numbers = [f"{pair.texts:,}", f"{pair.tokens:,}", _share(pair.kappa), _share(pair.f1)]
            rows.append([f"{pair.first}, {pair.second}", *numbers])
        yield from table(rows).split("\n")
        yield ""
        alphas = {"shared by all": found.agreement.alpha, **found.agreement.alpha_of}
        rows = [["label", "alpha"], *([label, _share(value)] for label, value in alphas.items())]
        yield from table(rows).split("\n")
    yield ""
    outcomes = ", ".join(f"{count:,} {name}" for name, count in found.outcomes.items())
    partial = sum(sentence.allowed is not None for sentence in found.sentences)
    yield f"{total:,} texts, {found.unread:,} of which nobody has labelled. Spans: {outcomes}."
    yield f"{partial:,} texts have open tokens, {found.open_tokens:,} in all."


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
