"""What a model predicts: spans of tokens, one label a token, or labels of a whole text."""

from collections.abc import Mapping, Sequence
from typing import Any

from ner.data.sentence import Sentence
from ner.errors import DataError
from ner.tasks.base import Task
from ner.tasks.spans import SpanTask
from ner.tasks.texts import TextTask
from ner.tasks.tokens import TokenTask

__all__ = [
    "TASKS",
    "SpanTask",
    "Task",
    "TextTask",
    "TokenTask",
    "make_task",
    "read_task",
    "task_of",
]
TASKS: dict[str, type[Task]] = {task.name: task for task in (SpanTask, TokenTask, TextTask)}


def make_task(settings: Mapping[str, Any]) -> Task:
    """Build the task that a configuration asks for; it has no labels yet.

    Args:
        settings: The whole configuration: the name of the task, and sections by name.

    Raises:
        ConfigError: A setting that the task needs is missing.
    """
    return TASKS[settings["task"]].from_settings(settings)


def read_task(name: str, facts: Mapping[str, Any]) -> Task:
    """Read what a task's `to_dict` returned.

    Raises:
        KeyError: There is no task of this name.
    """
    return TASKS[name].from_dict(facts)


def task_of(sentences: Sequence[Sentence], column: str | None, name: str) -> Task:
    """Return the task whose gold annotation sentences have, to compare predictions with it.

    Args:
        sentences: The sentences of a corpus.
        column: The column of labels of tokens; None for spans or labels of texts.
        name: What messages call the corpus.

    Raises:
        DataError: They have no annotation.
    """
    if column is not None:
        return TokenTask(column, ())
    if any(sentence.spans is not None for sentence in sentences):
        return SpanTask(("O",), "BIO")
    counts = [len(sentence.labels) for sentence in sentences if sentence.labels is not None]
    if not counts:
        raise DataError(f"{name}: must have gold annotation. Got none.")
    return TextTask((), multi_label=any(count != 1 for count in counts))
