"""Score a column file that has gold and predicted tags; this needs no model."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ner.data.formats.conll import read_conll
from ner.data.schemes import PREFIXES, Scheme, is_legal, normalize_tag
from ner.data.sentence import Sentence
from ner.errors import DataError
from ner.evaluation.report import SpanReport
from ner.evaluation.span_metrics import evaluate_tags


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
    """

    default: SpanReport
    strict: SpanReport
    scheme: Scheme
    scheme_inferred: bool
    foreign_tags: int
    mixed: bool

    @property
    def f1(self) -> float:
        """F1 over all spans in default mode."""
        return self.default.f1

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as JSON can hold it."""
        return {
            "scheme": self.scheme,
            "scheme_inferred": self.scheme_inferred,
            "foreign_tags": self.foreign_tags,
            "mixed": self.mixed,
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
        return f"{self.default}\n\n{self.strict}\n\n{note}"


def score_predictions(
    lines: Iterable[bytes],
    name: str,
    gold: int = -2,
    predicted: int = -1,
    scheme: Scheme | None = None,
) -> PredictionReport:
    """Compare the predicted tags of a column file with its gold tags, without changing either.

    Args:
        lines: The lines of the file.
        name: The name of the file, for reports and errors.
        gold: The column of the gold tags, counted from 0, or from the end if negative.
        predicted: The column of the predicted tags.
        scheme: The scheme for strict mode; None infers it from the gold tags.

    Raises:
        DataError: The file holds no rows, a row lacks a column, or a tag is not a tag.
    """
    gold_tags: list[list[str]] = []
    predicted_tags: list[list[str]] = []
    for sentence in read_conll(lines, name, tags=None):
        gold_tags.append(_column(sentence, gold))
        predicted_tags.append(_column(sentence, predicted))
    if not gold_tags:
        raise DataError(
            f"{name}: a token, a gold tag and a predicted tag in each row. Got no rows."
        )
    used = scheme or infer_scheme(gold_tags)
    default, strict = evaluate_tags(gold_tags, predicted_tags, used, name)
    known = "O" + PREFIXES[used]
    foreign = sum(t[0] not in known for tags in (*gold_tags, *predicted_tags) for t in tags)
    mixed = used == "IOB1" != infer_scheme(predicted_tags)
    return PredictionReport(default, strict, used, scheme is None, foreign, mixed)


def infer_scheme(sentences: Sequence[Sequence[str]]) -> Scheme:
    """Return the scheme in which the tags of sentences are legal, or most of them.

    Where several schemes fit, as for a file without entities, the result is BIO.
    """
    if any(tag[0] in "ES" for tags in sentences for tag in tags):
        return "BIOES"
    pairs = [pair for tags in sentences for pair in itertools.pairwise(("O", *tags, "O"))]
    schemes: tuple[Scheme, ...] = ("BIO", "IOB1")
    return min(schemes, key=lambda scheme: sum(not is_legal(*pair, scheme) for pair in pairs))


def _column(sentence: Sentence, index: int) -> list[str]:
    """Read one column as tags with the prefixes B, I, E, S."""
    assert sentence.source is not None
    path, line = sentence.source.path, sentence.source.line
    columns = (None, *sentence.columns.values())  # the first one holds the tokens
    column = columns[index] if -len(columns) <= index < len(columns) else None
    if column is None:
        raise DataError(
            f"{path}:{line}: a row holds a token and the tags; column {index} is not there. "
            f"Got {len(columns)} columns."
        )
    tags: list[str] = []
    for i, tag in enumerate(column):
        try:
            tags.append(normalize_tag(tag))
        except ValueError as error:
            raise DataError(f"{path}:{line + i}: {error}. Got {tag!r}.") from None
    return tags
