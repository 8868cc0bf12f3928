"""Run the network of a model in ONNX Runtime, on the CPU, from the graphs of a model folder.

    words.onnx        words (U), characters (U W), shapes (U), affixes (U 5), all int32, and
                      vectors (U E), float32; only those that the model reads
                      -> rows (U E)
    model.onnx        rows (R E), tokens (B T), int64, lengths (B), int32, and of columns (B T K),
                      bigrams (B T 2) and sentence_ids (B T), int32, what the model reads
                      -> emissions (B T C), or logits (B C) and, where tokens are weighed,
                      attention (B K T); of classifiers also states (B T H)
                      of models with a transformer also contextual (B T E), float32
                      with recurrent layers also entering (L P D 1 H), which is zero unless it is
                      fed -> leaving (L P D B H), see `ner.tasks.base.Cut`
    model.int8.onnx   the same as model.onnx, with weights of eight bits
    transformer.onnx  only of models with a transformer: pieces (M S), piece_lengths (M), int64
                      -> states (M S E), see `ner.inference.onnx_transformer`
    transformer.int8.onnx  the same with weights of eight bits

The tables of words.onnx lie in model.safetensors. Large ones are mapped into memory from there.
"""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnxruntime

from ner.choices import Precision
from ner.cores import count_cores
from ner.crf.forward_backward import Edges
from ner.errors import ConfigError, ModelFolderError
from ner.features.arrays import BatchArrays, Floats, OutputArrays, WordArrays
from ner.files import MAPPED_FROM, utf8_path
from ner.inference.graph_check import check_graph, outside_names
from ner.inference.onnx_transformer import CONTEXTUAL, STATES, read_windows
from ner.model_folder import GRAPHS, TRANSFORMER_GRAPHS, WEIGHTS, WORDS_GRAPH, StoredWeights
from ner.safetensors_header import SafetensorsHeader
from ner.tasks import Task
from ner.tasks.base import Cut, HeadName, PieceOutput

# The key in a graph for the digest of the header of the weights that it was made with.
WEIGHTS_KEY = "weights"

# The key for the number of tokens that are read with a piece of a text, see `ner.tasks.base.Cut`;
# and digits of that number at most.
OVERLAP_KEY = "overlap"
MOST_DIGITS = 5

# Layers that hand on their states, and numbers in these states, at most: each layer is another
# pass over a text, and each piece of the text has such states.
MOST_LAYERS = 1000
MOST_BORDERS = 1 << 20

# Bytes of a graph at most: protocol buffers have no more.
MAX_GRAPH = 2**31

# Numbers in a pretrained vector at most.
WIDEST_VECTOR = 1 << 16

# Characters that are shown of a message of ONNX Runtime, which may hold whole lists of names.
LONGEST_REASON = 300

# Only crashes are logged; all else raises an exception.
FATAL = 4

# Nodes that no asked output needs, such as those of states for the next piece, are not run.
ASKED_ONLY = onnxruntime.RunOptions()
ASKED_ONLY.only_execute_path_to_fetches = True

# The inputs that a graph may have, and their types.
INPUTS: dict[str, type[np.generic]] = {
    **dict.fromkeys(("words", "characters", "shapes", "affixes"), np.int32),
    **dict.fromkeys(("lengths", "columns", "bigrams", "sentence_ids"), np.int32),
    **dict.fromkeys(("tokens", "pieces", "piece_lengths"), np.int64),
    **dict.fromkeys(("vectors", "rows", CONTEXTUAL), np.float32),
}


