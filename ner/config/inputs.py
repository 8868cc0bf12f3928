"""Settings of what the network reads."""

# The checker does not see that the first argument of `Field` is a default.
# pyright: reportCallIssue=false

from typing import Annotated, Literal

from annotated_types import Ge, MultipleOf
from pydantic import Field, ValidationInfo, field_validator

from ner.config.base import Count, Names, Natural, Positive, Rate, Section


class Words(Section):
    """A trained vector for each word of the training split."""

    size: Count = Field(
        100, description="width; that of the pretrained vectors where there are any"
    )
    lowercase: bool = Field(True, description="spellings that differ in case share a vector")
    replace_singletons: Rate = Field(
        0.5, description="how often a word seen once (and without a vector) is shown as unknown"
    )


class VectorsSection(Section):
    """Pretrained vectors: GloVe, word2vec or fastText text files, plain, .gz or .zip."""

    path: str = Field("", description="the file; empty: none")
    keep: Literal["all"] | Natural = Field(
        "all", description="how many of the most frequent vectors the model keeps for new words"
    )


class Characters(Section):
    """A network over the characters of a word."""

    kind: Literal["cnn", "lstm", "none"] = Field("cnn", description="of the network")
    size: Count = Field(30, description="width of a character's vector")
    output_size: Annotated[int, Ge(2), MultipleOf(2)] = Field(
        50, description="width of what a word gets: filters of the cnn, both directions of the lstm"
    )
    width: Literal[1, 3, 5, 7] = Field(3, description="characters in a window of the cnn")


class Shape(Section):
    """A vector for the case and digits of a word."""

    size: Natural = Field(10, description="0 leaves it out")


class Affixes(Section):
    """Vectors for the first 2-3 and last 2-4 letters of a word, hashed into a table."""

    rows: Literal["auto"] | Natural = Field(
        "auto", description="0: none; auto: 32768 without pretrained vectors, none with them"
    )
    size: Count = Field(20, description="width of one affix's vector")


class BigramSection(Section):
    """Vectors for the pairs of a token with its neighbours, as for Chinese characters."""

    size: Natural = Field(0, description="width of one pair's vector; 0 leaves them out")
    min_count: Annotated[int, Ge(2)] = Field(
        2, description="rarer pairs have no row, and teach training what an unknown one means"
    )
    dropout: Rate = Field(0.0, description="share of pairs that training shows as unknown")


class Inputs(Section):
    """Columns of the corpus that the model reads beside the tokens."""

    columns: Names = Field((), description="their names; empty: none")
    size: Count = Field(20, description="width of the vector of each column")


class TransformerSection(Section):
    """A pretrained encoder of the library `transformers` that reads whole sentences."""

    path: str = Field("", description="a folder, or a name on the hub; empty: none")
    revision: str | None = Field(None, description="branch, tag or commit of the name on the hub")
    alone: bool = Field(False, description="in place of all that a word itself shows")
    tuned: bool = Field(False, description="it learns along; else it stays as it is")
    rate: Positive = Field(0.01, description="factor on the learning rate of its own weights")
    layers: Literal["last", "mean4", "mix"] = Field(
        "mean4", description="the last layer, the mean of the last four, a learnt mean of all"
    )
    pooling: Literal["mean", "first"] = Field("mean", description="of a token's sub-words")
    context: Natural = Field(
        0, description="sub-words of the document before a sentence, and behind it, read along"
    )
    window: Count | None = Field(
        None, description="sub-words read at once, marks included; None: as many as it takes"
    )
    overlap: Natural = Field(
        128, description="sub-words that windows of a long sentence share; at most half of one"
    )
    cache: Natural = Field(
        1024, description="MiB of vectors that training keeps of an encoder that does not learn"
    )

    @field_validator("alone")
    @classmethod
    def _nothing_is_not_alone(cls, alone: bool, info: ValidationInfo) -> bool:
        if alone and not info.data.get("path"):
            raise ValueError("be false without transformer.path")
        return alone


class EmbedderSection(Section):
    """Regularisation of the embedded tokens."""

    dropout: Rate = Field(0.5, description="locked dropout")
    word_dropout: Rate = Field(0.05, description="share of tokens hidden altogether")
