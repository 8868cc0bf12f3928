"""Label Studio's JSON: a list of tasks, each with its data and the results of annotators.

Source: https://labelstud.io/guide/task_format, https://labelstud.io/guide/export.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from ner.data.formats.json_text import dump_list, json_items
from ner.data.formats.records import (
    Tokenize,
    build_sentences,
    char_span,
    label_list,
    name_field,
    objects_field,
    text_sentence,
)
from ner.data.lines import short
from ner.data.sentence import Sentence, Source
from ner.data.spans import CharSpan, FieldError, SpanRules
from ner.errors import DataError

TEXT = "text"

# "completions" is what versions before 1.0 wrote.
ANNOTATIONS = ("annotations", "completions")


def read_label_studio(
    lines: Iterable[bytes],
    name: str,
    tokenize: Tokenize,
    problems: list[DataError] | None = None,
    rules: SpanRules | None = None,
) -> Iterator[Sentence]:
    """Yield the sentences of a Label Studio export, a task each.

    The text is `data.text`, or the only string in `data`. Results of type "labels" are spans, and
    those of type "choices" are labels of the text. Of several annotations the one marked as ground
    truth counts, or all if they agree; cancelled ones do not count. A task without annotations is
    not annotated.

    Args:
        lines: The lines of the file, undecoded.
        name: What messages call the file.
        tokenize: Cuts the texts.
        problems: Where to put the errors of tasks that cannot be read, which are left out; None
            raises the first one.
        rules: What to do with spans that are not whole tokens, or overlap; None refuses them.

    Raises:
        DataError: It is no JSON list of tasks, annotators disagree, or a span does not fit.
    """
    used = rules or SpanRules()

    def build(task: Any, source: Source) -> Sentence:
        if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
            raise FieldError(f"a task is an object with 'data'. Got {short(task)}.")
        spans, labels = _chosen(task, used)
        return text_sentence(
            _text(task["data"]),
            spans,
            source,
            tokenize,
            used,
            labels=labels,
            id=name_field(task, "id"),
            document=name_field(task["data"], "document"),
        )

    return build_sentences(json_items(lines, name), build, problems)


def write_label_studio(sentences: Iterable[Sentence]) -> Iterator[str]:
    """Yield the lines, without newline, of a list of tasks that Label Studio imports.

    Predicted spans become `predictions`, gold ones `annotations`; the names are those of its
    template for named entities, "label" and "text".
    """
    return dump_list(map(_task, sentences))


def _text(data: dict[str, Any]) -> str:
    if isinstance(data.get(TEXT), str):
        return data[TEXT]
    texts = [value for value in data.values() if isinstance(value, str)]
    if len(texts) != 1:
        raise FieldError(f"data: a text, or just one string, is needed. Got {short(data)}.")
    return texts[0]


def _chosen(
    task: dict[str, Any], rules: SpanRules
) -> tuple[list[CharSpan] | None, tuple[str, ...] | None]:
    """Give the spans and labels that the annotators of a task agree on."""
    given = [one for key in ANNOTATIONS for one in objects_field(task, key)]
    given = [one for one in given if not one.get("was_cancelled")]
    given = [one for one in given if one.get("ground_truth")] or given
    if not given:
        if task.get("predictions"):
            rules.notes.ignored["tasks with nothing but predictions"] += 1
        return None, None
    found = [_results(one, rules) for one in given]
    # Not the text that a result may repeat.
    said = [({span[:3] for span in spans}, set(labels)) for spans, labels in found]
    if any(one != said[0] for one in said):
        raise FieldError(
            f"{len(found)} annotations that differ; one is needed, or one marked as ground_truth."
        )
    spans, labels = found[0]
    return (None if labels and not spans else spans), labels or None


def _results(
    annotation: dict[str, Any], rules: SpanRules
) -> tuple[list[CharSpan], tuple[str, ...]]:
    spans: list[CharSpan] = []
    labels: tuple[str, ...] = ()
    for result in objects_field(annotation, "result"):
        value = result.get("value")
        value = value if isinstance(value, dict) else {}
        if result.get("type") == "choices":
            labels += label_list(value.get("choices"), "choices")
        elif result.get("type") in ("labels", "hypertextlabels"):
            start, end = _offset(value, "start"), _offset(value, "end")
            for label in label_list(value.get("labels", value.get("hypertextlabels")), "labels"):
                spans.append(char_span(start, end, label, value, value.get("text")))
        else:
            rules.notes.ignored[f"results of type {result.get('type')}"] += 1
    return spans, labels


def _offset(value: dict[str, Any], side: str) -> Any:
    # Of hypertext, start and end are paths, and the offsets into the text stand elsewhere.
    offsets = value.get("globalOffsets")
    return offsets.get(side) if isinstance(offsets, dict) else value.get(side)


def _task(sentence: Sentence) -> dict[str, Any]:
    task: dict[str, Any] = {} if sentence.id is None else {"id": sentence.id}
    task["data"] = {TEXT: sentence.text}
    if sentence.document is not None:
        task["data"]["document"] = sentence.document
    results: list[dict[str, Any]] = [
        {
            "from_name": "label",
            "to_name": TEXT,
            "type": "labels",
            "value": {"start": e.start, "end": e.end, "text": e.text, "labels": [e.label]},
        }
        for e in sentence.found_entities
    ]
    if sentence.labels:
        choices = {"choices": sentence.labels}
        results.append(
            {"from_name": "choice", "to_name": TEXT, "type": "choices", "value": choices}
        )
    if sentence.prediction is not None and sentence.prediction.spans is not None:
        task["predictions"] = [{"result": results}]
    elif sentence.spans is not None or sentence.labels:
        task["annotations"] = [{"result": results}]
    return task
