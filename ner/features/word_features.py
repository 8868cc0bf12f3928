"""What a word shows on its own: its characters, its shape, its first and last letters.

All features here depend on the word alone, so they are computed once per distinct word.
"""

import zlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ner.data.sentence import Sentence
from ner.features.vocabulary import UNKNOWN, Vocabulary

PADDING = 0

# Rows of the character table: padding, unknown, the two edges of a word, then the characters.
UNKNOWN_CHARACTER, WORD_START, WORD_END = 1, 2, 3

NUM_SPECIAL = 3

# Of a longer word the network sees the first and last halves of this many characters; the text
# itself is never cut. The longest word in common English corpora has about 40.
LONGEST = 64

SHAPES = ("other", "lower", "Capital", "UPPER", "miXed", "0000", "with0", "punctuation")


def encode_characters(words: Sequence[str], vocabulary: Vocabulary) -> NDArray[np.int32]:
    """Write each word as a row of character ids (U W), edges marked, padded with `PADDING`."""
    cut = [w if len(w) <= LONGEST else w[: LONGEST // 2] + w[-LONGEST // 2 :] for w in words]
    lengths = np.array([len(word) for word in cut], dtype=np.int64)
    codes = np.frombuffer("".join(cut).encode("utf-32-le", "surrogatepass"), dtype="<u4")
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
    """Count the rows of a table for `encode_characters`."""
    return len(vocabulary) + NUM_SPECIAL


def encode_shapes(words: Sequence[str]) -> NDArray[np.int32]:
    """Sort each word into one of `SHAPES`, by the case of its letters and its digits."""
    return np.array([_shape(word) for word in words], dtype=np.int32)


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


AFFIXES = (slice(None, 2), slice(None, 3), slice(-2, None), slice(-3, None), slice(-4, None))


def encode_affixes(words: Sequence[str], num_rows: int) -> NDArray[np.int32]:
    """Hash the first 2 and 3 and the last 2, 3 and 4 letters of each word into rows (U, 5).

    Letters are lower-cased: the shape tells the case. The rows are shared by all five.
    """
    rows = np.empty((len(words), len(AFFIXES)), dtype=np.int32)
    for i, word in enumerate(words):
        lower = word.lower()
        for k, part in enumerate(AFFIXES):
            text = f"{k}{lower[part]}".encode("utf-8", "surrogatepass")
            rows[i, k] = zlib.crc32(text) % num_rows
    return rows


# Stands before the first token of a sentence and behind the last one; no token is empty.
EDGE = ""


def bigrams(tokens: Sequence[str], lowercase: bool) -> list[str]:
    """List the pairs of neighbours of a sentence, those with its edges included (T + 1).

    The blank in the middle is no mark that cannot be mistaken: pairs of tokens that hold blanks
    themselves may be written alike, and then share a row.

    >>> bigrams(["北", "京"], lowercase=True)
    [' 北', '北 京', '京 ']
    """
    if lowercase:
        tokens = [token.lower() for token in tokens]
    pairs = zip((EDGE, *tokens), (*tokens, EDGE), strict=True)
    return [f"{left} {right}" for left, right in pairs]


class BigramVocabulary(Vocabulary):
    """The pairs of neighbours that training saw often enough to have a row.

    Training shows the others as unknown, so that their row learns what an unknown pair means.

    Args:
        entries: As `bigrams` writes them.
        lowercase: Spellings that differ in case share a row.
        min_count: How often training saw each of them at least.
    """

    def __init__(self, entries: Iterable[str], lowercase: bool, min_count: int) -> None:
        super().__init__(entries)
        self.lowercase = lowercase
        self.min_count = min_count

    def extended(self, entries: Iterable[str]) -> "BigramVocabulary":
        """Append what is new; the rows of the old entries stay."""
        return BigramVocabulary(super().extended(entries).entries, self.lowercase, self.min_count)

    def find(self, sentences: Iterable[Sentence]) -> NDArray[np.int32]:
        """Look up the pair of each token with the one before and with the one behind (N, 2)."""
        before: list[int] = []
        behind: list[int] = []
        for sentence in sentences:
            pairs = bigrams(sentence.tokens, self.lowercase)
            rows = [self.rows.get(pair, UNKNOWN) for pair in pairs]
            before += rows[:-1]
            behind += rows[1:]
        return np.array([before, behind], dtype=np.int32).T
