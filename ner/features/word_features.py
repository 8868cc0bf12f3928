"""Features of words and tokens as integers: characters, shapes, affixes, pairs of neighbours.

Characters, shapes and affixes depend on the word alone, so they are computed once for each distinct
word. The pairs of a token with its neighbours depend on the sentence.
"""

import zlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ner.data.sentence import Sentence
from ner.features.vocabulary import UNKNOWN, Vocabulary, plain_quotes

PADDING = 0

# Rows of the table of characters: padding, unknown, the two ends of a word, then the characters.
UNKNOWN_CHARACTER, WORD_START, WORD_END = 1, 2, 3
NUM_SPECIAL = 3

# The network reads only the first and the last half of this many characters of a longer word; the
# text itself is never cut. The longest word in common English corpora has about 40 characters.
LONGEST = 64
SHAPES = ("other", "lower", "Capital", "UPPER", "miXed", "0000", "with0", "punctuation")
AFFIXES = (slice(None, 2), slice(None, 3), slice(-2, None), slice(-3, None), slice(-4, None))

# Neighbour of the first token before it, and of the last token after it; no token is empty.
EDGE = ""


def encode_characters(words: Sequence[str], vocabulary: Vocabulary) -> NDArray[np.int32]:
    """Encode each word as rows of its characters, with marks at both ends.

    Typographic quotes and apostrophes have the rows of plain ones.

    Returns:
        Rows of the table of characters (U W), padded with `PADDING`.
    """
    cut = [w if len(w) <= LONGEST else w[: LONGEST // 2] + w[-LONGEST // 2 :] for w in words]
    lengths = np.array([len(word) for word in cut], dtype=np.int64)
    codes = np.frombuffer(
        plain_quotes("".join(cut)).encode("utf-32-le", "surrogatepass"), dtype="<u4"
    )
    known = {ord(c): row + NUM_SPECIAL for c, row in vocabulary.rows.items()}
    table = np.full(max(known, default=0) + 2, UNKNOWN_CHARACTER, dtype=np.int32)
    table[list(known)] = list(known.values())
    ids = table[np.minimum(codes, len(table) - 1)]
    rows = np.full((len(words), int(lengths.max(initial=0)) + 2), PADDING, dtype=np.int32)
    columns = np.arange(rows.shape[1])
    rows[:, 0] = WORD_START
    rows[(columns >= 1) & (columns <= lengths[:, None])] = ids
    rows[np.arange(len(words)), lengths + 1] = WORD_END
    return rows


def num_character_rows(vocabulary: Vocabulary) -> int:
    """Count the rows of the table that `encode_characters` needs."""
    return len(vocabulary) + NUM_SPECIAL


def encode_shapes(words: Sequence[str]) -> NDArray[np.int32]:
    """Classify each word as one of `SHAPES`, by its digits and the case of its letters (U)."""
    return np.array([_shape(word) for word in words], dtype=np.int32)


def encode_affixes(words: Sequence[str], num_rows: int) -> NDArray[np.int32]:
    """Hash the first 2 and 3 and the last 2, 3 and 4 letters of each word to rows (U 5).

    All five share the rows. Letters are lower-cased, since the shape tells their case.
    """
    rows = np.empty((len(words), len(AFFIXES)), dtype=np.int32)
    for i, word in enumerate(words):
        lower = word.lower()
        for k, letters in enumerate(AFFIXES):
            text = f"{k}{lower[letters]}".encode("utf-8", "surrogatepass")
            rows[i, k] = zlib.crc32(text) % num_rows
    return rows


def bigrams(tokens: Sequence[str], lowercase: bool) -> list[str]:
    """List the pairs of neighbours of a sentence, with `EDGE` at both ends (T + 1).

    The space in the middle may also be in a token, so different pairs may be written alike. They
    share a row then.

    >>> bigrams(["北", "京"], lowercase=True)
    [' 北', '北 京', '京 ']
    """
    if lowercase:
        tokens = [token.lower() for token in tokens]
    pairs = zip((EDGE, *tokens), (*tokens, EDGE), strict=True)
    return [f"{left} {right}" for left, right in pairs]


class BigramVocabulary(Vocabulary):
    """The pairs of neighbours that are frequent enough in training to have a row.

    In training, all other pairs are unknown, so that their row learns the meaning of an unknown
    pair.

    Args:
        entries: The pairs, in the form that `bigrams` returns.
        lowercase: Whether pairs that differ only in case share a row.
        min_count: Each pair occurs at least this often in training.
    """

    def __init__(self, entries: Iterable[str], lowercase: bool, min_count: int) -> None:
        super().__init__(entries)
        self.lowercase = lowercase
        self.min_count = min_count

    def extended(self, entries: Iterable[str]) -> "BigramVocabulary":
        """Append new entries; the rows of the old entries stay."""
        return BigramVocabulary(super().extended(entries).entries, self.lowercase, self.min_count)

    def find(self, sentences: Iterable[Sentence]) -> NDArray[np.int32]:
        """Look up the pairs of each token with its neighbours before and after it (N 2)."""
        before: list[int] = []
        after: list[int] = []
        for sentence in sentences:
            pairs = bigrams(sentence.tokens, self.lowercase)
            rows = [self.rows.get(pair, UNKNOWN) for pair in pairs]
            before += rows[:-1]
            after += rows[1:]
        return np.array([before, after], dtype=np.int32).T


def _shape(word: str) -> int:
    if word.isdigit():
        return SHAPES.index("0000")
    if any(c.isdigit() for c in word):
        return SHAPES.index("with0")
    if word.islower():
        return SHAPES.index("lower")
    if word.isupper():
        return SHAPES.index("UPPER" if len(word) > 1 else "Capital")
    if word[:1].isupper() and word[1:].islower():
        return SHAPES.index("Capital")
    if any(c.isupper() for c in word):
        return SHAPES.index("miXed")
    return SHAPES.index("other" if any(c.isalpha() for c in word) else "punctuation")
