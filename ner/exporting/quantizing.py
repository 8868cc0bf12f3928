"""Recurrent layers in integers of eight bits."""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from ner.errors import ConfigError

# Of seven bits with the sign: processors without VNNI add up two products with activations of
# eight bits in sixteen, and cut off what is more. With all eight, F1 was the same but for chance.
# Source: https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html,
# "When and why do I need to try U8U8?"
LARGEST = 64
DOMAIN = "com.microsoft"


def quantize(graph: bytes) -> bytes:
    """Turn the weights of the LSTM layers of model.onnx into int8, with a scale for each gate unit.

    What the layers read, and their states, are scaled anew for each batch and each step, so tags
    may change with the company of a sentence, see `measure_int8`. The projection onto tags stays as
    it is: in int8 it saves hardly any time, and F1 was the same but for chance.

    Raises:
        ConfigError: There are no LSTM layers; ONNX Runtime has no other recurrent ones in int8.
    """
    model = onnx.load_from_string(graph)
    kinds = {node.op_type for node in model.graph.node}
    if "LSTM" not in kinds:
        got = "gru" if "GRU" in kinds else "an encoder of another kind"
        raise ConfigError(f"encoder.cell: must be lstm to be written in int8. Got {got}.")
    arrays = {each.name: each for each in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type != "LSTM":
            continue
        x, *weights, biases, lengths = node.input
        integers: list[str] = []
        scales: list[str] = []
        for name in weights:
            found = _quantized(numpy_helper.to_array(arrays[name]))
            names = [f"{name}_{part}" for part in ("integers", "scales", "zeros")]
            for each, array in zip(names, found, strict=True):
                model.graph.initializer.append(numpy_helper.from_array(array, each))
            model.graph.initializer.remove(arrays[name])
            integers.append(names[0])
            scales += names[1:]
        node.op_type, node.domain = "DynamicQuantizeLSTM", DOMAIN
        # Between them stand the first states and peepholes, of which there are none.
        node.ClearField("input")
        node.input.extend([x, *integers, biases, lengths, "", "", "", *scales])
    model.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    return model.SerializeToString(deterministic=True)


def _quantized(weights: NDArray[np.float32]) -> list[NDArray[np.generic]]:
    """Give integers (2 E G), scales (2 G) and zeros (2 G) of weights (2 G E)."""
    scales = np.abs(weights).max(axis=2) / LARGEST
    scales[scales == 0] = 1
    integers = np.rint(weights / scales[:, :, None]).astype(np.int8)
    zeros = np.zeros(scales.shape, dtype=np.int8)
    return [np.ascontiguousarray(integers.transpose(0, 2, 1)), scales.astype(np.float32), zeros]
