"""The kinds of targets, by the name of their task."""

from collections.abc import Mapping
from typing import Any

from ner.tasks.base import Task
from ner.tasks.spans import SpanTask
from ner.tasks.texts import TextTask
from ner.tasks.tokens import TokenTask

TASKS: dict[str, type[SpanTask | TokenTask | TextTask]] = {
    target.task: target for target in (SpanTask, TokenTask, TextTask)
}

__all__ = ["TASKS", "Task", "read_task"]


def read_task(task: str, facts: Mapping[str, Any]) -> Task:
    """Read what a target's `to_dict` gave.

    Raises:
        KeyError: There is no such task.
    """
    return TASKS[task].from_dict(facts)
