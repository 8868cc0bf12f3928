"""Sentences to arrays, in batches of like length.

A batch is a dictionary of arrays. It holds

    lengths      (B)      tokens of each sentence, at least 1
    tokens       (B T)    for each token the row of its word in the arrays below
    words, characters, shapes, affixes, vectors   (U …)   in training: see `Featurizer.encode_words`
    rows         (R E)    in tagging, in their place: vectors of words
    columns      (B T K)  input columns
    bigrams      (B T 2)  pairs of neighbours
    parts        (B T)    the number of a token's sentence within its text
    pieces, …             what a transformer reads: see `Subwords.arrays`
    tags         (B T)    gold tags, in training; or (B T C), bool, the tags that each token may
                          have, where some annotation is partial
    classes      (B)      gold classes of sentences, in training; or (B C), bool, which hold

What stands behind the end of a shorter sentence is some valid index, and means nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ner.data.sentence import Sentence
from ner.features.batch_order import EpochPlan, cut_batches
from ner.features.distinct_words import DistinctWords, WordRows
from ner.features.document_context import CONTEXT, context_rows, make_passage, passages_of
from ner.features.featurizer import Arrays, Featurizer
from ner.features.ragged import Ragged

# Shows sentences otherwise than they are, at random.
Change = Callable[[Ragged, np.random.Generator], Ragged]


class TrainingSentences(Protocol):
    """Sentences that training cuts into batches, wherever they are kept."""

    @property
    def lexicon(self) -> DistinctWords:
        """The words that the `tokens` of sentences are rows of."""
        ...

    @property
    def lengths(self) -> NDArray[np.integer]:
        """Tokens of each sentence (N)."""
        ...

    def pick(self, indices: NDArray[np.int64]) -> Ragged:
        """Give the sentences at `indices`, in that order, with `tokens` among their arrays."""
        ...

    def parts(self) -> Iterator[Ragged]:
        """Give all sentences in their order, in parts that fit into memory."""
        ...


class EncodedSentences:
    """Sentences as arrays end to end, for training: encoded once, cut into batches at will.

    Args:
        sentences: None of them empty.
        featurizer: What to encode.
        targets: What is to be learnt, as arrays with a row for each token of all sentences end to
            end, such as `tags` (N).
        rare: Forms of words that training shows at times as if they were unknown.
        sentence_targets: What is to be learnt, as arrays with a row for each sentence, such as
            `classes` (B).
        spellings: See `DistinctWords`.
    """

    def __init__(
        self,
        sentences: Sequence[Sentence],
        featurizer: Featurizer,
        targets: Mapping[str, NDArray[Any]] | None = None,
        rare: set[str] | None = None,
        *,
        sentence_targets: Mapping[str, NDArray[Any]] | None = None,
        spellings: Iterable[str] = (),
    ) -> None:
        rows: dict[str, int] = {}
        tokens = [rows.setdefault(token, len(rows)) for s in sentences for token in s.tokens]
        self.lexicon = DistinctWords(list(rows), featurizer, rare, spellings)
        per_token = featurizer.encode_tokens(sentences) | dict(targets or {})
        per_token["tokens"] = np.array(tokens, dtype=np.int64)
        self.lengths = np.array([len(s) for s in sentences], dtype=np.int64)
        per_sentence = dict(sentence_targets or {})
        if featurizer.subwords is not None and featurizer.subwords.context:
            reach = featurizer.subwords.context
            per_sentence |= context_rows(sentences, per_token["tokens"], reach)
        self.runs = Ragged(self.lengths, per_token, per_sentence)

    def __len__(self) -> int:
        return len(self.lengths)

    def pick(self, indices: NDArray[np.int64]) -> Ragged:
        """Copy the sentences at `indices`, in that order."""
        return self.runs.pick(indices)

    def parts(self) -> Iterator[Ragged]:
        """Give all sentences at once."""
        yield self.runs

    def batch(self, indices: NDArray[np.int64]) -> Arrays:
        """Cut out a batch of the sentences at `indices`, in that order."""
        return padded(self.pick(indices), self.lexicon)


def padded(sentences: Ragged, lexicon: DistinctWords) -> Arrays:
    """Make a batch of sentences whose `tokens` are rows of the lexicon."""
    # Axes: sentence (B, 1) + position (T) -> place among all tokens (B, T).
    within = np.minimum(np.arange(sentences.lengths.max()), sentences.lengths[:, None] - 1)
    places = sentences.starts[:, None] + within
    distinct, tokens = np.unique(sentences.per_token["tokens"], return_inverse=True)
    per_token = {**sentences.per_token, "tokens": tokens}
    batch = {name: values[places] for name, values in per_token.items()}
    per_run = {n: a for n, a in sentences.per_run.items() if n not in CONTEXT}
    batch |= lexicon.encoded(distinct) | {"lengths": sentences.lengths, **per_run}
    subwords = lexicon.featurizer.subwords
    if subwords is not None:
        batch |= subwords.arrays(passages_of(sentences, lexicon.words, subwords.context))
    return batch


class TrainingBatches:
    """The batches of every epoch, a function of (seed, epoch, step) alone.

    Args:
        encoded: The training split.
        seed: Decides order, replacements and changes.
        batch_size: Sentences in a batch.
        batch_tokens: Tokens in a batch, padding included; counts instead of `batch_size`.
        replace: Probability of showing a rare word as if it were unknown.
        changes: Show sentences otherwise than they are, see `ner.features.augmentation`. What they
            add to a sentence does not count for `batch_tokens`.
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
    ) -> None:
        self.encoded = encoded
        self.seed = seed
        self.batch_size = batch_size
        self.batch_tokens = batch_tokens
        self.replace = replace
        self.changes = changes

    def plan(self, epoch: int) -> EpochPlan:
        """List the sentences of each batch of an epoch, batches of like length in random order."""
        return EpochPlan(self.encoded.lengths, self.seed, epoch, self.batch_size, self.batch_tokens)

    def batch(self, epoch: int, step: int, indices: NDArray[np.int64]) -> Arrays:
        """Make one batch of the plan: sentences changed, then rare words replaced, at random."""
        sentences = self.encoded.pick(indices)
        # A stream of random numbers that ends in zero would be the same as one without that zero.
        stream = [self.seed, epoch, 1 + step]
        if self.changes:
            random = np.random.default_rng([*stream, 1])
            for change in self.changes:
                sentences = change(sentences, random)
            sentences = self.encoded.lexicon.with_neighbours(sentences)
        batch = padded(sentences, self.encoded.lexicon)
        substitutes = batch.pop("substitutes", None)
        if substitutes is not None and self.replace > 0:
            random = np.random.default_rng(stream)
            hide = random.random(len(substitutes)) < self.replace
            batch["words"] = np.where(hide, substitutes, batch["words"])
        return batch


