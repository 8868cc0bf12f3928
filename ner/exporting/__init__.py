"""From a network in torch to graphs in ONNX, which `ner.runtime` runs without torch."""

from ner.exporting.building import build_graphs, write_graphs
from ner.exporting.checking import check_graphs
from ner.exporting.measuring import Int8Cost, measure_int8
from ner.exporting.quantizing import quantize

__all__ = [
    "Int8Cost",
    "build_graphs",
    "check_graphs",
    "measure_int8",
    "quantize",
    "write_graphs",
]
