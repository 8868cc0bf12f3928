"""Settings of the network above its inputs."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, Strict, ValidationInfo, field_validator

from ner.config.base import Count, Natural, NonNegative, Positive, Rate, Section


class EncoderConfig(Section):
    """The network that reads the tokens of a sentence in context."""

    kind: Literal["rnn", "idcnn"] = "rnn"
    """Kind of network: recurrent (`rnn`), or iterated dilated convolutions (`idcnn`). On a CPU,
    `rnn` is both more accurate and faster (development F1 93.2 against 87.4 on CoNLL-2003 after
    eight epochs)."""

    cell: Literal["lstm", "gru", "mingru", "minlstm"] = "lstm"
    """Cell of the `rnn`. `lstm` is the most accurate; `gru` is smaller. `mingru` and `minlstm` work
    on all tokens at once: they tag up to twice as fast, and lose about two points of F1 on
    CoNLL-2003."""

    size: Count = 200
    """Width of the hidden states of one direction, at least 1; for `idcnn`, the number of filters.
    It has the largest influence on speed. Lower it to 100 for a small and fast model; a larger one
    may need more dropout."""

    layers: Count = 1
    """Number of `rnn` layers on top of each other, at least 1. For `idcnn`, the convolutions of its
    block before the last one, each of which reads tokens twice as far apart. A second `rnn` layer
    halves the training speed and brought nothing on CoNLL-2003."""

    dropout: Rate = 0.5
    """Share of the states, at least 0 and below 1, that training hides after each layer, at all
    tokens of a sentence alike (locked dropout). Raise it when the model overfits; lower it when
    even the training loss stays high."""

    bidirectional: bool = True
    """Whether the `rnn` also reads each sentence backwards. False is faster and costs about two
    points of F1 on CoNLL-2003. It must be true for `idcnn`, which sees both sides anyway."""

    projection: Natural = 0
    """Width that the states of an `lstm` are reduced to before the next token and layer read them;
    below `size`. 0: no reduction. It allows a wide `lstm` with few weights: 400 reduced to 100 had
    the best F1 of all encoders on CoNLL-2003 (93.5 against 93.2), at half the training speed."""

    weight_drop: Rate = 0.0
    """Share of the recurrent weights of `lstm` and `gru`, at least 0 and below 1, that each batch
    of training leaves out. Raise it when the model overfits although `dropout` is high; training
    becomes about a fifth slower."""

    layer_norm: bool = False
    """Whether the states of each layer are normalised, token by token. It costs almost no time. Try
    it when training is unstable or there is little data; the recipe for Chinese résumés uses it."""

    residual: bool = False
    """Whether each layer from the second on adds its input to its output, which makes deep networks
    easier to train. It needs two `rnn` layers or more, or `idcnn`."""

    iterations: Count = 4
    """How many times `idcnn` applies its block, at least 1, always with the same weights. More
    iterations see a wider context and take more time. The `rnn` ignores it."""

    attention_heads: Natural = 0
    """Heads of a self-attention layer on top, through which each token sees all others; they must
    divide the width of the states. 0: none. It costs a third of the training speed and brought
    nothing on CoNLL-2003."""

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


class PoolingConfig(Section):
    """How the states of a text's tokens become one vector. Only task `classify` uses it."""

    kinds: Annotated[
        tuple[Literal["attention", "structured", "max", "mean", "last"], ...],
        Strict(False),
        BeforeValidator(lambda kinds: [kinds] if isinstance(kinds, str) else kinds),
    ] = ("attention",)
    """One or several of these, whose vectors are joined: `attention` (a learned weighted mean),
    `structured` (several weighted means side by side), `max`, `mean`, or `last` (the states at the
    end of each direction). On TREC, `attention` is best (accuracy 92.2; `max` 91.1, `mean` 91.8,
    `last` 91.7), and its weights show which words mattered."""

    size: Count = 100
    """Width of the hidden layer that computes the weights of `attention` and `structured`, at least
    1. Lower it when the model overfits."""

    heads: Count = 1
    """Heads of `attention`, at least 1, each of which weighs its own share of the features; they
    must divide the width of the states. Raise it when different words matter for different
    reasons."""

    hops: Count = 4
    """Weighted means of `structured`, at least 1. Each is as wide as the states, so the vector of
    the text grows with them. Raise it for long texts."""

    penalty: NonNegative = 0.0
    """Strength, in the loss, of a term that makes the means of `structured` look at few and at
    different tokens; at least 0, and 0 without `structured`. Raise it when all means look at the
    same words; the authors of the method use 1."""

    hierarchical: bool = False
    """Whether the words of each sentence are pooled first, and then the sentences by attention. Use
    it for texts of many sentences. It needs the extra `sentences`, which finds them."""

    language: str = Field(default="en", pattern="^[a-z]{2,3}$")
    """Language of the texts, as an ISO 639 code of two or three letters, such as `en` or `de`. Its
    rules find the sentences for `hierarchical`; nothing else uses it."""

    hard_wrapped: bool = False
    """Whether the texts are hard-wrapped: only a blank line then ends a sentence. False: every line
    break ends one. Only `hierarchical` uses it."""

    @field_validator("kinds")
    @classmethod
    def _kinds_are_named_once(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        if not kinds or len(set(kinds)) < len(kinds):
            raise ValueError("name at least one kind, and each once")
        return kinds

    @field_validator("penalty")
    @classmethod
    def _penalty_is_for_hops(cls, penalty: float, info: ValidationInfo) -> float:
        if penalty and "structured" not in info.data.get("kinds", ("structured",)):
            raise ValueError("be 0 where structured is not among the kinds")
        return penalty


class HeadConfig(Section):
    """How hidden states become tags, or the classes of a text."""

    kind: Literal["crf", "softmax"] = "crf"
    """What scores the tags in tasks `ner` and `tag`: a `crf`, which learns which tag follows which,
    or `softmax`, which scores each token by itself. The `crf` gives 0.8 F1 more on CoNLL-2003;
    `softmax` is a little faster. Both predict only legal tag sequences."""

    scheme: Literal["BIO", "BIOES"] = "BIOES"
    """Tag scheme that the model learns in task `ner`; the files may have another. `BIOES` also
    marks the last token of an entity and usually gives 0.1 to 0.3 F1 more; `BIO` has half as many
    tags, which makes the `crf` faster when there are many labels."""

    cost: NonNegative = 0.0
    """Margin, in nats, by which training asks the right tags to beat wrong ones, for each wrong
    token; at least 0. Only the `crf` can use it (softmax-margin training). 0: plain likelihood. A
    cost of 1 brought nothing on CoNLL-2003."""

    bonus: NonNegative = 0.0
    """Nats by which each entity scores more in tagging than the annotation asks for, at least 0;
    only for task `ner` and the `crf`. 0: none. Raise it, to 1.5 for example, when recall is much
    lower than precision, as on text unlike the training data. Scores of entities rise with it."""

    ends: bool = True
    """Whether the `crf` learns which tags begin and end a sentence. Set it to false when the
    sentences are cut at arbitrary places. On CoNLL-2003, F1 was 0.2 lower without, which is about
    what another seed changes."""

    weights: dict[str, Positive] = Field(default={})
    """How much each label counts in the loss, such as `{PER = 2.0}`; above 0, and 1 for `O` and for
    labels that are not named. Raise the weight of a rare label whose recall is too low; precision
    may fall."""

    multi_label: bool = False
    """Whether a text may have several labels, or none, in task `classify`. True: each label has a
    probability of its own, and is predicted when that is above 0.5. False: each text has exactly
    one label."""

    label_smoothing: Rate = 0.0
    """Share of the right label's weight, at least 0 and below 1, that is spread over all labels in
    task `classify`. Raise it when labels are doubtful or the model overfits; the recipe for SST-2
    uses 0.2."""

    @field_validator("ends")
    @classmethod
    def _ends_are_for_paths(cls, ends: bool, info: ValidationInfo) -> bool:
        if not ends and info.data.get("kind") == "softmax":
            raise ValueError("be true where the kind is softmax")
        return ends

    @field_validator("cost", "bonus")
    @classmethod
    def _losses_of_paths_are_for_crfs(cls, nats: float, info: ValidationInfo) -> float:
        if nats and info.data.get("kind") == "softmax":
            raise ValueError("be 0 where the kind is softmax")
        return nats
