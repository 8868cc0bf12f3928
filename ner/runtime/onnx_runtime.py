"""A tagger's network in ONNX Runtime, on the CPU."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ner.data.schemes import Scheme
from ner.errors import ConfigError, ModelFolderError
from ner.features.featurizer import Arrays
from ner.lattice import Lattice
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
        tags: Of the head, in the order of its scores.
        scheme: Of the tags.
        precision: With int8 the recurrent layers are faster, and tags differ now and then, see
            `ner.exporting.measure_int8`.
        threads: How many batches may be run at once; None takes as many as there are cores for
            this process.

    Raises:
        ConfigError: There is no such precision, or there are no threads.
        ModelFolderError: A graph is missing or damaged, or does not fit the weights or the tags.
    """

    def __init__(
        self,
        folder: str | Path,
        tags: Sequence[str],
        scheme: Scheme,
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
        self._again = (folder.absolute(), tuple(tags), scheme, precision, threads)
        self._words, self._model = Graph(folder, WORDS_GRAPH), Graph(folder, GRAPHS[precision])
        self.lattice: Lattice = read_lattice(folder, tags, scheme)
        if self._model.size != len(tags):
            raise ModelFolderError(
                f"{folder}: {GRAPHS[precision]} must score {len(tags)} tags. "
                f"Got {self._model.size}."
            )

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, self._again

    def word_rows(self, words: Arrays) -> np.ndarray:
        """Compute the vectors (U E) of words, given as `Featurizer.encode_words` does."""
        if "vectors" in self._words.inputs and "vectors" not in words:
            size = self._words.inputs["vectors"][1][-1]
            words = {**words, "vectors": np.zeros((len(words["words"]), size), dtype=np.float32)}
        return self._words.run(words)

    def emissions(self, batch: Arrays) -> np.ndarray:
        """Score each tag at each token (B T C); what stands behind a sentence means nothing.

        Args:
            batch: `rows` (R E), `tokens` (B T), `lengths` (B), and `columns` (B T K) if the model
                reads any. Behind the end of a sentence stand some valid indices.
        """
        return self._model.run(batch)


def read_lattice(folder: Path, tags: Sequence[str], scheme: Scheme) -> Lattice:
    """Read the scores of steps between tags; without a CRF all legal ones score zero.

    Raises:
        ModelFolderError: Some are missing or not finite, or they are those of other tags.
    """
    edge, square = (len(tags),), (len(tags), len(tags))
    weights = StoredWeights(folder / WEIGHTS)
    if set(weights).isdisjoint(STEPS):
        return Lattice(np.zeros(edge), np.zeros(square), np.zeros(edge), tuple(tags), scheme)
    lacking = [name for name in STEPS if name not in weights]
    if lacking:
        raise ModelFolderError(f"{folder}: {WEIGHTS} lacks {', '.join(lacking)}.")
    start, steps, end = (weights[name] for name in STEPS)
    for name, array, shape in zip(STEPS, (start, steps, end), (edge, square, edge), strict=True):
        if array.shape != shape:
            raise ModelFolderError(
                f"{folder}: {WEIGHTS}: {name} has the shape {shape}. Got {array.shape}."
            )
    return Lattice(start, steps, end, tuple(tags), scheme)


def _reopen(
    folder: Path, tags: Sequence[str], scheme: Scheme, precision: Precision, threads: int | None
) -> OnnxRuntime:
    return OnnxRuntime(folder, tags, scheme, precision=precision, threads=threads)


def _count_cores() -> int:
    """Count the cores that this process may use, where the system says so."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
