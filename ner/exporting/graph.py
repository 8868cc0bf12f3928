"""Graphs in ONNX, node by node."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from ner.errors import ConfigError
from ner.files import SafetensorsHeader
from ner.inference.onnx_runtime import WEIGHTS_KEY
from ner.model_folder import WEIGHTS

# Of 2022 and 2021: as old as the operators allow, so that any ONNX Runtime since 1.12 reads them.
OPSET, IR_VERSION = 17, 8

# Less than any score of a network, and far enough from the smallest float that sums stay finite.
LOWEST = -1e30

# Name, type and axes of an input or output; an axis of unknown size has a name.
Port = tuple[str, int, Sequence[int | str]]


class WeightFile:
    """Where each array lies in a file of weights.

    Args:
        path: A safetensors file.
    """

    def __init__(self, path: Path) -> None:
        header = SafetensorsHeader.read(path)
        self.digest = header.digest
        self._start = len(header.content)
        self._arrays = header.arrays

    def place(self, name: str) -> dict[str, int]:
        """Give the offset and the length of an array in bytes."""
        start, end = self._arrays[name]["data_offsets"]
        return {"offset": self._start + start, "length": end - start}


class GraphBuilder:
    """A graph in the making. Nodes are added in the order in which they run.

    Args:
        inputs: What the graph may read; it has those inputs that are asked for.
        weights: The file that the graph will lie beside.
        names: Of the parameters in that file.
    """

    def __init__(
        self, inputs: Sequence[Port], weights: WeightFile, names: Mapping[Tensor, str]
    ) -> None:
        self._offered = {port[0]: helper.make_tensor_value_info(*port) for port in inputs}
        self._used: set[str] = set()
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: dict[str, TensorProto] = {}
        self._weights = weights
        self._names = names

    def offers(self, name: str) -> bool:
        """Say whether there can be such an input."""
        return name in self._offered

    def input(self, name: str) -> str:
        """Read an input."""
        self._used.add(self._offered[name].name)
        return name

    def constant(self, array: NDArray[Any]) -> str:
        """Keep an array in the graph."""
        name = f"constant_{len(self._initializers)}"
        self._initializers[name] = numpy_helper.from_array(np.asarray(array, order="C"), name)
        return name

    def table(self, parameter: Tensor) -> str:
        """Use a float32 parameter as it lies in the file of weights."""
        name = self._names[parameter]
        stored = TensorProto(
            name=name,
            dims=parameter.shape,
            data_type=TensorProto.FLOAT,
            data_location=TensorProto.EXTERNAL,
        )
        for key, value in {"location": WEIGHTS, **self._weights.place(name)}.items():
            stored.external_data.add(key=key, value=str(value))
        self._initializers[name] = stored
        return name

    def node(
        self,
        operator: str,
        *inputs: str,
        output: int = 0,
        required: bool = False,
        **attributes: Any,
    ) -> str:
        """Add a node and give its value; of several outputs, that at the place `output`.

        Outputs before it are left out, unless the operator has to have them.
        """
        name = f"{operator}_{len(self._nodes)}"
        outputs = [*(f"{name}_{i}" if required else "" for i in range(output)), name]
        self._nodes.append(helper.make_node(operator, inputs, outputs, name, **attributes))
        return name

    def concatenate(self, values: Sequence[str], axis: int) -> str:
        """Put values side by side; one alone needs no node."""
        return values[0] if len(values) == 1 else self.node("Concat", *values, axis=axis)

    def to_bytes(self, value: str, output: Port, *others: tuple[str, Port]) -> bytes:
        """Write the graph.

        Args:
            value: What its first output holds.
            output: That output.
            others: Further values and outputs; a value may be read by nodes as well.
        """
        outputs = {value: output, **dict(others)}
        for node in self._nodes:
            for names in (node.input, node.output):
                for i, name in enumerate(names):
                    if name in outputs:
                        names[i] = outputs[name][0]
        graph = helper.make_graph(
            self._nodes,
            "ner",
            [port for name, port in self._offered.items() if name in self._used],
            [helper.make_tensor_value_info(*port) for port in outputs.values()],
            list(self._initializers.values()),
        )
        model = helper.make_model(
            graph,
            producer_name="ner",
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
        )
        helper.set_model_props(model, {WEIGHTS_KEY: self._weights.digest})
        return model.SerializeToString(deterministic=True)


def numbers(tensor: Tensor) -> NDArray[np.float32]:
    """Give a parameter as float32."""
    return tensor.detach().cpu().float().numpy()


Builder = TypeVar("Builder")


def chosen(builders: Mapping[type[nn.Module], Builder], module: nn.Module, where: str) -> Builder:
    """Look up what writes a module as nodes.

    Raises:
        ConfigError: Nothing does.
    """
    check_kind(module, builders, where)
    return builders[type(module)]


def check_kind(module: nn.Module, kinds: Collection[type[nn.Module]], where: str) -> None:
    """Refuse all other modules; a subclass may compute something else.

    Raises:
        ConfigError: The module is of none of these kinds.
    """
    if type(module) not in kinds:
        known = " or ".join(kind.__name__ for kind in kinds)
        raise ConfigError(
            f"{where}: must be {known} to be exported to ONNX. Got {type(module).__name__}."
        )
