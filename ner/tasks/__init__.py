"""What a model predicts: spans of tokens, one label a token, or labels of a whole text."""

from collections.abc import Mapping
from typing import Any

from ner.tasks.base import Task
from ner.tasks.spans import SpanTask
from ner.tasks.texts import TextTask
from ner.tasks.tokens import TokenTask

__all__ = ["TASKS", "SpanTask", "Task", "TextTask", "TokenTask", "make_task", "read_task"]
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
