"""Every setting, once: its default, its range, what it means."""

# The checker does not see that the first argument of `Field` is a default.
# pyright: reportCallIssue=false

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt, MultipleOf
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
Share = Annotated[float, Ge(0), Le(1)]
PositiveShare = Annotated[float, Gt(0), Le(1)]
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
    on_error: Literal["raise", "skip"] = "raise"
    storage: Literal["auto", "memory", "disk"] = Field(
        "auto", description="of encoded training data; auto: a file of 256 MB or more on the disk"
    )


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


class BigramSection(Section):
    """Vectors for the pairs of a token with its neighbours, as for Chinese characters."""

    size: Natural = Field(0, description="width of one pair's vector; 0 leaves them out")
    min_count: Annotated[int, Ge(2)] = Field(
        2, description="rarer pairs have no row, and teach training what an unknown one means"
    )
    dropout: Rate = Field(0.0, description="share of pairs that training shows as unknown")


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


class Inputs(Section):
    """Columns of the corpus that the model reads beside the tokens."""

    columns: Names = ()
    size: Count = 20


class EmbedderSection(Section):
    """Regularisation of the embedded tokens."""

    dropout: Rate = Field(0.5, description="locked dropout")
    word_dropout: Rate = Field(0.05, description="share of tokens hidden altogether")


class EncoderSection(Section):
    """The network over the tokens of a sentence."""

    kind: Literal["rnn", "idcnn"] = Field(
        "rnn", description="recurrent, or iterated dilated convolutions"
    )
    cell: Literal["lstm", "gru", "mingru", "minlstm"] = Field(
        "lstm", description="of rnn; mingru and minlstm work on all tokens at once"
    )
    size: Count = Field(200, description="width of one direction; filters of idcnn")
    layers: Count = Field(1, description="of idcnn: convolutions of its block before the last one")
    dropout: Rate = Field(0.5, description="locked dropout after each layer")
    bidirectional: bool = Field(True, description="rnn reads backwards as well")
    projection: Natural = Field(
        0, description="width that the states of an lstm are projected to; 0: none"
    )
    weight_drop: Rate = Field(
        0.0, description="share of recurrent weights dropped for a batch; lstm and gru"
    )
    layer_norm: bool = Field(False, description="normalise the states of each layer")
    residual: bool = Field(
        False, description="add what a layer reads to what it gives, from the second on"
    )
    iterations: Count = Field(4, description="how often idcnn goes through its block")
    attention_heads: Natural = Field(0, description="of self-attention over the states; 0: none")

    @field_validator("bidirectional")
    @classmethod
    def _convolutions_see_both_sides(cls, bidirectional: bool, info: ValidationInfo) -> bool:
        if not bidirectional and info.data.get("kind") == "idcnn":
            raise ValueError("be true where the kind is idcnn")
        return bidirectional

    @field_validator("projection", "weight_drop")
    @classmethod
    def _cells_have_recurrent_weights(cls, value: float, info: ValidationInfo) -> float:
        kind, cell = info.data.get("kind"), info.data.get("cell")
        known = ("lstm",) if info.field_name == "projection" else ("lstm", "gru")
        if value and kind == "idcnn":
            raise ValueError("be 0 where the kind is idcnn")
        if value and cell is not None and cell not in known:
            raise ValueError(f"be 0 where the cell is {cell}")
        return value

    @field_validator("projection")
    @classmethod
    def _projections_are_narrower(cls, projection: int, info: ValidationInfo) -> int:
        size = info.data.get("size")
        if size is not None and projection >= size:
            raise ValueError(f"be less than the size, {size}")
        return projection

    @field_validator("residual")
    @classmethod
    def _the_first_layer_changes_the_width(cls, residual: bool, info: ValidationInfo) -> bool:
        if residual and info.data.get("kind") == "rnn" and info.data.get("layers") == 1:
            raise ValueError("be false where there is one layer")
        return residual

    @field_validator("attention_heads")
    @classmethod
    def _heads_have_equal_shares(cls, heads: int, info: ValidationInfo) -> int:
        width = info.data.get("projection") or info.data.get("size")
        if heads and width is not None:
            both = info.data.get("kind") == "rnn" and info.data.get("bidirectional")
            states = width * (2 if both else 1)
            if states % heads:
                raise ValueError(f"divide the width of the states, {states}")
        return heads


