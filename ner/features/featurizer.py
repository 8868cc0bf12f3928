"""Strings to integers: the one encoder that training, tagging and all runtimes share."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ner.data.sentence import Sentence
from ner.data.sentence_splitter import SentenceSplitter
from ner.errors import DataError
from ner.features.arrays import Arrays, Integers, WordArrays
from ner.features.counts import CorpusCounts, by_frequency, count_corpus
from ner.features.subwords import Subwords
from ner.features.vectors import VectorStore
from ner.features.vocabulary import OWN_VECTOR, Vocabulary, WordVocabulary, count_forms
from ner.features.word_features import (
    BigramVocabulary,
    encode_affixes,
    encode_characters,
    encode_shapes,
)


@dataclass(frozen=True, eq=False)
class Featurizer:
    """The features that a model reads, with their vocabularies.

    Args:
        words: The words of the training split.
        characters: The characters of the training split; None if the model reads no characters.
        shapes: Whether the model reads the shapes of words.
        affix_rows: Rows of the table that affixes are hashed to; 0 if the model reads no affixes.
        columns: The values of each input column in the training split, by the name of the column.
        bigrams: Pairs of neighbouring tokens; None if the model reads no pairs.
        vectors: Pretrained vectors for words that are not in the training split.
        subwords: Cuts sentences into sub-words for a transformer; None if there is no transformer.
        language: Language of the texts, for models that read the sentences of a text one by one,
            see `SentenceSplitter`; None for other models.
        hard_wrapped: Whether the texts are hard-wrapped, so that only blank lines end a sentence.
    """

    words: WordVocabulary
    characters: Vocabulary | None = None
    shapes: bool = True
    affix_rows: int = 0
    columns: Mapping[str, Vocabulary] = field(default_factory=dict)
    bigrams: BigramVocabulary | None = None
    vectors: VectorStore | None = None
    subwords: Subwords | None = None
    language: str | None = None
    hard_wrapped: bool = False

    def encode_words(self, words: Sequence[str]) -> WordArrays:
        """Encode everything that depends on a word alone."""
        rows, stored = self.words.find(words, self.vectors)
        arrays: WordArrays = {"words": rows}
        if self.characters is not None:
            arrays["characters"] = encode_characters(words, self.characters)
        if self.shapes:
            arrays["shapes"] = encode_shapes(words)
        if self.affix_rows:
            arrays["affixes"] = encode_affixes(words, self.affix_rows)
        if self.vectors is not None and (rows == OWN_VECTOR).any():
            vectors = np.zeros((len(words), self.vectors.size), dtype=np.float32)
            vectors[stored >= 0] = self.vectors.rows(stored[stored >= 0])
            arrays["vectors"] = vectors
        return arrays

    def encode_tokens(self, sentences: Sequence[Sentence]) -> Arrays:
        """Encode what depends on more than the word, for all tokens end to end.

        Returns:
            `columns` (N K), `bigrams` (N 2) and `sentence_ids` (N), each if the model reads it. See
            `BatchArrays` for their meaning.

        Raises:
            DataError: A sentence lacks an input column.
            MissingExtraError: The package that finds sentences is not installed.
        """
        arrays = dict(self.encode_columns(sentences))
        if self.bigrams is not None:
            arrays["bigrams"] = self.bigrams.find(sentences)
        if self.language is not None:
            arrays["sentence_ids"] = np.concatenate([self._sentence_ids(s) for s in sentences])
        return arrays

    def encode_columns(self, sentences: Sequence[Sentence]) -> Arrays:
        """Encode the input columns of all tokens, end to end.

        Returns:
            `columns` (N K); nothing if the model reads no columns.

        Raises:
            DataError: A sentence lacks an input column.
        """
        if not self.columns:
            return {}
        rule = "the model reads the column {name!r} beside the tokens"
        return {"columns": encode_columns(self.columns, sentences, rule)}

    @cached_property
    def _splitter(self) -> SentenceSplitter:
        assert self.language is not None
        return SentenceSplitter(self.language, lines=not self.hard_wrapped)

    def _sentence_ids(self, text: Sentence) -> Integers:
        begins = [begin for begin, _ in text.offsets]
        return np.searchsorted(self._splitter(text.text), begins, "right").astype(np.int32)

    def extended(self, training: Iterable[Sentence] | CorpusCounts) -> "Featurizer":
        """Add the words, characters, column values and pairs of more training data."""
        more = build_featurizer(
            training,
            lowercase=self.words.lowercase,
            columns=self.columns,
            bigram_count=0 if self.bigrams is None else self.bigrams.min_count,
        )
        characters = more.characters.entries if more.characters else ()
        return replace(
            self,
            words=self.words.extended(more.words.entries),
            characters=self.characters and self.characters.extended(characters),
            columns={n: v.extended(more.columns[n].entries) for n, v in self.columns.items()},
            bigrams=self.bigrams and more.bigrams and self.bigrams.extended(more.bigrams.entries),
        )

    def settings(self) -> dict[str, Any]:
        """Return what `from_settings` needs beside the vocabularies, as JSON can hold it."""
        return {
            "lowercase": self.words.lowercase,
            "shapes": self.shapes,
            "affix_rows": self.affix_rows,
            "bigram_count": 0 if self.bigrams is None else self.bigrams.min_count,
            "subwords": None if self.subwords is None else self.subwords.settings(),
            "language": self.language,
            "hard_wrapped": self.hard_wrapped,
        }

    def vocabularies(self) -> dict[str, Any]:
        """Return the entries of each vocabulary by its name, as JSON can hold them.

        `bigrams` and `subwords` are there only if the model reads them.
        """
        vocabularies: dict[str, Any] = {
            "words": list(self.words.entries),
            "characters": None if self.characters is None else list(self.characters.entries),
            "columns": {name: list(v.entries) for name, v in self.columns.items()},
        }
        if self.bigrams is not None:
            vocabularies["bigrams"] = list(self.bigrams.entries)
        if self.subwords is not None:
            vocabularies["subwords"] = self.subwords.vocabulary()
        return vocabularies

    @classmethod
    def from_settings(
        cls,
        settings: Mapping[str, Any],
        vocabularies: Mapping[str, Any],
        vectors: VectorStore | None,
    ) -> "Featurizer":
        """Rebuild a featurizer from its `settings` and `vocabularies`."""
        characters = vocabularies["characters"]
        # Models of older versions lack these settings.
        min_count = settings.get("bigram_count", 0)
        subwords = settings.get("subwords")
        return cls(
            words=WordVocabulary(vocabularies["words"], settings["lowercase"]),
            characters=None if characters is None else Vocabulary(characters),
            shapes=settings["shapes"],
            affix_rows=settings["affix_rows"],
            columns={n: Vocabulary(entries) for n, entries in vocabularies["columns"].items()},
            bigrams=BigramVocabulary(vocabularies["bigrams"], settings["lowercase"], min_count)
            if min_count
            else None,
            vectors=vectors,
            subwords=subwords and Subwords.from_settings(subwords, vocabularies["subwords"]),
            language=settings.get("language"),
            hard_wrapped=settings.get("hard_wrapped", False),
        )


def encode_columns(
    columns: Mapping[str, Vocabulary], sentences: Sequence[Sentence], rule: str
) -> Integers:
    """Encode columns of all tokens, end to end.

    Args:
        columns: The values of each column, by its name; at least one.
        sentences: The sentences.
        rule: What holds for each column `{name!r}`, for messages.

    Returns:
        The rows of the values (N K).

    Raises:
        DataError: A sentence lacks a column.
    """
    for sentence in sentences:
        for name in columns:
            if name not in sentence.columns:
                known = ", ".join(sentence.columns) or "none"
                raise DataError(
                    f"{sentence.source or 'input'}: {rule.format(name=name)}. Got the columns: "
                    f"{known}."
                )
    encoded = [
        vocabulary.encode(value for s in sentences for value in s.columns[name])
        for name, vocabulary in columns.items()
    ]
    return np.stack(encoded, axis=1)


def build_featurizer(
    training: Iterable[Sentence] | CorpusCounts,
    *,
    lowercase: bool = True,
    characters: bool = True,
    shapes: bool = True,
    affix_rows: int = 0,
    columns: Iterable[str] = (),
    bigram_count: int = 0,
    vectors: VectorStore | None = None,
    subwords: Subwords | None = None,
    language: str | None = None,
    hard_wrapped: bool = False,
) -> Featurizer:
    """Build the vocabularies of a training split, the most frequent entries first.

    Args:
        training: The training split, or its counts of everything that the model reads.
        lowercase: Whether words that differ only in case share a row.
        characters: Whether the model reads characters.
        shapes: Whether the model reads the shapes of words.
        affix_rows: See `Featurizer`.
        columns: Names of the input columns.
        bigram_count: Pairs of neighbouring tokens that occur at least this often have a row; 0 if
            the model reads no pairs.
        vectors: See `Featurizer`.
        subwords: See `Featurizer`.
        language: See `Featurizer`.
        hard_wrapped: See `Featurizer`.
    """
    counts = training
    if not isinstance(counts, CorpusCounts):
        counts = count_corpus(counts, columns=columns, pairs=bigram_count > 0, lowercase=lowercase)
    bigrams = None
    if bigram_count:
        pairs = counts.pairs or {}
        frequent = [pair for pair in by_frequency(pairs) if pairs[pair] >= bigram_count]
        bigrams = BigramVocabulary(frequent, lowercase, bigram_count)
    return Featurizer(
        words=WordVocabulary(by_frequency(count_forms(counts.words, lowercase)), lowercase),
        characters=Vocabulary(by_frequency(counts.characters())) if characters else None,
        shapes=shapes,
        affix_rows=affix_rows,
        columns={name: Vocabulary(by_frequency(counts.columns[name])) for name in columns},
        bigrams=bigrams,
        vectors=vectors,
        subwords=subwords,
        language=language,
        hard_wrapped=hard_wrapped,
    )


def rare_forms(training: Iterable[Sentence] | CorpusCounts, lowercase: bool) -> set[str]:
    """Return the forms of words that occur once in a training split."""
    counts = training if isinstance(training, CorpusCounts) else count_corpus(training)
    forms = count_forms(counts.words, lowercase)
    return {form for form, count in forms.items() if count == 1}
