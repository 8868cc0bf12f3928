"""Networks of torch as ONNX graphs, which ONNX Runtime runs without torch."""

from ner.exporting.check import check_graphs
from ner.exporting.int8 import Int8Cost, measure_int8, quantize
from ner.exporting.network import build_graphs, write_graphs

__all__ = [
    "Int8Cost",
    "build_graphs",
    "check_graphs",
    "measure_int8",
    "quantize",
    "write_graphs",
]
