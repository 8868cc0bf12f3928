"""Sentences to arrays, in batches of like length.

A batch is a dictionary of arrays. It holds

    lengths      (B)      tokens of each sentence, at least 1
    tokens       (B T)    for each token the row of its word in the arrays below
    words, characters, shapes, affixes, vectors   (U …)   in training: see `Featurizer.encode_words`
    rows         (R E)    in tagging, in their place: vectors of words
    columns      (B T K)  input columns
    tags         (B T)    gold tags, in training; or (B T C), bool, the tags that each token may
                          have, where some annotation is partial

What stands behind the end of a shorter sentence is some valid index, and means nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ner.data.sentence import Sentence
from ner.features.featurizer import Arrays, Featurizer
from ner.features.word_rows import WordRows

# Long sentences vary by this share of their length when batches are grouped in training, so that
# a batch does not meet the same company in each epoch.
LENGTH_JITTER = 0.1


class EncodedSentences:
    """Sentences as arrays end to end, for training: encoded once, cut into batches at will.

    What depends on a word alone is stored once a word.

    Args:
        sentences: None of them empty.
        featurizer: What to encode.
        targets: What is to be learnt, as arrays with a row for each token of all sentences end to
            end, such as `tags` (N).
        rare: Forms of words that training shows at times as if they were unknown.
    """

    def __init__(
        self,
        sentences: Sequence[Sentence],
        featurizer: Featurizer,
        targets: Mapping[str, NDArray[Any]] | None = None,
        rare: set[str] | None = None,
    ) -> None:
        self.lengths = np.array([len(s) for s in sentences], dtype=np.int64)
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)[:-1]]).astype(np.int64)
        index: dict[str, int] = {}
        flat = [index.setdefault(token, len(index)) for s in sentences for token in s.tokens]
        self.tokens = np.array(flat, dtype=np.int64)
        self.lexicon = featurizer.encode_words(list(index))
        if rare:
            self.lexicon["substitutes"] = featurizer.words.substitutes(list(index), rare)
        self.per_token = {**featurizer.encode_columns(sentences), **(targets or {})}

    def __len__(self) -> int:
        return len(self.lengths)

    def batch(self, indices: NDArray[np.int64]) -> Arrays:
        """Cut out a batch of the sentences at `indices`, in that order."""
        lengths = self.lengths[indices]
        # Axes: sentence (B, 1) + position (T) -> place in the flat arrays (B, T).
        within = np.minimum(np.arange(lengths.max()), lengths[:, None] - 1)
        place = self.starts[indices][:, None] + within
        distinct, tokens = np.unique(self.tokens[place], return_inverse=True)
        batch: Arrays = {"lengths": lengths, "tokens": tokens.reshape(place.shape)}
        batch |= {name: rows[distinct] for name, rows in self.lexicon.items()}
        if "characters" in batch:
            longest = int((batch["characters"] != 0).sum(axis=1).max())
            batch["characters"] = batch["characters"][:, :longest]
        return batch | {name: values[place] for name, values in self.per_token.items()}


class TrainingBatches:
    """The batches of every epoch, a function of (seed, epoch, step) alone.

    Args:
        encoded: The training split.
        seed: Decides order and replacements.
        batch_size: Sentences in a batch.
        batch_tokens: Tokens in a batch, padding included; counts instead of `batch_size`.
        replace: Probability of showing a rare word as if it were unknown.
    """

    def __init__(
        self,
        encoded: EncodedSentences,
        *,
        seed: int,
        batch_size: int,
        batch_tokens: int | None = None,
        replace: float = 0.0,
    ) -> None:
        self.encoded = encoded
        self.seed = seed
        self.batch_size = batch_size
        self.batch_tokens = batch_tokens
        self.replace = replace

    def plan(self, epoch: int) -> list[NDArray[np.int64]]:
        """List the sentences of each batch of an epoch, batches of like length in random order."""
        random = np.random.default_rng([self.seed, epoch])
        lengths = self.encoded.lengths
        noise = random.random(len(lengths))
        order = np.argsort(lengths * (1 + LENGTH_JITTER * noise) + noise, kind="stable")
        batches = cut_batches(order, lengths, self.batch_size, self.batch_tokens)
        return [batches[i] for i in random.permutation(len(batches))]

    def batch(self, epoch: int, step: int, indices: NDArray[np.int64]) -> Arrays:
        """Make one batch of the plan, rare words replaced at random."""
        batch = self.encoded.batch(indices)
        substitutes = batch.pop("substitutes", None)
        if substitutes is not None and self.replace > 0:
            # Zero would give the stream of `plan`.
            random = np.random.default_rng([self.seed, epoch, 1 + step])
            hide = random.random(len(substitutes)) < self.replace
            batch["words"] = np.where(hide, substitutes, batch["words"])
        return batch


def cut_batches(
    order: NDArray[np.int64],
    lengths: NDArray[np.int64],
    batch_size: int,
    batch_tokens: int | None = None,
) -> list[NDArray[np.int64]]:
    """Cut an order of sentences into batches of `batch_size`, or of `batch_tokens` with padding.

    A sentence longer than `batch_tokens` is a batch by itself.
    """
    if batch_tokens is None:
        return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    batches: list[NDArray[np.int64]] = []
    start, longest = 0, 0
    for end, length in enumerate(lengths[order].tolist()):
        longest = max(longest, length)
        if end > start and longest * (end - start + 1) > batch_tokens:
            batches.append(order[start:end])
            start, longest = end, length
    return [*batches, order[start:]] if len(order) else batches


class TaggingBatches:
    """Batches of like length for tagging, whose words come as rows of a table.

    Args:
        sentences: None of them empty.
        featurizer: For input columns.
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
        per_token = {"tokens": np.array(rows), **self.featurizer.encode_columns(sentences)}
        if len(rows) == shape[0] * shape[1]:
            return batch | {n: a.reshape(*shape, *a.shape[1:]) for n, a in per_token.items()}
        inside = np.arange(shape[1]) < batch["lengths"][:, None]
        for name, values in per_token.items():
            batch[name] = np.zeros((*shape, *values.shape[1:]), dtype=values.dtype)
            batch[name][inside] = values
        return batch
