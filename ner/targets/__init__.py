"""What a model predicts: spans of tokens, a column of labels, or labels of a whole sentence."""

from ner.targets.classes import ClassTarget
from ner.targets.columns import ColumnTarget
from ner.targets.kinds import TARGETS, Target, read_target
from ner.targets.spans import SpanTarget

__all__ = ["TARGETS", "ClassTarget", "ColumnTarget", "SpanTarget", "Target", "read_target"]
