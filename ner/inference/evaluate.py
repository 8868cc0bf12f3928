"""Compare a model, or its predictions, with gold annotation."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Unpack

from ner.data.formats.options import ReadKeywords, ReadOptions
from ner.data.formats.read import CorpusSource, read_sentences
from ner.data.sentence import Sentence
from ner.evaluation.report import Report
from ner.inference.predictor import Predictor
from ner.tasks import Task


def evaluate_predictions(
    task: Task,
    gold: Sequence[Sentence],
    predicted: Sequence[Sentence],
    name: str = "",
    known_words: Collection[str] | None = None,
) -> Report:
    """Compare the predictions of sentences with their gold annotation.

    Args:
        task: What is predicted.
        gold: Annotated sentences.
        predicted: The same sentences in the same order, with `prediction`.
        name: The name of the data, for the report.
        known_words: The words of the training data; None if they are not known.

    Raises:
        DataError: A gold sentence is not annotated.
    """
    for sentence in gold:
        task.check(sentence, "gold")
    return task.report(gold, predicted, name, known_words)


def evaluate(
    model: Predictor,
    data: CorpusSource,
    options: ReadOptions | None = None,
    *,
    name: str | None = None,
    **changes: Unpack[ReadKeywords],
) -> Report:
    """Predict for annotated sentences, and compare with their gold annotation.

    Args:
        model: What to evaluate.
        data: A file, a folder or name of HF `datasets`, or a list of sentences.
        options: How the data are read. What it leaves open, such as the names of columns, is as in
            training.
        name: The name of the data, for the report; by default that of the file.
        changes: Fields of `ReadOptions` by their names, in place of those in `options`.

    Raises:
        DataError: The data cannot be read, or are not annotated.
    """
    if not isinstance(model, Predictor):
        raise TypeError(f"model: must come from load() or train(). Got {model!r}.")
    chosen = (
        (options or ReadOptions())
        .updated(**changes)
        .filled(
            columns=model.columns, target=model.task.column, split="test", tokenize=model.tokenizer
        )
    )
    if isinstance(data, str | Path) and chosen.format is None:
        from ner.data.formats.detection import detect_format

        is_labelled = not model.task.is_per_token
        found = detect_format(data, chosen.encoding, is_labelled=is_labelled)
        chosen = chosen.updated(format=found.name)
    gold = read_sentences(data, chosen)
    return evaluate_predictions(
        model.task,
        gold,
        model.tag_sentences(gold),
        name or (Path(data).name if isinstance(data, str | Path) else "sentences"),
        model.featurizer.words.known(token for s in gold for token in s.tokens),
    )
