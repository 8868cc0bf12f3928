"""The list of errors as HTML, and the form that filters it."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from ner.data.html_view import Hues, escape
from ner.data.schemes import Span
from ner.display import shared_name, visible
from ner.evaluation.error_report.elements import paragraph
from ner.evaluation.error_report.figures import confusion_name
from ner.evaluation.errors import SpanError, count_classes, most_confident_first
from ner.evaluation.surfaces import SurfaceCounts

# More errors make the page too large to open, and nobody reads them one by one.
MOST_SHOWN = 2000

# Words at both ends of a long span that are shown.
LONG = 30


def error_parts(
    errors: Sequence[SpanError], training: SurfaceCounts | None, hues: Hues
) -> list[str]:
    """Show all errors, the most confident ones first, below a form that filters them.

    Args:
        errors: All errors, in the order of the data.
        training: The surfaces of training data, if they are known.
        hues: The colours of labels.
    """
    numbers = {id(error): number for number, error in enumerate(errors, 1)}
    shown = most_confident_first(errors)[:MOST_SHOWN]
    parts: list[str] = []
    if any(error.score is not None for error in errors):
        parts.append(
            paragraph(
                "The most confident disagreements come first. Where the model is sure of what the "
                "annotation denies, look at the annotation: it is often wrong."
            )
        )
    if len(shown) < len(errors):
        parts.append(
            paragraph(f"Only the first {len(shown)} of {len(errors)} errors are listed here.")
        )
    if shown:
        parts += [_form(shown), "<noscript><p>Filters need JavaScript. All errors are below.</p>"]
        parts += ["</noscript>", '<ol class="errors" id="list">']
        parts += [_item(error, numbers[id(error)], training, hues) for error in shown]
        parts.append("</ol>")
    else:
        parts.append(paragraph("There are no errors."))
    return parts


def _item(error: SpanError, number: int, training: SurfaceCounts | None, hues: Hues) -> str:
    labels = sorted({visible(span.label) for span in (*error.gold, *error.predicted)})
    facts = {
        "number": str(number),
        "class": error.error_class,
        "types": json.dumps(labels, ensure_ascii=False),
        "score": "" if error.score is None else f"{error.score:.4f}",
        "confusion": "" if error.confusion is None else confusion_name(error.confusion),
    }
    given = "".join(f' data-{name}="{escape(value)}"' for name, value in facts.items())
    shown = [
        ("Gold", _marked(error, error.gold, error.gold_scores, hues)),
        ("Predicted", _marked(error, error.predicted, error.scores, hues)),
    ]
    lines = [f'<div><dt>{name}</dt> <dd dir="auto">{words}</dd></div>' for name, words in shown]
    if training is not None:
        said = escape("; ".join(map(training.describe, error.surfaces)))
        lines.append(f'<div class="training"><dt>Known</dt> <dd dir="auto">{said}</dd></div>')
    head = f'<li class="error"{given}><h3>{" ".join(_heading(error))}</h3>'
    return "\n".join([head, "<dl>", *lines, "</dl></li>"])


def _heading(error: SpanError) -> Iterator[str]:
    yield f'<span class="class">{error.error_class}</span>'
    if error.score is not None:
        yield f'<span class="score">score {error.score:.3f}</span>'
    where = [shared_name(str(error.source)) if error.source else f"sentence {error.sentence + 1}"]
    if error.document:
        where.append(f"document {error.document}")
    yield f'<span class="where">{escape(", ".join(where))}</span>'


def _marked(error: SpanError, spans: Sequence[Span], scores: Sequence[float], hues: Hues) -> str:
    """Show the tokens of an error with some spans marked."""
    pieces: list[str] = []
    place = error.first
    for span, score in zip(spans, scores or [None] * len(spans), strict=True):
        label = escape(span.label)
        title = label if score is None else f"{label} {score:.4f}"
        pieces += _words(error, place, span.start)
        pieces.append(
            f'<mark style="--hue: {hues(span.label)}" title="{title}">'
            f"{escape(_shortened(error.surface(span)))}<sub>{label}</sub></mark>"
        )
        place = span.end
    pieces += _words(error, place, error.first + len(error.tokens))
    return " ".join(pieces)


def _shortened(surface: str) -> str:
    """Leave out the middle of a long surface, such as a text that has a label as a whole."""
    words = surface.split(" ")
    if len(words) <= 2 * LONG:
        return surface
    return " ".join([*words[:LONG], "\u2026", *words[-LONG:]])


def _words(error: SpanError, start: int, end: int) -> list[str]:
    return [escape(token) for token in error.tokens[start - error.first : end - error.first]]


def _form(errors: Sequence[SpanError]) -> str:
    """Return what filters the errors; a page that runs no script hides it."""
    classes = [(name, count) for name, count in count_classes(errors).items() if count]
    types = Counter(
        label for e in errors for label in {span.label for span in (*e.gold, *e.predicted)}
    )
    confusions = Counter(confusion_name(e.confusion) for e in errors if e.confusion)
    fields = [
        _select("class", "Class", classes),
        _select("type", "Type", sorted(types.items())),
        _select("confusion", "Confusion", confusions.most_common()),
    ]
    fields.append('<label>Search <input name="text" type="search"></label>')
    if any(error.score is not None for error in errors):
        fields += [
            '<label>Minimum score <input name="score" type="number" min="0" max="1" step="0.05" '
            'placeholder="0"></label>',
            '<label>Order <select name="sort"><option value="">most confident first</option>'
            '<option value="place">as in the data</option></select></label>',
        ]
    return "\n".join(
        [
            '<form id="filters" role="search" aria-label="Filter errors" hidden>',
            *fields,
            '<button type="reset">Show all</button>',
            '<p id="count" role="status"></p>',
            "</form>",
        ]
    )


def _select(name: str, title: str, choices: Iterable[tuple[str, int]]) -> str:
    options = "".join(
        f'<option value="{escape(value)}">{escape(value)} ({count})</option>'
        for value, count in choices
    )
    return (
        f'<label>{title} <select name="{name}"><option value="">all</option>{options}</select>'
        "</label>"
    )
