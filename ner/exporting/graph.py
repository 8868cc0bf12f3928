"""ONNX graphs, built node by node."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from ner.errors import ConfigError
from ner.features.int8_rows import SCALES
from ner.inference.onnx_runtime import WEIGHTS_KEY
from ner.model_folder import WEIGHTS
from ner.safetensors_header import SafetensorsHeader

# From 2022 and 2021: as old as the operators allow, so that any ONNX Runtime since 1.12 reads them.
OPSET, IR_VERSION = 17, 8

# Less than any score of a network, and far enough from the smallest float that sums stay finite.
LOWEST = -1e30

# Types of arrays in safetensors, as ONNX numbers them.
TYPES = {"F32": TensorProto.FLOAT, "F16": TensorProto.FLOAT16, "I8": TensorProto.INT8}

# Name, type and axes of an input or output. An axis of unknown size has a name.
Port = tuple[str, int, Sequence[int | str]]


class WeightFile:
    """Finds the arrays in a file of weights.

    Args:
        path: A safetensors file.
    """

    def __init__(self, path: Path) -> None:
        header = SafetensorsHeader.read(path)
        self.digest = header.digest
        self._start = len(header.content)
        self._arrays = header.arrays

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    @property
    def is_compact(self) -> bool:
        """Whether some arrays have eight bits."""
        return any(name.endswith(SCALES) for name in self._arrays)

    def tensor(self, name: str) -> TensorProto:
        """Refer to an array, without a copy."""
        facts = self._arrays[name]
        start, end = facts["data_offsets"]
        stored = TensorProto(
            name=name,
            dims=facts["shape"],
            data_type=TYPES[facts["dtype"]],
            data_location=TensorProto.EXTERNAL,
        )
        place = {"location": WEIGHTS, "offset": self._start + start, "length": end - start}
        for key, value in place.items():
            stored.external_data.add(key=key, value=str(value))
        return stored


class GraphBuilder:
    """Builds a graph. Nodes run in the order in which they are added.

    Args:
        inputs: The inputs that the graph may have. It has those that nodes read.
        weights: The file of weights in the folder of the graph.
        names: The name of each parameter in that file.
        copies: Whether the graph has copies of the weights, but for tables. By default, it has
            them unless the file is compact.
    """

    def __init__(
        self,
        inputs: Sequence[Port],
        weights: WeightFile,
        names: Mapping[Tensor, str],
        *,
        copies: bool | None = None,
    ) -> None:
        # What the graph says about itself.
        self.facts: dict[str, str] = {}
        self.has_copies = not weights.is_compact if copies is None else copies
        self._copies_all = copies is True
        self._offered = {port[0]: helper.make_tensor_value_info(*port) for port in inputs}
        self._used: set[str] = set()
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: dict[str, TensorProto] = {}
        self._weights = weights
        self._names = names

    def offers(self, name: str) -> bool:
        """Tell whether the graph may have such an input."""
        return name in self._offered

    def input(self, name: str) -> str:
        """Read an input."""
        self._used.add(self._offered[name].name)
        return name

    def optional_input(self, name: str, array: NDArray[np.float32]) -> str:
        """Read an input that need not be fed; the array is its value then."""
        self._offered[name] = helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape)
        self._initializers[name] = numpy_helper.from_array(array, name)
        return self.input(name)

    def constant(self, array: NDArray[Any]) -> str:
        """Keep an array in the graph."""
        name = f"constant_{len(self._initializers)}"
        self._initializers[name] = numpy_helper.from_array(np.asarray(array, order="C"), name)
        return name

    def integers(self, *values: int) -> str:
        """Keep a list of integers in the graph (int64)."""
        return self.constant(np.array(values))

    def number(self, value: float) -> str:
        """Keep a single float32 number in the graph."""
        return self.constant(np.array(value, dtype=np.float32))

    def rows(self, parameter: Tensor, indices: str) -> str:
        """Look up rows of a table in the file of weights, of which the graph has no copy."""
        name = self._names[parameter]
        rows = self.node("Gather", self._stored(name), indices)
        if name + SCALES not in self._weights:
            return rows
        # Only the rows that are looked up become float32.
        scales = self.node("Gather", self._stored(name + SCALES), indices)
        return self._scaled(rows, self.node("Unsqueeze", scales, self.integers(-1)))

    def weights(self, parameter: Tensor) -> str:
        """Read a parameter (float32).

        The graph has a copy of it, unless the file of weights is compact: ONNX Runtime then
        computes the parameter from the file when it loads the graph.
        """
        name = self._names.get(parameter, "")
        if self.has_copies or name + SCALES not in self._weights:
            return self.constant(to_numpy(parameter))
        scales = self.node("Unsqueeze", self._stored(name + SCALES), self.integers(1))
        return self._scaled(self._stored(name), scales)

    def product(self, module: nn.Linear, x: str) -> str:
        """Multiply rows (N E) by the weights of a large layer, and add its bias.

        The weights stay in the file, unless the graph was asked for copies.
        """
        parameter = module.weight
        name = self._names.get(parameter, "")
        if self._copies_all or name not in self._weights:
            weights = self.constant(to_numpy(parameter))
        elif name + SCALES in self._weights:
            weights = self.weights(parameter)
        else:
            weights = self._stored(name)
        return self.node("Gemm", x, weights, self.constant(to_numpy(module.bias)), transB=1)

    def _scaled(self, integers: str, scales: str) -> str:
        """Multiply integers of eight bits by scales in half precision."""
        factors = (self.node("Cast", each, to=TensorProto.FLOAT) for each in (integers, scales))
        return self.node("Mul", *factors)

    def _stored(self, name: str) -> str:
        self._initializers[name] = self._weights.tensor(name)
        return name

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node, and return the name of its value.

        Args:
            operator: What the node does, such as "Add".
            inputs: The names of the values that it reads.
            attributes: Of the operator.
        """
        return self.node_of_several(operator, *inputs, count=1, **attributes)[0]

    def node_of_several(
        self, operator: str, *inputs: str, count: int, **attributes: Any
    ) -> list[str]:
        """Add a node, and return the names of its first `count` values; else see `node`."""
        name = f"{operator}_{len(self._nodes)}"
        outputs = [name, *(f"{name}_{i}" for i in range(1, count))]
        self._nodes.append(helper.make_node(operator, inputs, outputs, name, **attributes))
        return outputs

    def concatenate(self, values: Sequence[str], axis: int) -> str:
        """Join values along an axis; a single value needs no node."""
        return values[0] if len(values) == 1 else self.node("Concat", *values, axis=axis)

    def to_bytes(self, *outputs: tuple[str, Port]) -> bytes:
        """Write the graph.

        Args:
            outputs: The name of a value, and the output that it becomes. Nodes may read the value
                too.
        """
        ports = dict(outputs)
        for node in self._nodes:
            for names in (node.input, node.output):
                for i, name in enumerate(names):
                    if name in ports:
                        names[i] = ports[name][0]
        graph = helper.make_graph(
            self._nodes,
            "ner",
            [port for name, port in self._offered.items() if name in self._used],
            [helper.make_tensor_value_info(*port) for port in ports.values()],
            list(self._initializers.values()),
        )
        model = helper.make_model(
            graph,
            producer_name="ner",
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
        )
        helper.set_model_props(model, {WEIGHTS_KEY: self._weights.digest, **self.facts})
        return model.SerializeToString(deterministic=True)


def to_numpy(parameter: Tensor) -> NDArray[np.float32]:
    """Convert a parameter to float32."""
    return parameter.detach().cpu().float().numpy()


Builder = TypeVar("Builder")


def find_builder(
    builders: Mapping[type[nn.Module], Builder], module: nn.Module, where: str
) -> Builder:
    """Look up the function that writes a module as nodes.

    Raises:
        ConfigError: There is none.
    """
    check_type(module, builders, where)
    return builders[type(module)]


def check_type(module: nn.Module, types: Collection[type[nn.Module]], where: str) -> None:
    """Check that a module can be exported. A subclass cannot, as it may compute something else.

    Raises:
        ConfigError: The module is of none of the types.
    """
    if type(module) not in types:
        known = " or ".join(each.__name__ for each in types)
        raise ConfigError(
            f"{where}: must be {known} to be exported to ONNX. Got {type(module).__name__}."
        )
