"""Graphs whose large matrices are integers of eight bits, and what that costs.

`quantize` and `quantize_products` make such graphs; `measure_int8` compares their predictions with
those in fp32.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from ner.data.sentence import Sentence
from ner.errors import ConfigError, DataError
from ner.features.made_up import make_sentences
from ner.inference.batching import predict
from ner.inference.onnx_runtime import OnnxRuntime
from ner.model_folder import ModelFolder
from ner.tasks import Task

# Seven bits with the sign. Processors without VNNI add two products of a weight and an activation
# of eight bits in sixteen bits, and cut off larger sums. With all eight bits, F1 was equal within
# chance.
# Source: https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html,
# "When and why do I need to try U8U8?"
LARGEST = 64
DOMAIN = "com.microsoft"


def quantize(graph: bytes) -> bytes:
    """Convert the LSTM weights of model.onnx to int8, with a scale for each unit of a gate.

    Inputs and states of the layers are scaled for each batch and each step, so a tag may depend on
    the other sentences in a batch, see `measure_int8`. The projection onto tags stays in fp32: in
    int8 it saves hardly any time, and F1 was equal within chance.

    Args:
        graph: The content of model.onnx.

    Raises:
        ConfigError: The graph has no LSTM layers. ONNX Runtime has no other recurrent layers in
            int8.
    """
    model = onnx.load_from_string(graph)
    kinds = {node.op_type for node in model.graph.node}
    if "LSTM" not in kinds:
        got = "gru" if "GRU" in kinds else "an encoder of another kind"
        raise ConfigError(f"encoder.cell: must be lstm to be exported in int8. Got {got}.")
    arrays = {each.name: each for each in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type != "LSTM":
            continue
        x, inputs, states, biases, lengths, *entering = node.input
        weights = inputs, states
        integers: list[str] = []
        scales: list[str] = []
        for name in weights:
            quantized = _quantize_weights(numpy_helper.to_array(arrays[name]))
            names = [f"{name}_{suffix}" for suffix in ("integers", "scales", "zeros")]
            for each, array in zip(names, quantized, strict=True):
                model.graph.initializer.append(numpy_helper.from_array(array, each))
            model.graph.initializer.remove(arrays[name])
            integers.append(names[0])
            scales += names[1:]
        node.op_type, node.domain = "DynamicQuantizeLSTM", DOMAIN
        # Empty inputs are initial states where there are none, and peepholes.
        node.ClearField("input")
        node.input.extend([x, *integers, biases, lengths, *(entering or ("", "")), "", *scales])
    model.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    return model.SerializeToString(deterministic=True)


def quantize_products(graph: bytes) -> bytes:
    """Convert the matrices of a pretrained encoder to int8, with a scale for each of their rows.

    What they are multiplied by is scaled for each run, so vectors depend on the other windows that
    are read at once.

    Args:
        graph: The content of transformer.onnx, with copies of its matrices.
    """
    model = onnx.load_from_string(graph)
    arrays = {each.name: each for each in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type != "Gemm":
            continue
        x, name, bias = node.input
        # As a layer of one direction, whose units are the rows of the matrix.
        integers, scales, zeros = _quantize_weights(numpy_helper.to_array(arrays[name])[None])
        names = [f"{name}_{suffix}" for suffix in ("integers", "scales", "zeros")]
        for each, array in zip(names, (integers[0], scales[0], zeros[0]), strict=True):
            model.graph.initializer.append(numpy_helper.from_array(array, each))
        model.graph.initializer.remove(arrays[name])
        node.op_type, node.domain = "DynamicQuantizeMatMul", DOMAIN
        node.ClearField("input")
        node.ClearField("attribute")
        node.input.extend([x, *names, bias])
    model.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    return model.SerializeToString(deterministic=True)


def _quantize_weights(weights: NDArray[np.float32]) -> list[NDArray[np.generic]]:
    """Compute integers (2 E G), scales (2 G) and zero points (2 G) of weights (2 G E)."""
    scales = np.abs(weights).max(axis=2) / LARGEST
    scales[scales == 0] = 1
    integers = np.rint(weights / scales[:, :, None]).astype(np.int8)
    zeros = np.zeros(scales.shape, dtype=np.int8)
    return [np.ascontiguousarray(integers.transpose(0, 2, 1)), scales.astype(np.float32), zeros]


@dataclass(frozen=True)
class Int8Cost:
    """The cost of int8 on some sentences; all numbers are from 0 to 1.

    Args:
        metric: The figure that is compared, such as f1.
        fp32: Its value in fp32; None where sentences are made up.
        int8: Its value in int8; None likewise.
        changed: Share of tags, or classes, that differ between fp32 and int8.
        batch_dependent: Share of tags, or classes, in int8 that depend on the other sentences of a
            batch. In fp32 none do.
    """

    metric: str
    fp32: float | None
    int8: float | None
    changed: float
    batch_dependent: float

    def __str__(self) -> str:
        if self.int8 is None or self.fp32 is None:
            scores = "On random words:"
        else:
            name = "F1" if self.metric == "f1" else "Accuracy"
            scores = f"{name} with int8: {100 * self.int8:.2f}, without: {100 * self.fp32:.2f}."
        return (
            f"{scores} Tags that int8 changes: {100 * self.changed:.3f} %; tags that depend on "
            f"the other sentences in a batch: {100 * self.batch_dependent:.3f} %"
        )


def measure_int8(
    folder: Path, model: ModelFolder, sentences: Sequence[Sentence] | None = None
) -> Int8Cost:
    """Compare a model in int8 with the same model in fp32.

    Args:
        folder: The folder that has its weights and its graphs, including the one in int8.
        model: The model.
        sentences: Annotated sentences. By default some are made up; their tags are close calls, so
            more of them change than in real text.

    Raises:
        DataError: A sentence is not annotated, or there are none.
    """
    task = model.task
    is_gold = sentences is not None
    if sentences is None:
        sentences = make_sentences(model.featurizer)
    else:
        for sentence in sentences:
            task.check(sentence, "development")
    if not sum(map(len, sentences)):
        raise DataError("sentences: at least one must have tokens. Got none.")
    fp32, int8 = (
        OnnxRuntime(folder, task, precision=precision, threads=1) for precision in ("fp32", "int8")
    )

    exact, rounded = (predict(r, model.featurizer, task, sentences) for r in (fp32, int8))
    # A batch always has a sentence, so batches of at most one token have one sentence each.
    alone = predict(int8, model.featurizer, task, sentences, batch_tokens=1)
    return Int8Cost(
        metric=task.metric,
        fp32=task.score(sentences, exact) if is_gold else None,
        int8=task.score(sentences, rounded) if is_gold else None,
        changed=share_of_changes(task, exact, rounded),
        batch_dependent=share_of_changes(task, rounded, alone),
    )


def share_of_changes(
    task: Task, predicted: Sequence[Sentence], others: Sequence[Sentence]
) -> float:
    """Compute the share of decisions about the same sentences that differ."""
    pairs = [
        pair
        for one, other in zip(predicted, others, strict=True)
        for pair in zip(task.decisions(one), task.decisions(other), strict=True)
    ]
    return sum(a != b for a, b in pairs) / len(pairs)
