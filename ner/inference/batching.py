"""From sentences to results for each, batch by batch."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ner.data.lines import short
from ner.data.sentence import PredictedSentence, Sentence
from ner.errors import ModelFolderError
from ner.features.arrays import Floats, OutputArrays
from ner.features.batch_order import cut_batches
from ner.features.batches import TaggingBatches
from ner.features.distinct_words import WordRows
from ner.features.featurizer import Featurizer
from ner.inference.pieces import PieceReader, is_long
from ner.inference.pooling_in_pieces import PoolingWeights
from ner.inference.started import Started, Threads
from ner.tasks import Task
from ner.tasks.base import Runtime

# Tokens of a batch, padding included: large enough to keep the processor busy, small enough to
# stay in its cache.
BATCH_TOKENS = 2048

Result = TypeVar("Result")

# Takes outputs of the network and lengths (B); returns one result a sentence.
Decode = Callable[[OutputArrays, NDArray[np.int64]], Sequence[Result]]


class BatchRunner:
    """Runs a network on sentences and decodes its scores; keeps the vectors of words.

    Args:
        featurizer: Turns strings into arrays.
        runtime: Turns arrays into scores.
        is_per_token: Whether each token has scores of its own, so that long sentences can be cut.
        pooling: Where texts have scores, but tokens have none: how the states of pieces become
            these scores. None if that is not known; then a text is read as a whole.
    """

    def __init__(
        self,
        featurizer: Featurizer,
        runtime: Runtime,
        *,
        is_per_token: bool = True,
        pooling: PoolingWeights | None = None,
    ) -> None:
        self.featurizer = featurizer
        self.runtime = runtime
        self.pooling = pooling
        self.can_cut = is_per_token or (pooling is not None and runtime.cut is not None)
        self.edges = runtime.edges
        self.words = WordRows(featurizer, runtime.word_rows)
        self.pieces = PieceReader(featurizer, self.words, runtime)
        self.threads = Threads(runtime.workers)

    def run(
        self,
        sentences: Sequence[Sentence],
        decode: Decode[Result],
        empty: Result,
        batch_tokens: int = BATCH_TOKENS,
    ) -> list[Result]:
        """Return the result of `decode` for each sentence, in order; see `start`."""
        return self.start(sentences, decode, empty, batch_tokens).finish()

    def start(
        self,
        sentences: Sequence[Sentence],
        decode: Decode[Result],
        empty: Result,
        batch_tokens: int = BATCH_TOKENS,
    ) -> Started[list[Result]]:
        """Start to compute the result of `decode` for each sentence, in order.

        Sentences of a batch have similar lengths. Batches run side by side where this is faster:
        while one waits for the network, the results of another one are put together.

        Args:
            sentences: What to run.
            decode: Turns outputs of the network into results.
            empty: The result for a sentence without tokens.
            batch_tokens: Tokens of a batch, padding included.
        """
        if self.can_cut and any(map(is_long, sentences)):
            return Started(lambda: self._run_with_long(sentences, decode, empty, batch_tokens))
        filled = [sentence for sentence in sentences if len(sentence)]
        batches = TaggingBatches(filled, self.featurizer, self.words)
        plan = batches.plan(batch_tokens)

        def run(indices: NDArray[np.int64]) -> Sequence[Result]:
            batch = batches.batch(indices)
            return decode(self.runtime.outputs(batch), batch["lengths"])

        if len(sentences) == len(filled) == 1:  # as most calls are
            return Started(lambda: list(run(plan[0])))
        if min(self.runtime.workers, len(plan)) > 1:
            found = self.threads.start(run, plan)
        else:
            found = Started(lambda: [run(indices) for indices in plan])

        def ordered(found: Sequence[Sequence[Result]]) -> list[Result]:
            results: list[Result] = [empty] * len(filled)
            for indices, decoded in zip(plan, found, strict=True):
                for i, result in zip(indices.tolist(), decoded, strict=True):
                    results[i] = result
            remaining = iter(results)
            return [next(remaining) if len(sentence) else empty for sentence in sentences]

        return found.then(ordered)

    def _run_with_long(
        self,
        sentences: Sequence[Sentence],
        decode: Decode[Result],
        empty: Result,
        batch_tokens: int,
    ) -> list[Result]:
        """Do the work of `run` where texts are read in pieces."""
        texts = [each for each in sentences if is_long(each)]
        others = [each for each in sentences if not is_long(each)]
        # One text keeps all workers busy where its pieces can be read side by side.
        workers = self.runtime.workers if len(texts) == 1 else 1

        def read(text: Sentence) -> Result:
            length = np.array([len(text)], dtype=np.int64)
            return decode(self._read_long(text, workers), length)[0]

        of_others = iter(self.run(others, decode, empty, batch_tokens))
        found = iter(self.threads.start(read, texts).finish())
        return [next(found if is_long(each) else of_others) for each in sentences]

    def _read_long(self, text: Sentence, workers: int) -> OutputArrays:
        """Compute what `decode` reads, piece by piece."""
        if self.pooling is not None:
            return self._pooled(text, self.pooling, workers)
        scores = np.empty((1, 0, 0), dtype=np.float32)
        end = 0
        for rows in self.pieces.rows(text, "emissions", workers):
            if not end:
                scores = np.empty((1, len(text), rows.shape[1]), dtype=np.float32)
            start, end = end, end + len(rows)
            scores[0, start:end] = rows
        return {"emissions": scores}

    def _pooled(self, text: Sentence, weights: PoolingWeights, workers: int) -> OutputArrays:
        """Compute the scores of labels, and the attention, from the states of pieces.

        Raises:
            ModelFolderError: The weights do not fit the settings of the model.
        """
        sentence_ids = self.featurizer.encode_tokens([text]).get("sentence_ids")
        try:
            pooling = weights.pooling(sentence_ids)
            for states in self.pieces.rows(text, "states", workers):
                pooling.add(states)
            return weights.outputs(pooling)
        except (KeyError, ValueError) as error:
            raise ModelFolderError(
                f"model: the weights must fit the settings of pooling. Got {short(error)}."
            ) from error


def emissions_of_each(outputs: OutputArrays, lengths: NDArray[np.int64]) -> list[Floats]:
    """Return the scores of tags of each sentence (T C), without padding."""
    return [outputs["emissions"][b, :length] for b, length in enumerate(lengths.tolist())]


class ScoredBatch(NamedTuple):
    """Sentences of similar lengths with the scores of the network.

    Args:
        indices: The places of the sentences (B).
        emissions: The scores of tags (B T C), 0 past the end of a sentence.
        lengths: The number of tokens of each sentence (B).
    """

    indices: NDArray[np.int64]
    emissions: Floats
    lengths: NDArray[np.int64]

    def pad(self, rows: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Put arrays with a row for each token together (B T …), of all sentences by place."""
        first = rows[0]
        longest = int(self.lengths.max())
        padded = np.zeros((len(self.indices), longest, *first.shape[1:]), dtype=first.dtype)
        for b, i in enumerate(self.indices.tolist()):
            padded[b, : len(rows[i])] = rows[i]
        return padded


