"""Sentences to batches of arrays, sentences of similar length together."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from ner.data.sentence import Sentence
from ner.features.arrays import Arrays, BatchArrays, Floats, take_rows
from ner.features.batch_order import EpochPlan, cut_batches
from ner.features.distinct_words import DistinctWords, WordRows
from ner.features.document_context import (
    CONTEXT,
    Passage,
    context_rows,
    make_passage,
    passages_of,
)
from ner.features.featurizer import Featurizer
from ner.features.ragged import Ragged

# Changes the sentences of a batch at random, see `ner.features.augmentation`.
# The generator is named in quotes: its module takes a while to load, and tagging needs none.
Change = Callable[[Ragged, "np.random.Generator"], Ragged]


class TrainingSentences(Protocol):
    """Encoded training sentences, in memory or on the disk."""

    @property
    def distinct_words(self) -> DistinctWords:
        """The words that the `tokens` of the sentences are rows of."""
        ...

    @property
    def lengths(self) -> NDArray[np.integer]:
        """Tokens of each sentence (N)."""
        ...

    def pick(self, indices: NDArray[np.int64]) -> Ragged:
        """Return the sentences at `indices`, in that order, with `tokens` among their arrays."""
        ...

    def blocks(self) -> Iterator[Ragged]:
        """Yield all sentences in their order, in blocks that fit into memory."""
        ...


class EncodedSentences:
    """Training sentences in memory, as arrays end to end; they are encoded once.

    Args:
        sentences: The sentences; none is empty.
        featurizer: Encodes them.
        targets: What the network learns for each token, such as `tags` (N), for all sentences end
            to end.
        rare: Forms of words that training shows as unknown now and then.
        sentence_targets: What the network learns for each sentence, such as `classes` (B).
        spellings: See `DistinctWords`.
    """

    def __init__(
        self,
        sentences: Sequence[Sentence],
        featurizer: Featurizer,
        targets: Arrays | None = None,
        rare: set[str] | None = None,
        *,
        sentence_targets: Arrays | None = None,
        spellings: Iterable[str] = (),
    ) -> None:
        rows: dict[str, int] = {}
        tokens = [rows.setdefault(token, len(rows)) for s in sentences for token in s.tokens]
        self.distinct_words = DistinctWords(list(rows), featurizer, rare, spellings)
        per_token = {
            **featurizer.encode_tokens(sentences),
            **(targets or {}),
            "tokens": np.array(tokens, dtype=np.int64),
        }
        self.lengths = np.array([len(s) for s in sentences], dtype=np.int64)
        per_sentence = dict(sentence_targets or {})
        if featurizer.subwords is not None and featurizer.subwords.context:
            reach = featurizer.subwords.context
            per_sentence |= context_rows(sentences, per_token["tokens"], reach)
        self.sentences = Ragged(self.lengths, per_token, per_sentence)

    def __len__(self) -> int:
        return len(self.lengths)

    def pick(self, indices: NDArray[np.int64]) -> Ragged:
        """Copy the sentences at `indices`, in that order."""
        return self.sentences.pick(indices)

    def blocks(self) -> Iterator[Ragged]:
        """Yield all sentences as one block."""
        yield self.sentences

    def batch(self, indices: NDArray[np.int64]) -> BatchArrays:
        """Make a batch of the sentences at `indices`, in that order."""
        return padded(self.pick(indices), self.distinct_words)


class TrainingBatches:
    """The batches of every epoch; each depends on the seed, the epoch and the step alone.

    Args:
        encoded: The training sentences.
        seed: Seed of the order, of the replacements and of the changes.
        batch_size: Sentences of a batch.
        batch_tokens: Tokens of a batch, padding included; if given, it replaces `batch_size`.
        replace: Probability that a rare word is shown as unknown.
        changes: Changes of the sentences, see `ner.features.augmentation`. Tokens that they add do
            not count for `batch_tokens`.
        weights: Factor on the loss of each sentence (N); None adds no weights to the batches.
        part: Number, from 0, of the process that makes a part of each batch, where several make the
            others; each draws other random numbers. None where a batch is made as a whole.
        more: Returns further arrays for the sentences of a batch, by their numbers.
    """

    def __init__(
        self,
        encoded: TrainingSentences,
        *,
        seed: int,
        batch_size: int,
        batch_tokens: int | None = None,
        replace: float = 0.0,
        changes: Sequence[Change] = (),
        weights: Floats | None = None,
        part: int | None = None,
        more: Callable[[NDArray[np.int64]], Mapping[str, Any]] | None = None,
    ) -> None:
        self.encoded = encoded
        self.more = more
        self.seed = seed
        self.batch_size = batch_size
        self.batch_tokens = batch_tokens
        self.replace = replace
        self.changes = changes
        self.weights = weights
        self.part = part

    def plan(self, epoch: int) -> EpochPlan:
        """List the sentences of each batch of an epoch, batches in random order."""
        return EpochPlan(self.encoded.lengths, self.seed, epoch, self.batch_size, self.batch_tokens)

    def batch(self, epoch: int, step: int, indices: NDArray[np.int64]) -> BatchArrays:
        """Make a batch of the plan: change its sentences, then hide rare words, at random."""
        sentences = self.encoded.pick(indices)
        # A stream of random numbers that ends in zero would be the same as one without that zero.
        stream = [self.seed, epoch, 1 + step]
        if self.part is not None:
            stream.append(2 + self.part)  # changes of whole batches have 1 there
        if self.changes:
            random = np.random.default_rng([*stream, 1])
            for change in self.changes:
                sentences = change(sentences, random)
            sentences = self.encoded.distinct_words.with_neighbours(sentences)
        batch = padded(sentences, self.encoded.distinct_words)
        substitutes = batch.pop("substitutes", None)
        if substitutes is not None and self.replace > 0:
            random = np.random.default_rng(stream)
            hide = random.random(len(substitutes)) < self.replace
            batch["words"] = np.where(hide, substitutes, batch["words"])
        if self.weights is not None:
            batch["sentence_weights"] = self.weights[indices]
        if self.more is not None:
            batch |= cast(BatchArrays, self.more(indices))
        return batch


class TaggingBatches:
    """Batches for tagging, in which words are rows of a table of ready vectors.

    Args:
        sentences: The sentences; none is empty.
        featurizer: Encodes what depends on more than the word.
        words: The vectors of words.
    """

    def __init__(
        self, sentences: Sequence[Sentence], featurizer: Featurizer, words: WordRows
    ) -> None:
        self.sentences = sentences
        self.featurizer = featurizer
        self.words = words

    def plan(self, batch_tokens: int) -> list[NDArray[np.int64]]:
        """List the sentences of each batch of `batch_tokens` tokens, padding included."""
        if len(self.sentences) == 1:
            return [np.zeros(1, dtype=np.int64)]
        lengths = np.array([len(sentence) for sentence in self.sentences], dtype=np.int64)
        order = np.argsort(lengths, kind="stable")
        return cut_batches(order, lengths, len(order), batch_tokens)

    def batch(self, indices: NDArray[np.int64]) -> BatchArrays:
        """Make a batch of the sentences at `indices`, in that order."""
        sentences = [self.sentences[i] for i in indices.tolist()]
        table, rows = self.words.find([token for s in sentences for token in s.tokens])
        lengths = np.array([len(sentence) for sentence in sentences], dtype=np.int64)
        batch: dict[str, Any] = {"rows": table, "lengths": lengths}
        per_token = {"tokens": np.array(rows), **self.featurizer.encode_tokens(sentences)}
        subwords = self.featurizer.subwords
        if subwords is not None:
            reach = subwords.context
            passages = (make_passage(self.sentences, i, reach) for i in indices.tolist())
            batch |= subwords.arrays(passages)
        shape = (len(lengths), int(lengths.max()))
        if len(rows) == shape[0] * shape[1]:
            batch |= {n: a.reshape(*shape, *a.shape[1:]) for n, a in per_token.items()}
        else:
            inside = np.arange(shape[1]) < lengths[:, None]
            for name, values in per_token.items():
                batch[name] = np.zeros((*shape, *values.shape[1:]), dtype=values.dtype)
                batch[name][inside] = values
        return cast(BatchArrays, batch)


class PieceBatches:
    """Batches of one piece of a text each. Its first token sees the neighbours that it has there.

    Args:
        text: The text, which is not empty.
        featurizer: Encodes what depends on more than the word.
        words: The vectors of words.
    """

    def __init__(self, text: Sentence, featurizer: Featurizer, words: WordRows) -> None:
        self._tokens = text.tokens
        self._subwords = featurizer.subwords
        self._words = words
        self._per_token = featurizer.encode_tokens([text])

    def __len__(self) -> int:
        return len(self._tokens)

    def batch(self, start: int, end: int) -> BatchArrays:
        """Make a batch of the tokens from `start` up to, but not including, `end`."""
        tokens = self._tokens[start:end]
        table, rows = self._words.find(tokens)
        batch: dict[str, Any] = {
            "rows": table,
            "lengths": np.array([len(tokens)], dtype=np.int64),
            "tokens": np.array([rows]),
            **{name: values[None, start:end] for name, values in self._per_token.items()},
        }
        if self._subwords is not None:
            reach = self._subwords.context
            before = self._tokens[max(0, start - reach) : start]
            passage = Passage(before, tokens, self._tokens[end : end + reach])
            batch |= self._subwords.arrays([passage])
        return cast(BatchArrays, batch)


def padded(sentences: Ragged, distinct_words: DistinctWords) -> BatchArrays:
    """Make a training batch of sentences whose `tokens` are rows of `distinct_words`."""
    # Axes: sentence (B, 1) + position (T) -> place among all tokens (B, T).
    within = np.minimum(np.arange(sentences.lengths.max()), sentences.lengths[:, None] - 1)
    places = sentences.starts[:, None] + within
    distinct, tokens = np.unique(sentences.per_token["tokens"], return_inverse=True)
    batch: dict[str, Any] = {
        **take_rows({**sentences.per_token, "tokens": tokens}, places),
        **distinct_words.encoded(distinct),
        "lengths": sentences.lengths,
    }
    batch |= {n: a for n, a in sentences.per_sequence.items() if n not in CONTEXT}
    subwords = distinct_words.featurizer.subwords
    if subwords is not None:
        batch |= subwords.arrays(passages_of(sentences, distinct_words.words, subwords.context))
    return cast(BatchArrays, batch)
