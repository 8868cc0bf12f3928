"""From sentences to results for each, batch by batch."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ner.data.sentence import PredictedSentence, Sentence
from ner.features.arrays import OutputArrays
from ner.features.batches import TaggingBatches
from ner.features.distinct_words import WordRows
from ner.features.featurizer import Featurizer
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
    """

    def __init__(self, featurizer: Featurizer, runtime: Runtime) -> None:
        self.featurizer = featurizer
        self.runtime = runtime
        self.words = WordRows(featurizer, runtime.word_rows)

    def run(
        self,
        sentences: Sequence[Sentence],
        decode: Decode[Result],
        empty: Result,
        batch_tokens: int = BATCH_TOKENS,
    ) -> list[Result]:
        """Return the result of `decode` for each sentence, in order.

        Sentences of a batch have similar lengths. Batches run side by side where this is faster:
        while one waits for the network, the results of another one are put together.

        Args:
            sentences: What to run.
            decode: Turns outputs of the network into results.
            empty: The result for a sentence without tokens.
            batch_tokens: Tokens of a batch, padding included.
        """
        filled = [sentence for sentence in sentences if len(sentence)]
        batches = TaggingBatches(filled, self.featurizer, self.words)
        plan = batches.plan(batch_tokens)

        def run(indices: NDArray[np.int64]) -> Sequence[Result]:
            batch = batches.batch(indices)
            return decode(self.runtime.outputs(batch), batch["lengths"])

        if len(sentences) == len(filled) == 1:  # as most calls are
            return list(run(plan[0]))
        workers = min(self.runtime.workers, len(plan))
        if workers > 1:
            with ThreadPoolExecutor(workers) as pool:
                found = list(pool.map(run, plan))
        else:
            found = [run(indices) for indices in plan]
        results: list[Result] = [empty] * len(filled)
        for indices, decoded in zip(plan, found, strict=True):
            for i, result in zip(indices.tolist(), decoded, strict=True):
                results[i] = result
        ordered = iter(results)
        return [next(ordered) if len(sentence) else empty for sentence in sentences]


def predict(
    runtime: Runtime,
    featurizer: Featurizer,
    task: Task,
    sentences: Sequence[Sentence],
    batch_tokens: int = BATCH_TOKENS,
) -> list[PredictedSentence]:
    """Return the sentences with their `prediction`, in the same order."""
    runner = BatchRunner(featurizer, runtime)
    found = runner.run(sentences, task.decode(runtime.edges), task.empty, batch_tokens)
    return [s.predicted(prediction) for s, prediction in zip(sentences, found, strict=True)]
