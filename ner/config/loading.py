"""The configuration of a run: how it is read from TOML, checked, changed and written."""

import difflib
import json
import re
import textwrap
import tomllib
from collections.abc import Mapping
from inspect import cleandoc
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ner.choices import TaskName
from ner.config import (
    AffixesConfig,
    AugmentationConfig,
    AuxiliaryConfig,
    BigramConfig,
    CharactersConfig,
    DataConfig,
    EmbedderConfig,
    EncoderConfig,
    HeadConfig,
    InputsConfig,
    Natural,
    PoolingConfig,
    Section,
    ShapeConfig,
    TrainingConfig,
    TransformerConfig,
    VectorsConfig,
    WordsConfig,
)
from ner.errors import ConfigError
from ner.recipes import find_config

# Columns of the comments that explain settings.
COMMENT_WIDTH = 88

# Characters of a value that a message shows.
LONGEST_VALUE = 200


class Config(Section):
    """All settings of a training run.

    Put those that you change into a TOML file, or pass them as `--set encoder.size=100`, which wins
    over the file.
    """

    task: TaskName = "ner"
    """What the model learns: `ner` finds labelled spans, such as names or chunks; `tag` gives each
    token one label of the column `data.target`, such as its part of speech; `classify` labels whole
    texts."""

    seed: Natural = 1
    """Seed of all random numbers, at least 0: first weights, order of sentences, dropout,
    augmentation and held-out sentences. With the same seed, machine and thread count, a run gives
    the same weights. Use several (`--seeds 3`) to see how much results vary by chance."""

    data: DataConfig = DataConfig()
    words: WordsConfig = WordsConfig()
    vectors: VectorsConfig = VectorsConfig()
    characters: CharactersConfig = CharactersConfig()
    shape: ShapeConfig = ShapeConfig()
    affixes: AffixesConfig = AffixesConfig()
    bigrams: BigramConfig = BigramConfig()
    transformer: TransformerConfig = TransformerConfig()
    inputs: InputsConfig = InputsConfig()
    embedder: EmbedderConfig = EmbedderConfig()
    encoder: EncoderConfig = EncoderConfig()
    head: HeadConfig = HeadConfig()
    pooling: PoolingConfig = PoolingConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    auxiliary: AuxiliaryConfig = AuxiliaryConfig()
    training: TrainingConfig = TrainingConfig()

    def resolved(self) -> "Config":
        """Return a copy in which every `auto` that depends on other settings has its value."""
        if self.affixes.rows != "auto":
            return self
        rows = 0 if self.vectors.path else 32768
        return self.model_copy(update={"affixes": self.affixes.model_copy(update={"rows": rows})})

    def updated(self, changes: Mapping[str, Any]) -> "Config":
        """Return a copy with other values for some settings, which are given by dotted keys."""
        tree = self.model_dump(mode="json", exclude_unset=True)
        for key, value in changes.items():
            _set(tree, key, value)
        return parse_config(tree)


def read_config(
    config: str | Path | Config | None, changes: Mapping[str, Any] | None = None
) -> Config:
    """Read a TOML file, or take settings as they are; without any, the defaults.

    Args:
        config: A TOML file, the name of a configuration that comes with the package, or settings.
        changes: Settings by dotted keys, which win.

    Raises:
        ConfigError: There is no such file, it is not TOML, or a setting is wrong.
    """
    if isinstance(config, str | Path):
        return load_config(config, changes)
    return (config or Config()).updated(changes or {})


def load_config(path: str | Path, changes: Mapping[str, Any] | None = None) -> Config:
    """Read a configuration from a TOML file.

    Args:
        path: The file, or the name of a configuration that comes with the package.
        changes: Values by dotted keys, which replace those of the file.

    Raises:
        ConfigError: The file does not exist or is not TOML, or a setting is not valid.
    """
    try:
        # The name of a file may hold halves of UTF-16 pairs, which `write_text` keeps.
        text = find_config(path).read_text(encoding="utf-8-sig", errors="surrogatepass")
        tree = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path}: {(error.strerror or 'cannot be read').lower()}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path}: must be TOML. Got an error: {error}. If it is a corpus, name it with --train."
        ) from None
    return parse_config(tree, where=f"{path}: ").updated(changes or {})


