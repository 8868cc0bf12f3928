"""Score a column file that has gold and predicted tags; this needs no model."""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ner.data.formats.columns import DOCUMENT_BOUNDARY
from ner.data.formats.conll import read_conll
from ner.data.lines import MARK
from ner.data.schemes import PREFIXES, Scheme, Span, is_legal, normalize_tag, spans_from_tags
from ner.data.sentence import PredictedSentence, Prediction, Sentence
from ner.errors import DataError
from ner.evaluation.breakdowns import break_down
from ner.evaluation.conlleval import conlleval_spans, count_spans
from ner.evaluation.intervals import score_intervals
from ner.evaluation.report import SpanReport
from ner.evaluation.scores import Scores
from ner.evaluation.span_metrics import evaluate_tags
from ner.evaluation.surfaces import SurfaceCounts
from ner.evaluation.unit_counts import count_units, documents_of


@dataclass(frozen=True)
class PredictionReport:
    """The scores of a file's raw tags in both modes of seqeval; printing it gives two tables.

    Args:
        default: The scores of `conlleval.pl`, which papers report.
        strict: The scores of spans whose tags are legal in the scheme.
        scheme: The scheme of strict mode.
        scheme_inferred: Whether the scheme was inferred from the gold tags.
        foreign_tags: The number of tags with a prefix that the scheme lacks; strict mode reads
            them as O.
        mixed: Whether the gold tags are IOB1 and the predicted ones look like another scheme, so
            that the strict scores mean little.
        documents: The number of rows with tags that begin a document. They count as tokens, as for
            conlleval, but not as sentences.
    """

    default: SpanReport
    strict: SpanReport
    scheme: Scheme
    scheme_inferred: bool
    foreign_tags: int
    mixed: bool
    documents: int = 0

    @property
    def f1(self) -> float:
        """F1 over all spans in default mode."""
        return self.default.f1

    def details(self) -> str:
        """Write what `SpanReport.details` writes of the default mode."""
        return self.default.details()

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as JSON can hold it."""
        return {
            "scheme": self.scheme,
            "scheme_inferred": self.scheme_inferred,
            "foreign_tags": self.foreign_tags,
            "mixed": self.mixed,
            "documents": self.documents,
            "default": self.default.to_dict(),
            "strict": self.strict.to_dict(),
        }

    def __str__(self) -> str:
        how = "inferred from the gold tags" if self.scheme_inferred else "as declared"
        note = f"Scheme of strict mode: {self.scheme}, {how}."
        if self.foreign_tags:
            note += f" {self.foreign_tags} tags have a prefix that it lacks and count as O there."
        if self.mixed:
            note += (
                " The predicted tags are not in it, so the strict scores say little; the default "
                "ones hold whatever the schemes."
            )
        if self.documents:
            note += f" {self.documents} {DOCUMENT_BOUNDARY} rows count as tokens, as in conlleval."
        return f"{self.default}\n\n{self.strict}\n\n{note}"


def score_predictions(
    lines: Iterable[bytes],
    name: str,
    gold: int = -2,
    predicted: int = -1,
    scheme: Scheme | None = None,
    surfaces: SurfaceCounts | None = None,
) -> PredictionReport:
    """Compare the predicted tags of a column file with its gold tags, without changing either.

    Args:
        lines: The lines of the file.
        name: The name of the file, for reports and errors.
        gold: The column of the gold tags, counted from 0, or from the end if negative.
        predicted: The column of the predicted tags.
        scheme: The scheme for strict mode; None infers it from the gold tags.
        surfaces: The surfaces of the training data; None if they are not known.

    Raises:
        DataError: The file holds no rows, a row lacks a column, or a tag is not a tag.
    """
    boundaries: list[list[str]] = []
    raw_gold: list[Sequence[str]] = []
    raw_predicted: list[Sequence[str]] = []
    read = list(read_conll(_watched(lines, boundaries), name, tags=None))
    for sentence in read:
        for column, side in ((gold, raw_gold), (predicted, raw_predicted)):
            side.append(_checked_column(sentence, column))
    if not read:
        raise DataError(
            f"{name}: a token, a gold tag and a predicted tag in each row. Got no rows."
        )
    # As conlleval does, count a row that begins a document as a token.
    documents = [row for row in boundaries if _are_tags(row, gold, predicted)]
    raw_gold += [[row[gold]] for row in documents]
    raw_predicted += [[row[predicted]] for row in documents]
    gold_tags, predicted_tags = (
        [list(map(normalize_tag, tags)) for tags in side] for side in (raw_gold, raw_predicted)
    )
    used = scheme or infer_scheme(gold_tags)
    default, strict = evaluate_tags(gold_tags, predicted_tags, used, name)
    sides = _spans(gold_tags), _spans(predicted_tags)
    conlleval = _conlleval_scores(raw_gold, raw_predicted, count_spans(*sides))
    # Rows that begin a document belong to none.
    of_units = count_units(*sides, () if documents else documents_of(read))
    known = "O" + PREFIXES[used]
    foreign = sum(t[0] not in known for tags in (*gold_tags, *predicted_tags) for t in tags)
    mixed = used == "IOB1" != infer_scheme(predicted_tags)
    return PredictionReport(
        replace(
            default,
            sentences=len(read),
            conlleval=conlleval,
            breakdowns=break_down(*_with_spans(read, *sides), surfaces),
            intervals=score_intervals(of_units),
        ),
        replace(strict, sentences=len(read)),
        used,
        scheme is None,
        foreign,
        mixed,
        len(documents),
    )


def read_gold_and_predicted(
    lines: Iterable[bytes], name: str, gold: int = -2, predicted: int = -1
) -> tuple[list[Sentence], list[PredictedSentence]]:
    """Read the gold spans and the predicted spans of a column file; predictions have no scores.

    Spans are those of the default mode of `score_predictions`, but for tags of rows that begin a
    document.

    Args:
        lines: As for `score_predictions`, and so are the others.
        name: The name of the file, for errors.
        gold: The column of the gold tags.
        predicted: The column of the predicted tags.

    Returns:
        The sentences with gold spans, and the same with predicted ones.

    Raises:
        DataError: A row lacks a column, or a tag is not a tag.
    """
    read = list(read_conll(lines, name, tags=None))
    sides = (
        _spans([*map(normalize_tag, _checked_column(sentence, column))] for sentence in read)
        for column in (gold, predicted)
    )
    return _with_spans(read, *sides)


def _with_spans(
    sentences: Sequence[Sentence], gold: Sequence[list[Span]], predicted: Sequence[list[Span]]
) -> tuple[list[Sentence], list[PredictedSentence]]:
    """Return the sentences with gold spans, and the same with predicted ones; others are left."""
    expected = [s.replace(spans=spans) for s, spans in zip(sentences, gold, strict=False)]
    pairs = zip(expected, predicted, strict=False)
    return expected, [s.predicted(Prediction(spans)) for s, spans in pairs]


def infer_scheme(sentences: Sequence[Sequence[str]]) -> Scheme:
    """Return the scheme in which the tags of sentences are legal, or most of them.

    Where several schemes fit, as for a file without entities, the result is BIO.
    """
    if any(tag[0] in "ES" for tags in sentences for tag in tags):
        return "BIOES"
    pairs = [pair for tags in sentences for pair in itertools.pairwise(("O", *tags, "O"))]
    schemes: tuple[Scheme, ...] = ("BIO", "IOB1")
    return min(schemes, key=lambda scheme: sum(not is_legal(*pair, scheme) for pair in pairs))


def _watched(lines: Iterable[bytes], boundaries: list[list[str]]) -> Iterator[bytes]:
    """Pass lines on, and collect the fields of those that begin a document."""
    for line in lines:
        if DOCUMENT_BOUNDARY.encode() in line:
            fields = line.decode("utf-8", "replace").removeprefix(MARK).split()
            if fields[0] == DOCUMENT_BOUNDARY:
                boundaries.append(fields)
        yield line


def _are_tags(row: Sequence[str], *columns: int) -> bool:
    """Whether a row has tags in some columns."""
    try:
        return all(normalize_tag(row[column]) for column in columns)
    except (IndexError, ValueError):
        return False


def _spans(sentences: Iterable[Sequence[str]]) -> list[list[Span]]:
    return [spans_from_tags(tags) for tags in sentences]


def _conlleval_scores(
    gold: Sequence[Sequence[str]],
    predicted: Sequence[Sequence[str]],
    default: Mapping[str, Counter[str]],
) -> Scores | None:
    """Return the scores of conlleval over all labels; None if it counts like the default mode.

    Args:
        gold: The gold tags of each sentence, as they are in the file.
        predicted: The predicted tags.
        default: The counts of the default mode.
    """
    sides = ([list(conlleval_spans(tags)) for tags in side] for side in (gold, predicted))
    counts = count_spans(*sides)
    if counts == default:
        return None
    right, found, expected = (counts[kind].total() for kind in ("right", "predicted", "gold"))
    return Scores(
        right / max(found, 1),
        right / max(expected, 1),
        2 * right / max(found + expected, 1),
        expected,
    )


def _checked_column(sentence: Sentence, index: int) -> Sequence[str]:
    """Return one column of a sentence if it holds tags."""
    assert sentence.source is not None
    path, line = sentence.source.path, sentence.source.line
    columns = (None, *sentence.columns.values())  # the first one holds the tokens
    column = columns[index] if -len(columns) <= index < len(columns) else None
    if column is None:
        raise DataError(
            f"{path}:{line}: a row holds a token and the tags; column {index} is not there. "
            f"Got {len(columns)} columns."
        )
    for i, tag in enumerate(column):
        try:
            normalize_tag(tag)
        except ValueError as error:
            raise DataError(f"{path}:{line + i}: {error}. Got {tag!r}.") from None
    return column
