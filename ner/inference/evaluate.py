"""Compare a model, or its predictions, with gold annotation."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from ner.data.formats.options import ReadKeywords, ReadOptions
from ner.data.formats.read import CorpusSource, file_digest, read_sentences, source_name
from ner.data.overlap import SentenceSample, shared_warning
from ner.data.sentence import Sentence
from ner.data.spans import Notes
from ner.evaluation.error_report.write import write_errors
from ner.evaluation.errors import span_errors
from ner.evaluation.intervals import score_intervals
from ner.evaluation.report import Report, SpanReport
from ner.evaluation.surfaces import SurfaceCounts
from ner.inference.predictor import Predictor
from ner.inference.reading import options_for
from ner.inference.second_pass import find_documents
from ner.messages import Notify, tell
from ner.tasks import Task
from ner.tasks.base import NOTHING_KNOWN, Known

# Labels that a warning names.
MOST_SHOWN = 10


def evaluate_predictions(
    task: Task,
    gold: Sequence[Sentence],
    predicted: Sequence[Sentence],
    name: str = "",
    known: Known = NOTHING_KNOWN,
) -> Report:
    """Compare the predictions of sentences with their gold annotation.

    Args:
        task: What is predicted.
        gold: Annotated sentences.
        predicted: The same sentences in the same order, with `prediction`.
        name: The name of the data, for the report.
        known: What is known of the training data.

    Raises:
        DataError: A gold sentence is not annotated.
    """
    for sentence in gold:
        task.check(sentence, "gold")
    report = task.report(gold, predicted, name, known)
    return replace(report, intervals=score_intervals(task.count_units(gold, predicted)))


def evaluate(
    model: Predictor,
    data: CorpusSource,
    options: ReadOptions | None = None,
    *,
    name: str | None = None,
    html: str | Path | None = None,
    errors: str | Path | None = None,
    train: CorpusSource | None = None,
    notify: Notify | None = None,
    **changes: Unpack[ReadKeywords],
) -> Report:
    """Predict for annotated sentences, and compare with their gold annotation.

    Args:
        model: What to evaluate.
        data: A file, a folder or name of HF `datasets`, or a list of sentences.
        options: How the data are read. What it leaves open, such as the names of columns, is as in
            training.
        name: The name of the data, for the report; by default that of the file.
        html: Where to write the error report, a page for a browser.
        errors: Where to write all errors as JSON lines.
        train: The training data, read as the data are. The report then has the scores of names that
            they hold and of others, and the error report says how often they hold each name, and
            with which labels.
        notify: Called with a line for everything that a user should know: how the data are read,
            whether they are the training data, and which of their labels the model lacks. By
            default, the log gets these lines, but for warnings of reading, which Python shows.
        changes: Fields of `ReadOptions` by their names, in place of those in `options`.

    Raises:
        DataError: The data cannot be read, or are not annotated.
        TaskError: An error report is asked for, but a text may have several labels.
    """
    if not isinstance(model, Predictor):
        raise TypeError(f"model: must come from load() or train(). Got {model!r}.")
    given = (options or ReadOptions()).updated(**changes)
    training = None
    if train is not None:
        sentences = _read(model, train, given, "train", notify)
        training = SurfaceCounts(model.task.with_spans(sentences))
    gold = _read(model, data, given, "test", notify)
    warn_of_data(model, data, gold, notify or tell)
    if model.uses_documents:
        number = len(find_documents(gold))
        (notify or tell)(f"{source_name(data)}: tagged with evidence from {number:,} documents.")
    predicted = model.tag_sentences(gold)
    words = model.featurizer.words.known(token for s in gold for token in s.tokens)
    report = evaluate_predictions(
        model.task,
        gold,
        predicted,
        name or (Path(data).name if isinstance(data, str | Path) else "sentences"),
        Known(words, training),
    )
    reliability = model.reliability(gold, predicted)
    if isinstance(report, SpanReport):
        report = replace(report, reliability=reliability)
    if html is not None or errors is not None:
        with_spans = model.task.with_spans
        found = span_errors(with_spans(gold), with_spans(predicted), gold_scores(model, gold))
        write_errors(report, found, html=html, errors=errors, training=training)
    return report


def gold_scores(model: Predictor, gold: Sequence[Sentence]) -> list[tuple[float, ...]] | None:
    """Compute the probability of each gold span, as `score` is that of a predicted span.

    Args:
        model: The model.
        gold: Sentences with `spans`. A span whose label the model does not know has 0.

    Returns:
        The probabilities of the spans of each sentence; None if the model finds no spans.
    """
    if not model.task.finds_spans:
        return None
    known = [[span for span in s.spans or () if span.label in model.labels] for s in gold]
    pairs = zip(known, model.posteriors(gold, known), strict=True)
    found = [dict(zip(spans, scores, strict=True)) for spans, scores in pairs]
    return [
        tuple(scores.get(span, 0.0) for span in sentence.spans or ())
        for sentence, scores in zip(gold, found, strict=True)
    ]


def _read(
    model: Predictor, data: CorpusSource, given: ReadOptions, split: str, notify: Notify | None
) -> list[Sentence]:
    """Read annotated sentences as the training corpus of a model was read."""
    chosen = options_for(model, data, given, split=split, notify=notify or tell)
    notes = chosen.notes or (None if notify is None else Notes())
    sentences = read_sentences(data, chosen.updated(notes=notes))
    if notify is not None:
        for line in notes.summary(source_name(data)) if notes else ():
            notify(line)
    return list(sentences)


def warn_of_data(
    model: Predictor, data: CorpusSource, gold: Sequence[Sentence], notify: Notify
) -> None:
    """Say whether data are those of training, and which of their labels the model lacks.

    Args:
        model: Has a record of its training data.
        data: Where the data come from.
        gold: The annotated sentences.
        notify: Called with a line for each of these facts that holds.
    """
    name, train = source_name(data), model.record.get("data", {}).get("train", {})
    digest = train.get("sha256")
    if digest is not None and file_digest(data) == digest:
        share: float | None = 1.0
    else:
        share = SentenceSample.from_text(train.get("sample", "")).share(gold)
    for warning in (shared_warning(share), unknown_labels_warning(model.task, gold)):
        if warning:
            notify(f"Warning: {name}: {warning}")


def unknown_labels_warning(task: Task, gold: Sequence[Sentence]) -> str | None:
    """Word a warning of gold labels that a task does not know; None if it knows all."""
    counts = task.count_labels(gold)
    unknown = {label: n for label, n in counts.most_common() if label not in task.labels}
    if not unknown:
        return None
    shown = ", ".join(f"{label} ({n})" for label, n in list(unknown.items())[:MOST_SHOWN])
    more = f" and {len(unknown) - MOST_SHOWN} others" if len(unknown) > MOST_SHOWN else ""
    return (
        f"{sum(unknown.values())} of {counts.total()} labels are ones that the training data lack, "
        f"so no model can find them: {shown}{more}."
    )
