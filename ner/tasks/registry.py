"""The kinds of targets, by the name of their task."""

from collections.abc import Mapping
from typing import Any

from ner.tasks.base import Target
from ner.tasks.spans import SpanTarget
from ner.tasks.texts import ClassTarget
from ner.tasks.tokens import ColumnTarget

TARGETS: dict[str, type[SpanTarget | ColumnTarget | ClassTarget]] = {
    target.task: target for target in (SpanTarget, ColumnTarget, ClassTarget)
}

__all__ = ["TARGETS", "Target", "read_target"]


def read_target(task: str, facts: Mapping[str, Any]) -> Target:
    """Read what a target's `to_dict` gave.

    Raises:
        KeyError: There is no such task.
    """
    return TARGETS[task].from_dict(facts)
