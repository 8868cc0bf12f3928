"""The network of a model in ONNX Runtime, on the CPU."""

import os
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ner.crf.forward_backward import Edges
from ner.errors import ConfigError, ModelFolderError
from ner.features.featurizer import Arrays
from ner.model_folder import GRAPHS, WEIGHTS, WORDS_GRAPH, StoredWeights
from ner.runtime.graphs import Graph

Precision = Literal["fp32", "int8"]
# The scores of first tags, steps and last tags under pytorch-crf's names.
STEPS = tuple(f"head.crf.{name}transitions" for name in ("start_", "", "end_"))


class OnnxRuntime:
    """Runs the graphs of a model folder; its methods may be called from many threads at once.

    ONNX Runtime gets no threads of its own: batches that the caller runs side by side gain more
    from them. A copy that goes to another process opens the folder anew.

    Args:
        folder: Of the model.
        num_outputs: How many tags or classes it scores.
        precision: With int8 the recurrent layers are faster, and tags differ now and then, see
            `ner.exporting.measure_int8`.
        threads: How many batches may be run at once; None takes as many as there are cores for
            this process.

    Raises:
        ConfigError: There is no such precision, or there are no threads.
        ModelFolderError: A graph is missing or damaged, or does not fit the weights or what it is
            to score.
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

    def word_rows(self, words: Arrays) -> np.ndarray:
        """Compute the vectors (U E) of words, given as `Featurizer.encode_words` does."""
        if "vectors" in self._words.inputs and "vectors" not in words:
            size = self._words.inputs["vectors"][1][-1]
            words = {**words, "vectors": np.zeros((len(words["words"]), size), dtype=np.float32)}
        return self._words.run(words)["rows"]

    def outputs(self, batch: Arrays) -> Arrays:
        """Give what a target decodes; what stands behind a sentence means nothing.

        Args:
            batch: Of `TaggingBatches`; behind the end of a sentence stand some valid indices.
        """
        return self._model.run(batch)


def read_edges(folder: Path, num_tags: int) -> Edges | None:
    """Read the scores of steps between tags; None without a CRF.

    Raises:
        ModelFolderError: Some are missing or not finite, or they are those of other tags.
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
                f"{folder}: {WEIGHTS}: {name} has the shape {shape}. Got {array.shape}."
            )
    return found


def _reopen(
    folder: Path, num_outputs: int, precision: Precision, threads: int | None
) -> OnnxRuntime:
    return OnnxRuntime(folder, num_outputs, precision=precision, threads=threads)


def _count_cores() -> int:
    """Count the cores that this process may use, where the system says so."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
