"""What tests of the error report share: small pages, and a reader for them."""

from dataclasses import replace
from html.parser import HTMLParser

from ner.data.schemes import Span
from ner.data.sentence import Prediction, Sentence, Source
from ner.evaluation.error_report.page import error_page
from ner.evaluation.errors import span_errors
from ner.evaluation.span_calibration import span_calibration
from ner.evaluation.surfaces import SurfaceCounts
from ner.inference.evaluate import evaluate_predictions
from ner.tasks.base import Known
from ner.tasks.spans import SpanTask

TOKENS = ["The", "Bank", "of", "New", "York", "met", "Ada", "Byron"]
VOID = ("meta", "input", "!doctype")


def pair(gold, found, scores=None, tokens=TOKENS, **facts):
    """Build a gold sentence from spans (start, end, label), and the same one with a prediction."""
    sentence = Sentence(tokens, spans=[Span(*span) for span in gold], **facts)
    predicted = [Span(*span) for span in found]
    scores = [0.5] * len(predicted) if scores is None else scores
    return sentence, sentence.predicted(Prediction(predicted, scores))


# One error of each class; the place of each is its number.
PAIRS = [
    pair([(3, 5, "LOC")], [(3, 5, "PER")], [0.9], source=Source("x.conll", 1)),
    pair([(1, 5, "ORG")], [(0, 5, "ORG")], [0.7], source=Source("x.conll", 11)),
    pair([(1, 5, "ORG")], [(3, 5, "LOC")], [0.4]),
    pair([(1, 5, "ORG")], [(1, 2, "ORG"), (3, 5, "LOC")], [0.6, 0.3]),
    pair([(6, 7, "PER"), (7, 8, "PER")], [(6, 8, "PER")], [0.8]),
    pair([(6, 8, "PER")], []),
    pair([], [(0, 1, "MISC")], [0.95], document="d1"),
    pair([(6, 8, "PER")], [(6, 8, "PER")], [1.0]),
]
TRAIN = [
    Sentence(["New", "York"], spans=[Span(0, 2, "LOC")]),
    Sentence(["New", "York"], spans=[Span(0, 2, "ORG")]),
    Sentence(["New", "York"], spans=[Span(0, 2, "LOC")]),
]


def page_of(pairs, training=None):
    """Write the page of gold and predicted sentences."""
    gold, predicted = map(list, zip(*pairs, strict=True))
    task = SpanTask(("O",), "BIO")
    report = evaluate_predictions(task, gold, predicted, "x.conll", Known(surfaces=training))
    is_scored = all(len(s.prediction.scores) == len(s.prediction.spans) for s in predicted)
    if is_scored:
        report = replace(report, reliability=span_calibration(gold, predicted))
    return "\n".join(error_page(report, span_errors(gold, predicted), training))


def page_of_task(task, pairs):
    """Write the page of gold and predicted sentences of any task."""
    gold, predicted = map(list, zip(*pairs, strict=True))
    errors = span_errors(*map(task.with_spans, (gold, predicted)))
    return "\n".join(error_page(task.report(gold, predicted, "x"), errors))


def whole_page():
    """Write the page of `PAIRS`."""
    return page_of(PAIRS, SurfaceCounts(TRAIN))


class Page(HTMLParser):
    """Read a page back: all its elements, and the text of each, with that of those inside."""

    def __init__(self, content):
        super().__init__()
        self.open, self.elements = [], []
        self.feed(content)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        element = {"tag": tag, "attrs": dict(attrs), "text": "", "path": [*self.open]}
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        assert self.open.pop()["tag"] == tag

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data

    def all(self, tag, style=None):
        """List the attributes of all elements of a kind, or of those with a class."""
        found = [each["attrs"] for each in self.elements if each["tag"] == tag]
        return found if style is None else [each for each in found if each.get("class") == style]

    def said(self, tag, style=None):
        """List the text of all elements of a kind, or of those with a class."""
        found = [each for each in self.elements if each["tag"] == tag]
        chosen = [e for e in found if style in (None, e["attrs"].get("class"))]
        return [" ".join(each["text"].split()) for each in chosen]

    def rows(self, name):
        """List the cells of the table with a name."""
        rows = {}
        for each in self.elements:
            path = each["path"]
            tables = [e["attrs"]["aria-label"] for e in path if e["tag"] == "table"]
            if each["tag"] in ("td", "th") and tables == [name]:
                rows.setdefault(id(path[-1]), []).append(" ".join(each["text"].split()))
        return list(rows.values())
