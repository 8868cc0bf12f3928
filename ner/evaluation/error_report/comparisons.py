"""Figures by convention of scoring, and by group of spans, as HTML."""

from collections.abc import Iterator, Mapping

from ner.evaluation.breakdowns import TITLES, Breakdowns, GroupCounts
from ner.evaluation.conventions import KINDS, Convention, Conventions
from ner.evaluation.error_report.elements import columns, data_table, paragraph, percent
from ner.evaluation.report import SpanReport

# What is right in each convention.
RIGHT: Mapping[Convention, str] = {
    "strict": "the same tokens and label",
    "exact": "the same tokens, whatever the label",
    "partial": "the same tokens; an overlap counts half",
    "type": "an overlap with the same label",
}


def convention_table(report: SpanReport, conventions: Conventions) -> str:
    """Show scores by each convention side by side.

    Args:
        report: The scores of seqeval and of conlleval.
        conventions: Those of MUC and SemEval.
    """
    modes = {"seqeval, default mode": report.micro}
    if report.conlleval is None:
        modes = {"seqeval, default mode, equal to conlleval": report.micro}
    else:
        modes["conlleval"] = report.conlleval
    modes[f"seqeval, strict mode ({report.scheme})"] = report.strict
    rows = [[name, *scores.cells()[:3], *[""] * len(KINDS)] for name, scores in modes.items()]
    for name, counts in conventions.overall.items():
        numbers = (str(getattr(counts, kind)) for kind in KINDS)
        rows.append([f"MUC {name}: {RIGHT[name]}", *counts.scores.cells()[:3], *numbers])
    header = ["Convention", "Precision", "Recall", "F1", *(kind.capitalize() for kind in KINDS)]
    return data_table("Scores by convention, in percent, and counts of spans", header, rows)


def breakdown_tables(breakdowns: Breakdowns) -> str:
    """Show the scores of groups of spans: a table for each way to group them."""
    return columns(_breakdown_tables(breakdowns))


def _breakdown_tables(breakdowns: Breakdowns) -> Iterator[str]:
    for name, title in TITLES.items():
        groups: Mapping[str, GroupCounts] = getattr(breakdowns, name) or {}
        used = {group: each for group, each in groups.items() if each.gold or each.predicted}
        if used:
            yield _group_table(title, used)
    documents = breakdowns.documents
    if documents is None or not documents.scored:
        return
    head = paragraph(
        f"F1 by document: {percent(documents.mean)} on average, from {percent(documents.lowest)} "
        f"to {percent(documents.highest)}, over {documents.scored} documents that have spans."
    )
    worst = _group_table("Documents with the lowest F1", documents.worst) if documents.worst else ""
    yield f"<div>{head}{worst}</div>"


def _group_table(title: str, groups: Mapping[str, GroupCounts]) -> str:
    rows = [[name, *each.scores.cells(), str(each.predicted)] for name, each in groups.items()]
    return data_table(title, ["", "Precision", "Recall", "F1", "Gold", "Predicted"], rows)
