"""Write the errors of an evaluation: as a page for people, and as JSON lines for programs."""

import json
from collections.abc import Sequence
from pathlib import Path

from ner.evaluation.error_report.page import error_page
from ner.evaluation.errors import SpanError
from ner.evaluation.report import Report
from ner.evaluation.surfaces import SurfaceCounts
from ner.files import write_text


def write_errors(
    report: Report,
    found: Sequence[SpanError],
    *,
    html: str | Path | None = None,
    errors: str | Path | None = None,
    training: SurfaceCounts | None = None,
) -> None:
    """Write errors to files, in place of files of the same names.

    Args:
        report: The figures, for the page.
        found: All errors.
        html: The page; None writes none.
        errors: The JSON lines, in the order of the data; None writes none.
        training: The surfaces of training data, if they are known.
    """
    if html is not None:
        page = "\n".join(error_page(report, found, training))
        write_text(Path(html), f"{page}\n")
    if errors is not None:
        lines = (json.dumps(error.to_dict(training)) + "\n" for error in found)
        write_text(Path(errors), "".join(lines))
