"""Training that goes on from a model: which settings the model decides."""

from typing import Any

from ner.config.loading import Config
from ner.errors import ConfigError
from ner.model_folder import ModelFolder
from ner.training.prepare import NETWORK

# Settings of the network that a model does not decide for those that go on from it.
LEARNING = frozenset(
    (
        "words.replace_singletons",
        "bigrams.dropout",
        "encoder.weight_drop",
        "pooling.penalty",
        "head.label_smoothing",
        "transformer.tuned",
        "transformer.rate",
        "transformer.cache",
        "embedder.dropout",
        "embedder.word_dropout",
        "encoder.dropout",
        "head.cost",
        "head.weights",
    )
)


def continue_from(config: Config, start: ModelFolder, where: str) -> Config:
    """Take over from a model what it is made of; how it goes on learning stays as configured.

    Raises:
        ConfigError: A setting that the model decides was given another value.
    """
    changes: dict[str, Any] = {}
    for name in NETWORK:
        section = getattr(config, name)
        # What a model of an older version does not tell was as by default.
        default = type(section)().model_dump(mode="json")
        for key, value in (default | start.network.get(name, {})).items():
            if f"{name}.{key}" in LEARNING:
                continue
            given = section.model_dump(mode="json")[key]
            if key in section.model_fields_set and given not in (value, "auto"):
                raise ConfigError(f"{name}.{key}: comes from {where}: {value}. Got {given}.")
            changes[f"{name}.{key}"] = value
    changes |= _settings_of_task(config, start, where)
    changes["vectors.path"] = ""
    if not config.data.columns:
        changes["data.columns"] = list(start.record.get("columns", ()))
    return config.updated(changes)


def _settings_of_task(config: Config, start: ModelFolder, where: str) -> dict[str, Any]:
    """Return what a model's task settles; a setting inside a section may be left out."""
    settled = start.task.settings()
    for key, value in settled.items():
        section, _, name = key.rpartition(".")
        holder = getattr(config, section) if section else config
        is_given = not section or name in holder.model_fields_set
        if is_given and getattr(holder, name) != value:
            given = getattr(holder, name)
            raise ConfigError(f"{key}: comes from {where}: {value}. Got {given}.")
    return settled
