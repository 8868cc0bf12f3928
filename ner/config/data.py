"""Settings of the corpora."""

# The checker does not see that the first argument of `Field` is a default.
# pyright: reportCallIssue=false

from typing import Literal

from pydantic import Field

from ner.config.base import Names, Section


class Data(Section):
    """Where the sentences are, and how they are read.

    A split is a file or a folder in any format that `ner data convert` reads, `hub:NAME[:SPLIT]`
    of HF `datasets`, or `sample:SPLIT` for the corpus inside the package.
    """

    train: str = Field("", description="what is learnt from; it must be given")
    dev: str = Field("", description="chooses the best weights; empty: a tenth of train")
    test: str = Field("", description="looked at once, when all is over")
    format: str | None = Field(None, description="of the files; None detects and prints it")
    encoding: str = Field("utf-8", description="of the files, by the name that Python has for it")
    columns: Names = Field(
        (), description="names of a CoNLL file's columns; empty: the first is token, the last ner"
    )
    tags: str | None = Field(
        None, description="column of entity tags, or their key in CoNLL-U; None: ner"
    )
    target: str | None = Field(
        None, description="column of labels without prefixes that task tag learns, such as upos"
    )
    misaligned: Literal["refuse", "snap", "drop"] = Field(
        "refuse", description="spans that do not start and end at token borders"
    )
    overlapping: Literal["refuse", "drop"] = Field(
        "refuse", description="spans that overlap or nest; drop keeps the longest"
    )
    tokenizer: Literal["conll", "ud"] = Field(
        "conll", description="rules that cut raw text, in training and when the model tags"
    )
    hub_tokens: str | None = Field(None, description="column of tokens or texts in HF datasets")
    hub_tags: str | None = Field(
        None, description="column of tags, or of labels of texts, in HF datasets"
    )
    on_error: Literal["raise", "skip"] = Field(
        "raise", description="sentences that cannot be read: stop, or leave them out and list them"
    )
    storage: Literal["auto", "memory", "disk"] = Field(
        "auto", description="of encoded training data; auto: a file of 256 MB or more on the disk"
    )
