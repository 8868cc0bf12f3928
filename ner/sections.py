"""Every setting, once: its default, its range, what it means."""

# The checker does not see that the first argument of `Field` is a default.
# pyright: reportCallIssue=false

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Lt, MultipleOf
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationInfo,
    field_validator,
)

Rate = Annotated[float, Ge(0), Lt(1)]
PositiveRate = Annotated[float, Gt(0), Lt(1)]
Positive = Annotated[float, Gt(0)]
NonNegative = Annotated[float, Ge(0)]
Count = Annotated[int, Ge(1)]
Natural = Annotated[int, Ge(0)]
Names = Annotated[tuple[str, ...], Strict(False)]  # a list, in TOML


class Section(BaseModel):
    """Settings that belong together: checked, and never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Data(Section):
    """Where the sentences are: a file or folder in any format that `ner data convert` reads,
    `hub:NAME[:SPLIT]` of HF `datasets`, or `sample:SPLIT` for the corpus inside the package.
    """  # noqa: D205

    train: str = ""
    dev: str = ""
    test: str = ""
    format: str | None = Field(None, description="of the files; None detects and prints it")
    encoding: str = "utf-8"
    columns: Names = Field(
        (), description="names of a CoNLL file's columns; empty: the first is token, the last ner"
    )
    tags: str | None = Field(
        None, description="column of entity tags, or their key in CoNLL-U; None: ner"
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
    hub_tokens: str | None = Field(None, description="column of tokens in HF datasets")
    hub_tags: str | None = Field(None, description="column of tags in HF datasets")
    on_error: Literal["raise", "skip"] = "raise"


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

    path: str = ""
    keep: Literal["all"] | Natural = Field(
        "all", description="how many of the most frequent vectors the model keeps for new words"
    )


class Characters(Section):
    """A network over the characters of a word."""

    kind: Literal["cnn", "lstm", "none"] = "cnn"
    size: Count = Field(30, description="width of a character's vector")
    output_size: Annotated[int, Ge(2), MultipleOf(2)] = 50
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


class Inputs(Section):
    """Columns of the corpus that the model reads beside the tokens."""

    columns: Names = ()
    size: Count = 20


class EmbedderSection(Section):
    """Regularisation of the embedded tokens."""

    dropout: Rate = Field(0.5, description="locked dropout")
    word_dropout: Rate = Field(0.05, description="share of tokens hidden altogether")


class EncoderSection(Section):
    """The bidirectional recurrent network."""

    cell: Literal["lstm", "gru"] = "lstm"
    size: Count = Field(200, description="width of one direction")
    layers: Count = 1
    dropout: Rate = Field(0.5, description="locked dropout after each layer")


class HeadSection(Section):
    """How hidden states become tags."""

    kind: Literal["crf", "softmax"] = "crf"
    scheme: Literal["BIO", "BIOES"] = "BIOES"
    cost: NonNegative = Field(
        0.0, description="nats by which a gold path has to beat others for each wrong token; crf"
    )
    weights: dict[str, Positive] = Field(
        {}, description="how much entities of a label matter; O and others count 1"
    )

    @field_validator("cost")
    @classmethod
    def _cost_is_for_paths(cls, cost: float, info: ValidationInfo) -> float:
        if cost and info.data.get("kind") == "softmax":
            raise ValueError("be 0 where the kind is softmax")
        return cost


class Training(Section):
    """How the weights are found."""

    epochs: Count = 25
    patience: Count | None = Field(
        None, description="epochs without a better development score before stopping early"
    )
    batch_size: Count = Field(16, description="sentences in a batch")
    batch_tokens: Count | None = Field(
        None, description="tokens in a batch, padding included, instead of batch_size"
    )
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: Positive = Field(2e-3, description="peak; of the mean loss over sentences")
    embedding_rate: Positive = Field(0.5, description="factor on the rate of the word table")
    momentum: Rate = Field(0.0, description="of sgd")
    betas: Annotated[tuple[Rate, PositiveRate], Strict(False)] = Field(
        (0.9, 0.99), description="of adamw"
    )
    weight_decay: NonNegative = Field(0.0, description="spares biases and the CRF")
    schedule: Literal["one-cycle", "cosine", "plateau", "inverse-epoch", "constant"] = "one-cycle"
    warmup: Rate = Field(0.1, description="share of all steps, of one-cycle and cosine")
    decay: NonNegative = Field(0.05, description="of inverse-epoch: rate / (1 + decay * epoch)")
    plateau_patience: Count = Field(3, description="epochs before plateau halves the rate")
    clip_norm: Annotated[Positive | None, BeforeValidator(lambda norm: norm or None)] = Field(
        1.0, description="greatest norm of all gradients together; 0: no clipping"
    )
    ema: Rate = Field(0.999, description="decay of the averaged weights; 0: no averaging")
    precision: Literal["fp32", "bf16"] = "fp32"
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N; auto takes cuda if there")
    threads: Count | None = Field(None, description="threads of torch; None leaves its choice")
    checkpoint_minutes: Positive = 10.0
    export: bool = Field(True, description="write model.onnx, so that tagging needs no torch")
