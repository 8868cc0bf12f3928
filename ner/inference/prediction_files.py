"""Predictions in files, which any tool may have made, and the corpus that they are for."""

from collections.abc import Sequence
from pathlib import Path

from ner.data.formats.options import DEFAULT_TAGS, ReadOptions
from ner.data.formats.read import read_sentences
from ner.data.lines import short
from ner.data.sentence import PredictedSentence, Prediction, Sentence
from ner.data.spans import Notes
from ner.errors import DataError
from ner.tasks import Task

# The format whose files may have gold labels beside the predicted ones.
COLUMN_FILE = "conll"


def read_predictions(
    path: str | Path, gold: Sequence[Sentence], task: Task, options: ReadOptions, name: str
) -> list[PredictedSentence]:
    """Read predictions for the sentences of a corpus.

    Args:
        path: A column file whose last two columns are gold and predicted labels, as `ner tag`
            writes it; or a file of another format, such as JSON lines, whose annotation is the
            prediction.
        gold: The annotated sentences of the corpus.
        task: What is predicted.
        options: The encoding and the longest line of the file; the others are for the corpus.
        name: What messages call the corpus.

    Raises:
        DataError: The file cannot be read, or it has other sentences, tokens or gold labels.
    """
    from ner.data.formats.detection import detect_format

    kind = detect_format(path, options.encoding, is_labelled=not task.is_per_token).name
    reading = ReadOptions(
        format=kind,
        encoding=options.encoding,
        max_line=options.max_line,
        target=task.column,
        notes=Notes(),
    )
    found = read_sentences(path, reading)
    for sentence in found:
        task.check(sentence, "predicted")
    check_same_sentences(found, gold, task, str(path), name)
    between = len(found[0].columns) - 1
    if kind == COLUMN_FILE and between:
        columns = ("token", *["-"] * (between - 1), task.column or DEFAULT_TAGS, "-")
        check_same_labels(read_sentences(path, reading.updated(columns=columns)), gold, task)
    return [with_prediction(one, other, task) for one, other in zip(gold, found, strict=True)]


def check_same_sentences(
    found: Sequence[Sentence], gold: Sequence[Sentence], task: Task, where: str, name: str
) -> None:
    """Refuse sentences that are not those of a corpus, in its order.

    Args:
        found: The sentences.
        gold: Those of the corpus.
        task: What is predicted: labels of texts need equal texts, all else equal tokens.
        where: What messages call the source of the sentences.
        name: What messages call the corpus.

    Raises:
        DataError: There are more or fewer of them, or one has another text or other tokens.
    """
    for one, other in zip(gold, found, strict=False):
        place, expected = other.source or where, one.source or name
        if not task.is_per_token:
            if one.text != other.text:
                raise DataError(
                    f"{place}: must be the text {short(one.text)} of {expected}. "
                    f"Got {short(other.text)}."
                )
        elif one.tokens != other.tokens:
            pairs = enumerate(zip(one.tokens, other.tokens, strict=False), 1)
            for number, (token, wrong) in pairs:
                if token != wrong:
                    raise DataError(
                        f"{place}: token {number} must be {token!r}, as in {expected}. "
                        f"Got {wrong!r}."
                    )
            raise DataError(
                f"{place}: must have the {len(one)} tokens of {expected}. Got {len(other)}."
            )
    if len(found) != len(gold):
        common = min(len(found), len(gold))
        extra = (*found[common:], *gold[common:])[0]
        kind = "missing" if len(found) < len(gold) else "too many"
        raise DataError(
            f"{where}: must hold the {len(gold)} sentences of {name}. Got {len(found)}; the first "
            f"one that is {kind} is {extra.source or short(extra.text)}."
        )


def check_same_labels(found: Sequence[Sentence], gold: Sequence[Sentence], task: Task) -> None:
    """Refuse gold annotation that is not that of a corpus with the same sentences.

    Args:
        found: The annotated sentences.
        gold: Those of the corpus.
        task: What is predicted.

    Raises:
        DataError: A sentence has other gold labels.
    """
    pairs = zip(gold, found, strict=True)
    totals = task.count_units(gold, [with_prediction(*pair, task) for pair in pairs], "sentence")
    for one, other, (right, count, expected) in zip(gold, found, totals.totals, strict=True):
        if not right == count == expected:
            raise DataError(
                f"{other.source or 'gold'}: must have the gold labels of {one.source or 'gold'}. "
                f"Got {right} of its {expected}, and {count - right} other ones."
            )


def with_prediction(sentence: Sentence, annotated: Sentence, task: Task) -> PredictedSentence:
    """Return a sentence with the annotation of another one as its prediction."""
    columns = {task.column: annotated.columns[task.column]} if task.column else {}
    labels = None if annotated.labels is None else tuple(annotated.labels)
    return sentence.predicted(Prediction(annotated.spans, columns=columns, labels=labels))
