"""The error report as one page, which needs nothing from elsewhere."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from ner.data.html_view import Hues, html_page
from ner.evaluation.error_report.charts import calibration_parts
from ner.evaluation.error_report.comparisons import breakdown_tables, convention_table
from ner.evaluation.error_report.elements import contents, paragraph, percent, section
from ner.evaluation.error_report.error_list import error_parts
from ner.evaluation.error_report.figures import (
    class_table,
    heat_map,
    interval_note,
    interval_remark,
    score_table,
    tiles,
)
from ner.evaluation.errors import SpanError
from ner.evaluation.report import Report, SingleLabelReport, SpanReport, TokenReport
from ner.evaluation.surfaces import SurfaceCounts

FOLDER = Path(__file__).parent


def error_page(
    report: Report,
    errors: Sequence[SpanError],
    training: SurfaceCounts | None = None,
) -> Iterator[str]:
    """Yield the lines of a page that shows figures and errors.

    Without JavaScript, the page shows the same, but its list of errors has no filters.

    Args:
        report: The figures.
        errors: All errors behind them, as `span_errors` lists them.
        training: The surfaces of training data, if they are known.
    """
    hues = Hues()
    for label in report.per_label:
        hues(label)
    sections = {"figures": ("Figures", _figures(report))}
    if isinstance(report, SpanReport) and report.reliability is not None:
        sections["calibration"] = ("Scores of spans", calibration_parts(report.reliability, hues))
    sections["classes"] = ("Kinds of errors", _kinds(report, errors))
    sections["errors"] = ("Errors", error_parts(errors, training, hues))
    content = [
        paragraph(f"{_size(report)}, {len(errors)} errors."),
        contents({name: title for name, (title, _) in sections.items()}),
        *(section(name, *each) for name, each in sections.items()),
    ]
    style, script = (_text(file) for file in ("page.css", "filters.js"))
    title = f"Error report: {report.name}" if report.name else "Error report"
    yield from html_page(content, title, style=style, script=script)


def _size(report: Report) -> str:
    parts = [f"{report.sentences} sentences"]
    if isinstance(report, SpanReport | TokenReport):
        parts.append(f"{report.tokens} tokens")
    if isinstance(report, SpanReport):
        parts.append(f"{report.micro.support} gold spans")
    return ", ".join(parts)


def _figures(report: Report) -> list[str]:
    parts = [tiles(_main_figures(report)), score_table(report)]
    if report.intervals is not None:
        parts.append(interval_note(report.intervals))
    if isinstance(report, SpanReport):
        if report.conventions is not None:
            parts.append(convention_table(report, report.conventions))
        if report.breakdowns is not None:
            parts.append(breakdown_tables(report.breakdowns))
    return parts


def _main_figures(report: Report) -> dict[str, tuple[str, str]]:
    intervals = report.intervals
    if isinstance(report, SpanReport):
        return {
            "F1": (percent(report.f1), interval_remark(intervals)),
            "Precision": (percent(report.precision), ""),
            "Recall": (percent(report.recall), ""),
            "Token accuracy": (percent(report.accuracy), ""),
        }
    figures = {
        "Accuracy": (percent(report.accuracy), interval_remark(intervals)),
        "Macro F1": (percent(report.macro.f1), ""),
    }
    if isinstance(report, TokenReport):
        figures["Sentence accuracy"] = (percent(report.sentence_accuracy), "")
        if report.unseen_accuracy is not None:
            note = f"{report.unseen} tokens"
            figures["Accuracy on unseen words"] = (percent(report.unseen_accuracy), note)
    if report.ece is not None:
        figures["Calibration error"] = (f"{report.ece:.4f}", "")
    return figures


def _kinds(report: Report, errors: Sequence[SpanError]) -> list[str]:
    """Count errors by class, where there are several, and by gold and predicted label."""
    items = {SpanReport: "Spans", TokenReport: "Tokens"}.get(type(report), "Sentences")
    parts = [class_table(errors)] if isinstance(report, SpanReport) else []
    if isinstance(report, SpanReport | TokenReport | SingleLabelReport):
        parts.append(heat_map(report.confusion, items))
    return parts


def _text(file: str) -> str:
    return (FOLDER / file).read_text(encoding="utf-8")