class HeadSection(Section):
    """How hidden states become tags, or the classes of a text."""

    kind: Literal["crf", "softmax"] = "crf"
    scheme: Literal["BIO", "BIOES"] = "BIOES"
    cost: NonNegative = Field(
        0.0, description="nats by which a gold path has to beat others for each wrong token; crf"
    )
    ends: bool = Field(True, description="scores of the first and of the last tag; crf")
    weights: dict[str, Positive] = Field(
        {}, description="how much entities of a label matter; O and others count 1"
    )

    multi_label: bool = Field(
        False, description="a text may have several labels, or none; classify"
    )
    label_smoothing: Rate = Field(0.0, description="share of the gold label's weight; classify")

    @field_validator("ends")
    @classmethod
    def _ends_are_for_paths(cls, ends: bool, info: ValidationInfo) -> bool:
        if not ends and info.data.get("kind") == "softmax":
            raise ValueError("be true where the kind is softmax")
        return ends

    @field_validator("cost")
    @classmethod
    def _cost_is_for_paths(cls, cost: float, info: ValidationInfo) -> float:
        if cost and info.data.get("kind") == "softmax":
            raise ValueError("be 0 where the kind is softmax")
        return cost


class PoolingSection(Section):
    """How the states of a text's tokens become one vector, for classification."""

    kinds: Annotated[
        tuple[Literal["attention", "structured", "max", "mean", "last"], ...],
        Strict(False),
        BeforeValidator(lambda kinds: [kinds] if isinstance(kinds, str) else kinds),
    ] = Field(("attention",), description="one or several of which the vectors are put together")
    size: Count = Field(100, description="width of the hidden layer of attention")
    heads: Count = Field(1, description="of attention; each weighs a share of the features")
    hops: Count = Field(4, description="heads of structured; each weighs all features")
    penalty: NonNegative = Field(
        0.0, description="on heads of structured that look at the same or at many tokens"
    )
    hierarchical: bool = Field(
        False, description="pool the words of each sentence, then sentences by attention"
    )
    language: str = Field(
        "en", pattern="^[a-z]{2,3}$", description="of the sentences that hierarchical looks for"
    )

    @field_validator("kinds")
    @classmethod
    def _some_kinds_once(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        if not kinds or len(set(kinds)) < len(kinds):
            raise ValueError("name at least one kind, and each once")
        return kinds

    @field_validator("penalty")
    @classmethod
    def _penalty_is_for_hops(cls, penalty: float, info: ValidationInfo) -> float:
        if penalty and "structured" not in info.data.get("kinds", ("structured",)):
            raise ValueError("be 0 where structured is not among the kinds")
        return penalty


class AugmentationSection(Section):
    """Training sentences shown changed, anew in each epoch: for each kind a share of them."""

    upper: Share = Field(0.0, description="share of sentences shown in upper case")
    lower: Share = Field(0.0, description="in lower case")
    title: Share = Field(
        0.0, validate_default=True, description="with a capital at each word, as headlines"
    )
    mentions: Share = Field(
        0.0, description="with names replaced by others of their label; task ner"
    )
    mention_rate: PositiveShare = Field(0.5, description="share of their names that are replaced")
    tokens: Share = Field(
        0.0, description="with tokens replaced by others with their tag; tasks ner and tag"
    )
    token_rate: PositiveShare = Field(0.3, description="share of their tokens that are replaced")
    delete: Share = Field(0.0, description="without some of their tokens; task classify")
    delete_rate: PositiveShare = Field(0.1, description="share of their tokens that are left out")
    swap: Share = Field(0.0, description="with tokens that change places; task classify")
    swap_rate: PositiveShare = Field(0.1, description="swaps of two tokens, a token; at least one")

    @field_validator("title")
    @classmethod
    def _a_sentence_has_one_case(cls, title: float, info: ValidationInfo) -> float:
        shares = [info.data.get(name, 0.0) for name in ("upper", "lower")]
        if sum(shares) + title > 1 + 1e-9:
            raise ValueError(f"be at most 1 together with upper and lower, {shares}")
        return title


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
    weight_decay: NonNegative = Field(
        0.0, description="spares biases, embedding tables and the CRF, as l1 and l2 do"
    )
    l1: NonNegative = Field(0.0, description="added to the loss for each unit of absolute weight")
    l2: NonNegative = Field(0.0, description="added to the loss for each unit of squared weight")
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
