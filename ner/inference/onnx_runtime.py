"""Run the network of a model in ONNX Runtime, on the CPU, from the graphs of a model folder.

    words.onnx        words (U), characters (U W), shapes (U), affixes (U 5), all int32, and
                      vectors (U E), float32; only those that the model reads
                      -> rows (U E)
    model.onnx        rows (R E), tokens (B T), int64, lengths (B), int32, and of columns (B T K),
                      bigrams (B T 2) and sentence_ids (B T), int32, what the model reads
                      -> emissions (B T C), or logits (B C) and, where tokens are weighed,
                      attention (B K T)
    model.int8.onnx   the same as model.onnx, with weights of eight bits

The tables of words.onnx lie in model.safetensors, and are mapped into memory from there.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnxruntime

from ner.choices import Precision
from ner.crf.forward_backward import Edges
from ner.errors import ConfigError, ModelFolderError
from ner.features.arrays import BatchArrays, Floats, OutputArrays, WordArrays
from ner.files import SafetensorsHeader
from ner.model_folder import GRAPHS, WEIGHTS, WORDS_GRAPH, StoredWeights

# The key in a graph for the digest of the header of the weights that it was made with.
WEIGHTS_KEY = "weights"

# Only crashes are logged; all else raises an exception.
FATAL = 4

TYPES = {"tensor(int32)": np.int32, "tensor(int64)": np.int64, "tensor(float)": np.float32}


class Graph:
    """A graph of a model folder. Many threads may call `run`, which starts none of its own.

    Args:
        folder: The folder of the model.
        name: The name of the file.

    Raises:
        ModelFolderError: The file is missing or damaged, or was made with other weights.
    """

    def __init__(self, folder: Path, name: str) -> None:
        if not (folder / name).is_file():
            raise ModelFolderError(f"{folder}: {name} must be there. Got no such file.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = FATAL
        # Texts have many lengths, and the plan of the memory for each would never be freed.
        options.enable_mem_pattern = False
        try:
            self._session = onnxruntime.InferenceSession(
                folder / name, options, providers=["CPUExecutionProvider"]
            )
        # The exceptions of ONNX Runtime have no base class of their own.
        except Exception as error:
            reason = " ".join(str(error).split())
            raise ModelFolderError(
                f"{folder}: {name} must be a whole graph. Got one of which ONNX Runtime says: "
                f"{reason}"
            ) from None
        facts = self._session.get_modelmeta().custom_metadata_map
        if facts.get(WEIGHTS_KEY) != SafetensorsHeader.read(folder / WEIGHTS).digest:
            raise ModelFolderError(
                f"{folder}: {name} must have been made with {WEIGHTS}. Got one made with another."
            )
        self.inputs = {x.name: (TYPES[x.type], x.shape) for x in self._session.get_inputs()}
        outputs = self._session.get_outputs()
        self.size: int = outputs[0].shape[-1]
        self._outputs = [output.name for output in outputs]

    def run(self, arrays: Mapping[str, Any]) -> dict[str, Floats]:
        """Compute the outputs by name from the inputs, which may stand among other arrays."""
        feed = {
            name: np.ascontiguousarray(arrays[name], dtype=dtype)
            for name, (dtype, _) in self.inputs.items()
        }
        return dict(zip(self._outputs, self._session.run(self._outputs, feed), strict=True))  # pyright: ignore[reportReturnType]


# The scores of first tags, steps and last tags under pytorch-crf's names.
STEPS = tuple(f"head.crf.{name}transitions" for name in ("start_", "", "end_"))


class OnnxRuntime:
    """Runs the graphs of a model folder. Many threads may call its methods at once.

    ONNX Runtime gets no threads of its own, because running several batches side by side is faster.
    A copy in another process opens the folder again.

    Args:
        folder: The folder of the model.
        num_outputs: The number of tags or classes.
        precision: With int8 the recurrent layers are faster, and a tag differs now and then, see
            `ner.exporting.measure_int8`.
        threads: The number of batches to run at once; None means one for each core that this
            process may use.

    Raises:
        ConfigError: There is no such precision, or `threads` is less than 1.
        ModelFolderError: A graph is missing or damaged, or does not fit the weights or the number
            of tags or classes.
    """

    def __init__(
        self,
        folder: str | Path,
        num_outputs: int,
        *,
        precision: Precision = "fp32",
        threads: int | None = None,
    ) -> None:
        if precision not in GRAPHS:
            raise ConfigError(f"precision: must be {' or '.join(GRAPHS)}. Got {precision!r}.")
        self.workers = _count_cores() if threads is None else threads
        if self.workers < 1:
            raise ConfigError(f"threads: must be at least 1. Got {threads}.")
        folder = Path(folder)
        self._again = (folder.absolute(), num_outputs, precision, threads)
        self._words, self._model = Graph(folder, WORDS_GRAPH), Graph(folder, GRAPHS[precision])
        self.edges: Edges | None = read_edges(folder, num_outputs)
        if self._model.size != num_outputs:
            raise ModelFolderError(
                f"{folder}: {GRAPHS[precision]} must score {num_outputs} tags or classes. "
                f"Got {self._model.size}."
            )

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, self._again

    def word_rows(self, words: WordArrays) -> Floats:
        """Compute the vectors (U E) of words, which `Featurizer.encode_words` has encoded."""
        if "vectors" in self._words.inputs and "vectors" not in words:
            size = self._words.inputs["vectors"][1][-1]
            words = {**words, "vectors": np.zeros((len(words["words"]), size), dtype=np.float32)}
        return self._words.run(words)["rows"]

    def outputs(self, batch: BatchArrays) -> OutputArrays:
        """Compute what a task decodes, for a batch of `TaggingBatches`.

        Positions past the end of a sentence are padding and are ignored.
        """
        return cast(OutputArrays, self._model.run(batch))


def read_edges(folder: Path, num_tags: int) -> Edges | None:
    """Read the scores of steps between tags; None for a model without a CRF.

    Raises:
        ModelFolderError: A score is missing or not finite, or the number of tags is another one.
    """
    edge, square = (num_tags,), (num_tags, num_tags)
    weights = StoredWeights(folder / WEIGHTS)
    if set(weights).isdisjoint(STEPS):
        return None
    lacking = [name for name in STEPS if name not in weights]
    if lacking:
        raise ModelFolderError(f"{folder}: {WEIGHTS} lacks {', '.join(lacking)}.")
    found = Edges(*(weights[name].astype(np.float64) for name in STEPS))
    for name, array, shape in zip(STEPS, found, (edge, square, edge), strict=True):
        if array.shape != shape:
            raise ModelFolderError(
                f"{folder}: {WEIGHTS}: {name} must have the shape {shape}. Got {array.shape}."
            )
    return found


def _reopen(
    folder: Path, num_outputs: int, precision: Precision, threads: int | None
) -> OnnxRuntime:
    return OnnxRuntime(folder, num_outputs, precision=precision, threads=threads)


def _count_cores() -> int:
    """Count the cores that this process may use, or those of the machine if that is unknown."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


__all__ = ["OnnxRuntime"]
