"""Checks that graphs compute what the network in torch computes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ner.crf.forward_backward import Edges
from ner.crf.paths import viterbi
from ner.data.sentence import Sentence
from ner.errors import ModelFolderError
from ner.features.batches import TaggingBatches
from ner.features.distinct_words import CHUNK, WordRows
from ner.features.featurizer import Featurizer
from ner.features.made_up import make_sentences
from ner.features.vocabulary import OWN_VECTOR
from ner.inference.onnx_runtime import OnnxRuntime
from ner.model_folder import MODEL_GRAPH, WEIGHTS, WORDS_GRAPH, ModelFolder
from ner.nn.runtime import TorchRuntime, load_network
from ner.tasks.base import free_edges

Floats = NDArray[np.floating]

# For vectors, and for scores in nats. Adding the same numbers in another order changes the sum by
# about a tenth of it.
TOLERANCE = 1e-4

# Sentences are not sorted, so those of a batch differ in length.
BATCH_SIZE = 8


def check_graphs(
    folder: Path, model: ModelFolder, sentences: Sequence[Sentence] | None = None
) -> None:
    """Compare the results of ONNX Runtime with those of torch.

    Args:
        folder: The folder that has the weights and the graphs.
        model: The model.
        sentences: The sentences to compare on. By default some are made up from known and unknown
            words.

    Raises:
        ModelFolderError: Vectors of words or scores differ by more than 1e-4; or the two find
            other best paths, whose scores differ by more than that.
    """
    torch = TorchRuntime(load_network(model))
    onnx = OnnxRuntime(folder, model.task, threads=1)
    if sentences is None:
        sentences = make_sentences(model.featurizer)
    filled = [sentence for sentence in sentences if len(sentence)]
    if filled:
        _check_words(torch, onnx, model.featurizer, filled)
        _check_scores(torch, onnx, model, filled)


def _check_words(
    torch: TorchRuntime, onnx: OnnxRuntime, featurizer: Featurizer, sentences: Sequence[Sentence]
) -> None:
    random = np.random.default_rng(1)
    words = sorted({token for sentence in sentences for token in sentence.tokens}, key=len)
    for start in range(0, len(words), CHUNK):
        arrays = featurizer.encode_words(words[start : start + CHUNK])
        if featurizer.vectors is not None:
            # Few of these words may have vectors of their own, so half of them get random ones.
            shape = (len(arrays["words"]), featurizer.vectors.size)
            arrays["vectors"] = random.normal(size=shape).astype(np.float32)
            arrays["words"][random.random(shape[0]) < 0.5] = OWN_VECTOR
        difference = np.abs(torch.word_rows(arrays) - onnx.word_rows(arrays)).max(initial=0)
        if not difference <= TOLERANCE:
            raise ModelFolderError(
                f"{WORDS_GRAPH}: vectors of words must differ from those in torch by at most "
                f"{TOLERANCE:g}. Got {difference:.2g}."
            )


def _check_scores(
    torch: TorchRuntime, onnx: OnnxRuntime, model: ModelFolder, sentences: Sequence[Sentence]
) -> None:
    edges = torch.edges
    if not all(map(np.array_equal, edges or (), onnx.edges or ())):
        raise ModelFolderError(
            f"{WEIGHTS}: transition scores must equal those in torch. Got different ones."
        )
    words = WordRows(model.featurizer, torch.word_rows)
    batches = TaggingBatches(sentences, model.featurizer, words)
    for start in range(0, len(sentences), BATCH_SIZE):
        batch = batches.batch(np.arange(start, min(start + BATCH_SIZE, len(sentences))))
        expected, found = torch.outputs(batch), onnx.outputs(batch)
        for name in expected:
            _check_close(name, expected[name], found[name], batch["lengths"])
        if model.task.is_per_token:
            _check_paths(edges, expected["emissions"], found["emissions"], batch["lengths"])


def _check_close(name: str, expected: Floats, found: Floats, lengths: NDArray[np.int64]) -> None:
    """Compare two arrays, which may differ in padding if they have an axis of tokens."""
    difference = np.abs(expected - found)
    if name == "emissions":
        difference = difference[np.arange(expected.shape[1]) < lengths[:, None]]
    if not difference.max() <= TOLERANCE:
        raise ModelFolderError(
            f"{MODEL_GRAPH}: {name} must differ from those in torch by at most {TOLERANCE:g}. "
            f"Got {difference.max():.2g}."
        )


def _check_paths(
    edges: Edges | None, expected: Floats, found: Floats, lengths: NDArray[np.int64]
) -> None:
    edges = edges or free_edges(expected.shape[2])
    best, other = (viterbi(scores, lengths, edges)[0] for scores in (expected, found))
    for scores, length, one, two in zip(expected, lengths, best, other, strict=True):
        lead = _score(edges, scores, one[:length]) - _score(edges, scores, two[:length])
        if lead > TOLERANCE:
            raise ModelFolderError(
                f"{MODEL_GRAPH}: tags must equal those in torch, unless their scores differ by at "
                f"most {TOLERANCE:g}. Got different tags with scores that differ by {lead:.2g}."
            )


def _score(edges: Edges, scores: Floats, path: NDArray[np.int64]) -> float:
    steps = edges.transitions[path[:-1], path[1:]].sum()
    tokens = scores[np.arange(len(path)), path].sum(dtype=np.float64)
    return float(edges.start[path[0]] + tokens + steps + edges.end[path[-1]])
