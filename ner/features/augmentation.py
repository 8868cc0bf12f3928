"""Training sentences shown otherwise than they are: spellings, names, words, order.

Each change takes the sentences of a batch and a stream of random numbers. It shows a share of the
sentences changed and leaves the others, so that batches mix both. Words are rows of
`DistinctWords`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ner.features.batches import Change, TrainingSentences
from ner.features.ragged import Ragged
from ner.features.replacements import MentionFinder, MentionPool, Mentions, TokenPool


@dataclass(frozen=True)
class MentionReplacement:
    """Replaces mentions by others of their label that training has; tags and columns come along.

    Source: Dai and Adel, "An Analysis of Simple Data Augmentation for Named Entity Recognition",
    COLING 2020, section 3; there, training grows by changed copies, and a mention may be drawn
    for itself.
    """

    pool: MentionPool
    share: float
    rate: float

    def __call__(self, sentences: Ragged, random: np.random.Generator) -> Ragged:
        """Replace each mention of chosen sentences with probability `rate`."""
        found = self.pool.find(sentences)
        chosen = choose(sentences, self.share, random)[found.starts]
        picked = chosen & (random.random(len(chosen)) < self.rate)
        found = Mentions(*(part[picked] for part in found))
        others = self.pool.others(sentences, found, random)
        return sentences.spliced(found.starts, found.lengths, others)


@dataclass(frozen=True)
class TokenReplacement:
    """Replaces tokens by others that training has with the same tag, as often as it has them.

    The tags of the sentence stay, its input columns change with the tokens. A token may be drawn
    for itself. Where the annotation is partial, tokens of which nothing is known stay.

    Source: Dai and Adel, COLING 2020, section 3, "label-wise token replacement"; there, training
    grows by changed copies, and their program spares stop words.
    """

    pool: TokenPool
    share: float
    rate: float

    def __call__(self, sentences: Ragged, random: np.random.Generator) -> Ragged:
        """Replace each token of chosen sentences with probability `rate`."""
        chosen = choose(sentences, self.share, random)
        places = np.flatnonzero(chosen & (random.random(len(chosen)) < self.rate))
        tags = sentences.per_token["tags"]
        if tags.ndim == 2:
            places = places[~tags[places].all(axis=1)]
        drawn = self.pool.draw(tags[places], random)
        changed = {name: sentences.per_token[name].copy() for name in drawn}
        for name, values in drawn.items():
            changed[name][places] = values
        return sentences.replace(**changed)


@dataclass(frozen=True)
class Deletion:
    """Leaves out tokens, but never all of a sentence.

    Source: Wei and Zou, "EDA: Easy Data Augmentation Techniques for Boosting Performance on Text
    Classification Tasks", EMNLP 2019, section 2.
    """

    share: float
    rate: float

    def __call__(self, sentences: Ragged, random: np.random.Generator) -> Ragged:
        """Leave out each token of chosen sentences with probability `rate`."""
        chosen = choose(sentences, self.share, random)
        draws = random.random(len(chosen))
        kept = ~chosen | (draws >= self.rate)
        # Where all would go, the one with the greatest number stays.
        kept |= draws == np.maximum.reduceat(draws, sentences.starts)[sentences.run_of_token]
        return sentences.keep(kept)


@dataclass(frozen=True)
class Swap:
    """Lets tokens change places within their sentence.

    What stands in the array `parts` belongs to a place, not to the token in it.

    Source: Wei and Zou, EMNLP 2019, section 2.
    """

    share: float
    rate: float

    def __call__(self, sentences: Ragged, random: np.random.Generator) -> Ragged:
        """Swap two tokens, `rate` times the length of the sentence, at least once."""
        order = np.arange(len(sentences.run_of_token))
        chosen = choose(sentences, self.share, random)[sentences.starts]
        for run in np.flatnonzero(chosen & (sentences.lengths > 1)).tolist():
            start, length = int(sentences.starts[run]), int(sentences.lengths[run])
            for _ in range(max(1, round(self.rate * length))):
                one = int(random.integers(length))
                other = (one + int(random.integers(1, length))) % length
                places = [start + one, start + other]
                order[places] = order[places[::-1]]
        moved = {n: values[order] for n, values in sentences.per_token.items() if n != "parts"}
        return sentences.replace(**moved)


@dataclass(frozen=True)
class Respelling:
    """Shows sentences in upper or lower case, or with a capital at each word.

    Args:
        spellings: For each spelling the row of each word's variant, see `DistinctWords`.
        shares: How many sentences are spelled so; at most 1 together.
    """

    spellings: Mapping[str, NDArray[np.int64]]
    shares: Mapping[str, float]

    def __call__(self, sentences: Ragged, random: np.random.Generator) -> Ragged:
        """Choose one spelling, or none, for each sentence."""
        draws = random.random(len(sentences))[sentences.run_of_token]
        tokens = sentences.per_token["tokens"]
        changed, lowest = tokens, 0.0
        for name, share in self.shares.items():
            chosen = (draws >= lowest) & (draws < lowest + share)
            changed = np.where(chosen, self.spellings[name][tokens], changed)
            lowest += share
        return sentences.replace(tokens=changed)


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How many sentences are changed in each way, and how much of them: numbers in [0, 1].

    Names are those of the settings, see `ner.config.AugmentationConfig`.
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
        """Name the spellings that a lexicon needs, with the shares of sentences."""
        shares = {"upper": self.upper, "lower": self.lower, "title": self.title}
        return {name: share for name, share in shares.items() if share}

    def changes(self, encoded: TrainingSentences, tags: Sequence[str]) -> list[Change]:
        """Build what is asked for.

        Args:
            encoded: The training split, whose lexicon has the `spellings`.
            tags: All tags, where mentions are learnt.
        """
        changes: list[Change] = []
        # Mentions come first, because those in the pool are whole; case last, because only the
        # words of training have other spellings.
        if self.mentions:
            mentions = MentionPool(encoded.parts(), MentionFinder(tags))
            changes.append(MentionReplacement(mentions, self.mentions, self.mention_rate))
        if self.tokens:
            tokens = TokenPool(encoded.parts())
            changes.append(TokenReplacement(tokens, self.tokens, self.token_rate))
        if self.delete:
            changes.append(Deletion(self.delete, self.delete_rate))
        if self.swap:
            changes.append(Swap(self.swap, self.swap_rate))
        if self.spellings:
            changes.append(Respelling(encoded.lexicon.respelled, self.spellings))
        return changes


def choose(sentences: Ragged, share: float, random: np.random.Generator) -> NDArray[np.bool_]:
    """Choose sentences with probability `share`, and mark all their tokens (N)."""
    return (random.random(len(sentences)) < share)[sentences.run_of_token]
