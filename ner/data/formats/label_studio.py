"""Label Studio's JSON: a list of tasks, each with its data and the results of its annotators.

The text is `data.text`, or the only string in `data`. Results of the type "labels" are spans, and
results of the type "choices" are labels of the text. If a task has several annotations, the one
marked as ground truth counts, or all of them if they agree. Cancelled annotations do not count.
A task without annotations is not annotated.

Predicted spans are written as `predictions` with their scores, gold spans as `annotations`, under
the names of Label Studio's own template for named entities ("label" and "text").

Source: https://labelstud.io/guide/task_format, https://labelstud.io/guide/export,
https://labelstud.io/guide/predictions.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ner.data.formats.base import (
    DOCUMENTS,
    IDS,
    NO_SPANS,
    SCORES,
    TEXT_CONTENT,
    Format,
    without_options,
)
from ner.data.formats.json_text import dump_list, list_reader
from ner.data.formats.options import ReadOptions
from ner.data.formats.records import (
    char_span,
    label_list,
    name_field,
    note_span,
    note_unknown,
    objects_field,
    text_sentence,
)
from ner.data.lines import short
from ner.data.sentence import Entity, PredictedEntity, Sentence, Source
from ner.data.spans import CharSpan, FieldError, Notes
from ner.extras import DISTRIBUTION

TEXT_KEY = "text"

# Versions before 1.0 wrote "completions".
ANNOTATION_KEYS = ("annotations", "completions")

# What is read of a task and of a result, and what only says again how they belong together.
TASK_KEYS = (*ANNOTATION_KEYS, "predictions", "id", "data")
RESULT_KEYS = ("value", "type", "from_name", "to_name")


def _read_task(task: Any, source: Source, options: ReadOptions) -> Sentence:
    if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
        raise FieldError(f"a task must be an object with 'data'. Got {short(task)}.")
    notes = options.rules.notes
    spans, labels = _annotation(task, notes)
    key = _text_key(task["data"])
    note_unknown(task, TASK_KEYS, notes)
    note_unknown(task["data"], (key, "document"), notes)
    return text_sentence(
        task["data"][key],
        spans,
        source,
        options.tokenizer,
        options.rules,
        labels=labels,
        id=name_field(task, "id"),
        document=name_field(task["data"], "document"),
    )


def write_label_studio(sentences: Iterable[Sentence]) -> Iterator[str]:
    """Yield the lines, without newline, of a list of tasks that Label Studio imports."""
    return dump_list(map(_task, sentences))


def _text_key(data: dict[str, Any]) -> str:
    if isinstance(data.get(TEXT_KEY), str):
        return TEXT_KEY
    keys = [key for key, value in data.items() if isinstance(value, str)]
    if len(keys) != 1:
        raise FieldError(f"data: must hold a 'text', or exactly one string. Got {short(data)}.")
    return keys[0]


def _annotation(
    task: dict[str, Any], notes: Notes
) -> tuple[list[CharSpan] | None, tuple[str, ...] | None]:
    """Return the spans and labels on which the annotators of a task agree."""
    annotations = [item for key in ANNOTATION_KEYS for item in objects_field(task, key)]
    annotations = [item for item in annotations if not item.get("was_cancelled")]
    annotations = [item for item in annotations if item.get("ground_truth")] or annotations
    if not annotations:
        if task.get("predictions"):
            notes.ignored["tasks with only predictions"] += 1
        return None, None
    results = [_results(annotation, notes) for annotation in annotations]
    # The text that a result may repeat makes no difference.
    contents = [({span[:3] for span in spans}, set(labels)) for spans, labels in results]
    if any(content != contents[0] for content in contents):
        raise FieldError(
            f"annotations of a task must agree, or one must be marked as ground_truth. "
            f"Got {len(annotations)} that differ."
        )
    spans, labels = results[0]
    return (None if labels and not spans else spans), labels or None


def _results(annotation: dict[str, Any], notes: Notes) -> tuple[list[CharSpan], tuple[str, ...]]:
    spans: list[CharSpan] = []
    labels: tuple[str, ...] = ()
    for result in objects_field(annotation, "result"):
        value = result.get("value")
        value = value if isinstance(value, dict) else {}
        if result.get("type") == "choices":
            labels += label_list(value.get("choices"), "choices")
        elif result.get("type") in ("labels", "hypertextlabels"):
            start, end = _offset(value, "start"), _offset(value, "end")
            note_span(result, RESULT_KEYS, notes)
            for label in label_list(value.get("labels", value.get("hypertextlabels")), "labels"):
                spans.append(char_span(start, end, label, value, value.get("text")))
        else:
            notes.ignored[f"results of type {result.get('type')}"] += 1
    return spans, labels


def _offset(value: dict[str, Any], side: str) -> Any:
    # In hypertext, start and end are paths, and the offsets into the text are in globalOffsets.
    offsets = value.get("globalOffsets")
    return offsets.get(side) if isinstance(offsets, dict) else value.get(side)


def _task(sentence: Sentence) -> dict[str, Any]:
    task: dict[str, Any] = {} if sentence.id is None else {"id": sentence.id}
    task["data"] = {TEXT_KEY: sentence.text}
    if sentence.document is not None:
        task["data"]["document"] = sentence.document
    spans = [span_result(entity, i) for i, entity in enumerate(sentence.found_entities, 1)]
    choices = [choice_result(sentence.labels)] if sentence.labels else []
    if _is_predicted(sentence):
        task["predictions"] = [prediction(spans)]
        spans = []
    if spans or choices or (sentence.spans is not None and "predictions" not in task):
        task["annotations"] = [{"result": spans + choices}]
    return task


def span_result(
    entity: Entity, number: int, from_name: str = "label", to_name: str = TEXT_KEY
) -> dict[str, Any]:
    """Return an entity as a result; only predicted ones have a score and need a name.

    Args:
        entity: The entity.
        number: Names it among the results of its text.
        from_name: The tag of the configuration that holds the labels.
        to_name: The tag of the configuration that holds the text.
    """
    result: dict[str, Any] = {"from_name": from_name, "to_name": to_name, "type": "labels"}
    result["value"] = {
        "start": entity.start,
        "end": entity.end,
        "text": entity.text,
        "labels": [entity.label],
    }
    if isinstance(entity, PredictedEntity):
        result |= {"id": f"entity-{number}", "score": entity.score}
    return result


def choice_result(
    labels: Sequence[str], from_name: str = "choice", to_name: str = TEXT_KEY
) -> dict[str, Any]:
    """Return the labels of a text as a result; the names are those of tags, as for spans."""
    value = {"choices": labels}
    return {"from_name": from_name, "to_name": to_name, "type": "choices", "value": value}


def prediction(
    results: Sequence[Mapping[str, Any]], model_version: str = DISTRIBUTION
) -> dict[str, Any]:
    """Return results as a prediction; Label Studio can show texts with the lowest score first."""
    scores = [result["score"] for result in results]
    overall = {"score": min(scores)} if scores else {}
    return {"model_version": model_version, **overall, "result": results}


def _is_predicted(sentence: Sentence) -> bool:
    return sentence.prediction is not None and sentence.prediction.spans is not None


def _lost(sentence: Sentence) -> Iterator[str]:
    """Results that are choices alone do not say whether somebody looked for spans."""
    if sentence.labels and sentence.found_spans == () and not _is_predicted(sentence):
        yield NO_SPANS


FORMAT = Format(
    "label-studio",
    "JSON of Label Studio",
    TEXT_CONTENT | {IDS, DOCUMENTS, SCORES},
    list_reader(_read_task),
    without_options(write_label_studio),
    options=frozenset({"offsets"}),
    loses=_lost,
)
