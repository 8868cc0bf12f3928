"""A second pass over whole documents: scores of tags that know what the document says elsewhere.

A document is a series of adjacent sentences with the same `document`. A sentence without one, and a
document of one sentence, keep the scores of the network, bit for bit.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby, islice
from typing import Protocol

import numpy as np

from ner.crf.forward_backward import Edges, token_posteriors
from ner.data.sentence import Sentence
from ner.features.arrays import Floats
from ner.features.document_evidence import DocumentNetwork, Evidence, collect_evidence
from ner.inference.batching import Decode, Result, batches_of_scores, emissions_of_each
from ner.tasks import SpanTask, TokenTask

# Longer documents are cut into parts of so many sentences, so that memory stays bounded.
MOST_SENTENCES = 4096


class Runner(Protocol):
    """Runs one or several networks on sentences, as `BatchRunner` does."""

    edges: Edges | None
    """The learnt scores of steps between tags; None if there are none."""

    def run(
        self,
        sentences: Sequence[Sentence],
        decode: Decode[Result],
        empty: Result,
        batch_tokens: int = ...,
    ) -> list[Result]:
        """Return the result of `decode` for each sentence, in order."""
        ...


class SecondPass:
    """Corrects scores of tags by evidence from documents.

    The posteriors of the first pass have the temperature of the network, not that of the task, so
    fitting another one does not change evidence.

    Args:
        task: What the model predicts.
        edges: The learnt scores of steps between tags.
        network: Turns evidence into corrections.
    """

    def __init__(
        self, task: SpanTask | TokenTask, edges: Edges | None, network: DocumentNetwork
    ) -> None:
        self.task, self.edges, self.network = task, edges, network

    def __call__(self, sentences: Sequence[Sentence], scores: Sequence[Floats]) -> list[Floats]:
        """Return the scores of tags (T C) of each sentence after the second pass.

        Args:
            sentences: The sentences of documents, in their order.
            scores: Their scores in the first pass (T C).
        """
        corrected = list(scores)
        documents = find_documents(sentences)
        if not documents:
            return corrected
        places = [i for document in documents for i in document]
        task = replace(self.task, temperature=float(self.network.temperature))
        evidence = evidence_of(task, self.edges, sentences, scores, documents)
        corrections = self.network(evidence)
        borders = np.cumsum([len(sentences[i]) for i in places])[:-1]
        for i, correction in zip(places, np.split(corrections, borders), strict=True):
            corrected[i] = scores[i] + correction
        return corrected


def evidence_of(
    task: SpanTask | TokenTask,
    edges: Edges | None,
    sentences: Sequence[Sentence],
    scores: Sequence[Floats],
    documents: Sequence[Sequence[int]],
) -> Evidence:
    """Collect the evidence for the tokens of documents, one document after the other.

    Args:
        task: What the model predicts, with the temperature of posteriors.
        edges: The learnt scores of steps between tags.
        sentences: The sentences.
        scores: Their scores in the first pass (T C).
        documents: The places of the sentences of each document.
    """
    places = [i for document in documents for i in document]
    numbers = [number for number, document in enumerate(documents) for _ in document]
    lattice = task.lattice(edges)
    chosen = [scores[i] for i in places]
    posteriors: list[Floats] = [np.zeros((0, len(task.outputs)), np.float32)] * len(places)
    for indices, raw, lengths in batches_of_scores(chosen):
        emissions = task.emissions({"emissions": raw})
        found = token_posteriors(lattice.sums(emissions, lengths), lengths)
        for b, i in enumerate(indices.tolist()):
            posteriors[i] = found[b, : lengths[b]]
    tokens = [sentences[i].tokens for i in places]
    return collect_evidence(tokens, numbers, np.concatenate(posteriors))


def score_tags(
    runner: Runner,
    task: SpanTask | TokenTask,
    documents: DocumentNetwork | None,
    sentences: Sequence[Sentence],
    batch_tokens: int,
) -> list[Floats]:
    """Compute the scores of tags (T C) of each sentence, before any temperature.

    Args:
        runner: Runs the network.
        task: What the model predicts.
        documents: Corrects scores by evidence from the document; None for the scores as they are.
        sentences: The sentences of documents, in their order.
        batch_tokens: Tokens of a batch, padding included.
    """
    none = np.zeros((0, len(task.outputs)), dtype=np.float32)
    scores = runner.run(sentences, emissions_of_each, none, batch_tokens)
    if documents is None:
        return scores
    return SecondPass(task, runner.edges, documents)(sentences, scores)


def find_documents(sentences: Iterable[Sentence]) -> list[list[int]]:
    """List the places of the sentences of each document of several sentences.

    Sentences without tokens belong to no document, and do not end one.
    """
    filled = ((i, s.document) for i, s in enumerate(sentences) if len(s))
    found: list[list[int]] = []
    for document, group in groupby(filled, key=lambda each: each[1]):
        if document is not None:
            while part := [i for i, _ in islice(group, MOST_SENTENCES)]:
                found.append(part)
    return [part for part in found if len(part) > 1]


def windows_of_documents(sentences: Iterable[Sentence], size: int) -> Iterator[list[Sentence]]:
    """Cut a stream of sentences into windows that end where a document ends.

    Args:
        sentences: Any number of sentences.
        size: Sentences of a window at least, but for the last one.
    """
    window: list[Sentence] = []
    count = 0
    document: str | None = None
    for sentence in sentences:
        if len(sentence):
            goes_on = sentence.document is not None and sentence.document == document
            goes_on = goes_on and count < MOST_SENTENCES
            if not goes_on and len(window) >= size:
                yield window
                window = []
            document, count = sentence.document, count + 1 if goes_on else 1
        window.append(sentence)
    if window:
        yield window
