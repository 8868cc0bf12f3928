"""Strings to integers: the one encoder that training, tagging and every runtime share."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ner.data.sentence import Sentence
from ner.errors import DataError
from ner.features.vectors import VectorStore
from ner.features.vocabulary import OWN_VECTOR, Vocabulary, WordVocabulary, count_forms
from ner.features.words import encode_affixes, encode_characters, encode_shapes

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Featurizer:
    """Which features a model sees, and the vocabularies they need.

    Args:
        words: The words of the training split.
        characters: The characters of the training split; None leaves characters out.
        shapes: Whether the shape of a word is a feature.
        affix_rows: Rows of the table that affixes are hashed into; 0 leaves them out.
        columns: Input columns of the sentences by name, with the values of the training split.
        vectors: Pretrained vectors of words that training never saw.
    """

    words: WordVocabulary
    characters: Vocabulary | None = None
    shapes: bool = True
    affix_rows: int = 0
    columns: Mapping[str, Vocabulary] = field(default_factory=dict)
    vectors: VectorStore | None = None

    def encode_words(self, words: Sequence[str]) -> Arrays:
        """Compute everything that depends on a word alone.

        Returns:
            `words` (U) rows; where asked for `characters` (U W), `shapes` (U), `affixes` (U 5);
            `vectors` (U E) if some word has a vector of its own, zero elsewhere.
        """
        rows, stored = self.words.find(words, self.vectors)
        arrays: Arrays = {"words": rows}
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

    def encode_columns(self, sentences: Sequence[Sentence]) -> Arrays:
        """Look up the input columns of all tokens, end to end: `columns` (N K), if there are any.

        Raises:
            DataError: A sentence lacks a column.
        """
        if not self.columns:
            return {}
        for sentence in sentences:
            for name in self.columns:
                if name not in sentence.columns:
                    known = ", ".join(sentence.columns) or "none"
                    raise DataError(
                        f"{sentence.source or 'input'}: the model reads the column {name!r} beside "
                        f"the tokens. Got the columns: {known}."
                    )
        encoded = [
            vocabulary.encode(value for s in sentences for value in s.columns[name])
            for name, vocabulary in self.columns.items()
        ]
        return {"columns": np.stack(encoded, axis=1)}

    def extended(self, sentences: Sequence[Sentence]) -> "Featurizer":
        """Append the words, characters and column values of more training data."""
        words, characters, columns = _seen(sentences, self.words.lowercase, self.columns)
        return replace(
            self,
            words=self.words.extended(words),
            characters=self.characters and self.characters.extended(characters),
            columns={name: v.extended(columns[name]) for name, v in self.columns.items()},
        )

    def settings(self) -> dict[str, Any]:
        """Give what `from_settings` needs beside the vocabularies."""
        return {
            "lowercase": self.words.lowercase,
            "shapes": self.shapes,
            "affix_rows": self.affix_rows,
        }

    def vocabularies(self) -> dict[str, Any]:
        """Give the entries of every vocabulary by name, those of the columns by column."""
        return {
            "words": list(self.words.entries),
            "characters": None if self.characters is None else list(self.characters.entries),
            "columns": {name: list(v.entries) for name, v in self.columns.items()},
        }

    @classmethod
    def from_settings(
        cls,
        settings: Mapping[str, Any],
        vocabularies: Mapping[str, Any],
        vectors: VectorStore | None,
    ) -> "Featurizer":
        """Rebuild a featurizer from its `settings` and `vocabularies`."""
        characters = vocabularies["characters"]
        return cls(
            words=WordVocabulary(vocabularies["words"], settings["lowercase"]),
            characters=None if characters is None else Vocabulary(characters),
            shapes=settings["shapes"],
            affix_rows=settings["affix_rows"],
            columns={n: Vocabulary(entries) for n, entries in vocabularies["columns"].items()},
            vectors=vectors,
        )


def build_featurizer(
    sentences: Sequence[Sentence],
    *,
    lowercase: bool = True,
    characters: bool = True,
    shapes: bool = True,
    affix_rows: int = 0,
    columns: Iterable[str] = (),
    vectors: VectorStore | None = None,
) -> Featurizer:
    """Collect the vocabularies of a training split, most frequent entries first."""
    seen_words, seen_characters, seen_columns = _seen(sentences, lowercase, columns)
    return Featurizer(
        words=WordVocabulary(seen_words, lowercase),
        characters=Vocabulary(seen_characters) if characters else None,
        shapes=shapes,
        affix_rows=affix_rows,
        columns={name: Vocabulary(values) for name, values in seen_columns.items()},
        vectors=vectors,
    )


def rare_forms(sentences: Sequence[Sentence], lowercase: bool) -> set[str]:
    """Give the forms that occur once in a training split."""
    counts = count_forms((token for s in sentences for token in s.tokens), lowercase)
    return {form for form, count in counts.items() if count == 1}


def _seen(
    sentences: Sequence[Sentence], lowercase: bool, columns: Iterable[str]
) -> tuple[list[str], list[str], dict[str, list[str]]]:
    tokens = [token for sentence in sentences for token in sentence.tokens]
    values = {
        name: Counter(v for s in sentences for v in s.columns.get(name, ())) for name in columns
    }
    return (
        _by_frequency(count_forms(tokens, lowercase)),
        _by_frequency(Counter("".join(tokens))),
        {name: _by_frequency(counter) for name, counter in values.items()},
    )


def _by_frequency(counts: Counter[str]) -> list[str]:
    return sorted(counts, key=lambda entry: (-counts[entry], entry))
