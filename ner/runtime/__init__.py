"""The network in ONNX Runtime: the graphs of a model folder, run without torch."""

from ner.runtime.onnx_runtime import OnnxRuntime

__all__ = ["OnnxRuntime"]