class Graph:
    """A graph of a model folder. Many threads may call `run`, which starts none of its own.

    Args:
        folder: The folder of the model.
        name: The name of the file.
        result: The output that the graph must have.

    Raises:
        ModelFolderError: The file is missing or damaged, or was made with other weights.
    """

    def __init__(self, folder: Path, name: str, result: str) -> None:
        for file in (name, WEIGHTS):
            if not (folder / file).is_file():
                raise ModelFolderError(f"{folder}: {file} must be there. Got no such file.")
        self._file = f"{folder}: {name}"
        content = self._read(folder / name)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = FATAL
        # Texts have many lengths, and the plan of the memory for each would never be freed.
        options.enable_mem_pattern = False
        self._weights = _read_weights(folder, outside_names(content))
        try:
            options.add_external_initializers(list(self._weights), list(self._weights.values()))
            with utf8_path(folder) as place:
                self._session = onnxruntime.InferenceSession(
                    place / name,
                    options,
                    providers=["CPUExecutionProvider"],
                    enable_fallback=0,  # it would print, and try the same again
                )
        # The exceptions of ONNX Runtime have no base class of their own.
        except Exception as error:
            raise ModelFolderError(
                f"{folder}: {name} must be a whole graph. Got one of which ONNX Runtime says: "
                f"{_one_line(error)}"
            ) from None
        self.facts: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        if self.facts.get(WEIGHTS_KEY) != SafetensorsHeader.read(folder / WEIGHTS).digest:
            raise ModelFolderError(
                f"{folder}: {name} must have been made with {WEIGHTS}. Got one made with another."
            )
        unknown = [x.name for x in self._session.get_inputs() if x.name not in INPUTS]
        if unknown:
            raise ModelFolderError(
                f"{self._file} must read what a sentence has. Got the input {unknown[0]!r}."
            )
        self.inputs = {x.name: (INPUTS[x.name], x.shape) for x in self._session.get_inputs()}
        # Inputs that need not be fed.
        optional = self._session.get_overridable_initializers()
        self.optional = {x.name: tuple(x.shape) for x in optional}
        outputs = self._session.get_outputs()
        # The width that a graph states; it need not state any.
        self.sizes = {o.name: o.shape[-1] if o.shape else None for o in outputs}
        if result not in self.sizes:
            raise ModelFolderError(
                f"{self._file} must compute {result}. Got {', '.join(self.sizes)}."
            )

    def _read(self, path: Path) -> bytes:
        """Return the content of a graph that may be run."""
        try:
            if (size := path.stat().st_size) > MAX_GRAPH:
                raise ValueError(f"{size} bytes")
            content = path.read_bytes()
            check_graph(content, WEIGHTS)
        except ValueError as error:
            raise ModelFolderError(
                f"{self._file} must be a graph of a model. Got {error}."
            ) from None
        return content

    def run(
        self,
        arrays: Mapping[str, Any],
        shapes: Mapping[str, tuple[int | None, ...]],
        optional: Mapping[str, Floats] | None = None,
    ) -> dict[str, Floats]:
        """Compute the outputs by name.

        Args:
            arrays: The inputs by name, and maybe others.
            shapes: The shape that each output must have, by its name; None for any size. Those
                that the graph has are returned.
            optional: Inputs that need not be fed.

        Raises:
            ModelFolderError: The graph reads what the model does not, cannot be computed, or has an
                output of another shape.
        """
        lacking = self.inputs.keys() - arrays.keys()
        if lacking:
            raise ModelFolderError(
                f"{self._file} must read what the model reads. Got the input {min(lacking)!r}."
            )
        feed = {
            name: np.ascontiguousarray(arrays[name], dtype=dtype)
            for name, (dtype, _) in self.inputs.items()
        }
        if optional:
            feed |= optional
        try:
            names = [name for name in self.sizes if name in shapes]
            found: Any = self._session.run(names, feed, ASKED_ONLY)
        except Exception as error:
            raise ModelFolderError(
                f"{self._file} must be computable. Got from ONNX Runtime: {_one_line(error)}"
            ) from None
        results = dict(zip(names, found, strict=True))
        for name, array in results.items():
            if not _fits(array, shapes[name]):
                raise ModelFolderError(
                    f"{self._file}: {name} must be float32 of the shape {shapes[name]}. "
                    f"Got {getattr(array, 'dtype', type(array).__name__)} of the shape "
                    f"{getattr(array, 'shape', None)}."
                )
        return results


def _read_weights(folder: Path, names: Iterable[str]) -> dict[str, onnxruntime.OrtValue]:
    """Read the weights that a graph has in the file of weights, except large ones.

    The runtime would map all of them into memory, and a process dies if the file of a mapping is
    cut off. The values must live as long as the graph.
    """
    weights = StoredWeights(folder / WEIGHTS)
    try:
        arrays = SafetensorsHeader.read(folder / WEIGHTS).arrays
    except ValueError as error:
        raise ModelFolderError(f"{folder}: not a whole model: {error}.") from None
    return {
        name: onnxruntime.OrtValue.ortvalue_from_numpy(weights.as_stored(name))
        for name in names
        if name in arrays and np.subtract(*arrays[name]["data_offsets"][::-1]) < MAPPED_FROM
    }


def _are_borders(shape: tuple[Any, ...]) -> bool:
    """Say whether states of this shape can be handed from piece to piece (L P D 1 H)."""
    if len(shape) != 5 or not all(type(size) is int and size > 0 for size in shape):
        return False
    layers, _, directions, single, _ = shape
    small = layers <= MOST_LAYERS and math.prod(shape) <= MOST_BORDERS
    return small and directions <= 2 and single == 1


def _fits(array: Any, shape: tuple[int | None, ...]) -> bool:
    return (
        isinstance(array, np.ndarray)
        and array.dtype == np.float32
        and len(array.shape) == len(shape)
        and all(size in (None, found) for size, found in zip(shape, array.shape, strict=True))
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:LONGEST_REASON]


# The output that each head computes.
SCORES: dict[HeadName, str] = {"tags": "emissions", "classes": "logits"}

# The states at the borders of a piece of a text.
ENTERING, LEAVING = "entering", "leaving"

# The scores of first tags, steps and last tags under pytorch-crf's names.
STEPS = tuple(f"head.crf.{name}transitions" for name in ("start_", "", "end_"))


