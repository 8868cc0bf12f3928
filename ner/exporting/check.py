"""Graphs side by side with the network that they were made from."""

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
from ner.features.vocabulary import OWN_VECTOR
from ner.inference.onnx_runtime import OnnxRuntime
from ner.model_folder import MODEL_GRAPH, WEIGHTS, WORDS_GRAPH, ModelFolder
from ner.nn.runtime import TorchRuntime, load_network
from ner.tasks.base import free_edges

Floats = NDArray[np.floating]

# Of vectors, and of scores in nats. Sums in another order differ by about a tenth of it.
TOLERANCE = 1e-4

# Sentences of a batch. They are taken as they come, so their lengths are unlike.
COMPANY = 8

# What is made up where no sentences are given.
NUM_SENTENCES, LONGEST_SENTENCE, NUM_WORDS, LONGEST_WORD = 100, 60, 2000, 80


def check_graphs(
    folder: Path, parts: ModelFolder, sentences: Sequence[Sentence] | None = None
) -> None:
    """Run a model in torch, and its graphs in ONNX Runtime.

    Args:
        folder: Where its weights and graphs are.
        parts: The model.
        sentences: To compare on; by default some are made up of known and unknown words.

    Raises:
        ModelFolderError: Vectors of words or scores differ by more than 1e-4, or the best paths of
            tags, or classes, of the two differ, and are further apart than that.
    """
    torch = TorchRuntime(load_network(parts))
    onnx = OnnxRuntime(folder, len(parts.task.outputs), threads=1)
    if sentences is None:
        sentences = make_sentences(parts.featurizer)
    filled = [sentence for sentence in sentences if len(sentence)]
    if filled:
        _check_words(torch, onnx, parts.featurizer, filled)
        _check_model(torch, onnx, parts, filled)


def _check_words(
    torch: TorchRuntime, onnx: OnnxRuntime, featurizer: Featurizer, sentences: Sequence[Sentence]
) -> None:
    random = np.random.default_rng(1)
    words = sorted({token for sentence in sentences for token in sentence.tokens}, key=len)
    for start in range(0, len(words), CHUNK):
        arrays = featurizer.encode_words(words[start : start + CHUNK])
        if featurizer.vectors is not None:
            # It would be chance if some of these words had vectors of their own.
            shape = (len(arrays["words"]), featurizer.vectors.size)
            arrays["vectors"] = random.normal(size=shape).astype(np.float32)
            arrays["words"][random.random(shape[0]) < 0.5] = OWN_VECTOR
        difference = np.abs(torch.word_rows(arrays) - onnx.word_rows(arrays)).max()
        if not difference <= TOLERANCE:
            raise ModelFolderError(
                f"{WORDS_GRAPH}: vectors must be those of torch to {TOLERANCE:g}. "
                f"Got some that differ by {difference:.2g}."
            )


def _check_model(
    torch: TorchRuntime, onnx: OnnxRuntime, parts: ModelFolder, sentences: Sequence[Sentence]
) -> None:
    edges = torch.edges
    if not all(map(np.array_equal, edges or (), onnx.edges or ())):
        raise ModelFolderError(f"{WEIGHTS}: scores of steps must be those of torch. Got others.")
    words = WordRows(parts.featurizer, torch.word_rows)
    batches = TaggingBatches(sentences, parts.featurizer, words)
    for start in range(0, len(sentences), COMPANY):
        batch = batches.batch(np.arange(start, min(start + COMPANY, len(sentences))))
        expected, found = torch.outputs(batch), onnx.outputs(batch)
        for name, scores in expected.items():
            _check_close(name, scores, found[name], batch["lengths"])
        if parts.task.is_per_token:
            _check_paths(edges, expected["emissions"], found["emissions"], batch["lengths"])


def _check_close(name: str, expected: Floats, found: Floats, lengths: NDArray[np.int64]) -> None:
    """Compare what has an axis of tokens within the length of each sentence, else all of it."""
    difference = np.abs(expected - found)
    if name == "emissions":
        difference = difference[np.arange(expected.shape[1]) < lengths[:, None]]
    if not difference.max() <= TOLERANCE:
        raise ModelFolderError(
            f"{MODEL_GRAPH}: scores must be those of torch to {TOLERANCE:g}. "
            f"Got {name} that differ by {difference.max():.2g}."
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
                f"{MODEL_GRAPH}: tags must be those of torch where the best path leads by "
                f"more than {TOLERANCE:g}. Got others where it leads by {lead:.2g}."
            )


def _score(edges: Edges, scores: Floats, path: NDArray[np.int64]) -> float:
    steps = edges.transitions[path[:-1], path[1:]].sum()
    tokens = scores[np.arange(len(path)), path].sum(dtype=np.float64)
    return float(edges.start[path[0]] + tokens + steps + edges.end[path[-1]])


def make_sentences(featurizer: Featurizer) -> list[Sentence]:
    """Make up sentences of all lengths, of known words and of such as no vocabulary has."""
    random = np.random.default_rng(1)

    def draw(values: list[str], count: int) -> list[str]:
        return [values[i] for i in random.integers(0, len(values), count)]

    letters = featurizer.characters.entries if featurizer.characters is not None else ()
    words = list(featurizer.words.entries[:NUM_WORDS])
    for length in random.integers(1, LONGEST_WORD, NUM_WORDS // 4).tolist():
        words.append("".join(draw([*letters, *"aZ0-.é中"], length)))
    pairs = () if featurizer.bigrams is None else featurizer.bigrams.entries
    sentences: list[Sentence] = []
    for i, length in enumerate(random.integers(1, LONGEST_SENTENCE + 1, NUM_SENTENCES).tolist()):
        tokens = draw(words, length)
        if pairs and i % 2:
            # Words at random are hardly ever neighbours that training saw.
            tokens = " ".join(draw([*pairs], length)).split() or tokens
        columns = {
            name: tuple(draw([*vocabulary.entries, "\N{REPLACEMENT CHARACTER}"], len(tokens)))
            for name, vocabulary in featurizer.columns.items()
        }
        sentences.append(Sentence(tokens, columns=columns))
    return sentences
