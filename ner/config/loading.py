"""All settings of a run: checked, read, changed and written. Files are TOML."""

# The checker does not see that the first argument of `Field` is a default.
# pyright: reportCallIssue=false

import difflib
import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from ner.config import (
    Affixes,
    AugmentationSection,
    BigramSection,
    Characters,
    Data,
    EmbedderSection,
    EncoderSection,
    HeadSection,
    Inputs,
    Natural,
    PoolingSection,
    Section,
    Shape,
    Training,
    TransformerSection,
    VectorsSection,
    Words,
)
from ner.errors import ConfigError


class Config(Section):
    """All settings of a run."""

    task: Literal["ner", "tag", "classify"] = Field(
        default="ner", description="what is learnt: spans, a column of labels, or labels of texts"
    )
    seed: Natural = Field(default=1, description="of weights, order, dropout and parts held out")
    data: Data = Data()
    words: Words = Words()
    vectors: VectorsSection = VectorsSection()
    characters: Characters = Characters()
    shape: Shape = Shape()
    affixes: Affixes = Affixes()
    bigrams: BigramSection = BigramSection()
    transformer: TransformerSection = TransformerSection()
    inputs: Inputs = Inputs()
    embedder: EmbedderSection = EmbedderSection()
    encoder: EncoderSection = EncoderSection()
    head: HeadSection = HeadSection()
    pooling: PoolingSection = PoolingSection()
    augmentation: AugmentationSection = AugmentationSection()
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
        if not isinstance(value, Section):
            lines.append(f"{name} = {_toml(value)}  # {Config.model_fields[name].description}")
            continue
        lines.append(f"\n[{name}]")
        for key, entry in type(value).model_fields.items():
            setting = getattr(value, key)
            note = f"  # {entry.description}"
            # TOML has no null: off is a comment where it is the default, and 0 elsewhere.
            if setting is None and entry.default is None:
                lines.append(f"# {key} = none{note}")
            else:
                lines.append(f"{key} = {_toml(0 if setting is None else setting)}{note}")
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_toml(k)} = {_toml(v)}" for k, v in value.items()) + "}"
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
        known += [f"{name}.{key}" for key, _ in entry] if isinstance(entry, Section) else []
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
        "dict_type": "be a table",
        "missing": "have more entries",
    }
    said = re.sub(r"^\w+ should |^Value error, |, unable .*| after validation.*", "", fault["msg"])
    return own.get(fault["type"], said)
