"""What a model predicts: spans of tokens, a column of labels, or labels of a whole sentence."""

from ner.tasks.base import Target
from ner.tasks.registry import TARGETS, read_target
from ner.tasks.spans import SpanTarget
from ner.tasks.texts import ClassTarget
from ner.tasks.tokens import ColumnTarget

__all__ = ["TARGETS", "ClassTarget", "ColumnTarget", "SpanTarget", "Target", "read_target"]
