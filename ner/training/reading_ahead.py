"""Before training, let a frozen pretrained encoder read all sentences once.

Sentences of similar length are read together, always the same ones, so a resumed run computes with
the same numbers.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from ner.data.sentence import Sentence
from ner.features.batch_order import cut_batches
from ner.features.batches import TrainingSentences
from ner.features.document_context import make_passage, passages_of
from ner.features.subwords import Subwords
from ner.inference.batching import BATCH_TOKENS
from ner.messages import Notify
from ner.nn.runtime import to_tensors
from ner.nn.tensors import BatchTensors
from ner.nn.transformer import transformers_of
from ner.training.prepare import Prepared


def read_ahead(
    prepared: Prepared,
    train: TrainingSentences,
    dev: Sequence[Sentence],
    device: torch.device,
    notify: Notify,
) -> None:
    """Keep the vectors that a frozen encoder computes, as far as there is room.

    Args:
        prepared: The network and its featurizer.
        train: The training sentences, as they are without changes.
        dev: The development sentences.
        device: Where the network is.
        notify: Called with a line that says what is read, and what it takes.
    """
    subwords = prepared.featurizer.subwords
    filled = [sentence for sentence in dev if len(sentence)]
    for transformer in transformers_of(prepared.model):
        if subwords is None or transformer.cache is None:
            continue
        tokens = int(train.lengths.sum()) + sum(map(len, filled))
        needed, limit = tokens * transformer.bytes_per_token, transformer.cache.limit
        line = f"The encoder reads {len(train.lengths) + len(filled):,} sentences once"
        if needed > limit:
            line = (
                f"The encoder reads sentences anew in every epoch, but for {limit >> 20:,} MiB of "
                f"{needed >> 20:,} MiB: transformer.cache"
            )
        notify(line)
        batches = chain(_training(train, subwords), _development(filled, subwords))
        transformer.read_ahead(cast(BatchTensors, to_tensors(b, device)) for b in batches)


def _training(train: TrainingSentences, subwords: Subwords) -> Iterator[Mapping[str, Any]]:
    for indices in _similar(train.lengths):
        sentences = train.pick(indices)
        passages = passages_of(sentences, train.distinct_words.words, subwords.context)
        yield {**subwords.arrays(passages), "lengths": sentences.lengths}


def _development(sentences: Sequence[Sentence], subwords: Subwords) -> Iterator[Mapping[str, Any]]:
    lengths = np.array([len(sentence) for sentence in sentences], dtype=np.int64)
    for indices in _similar(lengths):
        passages = (make_passage(sentences, i, subwords.context) for i in indices.tolist())
        yield {**subwords.arrays(passages), "lengths": lengths[indices]}


def _similar(lengths: NDArray[np.integer]) -> list[NDArray[np.int64]]:
    """Divide sentences into batches of similar length."""
    return cut_batches(np.argsort(lengths, kind="stable"), lengths, len(lengths), BATCH_TOKENS)
