"""The document context of a sentence: words before and after it, for models that read them.

A document is a run of consecutive sentences with the same `document`; a sentence without one
stands for itself.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ner.data.sentence import Sentence
from ner.errors import ConfigError
from ner.features.ragged import Ragged

# Names of the arrays with the context of each sentence.
CONTEXT = BEFORE, BEHIND = "before", "behind"


class Passage(NamedTuple):
    """The words of a sentence, and words of its document before and behind it."""

    before: Sequence[str]
    words: Sequence[str]
    behind: Sequence[str]


def make_passage(sentences: Sequence[Sentence], i: int, reach: int) -> Passage:
    """Give the words of a sentence, and up to `reach` words of its document on either side."""
    document = sentences[i].document
    before = _within((sentences[k] for k in range(i - 1, -1, -1)), document, reach)
    behind = _within((sentences[k] for k in range(i + 1, len(sentences))), document, reach)
    left = [token for sentence in reversed(before) for token in sentence.tokens]
    right = [token for sentence in behind for token in sentence.tokens]
    return Passage(left[max(0, len(left) - reach) :], sentences[i].tokens, right[:reach])


def _within(sentences: Iterable[Sentence], document: str | None, reach: int) -> list[Sentence]:
    """Take sentences as long as they are of a document, until they have `reach` words."""
    found: list[Sentence] = []
    count = 0
    if document is not None:
        for sentence in sentences:
            if count >= reach or (len(sentence) and sentence.document != document):
                break
            found.append(sentence)
            count += len(sentence)
    return found


def context_rows(
    sentences: Sequence[Sentence], tokens: NDArray[np.int64], reach: int
) -> dict[str, NDArray[np.int32]]:
    """Return the document context of all sentences of a corpus.

    Args:
        sentences: None of them empty.
        tokens: The rows of their words in some table, end to end (N).
        reach: Words on either side.

    Returns:
        `before` and `behind` (B K), rows of words in the order of the text; -1 where there are no
        more.
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
        BEHIND: rows(right, right < document_ends[:, None]),
    }


def passages_of(sentences: Ragged, words: Sequence[str], reach: int) -> Iterator[Passage]:
    """Give the passages of sentences whose `tokens` are rows of `words`.

    Raises:
        ConfigError: The sentences have no context.
    """
    if reach and BEFORE not in sentences.per_run:
        raise ConfigError(
            f"transformer.context: must be 0 for training data that stay on the disk. Got {reach}."
        )
    rows = sentences.per_token["tokens"].tolist()
    borders = [*sentences.starts.tolist(), len(rows)]
    nothing = [[]] * len(sentences)
    before, behind = (sentences.per_run[name].tolist() if reach else nothing for name in CONTEXT)
    for left, (start, end), right in zip(before, pairwise(borders), behind, strict=True):
        yield Passage(*(_words(words, part) for part in (left, rows[start:end], right)))


def _words(words: Sequence[str], rows: Sequence[int]) -> list[str]:
    return [words[row] for row in rows if row >= 0]


def windows(
    sentences: Iterable[Sentence], count: int, reach: int
) -> Iterator[tuple[list[Sentence], range]]:
    """Cut a stream into windows, each with the sentences around it that its ends need.

    Args:
        sentences: Any number.
        count: Sentences of a window.
        reach: Words of a document that are needed on either side; 0 for none.

    Yields:
        Sentences, and the places among them of those of the window.
    """
    stream = iter(sentences)
    before: list[Sentence] = []
    ahead = deque(islice(stream, count))
    while ahead:
        window = [ahead.popleft() for _ in range(min(count, len(ahead)))]
        known = [*before, *window]
        document = next((s.document for s in reversed(known) if len(s)), None)
        behind = _within(ahead, document, reach)
        # The document may go on behind what was read ahead.
        while document is not None and len(behind) == len(ahead) and _size(behind) < reach:
            following = next(stream, None)
            if following is None:
                break
            ahead.append(following)
            behind = _within(ahead, document, reach)
        yield [*known, *behind], range(len(before), len(known))
        before = _within(reversed(known), document, reach)[::-1]
        ahead.extend(islice(stream, max(0, count - len(ahead))))


def _size(sentences: Iterable[Sentence]) -> int:
    return sum(map(len, sentences))