class TaggingBatches:
    """Batches of like length for tagging, whose words come as rows of a table.

    Args:
        sentences: None of them empty.
        featurizer: For what depends on more than the word.
        words: The vectors of words.
    """

    def __init__(
        self, sentences: Sequence[Sentence], featurizer: Featurizer, words: WordRows
    ) -> None:
        self.sentences = sentences
        self.featurizer = featurizer
        self.words = words

    def plan(self, batch_tokens: int) -> list[NDArray[np.int64]]:
        """List the sentences of each batch; batches hold `batch_tokens`, padding included."""
        if len(self.sentences) == 1:
            return [np.zeros(1, dtype=np.int64)]
        lengths = np.array([len(sentence) for sentence in self.sentences], dtype=np.int64)
        order = np.argsort(lengths, kind="stable")
        return cut_batches(order, lengths, len(order), batch_tokens)

    def batch(self, indices: NDArray[np.int64]) -> Arrays:
        """Make a batch: `rows` (R E) of a table, `tokens` (B T) in it, `lengths` (B), `columns`."""
        sentences = [self.sentences[i] for i in indices.tolist()]
        table, rows = self.words.find([token for s in sentences for token in s.tokens])
        lengths = [len(sentence) for sentence in sentences]
        shape = (len(lengths), max(lengths))
        batch: Arrays = {"rows": table, "lengths": np.array(lengths, dtype=np.int64)}
        per_token = {"tokens": np.array(rows), **self.featurizer.encode_tokens(sentences)}
        subwords = self.featurizer.subwords
        if subwords is not None:
            reach = subwords.context
            passages = (make_passage(self.sentences, i, reach) for i in indices.tolist())
            batch |= subwords.arrays(passages)
        if len(rows) == shape[0] * shape[1]:
            return batch | {n: a.reshape(*shape, *a.shape[1:]) for n, a in per_token.items()}
        inside = np.arange(shape[1]) < batch["lengths"][:, None]
        for name, values in per_token.items():
            batch[name] = np.zeros((*shape, *values.shape[1:]), dtype=values.dtype)
            batch[name][inside] = values
        return batch
