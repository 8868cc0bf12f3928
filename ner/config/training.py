"""Settings of how weights are found."""

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


class AugmentationConfig(Section):
    """Changes to training sentences, drawn anew in each epoch.

    Each change has a share of the sentences, from 0 (none) to 1 (all); the others are shown as they
    are.
    """

    upper: Share = 0.0
    """Share of the training sentences that are shown in UPPER CASE. Raise it, to 0.1 for example,
    when the model will meet such text; `upper`, `lower` and `title` may add up to at most 1."""

    lower: Share = 0.0
    """Share of the training sentences that are shown in lower case. Raise it when the model will
    meet text without capitals; the recipe for WNUT-2017 uses 0.2."""

    title: Share = Field(default=0.0, validate_default=True)
    """Share of the training sentences that are shown With A Capital At Each Word. Raise it when the
    model will meet headlines; the recipe for WNUT-2017 uses 0.1."""

    mentions: Share = 0.0
    """Share of the training sentences in which entities are replaced by other entities of the same
    label; only for task `ner`. Raise it when the training data hold few names: 0.5 gained 0.9 F1 on
    the Spanish CoNLL-2002."""

    mention_rate: PositiveShare = 0.5
    """Probability that `mentions` replaces an entity of a chosen sentence, above 0 and at most
    1."""

    tokens: Share = 0.0
    """Share of the training sentences in which tokens are replaced by other tokens with the same
    tag, frequent ones more often; only for tasks `ner` and `tag`. Try it with little data."""

    token_rate: PositiveShare = 0.3
    """Probability that `tokens` replaces a token of a chosen sentence, above 0 and at most 1."""

    delete: Share = 0.0
    """Share of the training texts that are shown with some tokens left out; only for task
    `classify`. Raise it when the model overfits; the recipe for SST-2 uses 1."""

    delete_rate: PositiveShare = 0.1
    """Probability that `delete` leaves out a token of a chosen text, above 0 and at most 1. One
    token always stays."""

    swap: Share = 0.0
    """Share of the training texts in which tokens change places; only for task `classify`. Try it
    when the order of words matters little."""

    swap_rate: PositiveShare = 0.1
    """Swaps of two tokens that `swap` makes for each token of a chosen text, above 0 and at most 1;
    always at least one swap."""

    @field_validator("title")
    @classmethod
    def _a_sentence_has_one_case(cls, title: float, info: ValidationInfo) -> float:
        shares = [info.data.get(name, 0.0) for name in ("upper", "lower")]
        if sum(shares) + title > 1 + 1e-9:
            raise ValueError(f"be at most 1 together with upper and lower, {shares}")
        return title


