"""Networks of torch as ONNX graphs, which ONNX Runtime runs without torch."""

from ner.exporting.check import check_graphs
from ner.exporting.compact import CompactCost, compacted, measure_compact
from ner.exporting.int8 import Int8Cost, measure_int8, quantize
from ner.exporting.network import build_graphs, write_graphs

__all__ = [
    "CompactCost",
    "Int8Cost",
    "build_graphs",
    "check_graphs",
    "compacted",
    "measure_compact",
    "measure_int8",
    "quantize",
    "write_graphs",
]
