"""Every setting, once: its default, its range, what it means. Files are TOML."""

# The checker does not see that the first argument of `Field` is a default.
# pyright: reportCallIssue=false

import difflib
import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Lt, MultipleOf
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, ValidationError

from ner.errors import ConfigError

Rate = Annotated[float, Ge(0), Lt(1)]
Positive = Annotated[float, Gt(0)]
NonNegative = Annotated[float, Ge(0)]
Count = Annotated[int, Ge(1)]
Natural = Annotated[int, Ge(0)]
Names = Annotated[tuple[str, ...], Strict(False)]  # a list, in TOML


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Data(_Section):
    """Where the sentences are: a file (CoNLL columns or .jsonl), a folder or .parquet of HF
    `datasets`, `hub:NAME[:SPLIT]`, or `sample:SPLIT` for the corpus inside the package.
    """  # noqa: D205

    train: str = ""
    dev: str = ""
    test: str = ""
    columns: Names = Field(
        (), description="names of a CoNLL file's columns; empty: the first is token, the last ner"
    )
    hub_tokens: str | None = Field(None, description="column of tokens in HF datasets")
    hub_tags: str | None = Field(None, description="column of tags in HF datasets")
    on_error: Literal["raise", "skip"] = "raise"


class Words(_Section):
    """A trained vector for each word of the training split."""

    size: Count = Field(
        100, description="width; that of the pretrained vectors where there are any"
    )
    lowercase: bool = Field(True, description="spellings that differ in case share a vector")
    replace_singletons: Rate = Field(
        0.5, description="how often a word seen once (and without a vector) is shown as unknown"
    )


class VectorsSection(_Section):
    """Pretrained vectors: GloVe, word2vec or fastText text files, plain, .gz or .zip."""

    path: str = ""
    keep: Literal["all"] | Natural = Field(
        "all", description="how many of the most frequent vectors the model keeps for new words"
    )


class Characters(_Section):
    """A network over the characters of a word."""

    kind: Literal["cnn", "lstm", "none"] = "cnn"
    size: Count = Field(30, description="width of a character's vector")
    output_size: Annotated[int, Ge(2), MultipleOf(2)] = 50
    width: Literal[1, 3, 5, 7] = Field(3, description="characters in a window of the cnn")


class Shape(_Section):
    """A vector for the case and digits of a word."""

    size: Natural = Field(10, description="0 leaves it out")


class Affixes(_Section):
    """Vectors for the first 2-3 and last 2-4 letters of a word, hashed into a table."""

    rows: Literal["auto"] | Natural = Field(
        "auto", description="0: none; auto: 32768 without pretrained vectors, none with them"
    )
    size: Count = Field(20, description="width of one affix's vector")


class Inputs(_Section):
    """Columns of the corpus that the model reads beside the tokens."""

    columns: Names = ()
    size: Count = 20


class EmbedderSection(_Section):
    """Regularisation of the embedded tokens."""

    dropout: Rate = Field(0.5, description="locked dropout")
    word_dropout: Rate = Field(0.05, description="share of tokens hidden altogether")


class EncoderSection(_Section):
    """The bidirectional recurrent network."""

    cell: Literal["lstm", "gru"] = "lstm"
    size: Count = Field(200, description="width of one direction")
    layers: Count = 1
    dropout: Rate = Field(0.5, description="locked dropout after each layer")


class HeadSection(_Section):
    """How hidden states become tags."""

    kind: Literal["crf", "softmax"] = "crf"
    scheme: Literal["BIO", "BIOES"] = "BIOES"


class Training(_Section):
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
    betas: Annotated[tuple[Rate, Rate], Strict(False)] = Field((0.9, 0.99), description="of adamw")
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


class Config(_Section):
    """All settings of a run."""

    task: Literal["ner"] = "ner"
    seed: Natural = 1
    data: Data = Data()
    words: Words = Words()
    vectors: VectorsSection = VectorsSection()
    characters: Characters = Characters()
    shape: Shape = Shape()
    affixes: Affixes = Affixes()
    inputs: Inputs = Inputs()
    embedder: EmbedderSection = EmbedderSection()
    encoder: EncoderSection = EncoderSection()
    head: HeadSection = HeadSection()
    training: Training = Training()

    def resolved(self) -> "Config":
        """Copy with every `auto` that depends on other settings decided."""
        if self.affixes.rows != "auto":
            return self
        rows = 0 if self.vectors.path else 32768
        return self.model_copy(update={"affixes": self.affixes.model_copy(update={"rows": rows})})

    def updated(self, changes: Mapping[str, Any]) -> "Config":
        """Copy with some settings changed, given by dotted keys."""
        tree = self.model_dump(mode="json", exclude_unset=True)
        for key, value in changes.items():
            _set(tree, key, value)
        return parse_config(tree)


