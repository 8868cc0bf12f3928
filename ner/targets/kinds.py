"""The kinds of targets, by the name of their task."""

from collections.abc import Mapping
from typing import Any

from ner.targets.base import Target
from ner.targets.classes import ClassTarget
from ner.targets.columns import ColumnTarget
from ner.targets.spans import SpanTarget

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