class TrainingConfig(Section):
    """How the weights are learned."""

    epochs: Literal["auto"] | Count = "auto"
    """Passes over the training sentences: a number, at least 1, or `auto`, which takes 25, and more
    where these would make fewer than 1,500 steps (at most 60). With `patience`, the most that are
    made. The schedules `one-cycle` and `cosine` stretch over them. Lower it when the development
    score stops rising early."""

    patience: Count | None = None
    """Epochs without a better development score after which training stops, at least 1. Unset: all
    epochs are run. Set it with the schedules `plateau`, `inverse-epoch` and `constant`; the others
    are best when they run to their end."""

    batch_size: Literal["auto"] | Count = "auto"
    """Sentences in a batch: a number, at least 1, or `auto`, which takes 4 for fewer than 250
    training sentences, 8 for fewer than 4,000, and 16 for more. Larger batches train faster;
    smaller ones take more steps per epoch, which helps with few sentences."""

    batch_tokens: Count | None = None
    """Tokens in a batch, padding included, at least 1; it replaces `batch_size`. Unset: batches are
    counted in sentences. Set it, to 4000 for example, when long texts need too much memory."""

    optimizer: Literal["adamw", "sgd"] = "adamw"
    """Method that changes the weights: `adamw`, or `sgd`, with or without `momentum`. `sgd` needs a
    much larger `learning_rate`, such as 0.1, and suits the schedule `plateau`."""

    learning_rate: Positive = 2e-3
    """Highest learning rate, above 0, for a loss that is the mean over the sentences of a batch.
    Lower it when the loss jumps or is not finite; raise it when there are few steps, as the recipe
    for TREC does (4e-3)."""

    embedding_rate: Positive = 0.5
    """Factor on the learning rate of all embedding tables (words, characters, affixes and so on),
    above 0. A transformer has `transformer.rate` instead. Raise it to 1 when pretrained vectors fit
    the task badly, as the recipe for SST-2 does."""

    momentum: Rate = 0.0
    """Momentum of `sgd`, at least 0 and below 1. 0.9 usually goes with a learning rate ten times
    lower. On a CPU it makes large word tables slow, because every row moves at every step. `adamw`
    ignores it."""

    betas: Annotated[tuple[Rate, PositiveRate], Strict(False)] = (0.9, 0.99)
    """How slowly `adamw` forgets earlier gradients, and their squares: two numbers from 0 to below
    1, the second above 0. Raise the second, to 0.999 for example, when the loss is unsteady. `sgd`
    ignores it."""

    weight_decay: NonNegative = 0.0
    """How strongly each step pulls the weight matrices towards zero, at least 0. It leaves out
    biases, embedding tables and the transitions of the CRF. Raise it, to 0.01 for example, when the
    model overfits although dropout is high."""

    l1: NonNegative = 0.0
    """Loss that is added for each unit of absolute weight, at least 0, over the matrices that
    `weight_decay` works on. It favours few large weights over many small ones. Try more dropout
    first."""

    l2: NonNegative = 0.0
    """Loss that is added for each unit of squared weight, at least 0, over the same matrices.
    Unlike the `weight_decay` of `adamw`, it is clipped and scaled with the rest of the gradient.
    Try more dropout first."""

    schedule: Literal["one-cycle", "cosine", "plateau", "inverse-epoch", "constant"] = "one-cycle"
    """How the learning rate changes: `one-cycle` and `cosine` rise during `warmup` and fall to zero
    at the end of the last epoch; `plateau` halves when the development score stalls;
    `inverse-epoch` falls from epoch to epoch; `constant` stays. Take one of the last three when you
    cannot say in advance how many epochs are needed."""

    warmup: Rate = 0.1
    """Share of all steps, at least 0 and below 1, in which the learning rate of `one-cycle` and
    `cosine` rises. Raise it when training is unstable at the start. Other schedules ignore it."""

    decay: NonNegative = 0.05
    """How fast the learning rate of `inverse-epoch` falls, at least 0: after N epochs it is
    `learning_rate / (1 + decay * N)`. Other schedules ignore it."""

    plateau_patience: Count = 3
    """Epochs without a better development score after which `plateau` halves the learning rate, at
    least 1. It should be below `patience`. Other schedules ignore it."""

    clip_norm: Annotated[Positive | None, BeforeValidator(lambda norm: norm or None)] = 1.0
    """Greatest norm of all gradients together, at least 0; larger gradients are scaled down to it.
    0 turns this off. Lower it when the loss jumps."""

    ema: Rate = 0.999
    """Share of the old average that each step keeps in the averaged weights, at least 0 and below
    1. The averages are what is scored and saved. Lower it when there are few steps, as the recipe
    for TREC does (0.995); 0 turns averaging off."""

    weights: str = ""
    """File with a weight of at least 0 for each training sentence, as `ner data suspects --weights`
    writes it. The loss of a sentence is multiplied by its weight. Empty: all sentences have the
    weight 1. Set it when some of the annotation is known to be worse than the rest."""

    teacher: str = ""
    """Folder of a model or an ensemble whose probabilities the model learns, besides the gold
    annotation. It knows the same labels. Empty: there is none. Set it to make one small and fast
    model of an ensemble."""

    teacher_weight: Share = 0.5
    """Share of `teacher` in the loss of training sentences, from 0 to 1; the rest is that of the
    gold annotation. Raise it when the teacher is much better than the annotation."""

    teacher_folds: Literal[0] | Annotated[Count, Field(ge=2)] = 0
    """Number of parts of the training data for each of which `teacher` is trained anew on the other
    parts, at least 2; 0 asks the teacher itself. Set it, to 3 for example, when the teacher learned
    these data by heart: it is less sure of sentences that it has not seen."""

    raw: str = ""
    """Text file with a sentence on each line, without annotation, that the model learns from
    `teacher` alone. Empty: there is none. Set it when there is much text of the kind that the model
    will meet."""

    document_folds: Literal[0] | Annotated[Count, Field(ge=2)] = 0
    """Number of parts of the training data, at least 2, each of which is tagged by a model of the
    other parts, so that the model learns to use evidence from the rest of a document; 0 leaves that
    out. Set it, to 3 for example, where the data name their documents and accuracy counts more than
    the time of training: 3 takes three times as long, and 0.6 points of F1 were gained on
    CoNLL-2003."""

    precision: Literal["fp32", "bf16"] = "fp32"
    """Number format of the embedder and encoder in training; the head, and all later tagging, use
    `fp32`. `bf16` is faster for wide encoders on hardware that supports it: with 256 per direction
    it gained 17 % on a Zen 4 CPU, with 100 nothing."""

    device: str = "auto"
    """Device that training runs on: `cpu`, `cuda`, `cuda:N` for GPU number N, or `auto`, which
    takes a GPU when there is one."""

    threads: Count | None = None
    """CPU threads that torch uses, at least 1. Unset: torch decides, usually one per core. Set it
    to 1 when several runs share a machine."""

    checkpoint_minutes: Positive = 10.0
    """Minutes between checkpoints within an epoch, above 0. A checkpoint is also written after each
    epoch. Lower it when runs are often interrupted; `--resume` goes on from the last checkpoint."""

    export: bool = True
    """Whether training also writes the ONNX files with which tagging needs no torch and is faster.
    `ner export MODEL` can write them later."""
