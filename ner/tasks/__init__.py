"""What a model predicts: spans of tokens, a column of labels, or labels of a whole sentence."""

from ner.tasks.base import Task
from ner.tasks.registry import TASKS, read_task
from ner.tasks.spans import SpanTask
from ner.tasks.texts import TextTask
from ner.tasks.tokens import TokenTask

__all__ = ["TASKS", "SpanTask", "Task", "TextTask", "TokenTask", "read_task"]