def parse_config(tree: Mapping[str, Any], where: str = "") -> Config:
    """Check settings and fill in defaults.

    Args:
        tree: The settings, with a mapping for each section.
        where: What precedes each line of an error, such as the name of a file.

    Raises:
        ConfigError: Settings are not valid. The message has a line for each, with its dotted key,
            what must hold, and its value.
    """
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        unknown: list[str] = []
        # A setting of several types, such as "auto" or a number, has a fault for each type.
        broken: dict[tuple[str, str], list[str]] = {}
        for fault in error.errors():
            key = ".".join(map(str, fault["loc"][:2]))
            if fault["type"] in ("extra_forbidden", "invalid_key"):
                unknown.append(f"{where}{key}: unknown key. {_suggestion(key)}")
            else:
                broken.setdefault((key, _shown(fault["input"])), []).append(_rule(fault))
        wrong = [
            f"{where}{key}: must {' or '.join(rules)}. Got {got}."
            for (key, got), rules in broken.items()
        ]
        raise ConfigError("\n".join([*unknown, *wrong])) from None


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= LONGEST_VALUE else f"{shown[:LONGEST_VALUE]}..."


def parse_setting(text: str) -> tuple[str, Any]:
    """Split `key=value`. The value is read as TOML, or as a string if it is not TOML.

    Raises:
        ConfigError: The text is not of this form.

    >>> parse_setting("encoder.size=100"), parse_setting("data.train=eng.train")
    (('encoder.size', 100), ('data.train', 'eng.train'))
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set: must be key=value, such as encoder.size=100. Got {text!r}.")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()


def json_schema() -> dict[str, Any]:
    """Return a JSON schema of configurations, by which editors complete and check TOML files."""
    schema = Config.model_json_schema()
    about = "Configuration of a training run of ner"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": about}


def to_toml(config: Config, *, explain: bool = False) -> str:
    """Write all settings as TOML that `load_config` can read.

    Args:
        config: The settings. Settings without a value are left out, because TOML has no null.
        explain: Write the help of each section and setting as a comment above it, and settings
            without a value as comments too.
    """
    blocks = [_section_toml(config, explain)]
    for name, section in config:
        if isinstance(section, Section):
            heading = [*_comment(section.__doc__), f"[{name}]"] if explain else [f"[{name}]"]
            blocks.append([*heading, *_section_toml(section, explain)])
    if explain:
        blocks[0] = [*_comment(config.__doc__), *blocks[0]]
    return "\n\n".join(map("\n".join, blocks)) + "\n"


def _section_toml(section: Section, explain: bool) -> list[str]:
    """Write the settings of a section, without those of the sections inside it."""
    lines: list[str] = []
    for key, field in type(section).model_fields.items():
        value = getattr(section, key)
        if isinstance(value, Section):
            continue
        if explain:
            lines += ["", *_comment(field.description)]
        # None is written as 0 where the default is a number, which leaving it out would restore.
        if value is not None or field.default is not None:
            lines.append(f"{key} = {_toml(0 if value is None else value)}")
        elif explain:
            lines.append(f"# {key} = ...")
    return lines


def _comment(text: str | None) -> list[str]:
    """Write a docstring as comments, with an empty line between paragraphs."""
    wrap = textwrap.TextWrapper(
        COMMENT_WIDTH - len("# "), break_long_words=False, break_on_hyphens=False
    ).wrap
    paragraphs = cleandoc(text or "").split("\n\n")
    lines = "\n\n".join("\n".join(wrap(paragraph)) for paragraph in paragraphs).split("\n")
    return [f"# {line}".rstrip() for line in lines]


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_toml(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    # JSON of strings, numbers and lists is TOML, except for one character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _set(tree: Any, key: str, value: Any) -> None:
    *sections, last = str(key).split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
        if not isinstance(tree, dict):
            raise ConfigError(f"{key}: {section!r} must be a section. Got a setting.")
    # A copy, because later changes may modify it.
    tree[last] = dict(value) if isinstance(value, Mapping) else value


def _suggestion(key: str) -> str:
    """Suggest similar keys of the same section, or else of any section."""
    section, dot, last = key.rpartition(".")
    known = list(Config.model_fields)
    for name, entry in Config():
        known += [f"{name}.{key}" for key, _ in entry] if isinstance(entry, Section) else []
    here = [name for name in known if name.rpartition(".")[0] == section]
    for names in (here, known):
        close = difflib.get_close_matches(last, [n.rpartition(".")[2] for n in names], n=1)
        similar = [n.removeprefix(section + dot) for n in names if n.rpartition(".")[2] in close]
        if similar:
            return f"Did you mean {' or '.join(map(repr, similar))}?"
    return f"Known keys: {', '.join(name.rpartition('.')[2] for name in here)}."


def _rule(fault: Any) -> str:
    """Reword a fault that pydantic found as what follows "must"."""
    own_words = {
        "model_type": "be a section of settings",
        "tuple_type": "be a list",
        "dict_type": "be a table",
        "missing": "have more entries",
    }
    message = re.sub(
        r"^\w+ should |^Value error, |, unable .*| after validation.*", "", fault["msg"]
    )
    return own_words.get(fault["type"], message)