class OnnxRuntime:
    """Runs the graphs of a model folder. Many threads may call its methods at once.

    ONNX Runtime gets no threads of its own, because running several batches side by side is faster.
    A copy in another process opens the folder again.

    Args:
        folder: The folder of the model.
        task: What the model predicts.
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
        task: Task,
        *,
        precision: Precision = "fp32",
        threads: int | None = None,
    ) -> None:
        if precision not in GRAPHS:
            raise ConfigError(f"precision: must be {' or '.join(GRAPHS)}. Got {precision!r}.")
        self.workers = count_cores() if threads is None else threads
        if self.workers < 1:
            raise ConfigError(f"threads: must be at least 1. Got {threads}.")
        folder = Path(folder)
        self._again = (folder.absolute(), task, precision, threads)
        self._num_outputs = num_outputs = len(task.outputs)
        scores = SCORES[task.head]
        self._words = Graph(folder, WORDS_GRAPH, "rows")
        self._model = Graph(folder, GRAPHS[precision], scores)
        self._transformer = (
            Graph(folder, TRANSFORMER_GRAPHS[precision], STATES)
            if CONTEXTUAL in self._model.inputs
            else None
        )
        self._vector_size = self._find_vector_size(folder)
        self.cut = self._find_cut()
        self.edges: Edges | None = read_edges(folder, num_outputs)
        if self._model.sizes[scores] != num_outputs:
            raise ModelFolderError(
                f"{folder}: {GRAPHS[precision]} must score {num_outputs} tags or classes. "
                f"Got {self._model.sizes[scores]}."
            )

    def _find_cut(self) -> Cut | None:
        """Read what the graph says; one of an older version says nothing."""
        graph = self._model
        overlap = graph.facts.get(OVERLAP_KEY, "")
        if not (overlap.isascii() and overlap.isdecimal() and len(overlap) <= MOST_DIGITS):
            return None
        shape = graph.optional.get(ENTERING)
        if shape is not None and not (_are_borders(shape) and LEAVING in graph.sizes):
            return None
        return Cut(int(overlap), shape)

    def _find_vector_size(self, folder: Path) -> int:
        """Return the size of pretrained vectors, which are zeros for words without any."""
        if "vectors" not in self._words.inputs:
            return 0
        _, shape = self._words.inputs["vectors"]
        size = shape[-1] if shape else None
        if type(size) is not int or not 0 <= size <= WIDEST_VECTOR:
            raise ModelFolderError(
                f"{folder}: {WORDS_GRAPH} must read vectors of at most {WIDEST_VECTOR} numbers. "
                f"Got {size}."
            )
        return size

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, self._again

    def word_rows(self, words: WordArrays) -> Floats:
        """Compute the vectors (U E) of words, which `Featurizer.encode_words` has encoded."""
        if "vectors" in self._words.inputs and "vectors" not in words:
            zeros = np.zeros((len(words["words"]), self._vector_size), dtype=np.float32)
            words = {**words, "vectors": zeros}
        return self._words.run(words, {"rows": (len(words["words"]), None)})["rows"]

    def outputs(self, batch: BatchArrays) -> OutputArrays:
        """Compute what a task decodes, for a batch of `TaggingBatches`.

        Positions past the end of a sentence are padding and are ignored.
        """
        size, longest = batch["tokens"].shape
        shapes = {
            "emissions": (size, longest, self._num_outputs),
            "logits": (size, self._num_outputs),
            "attention": (size, None, longest),
        }
        return cast(OutputArrays, self._model.run(self._with_context(batch), shapes))

    def _with_context(self, batch: BatchArrays) -> Mapping[str, Any]:
        """Add the vectors that a transformer makes of the tokens, where the model has one."""
        if self._transformer is None or "pieces" not in batch:
            return batch
        return {**batch, CONTEXTUAL: read_windows(self._transformer.run, batch)}

    def read_piece(
        self, batch: BatchArrays, name: PieceOutput, entering: Floats | None = None
    ) -> OutputArrays:
        """Compute one output for the tokens of a piece of a text, see `ner.tasks.base.Runtime`."""
        shapes: dict[str, tuple[int | None, ...]] = {name: (*batch["tokens"].shape, None)}
        arrays = self._with_context(batch)
        if entering is None:
            return cast(OutputArrays, self._model.run(arrays, shapes))
        shapes[LEAVING] = entering.shape
        return cast(OutputArrays, self._model.run(arrays, shapes, {ENTERING: entering}))


def read_edges(folder: Path, num_tags: int) -> Edges | None:
    """Read the scores of steps between tags; None for a model without a CRF.

    Raises:
        ModelFolderError: A score is missing or not finite, or the number of tags is another one.
    """
    edge, square = (num_tags,), (num_tags, num_tags)
    weights = StoredWeights(folder / WEIGHTS)
    for name in weights:
        _ = weights[name]  # refuses what is not finite, also in tables that the graphs map
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


def _reopen(folder: Path, task: Task, precision: Precision, threads: int | None) -> OnnxRuntime:
    return OnnxRuntime(folder, task, precision=precision, threads=threads)


__all__ = ["OnnxRuntime"]
