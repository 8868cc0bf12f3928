"""Settings of what the network reads."""

from typing import Annotated, Literal

from annotated_types import Ge, MultipleOf
from pydantic import ValidationInfo, field_validator

from ner.config.base import Count, Names, Natural, Positive, Rate, Section


class WordsConfig(Section):
    """A trained vector for each word of the training split."""

    size: Count = 100
    """Numbers in the vector of a word, at least 1. It must equal the size of the pretrained vectors
    when `vectors.path` is set. Smaller makes the model smaller and faster; larger can help when
    tokens are characters, as in Chinese."""

    lowercase: bool = True
    """Whether words that differ only in case share one vector. Case stays visible through
    `characters` and `shape`. Set it to false when the training data are large enough to learn
    "Apple" and "apple" apart."""

    replace_singletons: Rate = 0.5
    """Probability, at least 0 and below 1, that training shows a word as unknown if it occurs once
    in the training split and has no pretrained vector. This teaches the model what to do with new
    words; 0 turns it off."""


class VectorsConfig(Section):
    """Pretrained word vectors, in text files of GloVe, word2vec or fastText.

    Binary files of word2vec are read, too. A file may be plain, packed (`.gz`, `.bz2`, `.xz`,
    `.zst`) or in an archive (`.zip`, `.tar`).
    """

    path: str = ""
    """The file of vectors; `words.size` must be set to their size. Empty: none, and word vectors
    are learned from the training split alone. On CoNLL-2003, GloVe vectors of 50 dimensions raise
    the development F1 from 92.2 to 94.6, so set it when there are vectors for your language."""

    keep: Literal["all"] | Natural = "all"
    """How many vectors from the top of the file, where the most frequent words stand, the model
    keeps for words that training never saw: `all`, or a number. Words of the training split always
    keep theirs. A smaller number gives a smaller model folder; all of GloVe 6B at 50 dimensions
    take 46 MB."""


class CharactersConfig(Section):
    """A network over the characters of a word."""

    kind: Literal["cnn", "lstm", "none"] = "cnn"
    """How a word is read character by character: `cnn` (fast), `lstm`, or `none`. The two differ
    little in accuracy. Choose `none` when each token is a single character, as in Chinese."""

    size: Count = 30
    """Numbers in the vector of a character, at least 1. Raise it for scripts with many different
    characters."""

    output_size: Annotated[int, Ge(2), MultipleOf(2)] = 50
    """Numbers that describe a word by its characters, an even number of at least 2: the filters of
    the `cnn`, or both directions of the `lstm` together. Raise it for languages with many word
    forms; training becomes slower."""

    width: Literal[1, 3, 5, 7] = 3
    """Characters that a filter of the `cnn` sees at once: 1, 3, 5 or 7. The `lstm` ignores it."""


class ShapeConfig(Section):
    """A vector for the case and the digits of a word."""

    size: Natural = 10
    """Numbers in the vector of a word's shape, such as lower case, capitalised, upper case or all
    digits. 0 leaves the shape out, as for scripts without case."""


class AffixesConfig(Section):
    """Vectors for the first 2 and 3 and the last 2, 3 and 4 letters of a word."""

    rows: Literal["auto"] | Natural = "auto"
    """Rows of the table that all affixes are hashed into: a number, 0 for no affixes, or `auto`,
    which takes 32768 without pretrained vectors and 0 with them. Affixes help with new words;
    beside GloVe vectors they lowered F1 on CoNLL-2003 by half a point."""

    size: Count = 20
    """Numbers in the vector of one affix, at least 1. A word has five affixes, so its vector grows
    by five times this."""


class BigramConfig(Section):
    """Vectors for a token paired with its left and its right neighbour."""

    size: Natural = 0
    """Numbers in the vector of one pair; a token has two. 0 leaves pairs out. Use it, with 100 for
    example, when tokens are characters, as in Chinese, where pairs carry much of the meaning."""

    min_count: Annotated[int, Ge(2)] = 2
    """How often training must contain a pair for it to have a vector of its own, at least 2. Rarer
    pairs share the vector of unknown pairs. Raise it to make the model smaller."""

    dropout: Rate = 0.0
    """Share of pairs, at least 0 and below 1, that training shows as unknown. Raise it when the
    model overfits."""


class InputsConfig(Section):
    """Columns of the corpus that the model reads beside the tokens."""

    columns: Names = ()
    """Names of the columns, such as `["pos"]`; see `data.columns`. Whatever the model tags later
    must have these columns too, so raw text cannot be tagged any more. Use it when another tool
    provides the columns."""

    size: Count = 20
    """Numbers in the vector of a column's value, at least 1; each column adds this many."""


class TransformerConfig(Section):
    """A pretrained encoder of the library `transformers` that reads whole sentences.

    It needs the extra `transformers`. No code that comes with an encoder is run.
    """

    path: str = ""
    """The encoder: a folder, or a name on the Hugging Face hub. Its weights must be in safetensors.
    Empty: none. An encoder usually raises accuracy, and makes the model much larger and slower."""

    revision: str | None = None
    """Branch, tag or commit of an encoder on the hub. Unset: the newest version. Set it to get the
    same encoder at any later time."""

    alone: bool = False
    """Whether the encoder replaces word vectors, characters, shape and affixes, instead of being
    joined to them. It cannot be combined with `vectors.path`."""

    tuned: bool = False
    """Whether training changes the weights of the encoder. False is much faster, because the
    vectors of a sentence can be kept from epoch to epoch; true usually scores higher and wants a
    GPU."""

    rate: Positive = 0.01
    """Factor on `training.learning_rate` for the weights of an encoder that is `tuned`, above 0.
    With the default of both, its peak rate is 2e-5. Other encoders ignore it."""

    layers: Literal["last", "mean4", "mix"] = "mean4"
    """Which layers of the encoder become the vector of a token: `last`, the mean of the last four
    (`mean4`), or a mean of all with learned weights (`mix`)."""

    pooling: Literal["mean", "first"] = "mean"
    """How the sub-words of a token become one vector: their `mean`, or the `first` of them."""

    context: Natural = 0
    """Sub-words of the same document that are read before and after each sentence. 0: each sentence
    is read by itself. Raise it when names recur within a document; training and tagging become
    slower, and `data.storage` cannot be `disk`."""

    window: Count | None = None
    """Sub-words that the encoder reads at once, its special marks included. Unset: as many as it
    can, or 512 if it states no limit. Longer sentences are read in several windows. Lower it to
    save memory."""

    overlap: Natural = 128
    """Sub-words that two neighbouring windows of a long sentence share; more than half a window
    counts as half. More gives tokens at the border of a window more context, and costs time."""

    cache: Natural = 1024
    """Memory, in MiB, for the vectors of sentences that training keeps from epoch to epoch when the
    encoder is not `tuned`. 0 computes them anew in each epoch. Raise it when the corpus does not
    fit and memory allows."""

    @field_validator("alone")
    @classmethod
    def _alone_needs_a_transformer(cls, alone: bool, info: ValidationInfo) -> bool:
        if alone and not info.data.get("path"):
            raise ValueError("be false without transformer.path")
        return alone


class EmbedderConfig(Section):
    """Dropout on the vectors of tokens, all of their parts joined."""

    dropout: Rate = 0.5
    """Share of the features, at least 0 and below 1, that training hides at all tokens of a
    sentence alike (locked dropout). Raise it when the model overfits; lower it for short texts, as
    the recipe for TREC questions does (0.3)."""

    word_dropout: Rate = 0.05
    """Share of tokens, at least 0 and below 1, that training hides altogether, so that the model
    learns to use the context. 0 turns it off."""
