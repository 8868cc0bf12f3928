"""Recurrent layers in integers of eight bits."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from ner.data.sentence import Sentence
from ner.errors import ConfigError, DataError
from ner.exporting.check import make_sentences
from ner.inference.batching import predict
from ner.inference.onnx_runtime import OnnxRuntime
from ner.model_folder import ModelFolder
from ner.tasks import Task

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


@dataclass(frozen=True)
class Int8Cost:
    """What int8 costs on some sentences; all numbers are from 0 to 1.

    Args:
        metric: What is compared, such as f1.
        fp32: It, without eight bits; None for sentences that are made up.
        int8: With them.
        changed: Share of tags, or classes, that differ between the two.
        company: Share of those that differ between each sentence alone and all in batches. In fp32
            it is 0.
    """

    metric: str
    fp32: float | None
    int8: float | None
    changed: float
    company: float

    def __str__(self) -> str:
        if self.int8 is None or self.fp32 is None:
            scores = "On words at random:"
        else:
            name = "F1" if self.metric == "f1" else "Accuracy"
            scores = f"{name} with int8: {100 * self.int8:.2f}, without: {100 * self.fp32:.2f}."
        return (
            f"{scores} Tags that differ: {100 * self.changed:.3f} %; that depend on the other "
            f"sentences of a batch: {100 * self.company:.3f} %"
        )


def measure_int8(
    folder: Path, parts: ModelFolder, sentences: Sequence[Sentence] | None = None
) -> Int8Cost:
    """Compare a model in int8 with the same in fp32.

    Args:
        folder: Where its weights and graphs are, that of int8 among them.
        parts: The model.
        sentences: Annotated. By default some are made up, of which more tags are a close call than
            in any text.

    Raises:
        DataError: A sentence is not annotated, or there are none.
    """
    task = parts.task
    is_gold = sentences is not None
    if sentences is None:
        sentences = make_sentences(parts.featurizer)
    else:
        for sentence in sentences:
            task.check(sentence, "development")
    if not sum(map(len, sentences)):
        raise DataError("sentences: at least one that is not empty. Got none.")
    fp32, int8 = (
        OnnxRuntime(folder, len(task.outputs), precision=precision, threads=1)
        for precision in ("fp32", "int8")
    )

    exact, rounded = (predict(r, parts.featurizer, task, sentences) for r in (fp32, int8))
    # Batches of one token at most are of one sentence.
    alone = predict(int8, parts.featurizer, task, sentences, batch_tokens=1)
    return Int8Cost(
        metric=task.metric,
        fp32=task.score(sentences, exact) if is_gold else None,
        int8=task.score(sentences, rounded) if is_gold else None,
        changed=_difference(task, exact, rounded),
        company=_difference(task, rounded, alone),
    )


def _difference(task: Task, predicted: Sequence[Sentence], others: Sequence[Sentence]) -> float:
    """Compute the share of decisions about the same sentences that differ."""
    pairs = [
        pair
        for one, other in zip(predicted, others, strict=True)
        for pair in zip(task.decisions(one), task.decisions(other), strict=True)
    ]
    return sum(a != b for a, b in pairs) / len(pairs)
