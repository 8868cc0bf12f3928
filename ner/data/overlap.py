"""Which share of a corpus's sentences another corpus has too; a sample of the other one will do."""

import base64
import binascii
import hashlib
import heapq
from collections.abc import Iterable, Iterator, Mapping
from typing import Self

import numpy as np

from ner.data.sentence import Sentence

# Shorter sentences recur in any text, such as the results of games in news.
FEWEST_TOKENS = 5

# Sentences of a sample, and of another corpus that fall among them, so that a share says something.
SAMPLE, FEWEST_COMPARED = 512, 10

# From this share on, scores on one corpus tell little about a model that learned from the other.
# Corpora whose splits are apart share up to 0.15 (CoNLL-2002, Spanish).
LARGE_SHARE = 0.25


class SentenceSample:
    """The sentences of a corpus with the smallest digests, which are a random sample of all.

    Source: Broder, "On the resemblance and containment of documents", 1997.

    Args:
        keys: The digests, at most `SAMPLE`; all distinct sentences if there are fewer.
    """

    def __init__(self, keys: Iterable[int] = ()) -> None:
        self._keys = set(keys)
        # The largest digest first, as heapq has the smallest first.
        self._heap = [-key for key in self._keys]
        heapq.heapify(self._heap)

    def add(self, key: int) -> None:
        """Add a sentence by its `sentence_key`."""
        is_full = len(self._keys) == SAMPLE
        if key in self._keys or (is_full and key > -self._heap[0]):
            return
        self._keys.add(key)
        if is_full:
            self._keys.remove(-heapq.heappushpop(self._heap, -key))
        else:
            heapq.heappush(self._heap, -key)

    def share(self, sentences: Iterable[Sentence]) -> float | None:
        """Estimate which share of other sentences the corpus has; None if too few can be compared.

        Sentences of fewer than `FEWEST_TOKENS` tokens do not count.
        """
        is_sampled = len(self._keys) == SAMPLE
        limit = -self._heap[0] if is_sampled else 2**64
        compared = [key for key in set(sentence_keys(sentences)) if key <= limit]
        if len(compared) < (FEWEST_COMPARED if is_sampled else 1):
            return None
        return sum(key in self._keys for key in compared) / len(compared)

    def to_text(self) -> str:
        """Return the sample as ASCII text, for `from_text`."""
        return base64.b64encode(np.array(sorted(self._keys), dtype="<u8").tobytes()).decode()

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read what `to_text` returned; other text is an empty sample."""
        try:
            return cls(np.frombuffer(base64.b64decode(text), dtype="<u8").tolist())
        except (binascii.Error, ValueError):
            return cls()


class SharedSentences:
    """Counts in one pass over a corpus which of its sentences other corpora have too.

    Args:
        others: The sentences of these corpora, by name.
    """

    def __init__(self, others: Mapping[str, Iterable[Sentence]]) -> None:
        self.sample = SentenceSample()
        """A sample of the sentences that were passed on."""
        self._others = {name: set(sentence_keys(each)) for name, each in others.items()}
        self._sought = set().union(*self._others.values())
        self._met: set[int] = set()

    def watch(self, sentences: Iterable[Sentence]) -> Iterator[Sentence]:
        """Pass sentences on."""
        for sentence in sentences:
            for key in sentence_keys([sentence]):
                self.sample.add(key)
                if key in self._sought:
                    self._met.add(key)
            yield sentence

    def shares(self) -> dict[str, float]:
        """Return by name which share of each of the others was met, from 0 to 1."""
        return {
            name: len(keys & self._met) / len(keys) for name, keys in self._others.items() if keys
        }


def shared_warning(share: float | None) -> str | None:
    """Word a warning of a corpus that shares too many sentences with the training data.

    Args:
        share: Which share of its sentences training has, from 0 to 1; None if that is not known.
    """
    if share is None or share < LARGE_SHARE:
        return None
    much = "its sentences are" if share == 1 else f"{100 * share:.0f} % of its sentences are"
    return f"{much} in the training data too, so scores on it say little about other text."


def sentence_keys(sentences: Iterable[Sentence]) -> Iterator[int]:
    """Yield a digest of 64 bits of the tokens of each sentence that is long enough to compare."""
    for sentence in sentences:
        if len(sentence) >= FEWEST_TOKENS:
            text = "\0".join(sentence.tokens).encode("utf-8", "surrogatepass")
            yield int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
