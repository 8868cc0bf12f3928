"""What a model predicts: spans of tokens, one label a token, or labels of a whole text."""

from ner.tasks.base import Task
from ner.tasks.registry import TASKS, make_task, read_task
from ner.tasks.spans import SpanTask
from ner.tasks.texts import TextTask
from ner.tasks.tokens import TokenTask

__all__ = ["TASKS", "SpanTask", "Task", "TextTask", "TokenTask", "make_task", "read_task"]