def batches_of_scores(
    scores: Sequence[Floats], batch_tokens: int = BATCH_TOKENS
) -> Iterator[ScoredBatch]:
    """Yield batches of the scores (T C) of sentences; those without tokens are left out."""
    lengths = np.array([len(each) for each in scores], dtype=np.int64)
    order = np.argsort(lengths, kind="stable")[(lengths == 0).sum() :]
    if not len(order):
        return
    for indices in cut_batches(order, lengths, len(order), batch_tokens):
        batch = ScoredBatch(indices, np.zeros((0, 0, 0), np.float32), lengths[indices])
        yield batch._replace(emissions=batch.pad(scores))


def decode_scores(
    scores: Sequence[Floats],
    decode: Decode[Result],
    empty: Result,
    batch_tokens: int = BATCH_TOKENS,
) -> list[Result]:
    """Return the result of `decode` for the scores (T C) of each sentence, as `run` does."""
    results: list[Result] = [empty] * len(scores)
    for indices, emissions, lengths in batches_of_scores(scores, batch_tokens):
        found = decode({"emissions": emissions}, lengths)
        for i, result in zip(indices.tolist(), found, strict=True):
            results[i] = result
    return results


def predict(
    runtime: Runtime,
    featurizer: Featurizer,
    task: Task,
    sentences: Sequence[Sentence],
    batch_tokens: int = BATCH_TOKENS,
) -> list[PredictedSentence]:
    """Return the sentences with their `prediction`, in the same order."""
    runner = BatchRunner(featurizer, runtime, is_per_token=task.is_per_token)
    found = runner.run(sentences, task.decode(runtime.edges), task.empty, batch_tokens)
    return [s.predicted(prediction) for s, prediction in zip(sentences, found, strict=True)]
