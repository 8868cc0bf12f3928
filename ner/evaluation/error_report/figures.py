"""The figures of a report as HTML: the main ones large, all in tables, and confusions as a map."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import urlencode

from ner.data.html_view import escape
from ner.evaluation.error_report.elements import html_table, paragraph
from ner.evaluation.errors import CLASS_MEANINGS, SpanError
from ner.evaluation.intervals import Interval, ScoreIntervals
from ner.evaluation.report import MISSED, SPURIOUS, Confusion, Report
from ner.evaluation.scores import Scores

# A map of more labels is too large to read.
MOST_LABELS = 60


def tiles(figures: Mapping[str, tuple[str, str]]) -> str:
    """Show a few figures large.

    Args:
        figures: The figure and a remark, by the name of the figure; all of them are text.
    """
    shown = (
        f"<div><dt>{escape(name)}</dt><dd>{escape(figure)}"
        f"{f' <small>{escape(remark)}</small>' if remark else ''}</dd></div>"
        for name, (figure, remark) in figures.items()
    )
    return f'<dl class="tiles">{"".join(shown)}</dl>'


def score_table(report: Report) -> str:
    """Show the scores of each label, and their averages."""
    intervals = report.intervals
    averages = {"micro": report.micro, "macro": report.macro, "weighted": report.weighted}
    header = ["", "Precision", "Recall", "F1", "Support"]
    of_labels: Mapping[str, Interval] = {}
    of_averages: Mapping[str, Interval] = {}
    if intervals is not None:
        # The accuracy of one label each is F1 over all of them.
        of_labels = intervals.per_label
        of_averages = {"micro": intervals.score, "macro": intervals.macro}
        header[4:4] = [f"F1, {_level(intervals)} from", "to"]
    rows = [
        (name, [f"<td>{cell}</td>" for cell in _score_cells(scores, known.get(name), len(header))])
        for kind, known in ((report.per_label, of_labels), (averages, of_averages))
        for name, scores in kind.items()
    ]
    return html_table("Scores by label, in percent", header, rows, foot=len(averages))


def _score_cells(scores: Scores, interval: Interval | None, columns: int) -> list[str]:
    """Return the cells of a row of some columns after its name."""
    *shares, support = scores.cells()
    ends = [] if interval is None else interval.cells()[1:]
    return [*shares, *ends, *[""] * (columns - 2 - len(shares) - len(ends)), support]


def interval_remark(intervals: ScoreIntervals | None) -> str:
    """Return the interval of the main score in words; "" where it is not known."""
    if intervals is None:
        return ""
    _, low, high = intervals.score.cells()
    return f"{_level(intervals)} {low} to {high}"


def interval_note(intervals: ScoreIntervals) -> str:
    """Say what the intervals are."""
    return paragraph(
        f"Intervals say how far scores vary with the sample of texts: {_level(intervals)}, BCa "
        f"bootstrap over {intervals.units} {intervals.unit}s, {intervals.resamples} samples."
    )


def _level(intervals: ScoreIntervals) -> str:
    return f"{100 * intervals.level:g} %"


def class_table(errors: Sequence[SpanError]) -> str:
    """Count the errors of each class, with links that filter the list."""
    rows: list[tuple[str, list[str]]] = []
    for name, meaning in CLASS_MEANINGS.items():
        own = [error for error in errors if error.error_class == name]
        number = filter_link(str(len(own)), {"class": name}) if own else "0"
        words = f'<td class="words">{meaning}</td>'
        rows.append((name, [f"<td>{number}</td>", *_span_counts(own), words]))
    rows.append(("all", [f"<td>{len(errors)}</td>", *_span_counts(errors), "<td></td>"]))
    header = ("Class", "Errors", "Gold spans", "Predicted spans", "Meaning")
    return html_table(
        "Errors by class, with the spans in them", header, rows, foot=1, style="classes"
    )


def _span_counts(errors: Iterable[SpanError]) -> list[str]:
    errors = list(errors)
    counts = (sum(len(e.gold) for e in errors), sum(len(e.predicted) for e in errors))
    return [f"<td>{count}</td>" for count in counts]


def heat_map(confusion: Confusion, items: str) -> str:
    """Show a table of confusions whose cells are darker, the larger their share of the gold label.

    Args:
        confusion: Counts by gold label, then by predicted label.
        items: What is counted.
    """
    columns = list(next(iter(confusion.values()), ()))
    if not columns or len(columns) > MOST_LABELS:
        return ""
    rows = [(gold, list(_cells(gold, row))) for gold, row in confusion.items()]
    caption = f"{items} by gold label (row) and predicted label"
    if SPURIOUS in confusion:
        caption += " of exactly the same tokens"
    return html_table(caption, ["Gold", *columns], rows, style="map")


def _cells(gold: str, row: Mapping[str, int]) -> Iterator[str]:
    total = sum(row.values())
    for found, count in row.items():
        if (gold, found) == (SPURIOUS, MISSED):
            yield "<td></td>"
            continue
        is_link = count and found not in (gold, MISSED) and gold != SPURIOUS
        filters = {"class": "type", "confusion": confusion_name((gold, found))}
        shown = filter_link(str(count), filters) if is_link else str(count)
        kind = "none" if not count else "right" if gold == found else "wrong"
        # The root shows small shares, which are most of all errors, more clearly.
        weight = (count / total) ** 0.5 if total else 0.0
        yield f'<td class="{kind}" style="--weight: {weight:.2f}">{shown}</td>'


def confusion_name(labels: tuple[str, str]) -> str:
    """Name a gold label and the label predicted in its place."""
    return f"{labels[0]} as {labels[1]}"


def filter_link(text: str, filters: Mapping[str, str]) -> str:
    """Return a link that shows only some errors of the list.

    Args:
        text: What to click on, as text.
        filters: Values of fields of the form by their names.
    """
    return f'<a href="#{escape(urlencode(filters))}">{escape(text)}</a>'
