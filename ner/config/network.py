"""Settings of the network above its inputs."""

# The checker does not see that the first argument of `Field` is a default.
# pyright: reportCallIssue=false

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, Strict, ValidationInfo, field_validator

from ner.config.base import Count, Natural, NonNegative, Positive, Rate, Section


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

    filled_lines: bool = Field(
        False, description="texts of lines filled up to a width: blank lines alone end sentences"
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


class HeadSection(Section):
    """How hidden states become tags, or the classes of a text."""

    kind: Literal["crf", "softmax"] = Field("crf", description="of tasks ner and tag")
    scheme: Literal["BIO", "BIOES"] = Field("BIOES", description="of the tags of task ner")
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
