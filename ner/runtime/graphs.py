"""The graphs of a model folder, run by ONNX Runtime.

    words.onnx        words (U), characters (U W), shapes (U), affixes (U 5), all int32, and
                      vectors (U E), float32; those that the model reads -> rows (U E)
    model.onnx        rows (R E), tokens (B T), int64, lengths (B), int32, and of columns (B T K),
                      bigrams (B T 2) and parts (B T), int32, what the model reads
                      -> emissions (B T C), or logits (B C) and, where tokens are weighed,
                      attention (B K T)
    model.int8.onnx   the same as model.onnx, with weights of eight bits

The tables of words.onnx lie in model.safetensors, and are mapped into memory from there.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ner.errors import ModelFolderError
from ner.model_folder import WEIGHTS

# Under this key a graph keeps the digest of the header of the weights that it was made with.
WEIGHTS_KEY = "weights"
# A log of crashes only: all else comes as an exception.
FATAL = 4
TYPES = {"tensor(int32)": np.int32, "tensor(int64)": np.int64, "tensor(float)": np.float32}


class Graph:
    """A graph of a model folder; `run` may be called from many threads, and has none of its own.

    Args:
        folder: Of the model.
        name: Of the file.

    Raises:
        ModelFolderError: It is missing or damaged, or was made with other weights.
    """

    def __init__(self, folder: Path, name: str) -> None:
        if not (folder / name).is_file():
            raise ModelFolderError(f"{folder}: {name} must be there. Got no such file.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = FATAL
        # Texts have all lengths; a plan of the memory for each would be kept for good.
        options.enable_mem_pattern = False
        try:
            self._session = onnxruntime.InferenceSession(
                folder / name, options, providers=["CPUExecutionProvider"]
            )
        # Its exceptions have no base of their own.
        except Exception as error:
            reason = " ".join(str(error).split())
            raise ModelFolderError(
                f"{folder}: {name} must be a whole graph. Got one of which ONNX Runtime says: "
                f"{reason}"
            ) from None
        facts = self._session.get_modelmeta().custom_metadata_map
        if facts.get(WEIGHTS_KEY) != header_digest(read_header(folder / WEIGHTS)):
            raise ModelFolderError(
                f"{folder}: {name} must have been made with {WEIGHTS}. Got one made with another."
            )
        self.inputs = {x.name: (TYPES[x.type], x.shape) for x in self._session.get_inputs()}
        outputs = self._session.get_outputs()
        self.size: int = outputs[0].shape[-1]
        self._outputs = [output.name for output in outputs]

    def run(self, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """Compute the outputs by name from the inputs, which may stand among other arrays."""
        feed = {
            name: np.ascontiguousarray(arrays[name], dtype=dtype)
            for name, (dtype, _) in self.inputs.items()
        }
        return dict(zip(self._outputs, self._session.run(self._outputs, feed), strict=True))  # pyright: ignore[reportReturnType]


def read_header(path: Path) -> bytes:
    """Read the header of a safetensors file: what it holds, and where.

    Source: https://github.com/huggingface/safetensors#format
    """
    with path.open("rb") as file:
        size = file.read(8)
        return size + file.read(int.from_bytes(size, "little"))


def header_digest(header: bytes) -> str:
    """Digest what a graph that points into a file of weights relies on."""
    return hashlib.sha256(header).hexdigest()
