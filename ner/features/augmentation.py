"""Random changes of training sentences: other spellings, names, words and orders.

A change takes the sentences of a batch and a source of random numbers. It changes a share of the
sentences and leaves the others, so that a batch has both. Words are rows of `DistinctWords`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ner.features.arrays import take_rows
from ner.features.batches import Change, TrainingSentences
from ner.features.ragged import Ragged
from ner.features.replacements import MentionFinder, MentionPool, Mentions, TokenPool, possible


@dataclass(frozen=True)
class MentionReplacement:
    """Replaces mentions by other mentions of the same label, with their tags and input columns.

    Args:
        pool: The mentions of the training sentences.
        share: Share of sentences that are changed.
        rate: Probability that a mention of such a sentence is replaced.

    Source: Dai and Adel, "An Analysis of Simple Data Augmentation for Named Entity Recognition",
    COLING 2020, section 3. In the paper, changed copies are added to the training data, and a
    mention may be drawn for itself.
    """

    pool: MentionPool
    share: float
    rate: float

    def __call__(self, sentences: Ragged, random: np.random.Generator) -> Ragged:
        """Return the changed sentences."""
        found = self.pool.find(sentences)
        chosen = choose(sentences, self.share, random)[found.starts]
        picked = chosen & (random.random(len(chosen)) < self.rate)
        found = Mentions(*(array[picked] for array in found))
        drawn = self.pool.draw(sentences, found, random)
        return sentences.spliced(found.starts, found.lengths, drawn)


@dataclass(frozen=True)
class TokenReplacement:
    """Replaces tokens by tokens with the same tag, drawn as often as training has them.

    The tags of a sentence stay; its input columns change with the tokens. A token may be drawn for
    itself. In a partial annotation, tokens without any annotation stay.

    Args:
        pool: The tokens of the training sentences.
        share: Share of sentences that are changed.
        rate: Probability that a token of such a sentence is replaced.

    Source: Dai and Adel, COLING 2020, section 3, "label-wise token replacement". In the paper,
    changed copies are added to the training data; the authors' program does not replace stop words.
    """

    pool: TokenPool
    share: float
    rate: float

    def __call__(self, sentences: Ragged, random: np.random.Generator) -> Ragged:
        """Return the changed sentences."""
        chosen = choose(sentences, self.share, random)
        places = np.flatnonzero(chosen & (random.random(len(chosen)) < self.rate))
        tags = sentences.per_token["tags"]
        if tags.ndim == 2:
            places = places[~possible(tags[places]).all(axis=1)]
        drawn = self.pool.draw(tags[places], random)
        changed = {name: sentences.per_token[name].copy() for name in drawn}
        for name, values in drawn.items():
            changed[name][places] = values
        return sentences.replace(**changed)


@dataclass(frozen=True)
class Deletion:
    """Deletes tokens, but never all tokens of a sentence.

    Args:
        share: Share of sentences that are changed.
        rate: Probability that a token of such a sentence is deleted.

    Source: Wei and Zou, "EDA: Easy Data Augmentation Techniques for Boosting Performance on Text
    Classification Tasks", EMNLP 2019, section 2.
    """

    share: float
    rate: float

    def __call__(self, sentences: Ragged, random: np.random.Generator) -> Ragged:
        """Return the changed sentences."""
        chosen = choose(sentences, self.share, random)
        draws = random.random(len(chosen))
        kept = ~chosen | (draws >= self.rate)
        # If all tokens of a sentence would go, the one with the greatest number stays.
        kept |= draws == np.maximum.reduceat(draws, sentences.starts)[sentences.sequence_of_token]
        return sentences.keep(kept)


@dataclass(frozen=True)
class Swap:
    """Swaps tokens within their sentence; `sentence_ids` stay at their places.

    Args:
        share: Share of sentences that are changed.
        rate: Swaps of such a sentence, as a share of its tokens; at least one.

    Source: Wei and Zou, EMNLP 2019, section 2.
    """

    share: float
    rate: float

    def __call__(self, sentences: Ragged, random: np.random.Generator) -> Ragged:
        """Return the changed sentences."""
        order = np.arange(len(sentences.sequence_of_token))
        chosen = choose(sentences, self.share, random)[sentences.starts]
        for i in np.flatnonzero(chosen & (sentences.lengths > 1)).tolist():
            start, length = int(sentences.starts[i]), int(sentences.lengths[i])
            for _ in range(max(1, round(self.rate * length))):
                first = int(random.integers(length))
                second = (first + int(random.integers(1, length))) % length
                places = [start + first, start + second]
                order[places] = order[places[::-1]]
        arrays = {n: a for n, a in sentences.per_token.items() if n != "sentence_ids"}
        return sentences.replace(**take_rows(arrays, order))


@dataclass(frozen=True)
class Respelling:
    """Writes sentences in upper case, in lower case, or with a capital first letter in each word.

    Args:
        spellings: For each spelling, the row of each word in it, see `DistinctWords`.
        shares: For each spelling, the share of sentences that get it; at most 1 in total.
    """

    spellings: Mapping[str, NDArray[np.int64]]
    shares: Mapping[str, float]

    def __call__(self, sentences: Ragged, random: np.random.Generator) -> Ragged:
        """Return the changed sentences."""
        draws = random.random(len(sentences))[sentences.sequence_of_token]
        tokens = sentences.per_token["tokens"]
        changed, lowest = tokens, 0.0
        for name, share in self.shares.items():
            chosen = (draws >= lowest) & (draws < lowest + share)
            changed = np.where(chosen, self.spellings[name][tokens], changed)
            lowest += share
        return sentences.replace(tokens=changed)


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How many sentences are changed in each way, and how much of each; all numbers are in [0, 1].

    The names are those of the settings, which `AugmentationConfig` explains.
    """

    upper: float
    lower: float
    title: float
    mentions: float
    mention_rate: float
    tokens: float
    token_rate: float
    delete: float
    delete_rate: float
    swap: float
    swap_rate: float

    @property
    def spellings(self) -> dict[str, float]:
        """The spellings that training shows, each with its share of sentences."""
        shares = {"upper": self.upper, "lower": self.lower, "title": self.title}
        return {name: share for name, share in shares.items() if share}

    def changes(self, encoded: TrainingSentences, tags: Sequence[str]) -> list[Change]:
        """Build the changes whose share is not 0.

        Args:
            encoded: The training sentences, whose distinct words have the `spellings`.
            tags: All tags, if the model learns mentions.
        """
        changes: list[Change] = []
        # Mentions come first, while those of the sentences are whole. Spellings come last, because
        # only the original words have other spellings.
        if self.mentions:
            mentions = MentionPool(encoded.blocks(), MentionFinder(tags))
            changes.append(MentionReplacement(mentions, self.mentions, self.mention_rate))
        if self.tokens:
            tokens = TokenPool(encoded.blocks())
            changes.append(TokenReplacement(tokens, self.tokens, self.token_rate))
        if self.delete:
            changes.append(Deletion(self.delete, self.delete_rate))
        if self.swap:
            changes.append(Swap(self.swap, self.swap_rate))
        if self.spellings:
            changes.append(Respelling(encoded.distinct_words.respelled, self.spellings))
        return changes


def choose(sentences: Ragged, share: float, random: np.random.Generator) -> NDArray[np.bool_]:
    """Choose each sentence with probability `share`, and mark all tokens of the chosen ones (N)."""
    return (random.random(len(sentences)) < share)[sentences.sequence_of_token]