def load_config(path: str | Path, changes: Mapping[str, Any] | None = None) -> Config:
    """Read a TOML file; `changes` by dotted keys win over it.

    Raises:
        ConfigError: There is no such file, it is not TOML, or a setting is wrong.
    """
    try:
        tree = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path}: {(error.strerror or 'cannot be read').lower()}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}.") from None
    return parse_config(tree, where=f"{path}: ").updated(changes or {})


def parse_config(tree: Mapping[str, Any], where: str = "") -> Config:
    """Check a tree of settings.

    Raises:
        ConfigError: With the dotted key, what must hold, and what it got; one line a fault.
    """
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        unknown: list[str] = []
        # A setting of several kinds, such as "auto" or a number, has a fault for each kind.
        broken: dict[tuple[str, str], list[str]] = {}
        for fault in error.errors():
            key = ".".join(map(str, fault["loc"][:2]))
            if fault["type"] in ("extra_forbidden", "invalid_key"):
                unknown.append(f"{where}{key}: unknown key. {_suggestion(key)}")
            else:
                broken.setdefault((key, repr(fault["input"])), []).append(_rule(fault))
        wrong = [
            f"{where}{key}: must {' or '.join(rules)}. Got {got}."
            for (key, got), rules in broken.items()
        ]
        raise ConfigError("\n".join([*unknown, *wrong])) from None


def parse_setting(text: str) -> tuple[str, Any]:
    """Split `key=value`; the value is read as TOML, or as a string where it is none.

    >>> parse_setting("encoder.size=100"), parse_setting("data.train=eng.train")
    (('encoder.size', 100), ('data.train', 'eng.train'))
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set: key=value, such as encoder.size=100. Got {text!r}.")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()


def to_toml(config: Config) -> str:
    """Write all settings, resolved, as TOML with what each one means."""
    lines: list[str] = []
    for name, value in config:
        if not isinstance(value, _Section):
            lines.append(f"{name} = {_toml(value)}")
            continue
        lines.append(f"\n[{name}]")
        for key, entry in type(value).model_fields.items():
            setting = getattr(value, key)
            note = f"  # {entry.description}" if entry.description else ""
            # TOML has no null: off is a comment where it is the default, and 0 elsewhere.
            if setting is None and entry.default is None:
                lines.append(f"# {key} = none{note}")
            else:
                lines.append(f"{key} = {_toml(0 if setting is None else setting)}{note}")
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    # JSON of strings, numbers and lists is TOML, but for one character. Halves of UTF-16 pairs,
    # which names of files may hold, fit into neither.
    text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return text.encode("utf-8", "replace").decode()


def _set(tree: Any, key: str, value: Any) -> None:
    *sections, last = str(key).split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
        if not isinstance(tree, dict):
            raise ConfigError(f"{key}: {section!r} is a setting, not a section.")
    # A copy, because further changes may go into it.
    tree[last] = dict(value) if isinstance(value, Mapping) else value


def _suggestion(key: str) -> str:
    """Name the keys that an unknown one may stand for: near ones here, or its like elsewhere."""
    section, dot, last = key.rpartition(".")
    known = list(Config.model_fields)
    for name, entry in Config():
        known += [f"{name}.{key}" for key, _ in entry] if isinstance(entry, _Section) else []
    here = [name for name in known if name.rpartition(".")[0] == section]
    for names in (here, known):
        close = difflib.get_close_matches(last, [n.rpartition(".")[2] for n in names], n=1)
        found = [n.removeprefix(section + dot) for n in names if n.rpartition(".")[2] in close]
        if found:
            return f"Did you mean {' or '.join(map(repr, found))}?"
    return f"Known here: {', '.join(name.rpartition('.')[2] for name in here)}."


def _rule(fault: Any) -> str:
    """Put what pydantic says into words that follow "must"."""
    own = {
        "model_type": "be a section of settings",
        "tuple_type": "be a list",
        "missing": "have more entries",
    }
    said = re.sub(r"^\w+ should |, unable .*| after validation.*", "", fault["msg"])
    return own.get(fault["type"], said)
