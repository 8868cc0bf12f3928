"""What runs an ensemble: the mean of the scores of its members, sentence by sentence.

Scores of tags at tokens and of steps between tags are divided by the temperature of the member, and
averaged. See `ner.ensemble_folder.ensemble` for what that means.
"""

from collections.abc import Sequence
from functools import partial, reduce
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ner.crf.forward_backward import Edges
from ner.data.sentence import Sentence
from ner.ensemble_folder import EnsembleFolder
from ner.features.arrays import Floats
from ner.inference.batching import (
    BATCH_TOKENS,
    BatchRunner,
    Decode,
    Result,
    decode_scores,
)
from ner.inference.second_pass import score_tags
from ner.inference.started import Started
from ner.model_folder import ModelFolder
from ner.tasks import SpanTask, TokenTask
from ner.tasks.base import Runtime, divided, divided_edges


class Member:
    """A member of an ensemble.

    Args:
        model: The model, a tagger.
        runtime: Runs its network.
        outputs: The tags of the ensemble, which are those of the model in another order.
    """

    def __init__(self, model: ModelFolder, runtime: Runtime, outputs: Sequence[str]) -> None:
        self.task = cast("SpanTask | TokenTask", model.task)
        self.featurizer, self.documents = model.featurizer, model.documents
        self.runner = BatchRunner(model.featurizer, runtime)
        self._order = np.array([model.task.outputs.index(tag) for tag in outputs], dtype=np.int64)

    def emissions(self, sentences: Sequence[Sentence], batch_tokens: int) -> list[Floats]:
        """Compute the scores of tags (T C) of each sentence, divided by the temperature."""
        found = score_tags(self.runner, self.task, self.documents, sentences, batch_tokens)
        return [divided(scores, self.task.temperature)[:, self._order] for scores in found]

    def edges(self) -> Edges:
        """Return the scores of steps between tags, divided by the temperature."""
        count = len(self._order)
        start, steps, end = divided_edges(self.runner.edges, count, self.task.temperature)
        order = self._order
        return Edges(start[order], steps[order][:, order], end[order])


class EnsembleRunner:
    """Runs the members of an ensemble on sentences, as a `BatchRunner` runs one network.

    Args:
        members: The members.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = tuple(members)
        self.edges: Edges | None = None
        if any(member.runner.edges is not None for member in members):
            each = zip(*(member.edges() for member in members), strict=True)
            self.edges = Edges(*(np.mean(scores, axis=0) for scores in each))

    def run(
        self,
        sentences: Sequence[Sentence],
        decode: Decode[Result],
        empty: Result,
        batch_tokens: int = BATCH_TOKENS,
    ) -> list[Result]:
        """Return the result of `decode` for each sentence, as `BatchRunner.run` does."""
        members = self.members
        found = (member.emissions(sentences, batch_tokens) for member in members)
        sums: list[NDArray[np.floating]] = reduce(_added, found)
        scores: list[Floats] = [(each / len(members)).astype(np.float32) for each in sums]
        return decode_scores(scores, decode, empty, batch_tokens)

    def start(
        self,
        sentences: Sequence[Sentence],
        decode: Decode[Result],
        empty: Result,
        batch_tokens: int = BATCH_TOKENS,
    ) -> Started[list[Result]]:
        """Return the work of `run`, of which nothing is done before somebody waits for it."""
        return Started(partial(self.run, sentences, decode, empty, batch_tokens))


# A model or an ensemble as files, and what runs it.
AnyFolder = ModelFolder | EnsembleFolder
AnyRuntime = Runtime | EnsembleRunner


def _added(sums: Sequence[Floats], scores: Sequence[Floats]) -> list[Floats]:
    return [a + b for a, b in zip(sums, scores, strict=True)]
