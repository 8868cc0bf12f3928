"""Networks of torch as ONNX graphs, which ONNX Runtime runs without torch."""

from ner.export.check import check_graphs
from ner.export.int8 import Int8Cost, measure_int8, quantize
from ner.export.network import build_graphs, write_graphs

__all__ = [
    "Int8Cost",
    "build_graphs",
    "check_graphs",
    "measure_int8",
    "quantize",
    "write_graphs",
]
