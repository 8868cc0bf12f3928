"""Settings of how weights are found."""

# The checker does not see that the first argument of `Field` is a default.
# pyright: reportCallIssue=false

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, Strict, ValidationInfo, field_validator

from ner.config.base import (
    Count,
    NonNegative,
    Positive,
    PositiveRate,
    PositiveShare,
    Rate,
    Section,
    Share,
)


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

    epochs: Count = Field(25, description="at most, where there is a patience")
    patience: Count | None = Field(
        None, description="epochs without a better development score before stopping early"
    )
    batch_size: Count = Field(16, description="sentences in a batch")
    batch_tokens: Count | None = Field(
        None, description="tokens in a batch, padding included, instead of batch_size"
    )
    optimizer: Literal["adamw", "sgd"] = Field("adamw", description="with its own settings below")
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
    schedule: Literal["one-cycle", "cosine", "plateau", "inverse-epoch", "constant"] = Field(
        "one-cycle", description="of the learning rate"
    )
    warmup: Rate = Field(0.1, description="share of all steps, of one-cycle and cosine")
    decay: NonNegative = Field(0.05, description="of inverse-epoch: rate / (1 + decay * epoch)")
    plateau_patience: Count = Field(3, description="epochs before plateau halves the rate")
    clip_norm: Annotated[Positive | None, BeforeValidator(lambda norm: norm or None)] = Field(
        1.0, description="greatest norm of all gradients together; 0: no clipping"
    )
    ema: Rate = Field(0.999, description="decay of the averaged weights; 0: no averaging")
    precision: Literal["fp32", "bf16"] = Field("fp32", description="of embedder and encoder")
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N; auto takes cuda if there")
    threads: Count | None = Field(None, description="threads of torch; None leaves its choice")
    checkpoint_minutes: Positive = Field(10.0, description="between checkpoints within an epoch")
    export: bool = Field(True, description="write model.onnx, so that tagging needs no torch")
