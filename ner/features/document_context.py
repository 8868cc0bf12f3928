"""The words around a sentence in its document, for models that read beyond the sentence.

A document is a series of adjacent sentences with the same `document`. A sentence without one is a
document of its own.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ner.data.sentence import Sentence
from ner.errors import ConfigError
from ner.features.arrays import Arrays
from ner.features.ragged import Ragged

# Names of the arrays with the context of each sentence, see `context_rows`.
CONTEXT = BEFORE, AFTER = "context_before", "context_after"


class Passage(NamedTuple):
    """The words of a sentence, and the words of its document before and after it."""

    before: Sequence[str]
    words: Sequence[str]
    after: Sequence[str]


def make_passage(sentences: Sequence[Sentence], i: int, reach: int) -> Passage:
    """Return the words of sentence `i`, with up to `reach` words of its document on either side."""
    document = sentences[i].document
    before = _within((sentences[k] for k in range(i - 1, -1, -1)), document, reach)
    after = _within((sentences[k] for k in range(i + 1, len(sentences))), document, reach)
    left = [token for sentence in reversed(before) for token in sentence.tokens]
    right = [token for sentence in after for token in sentence.tokens]
    return Passage(left[max(0, len(left) - reach) :], sentences[i].tokens, right[:reach])


def context_rows(sentences: Sequence[Sentence], tokens: NDArray[np.int64], reach: int) -> Arrays:
    """Find the context of all sentences of a corpus.

    Args:
        sentences: The corpus; no sentence is empty.
        tokens: The rows of its words in a table, end to end (N).
        reach: Number of words on either side (K).

    Returns:
        `context_before` and `context_after` (B K), int32: rows of words in the order of the text,
        -1 where the document has no more words.
    """
    lengths = np.array([len(sentence) for sentence in sentences], dtype=np.int64)
    ends = np.cumsum(lengths)
    documents = [sentence.document for sentence in sentences]
    begins = [
        i == 0 or document is None or document != documents[i - 1]
        for i, document in enumerate(documents)
    ]
    number = np.cumsum(begins) - 1
    firsts = (ends - lengths)[np.flatnonzero(begins)]
    document_starts, document_ends = firsts[number], np.append(firsts[1:], len(tokens))[number]
    offsets = np.arange(reach)
    left = (ends - lengths)[:, None] - reach + offsets
    right = ends[:, None] + offsets

    def rows(places: NDArray[np.int64], inside: NDArray[np.bool_]) -> NDArray[np.int32]:
        found = tokens[np.clip(places, 0, len(tokens) - 1)]
        return np.where(inside, found, -1).astype(np.int32)

    return {
        BEFORE: rows(left, left >= document_starts[:, None]),
        AFTER: rows(right, right < document_ends[:, None]),
    }


def passages_of(sentences: Ragged, words: Sequence[str], reach: int) -> Iterator[Passage]:
    """Yield the passage of each sentence.

    Args:
        sentences: Sentences whose `tokens` are indices of `words`.
        words: The words.
        reach: Number of words on either side.

    Raises:
        ConfigError: `reach` is not 0, and the sentences have no context.
    """
    if reach and BEFORE not in sentences.per_sequence:
        raise ConfigError(
            f"transformer.context: must be 0 for training data that stay on the disk. Got {reach}."
        )
    rows = sentences.per_token["tokens"].tolist()
    borders = [*sentences.starts.tolist(), len(rows)]
    nothing = [[]] * len(sentences)
    before, after = (
        sentences.per_sequence[name].tolist() if reach else nothing for name in CONTEXT
    )
    for left, (start, end), right in zip(before, pairwise(borders), after, strict=True):
        yield Passage(*(_words(words, group) for group in (left, rows[start:end], right)))


def windows_with_context(
    sentences: Iterable[Sentence], size: int, reach: int
) -> Iterator[tuple[list[Sentence], range]]:
    """Cut a stream of sentences into windows, each with the context of its first and last sentence.

    Args:
        sentences: Any number of sentences.
        size: Sentences of a window.
        reach: Words of a document that are needed on either side; 0 for none.

    Yields:
        The sentences of a window with those around it, and the places among them of the sentences
        of the window.
    """
    stream = iter(sentences)
    before: list[Sentence] = []
    ahead = deque(islice(stream, size))
    while ahead:
        window = [ahead.popleft() for _ in range(min(size, len(ahead)))]
        known = [*before, *window]
        document = next((s.document for s in reversed(known) if len(s)), None)
        after = _within(ahead, document, reach)
        # The document may continue after the sentences that were read ahead.
        while document is not None and len(after) == len(ahead) and _count_tokens(after) < reach:
            following = next(stream, None)
            if following is None:
                break
            ahead.append(following)
            after = _within(ahead, document, reach)
        yield [*known, *after], range(len(before), len(known))
        before = _within(reversed(known), document, reach)[::-1]
        ahead.extend(islice(stream, max(0, size - len(ahead))))


def _within(sentences: Iterable[Sentence], document: str | None, reach: int) -> list[Sentence]:
    """Take sentences while they belong to a document, until they have `reach` words."""
    found: list[Sentence] = []
    count = 0
    if document is not None:
        for sentence in sentences:
            if count >= reach or (len(sentence) and sentence.document != document):
                break
            found.append(sentence)
            count += len(sentence)
    return found


def _words(words: Sequence[str], rows: Sequence[int]) -> list[str]:
    return [words[row] for row in rows if row >= 0]


def _count_tokens(sentences: Iterable[Sentence]) -> int:
    return sum(map(len, sentences))
