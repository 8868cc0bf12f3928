"""Sentences that are made up, to try a model on where there are no others."""

import numpy as np

from ner.data.sentence import Sentence
from ner.features.featurizer import Featurizer

NUM_SENTENCES, LONGEST_SENTENCE, NUM_WORDS, LONGEST_WORD = 100, 60, 2000, 80


def make_sentences(featurizer: Featurizer, count: int = NUM_SENTENCES) -> list[Sentence]:
    """Make up sentences of all lengths from known words and from words in no vocabulary.

    Args:
        featurizer: Has the vocabularies, and the columns that the sentences get.
        count: The number of sentences.
    """
    random = np.random.default_rng(1)

    def draw(values: list[str], count: int) -> list[str]:
        return [values[i] for i in random.integers(0, len(values), count)]

    letters = featurizer.characters.entries if featurizer.characters is not None else ()
    words = list(featurizer.words.entries[:NUM_WORDS])
    for length in random.integers(1, LONGEST_WORD, NUM_WORDS // 4).tolist():
        words.append("".join(draw([*letters, *"aZ0-.é中"], length)))
    pairs = () if featurizer.bigrams is None else featurizer.bigrams.entries
    sentences: list[Sentence] = []
    for i, length in enumerate(random.integers(1, LONGEST_SENTENCE + 1, count).tolist()):
        tokens = draw(words, length)
        if pairs and i % 2:
            # Random words are hardly ever a pair of neighbours from training.
            tokens = " ".join(draw([*pairs], length)).split() or tokens
        columns = {
            name: tuple(draw([*vocabulary.entries, "\N{REPLACEMENT CHARACTER}"], len(tokens)))
            for name, vocabulary in featurizer.columns.items()
        }
        sentences.append(Sentence(tokens, columns=columns))
    return sentences
