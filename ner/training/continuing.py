"""Training that goes on from a model: which settings the model decides."""

from typing import Any

from ner.config.loading import Config
from ner.errors import ConfigError
from ner.model_folder import ModelFolder
from ner.tasks import SpanTask
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
    if config.task != start.target.task:
        raise ConfigError(f"task: comes from {where}: {start.target.task}. Got {config.task}.")
    if isinstance(start.target, SpanTask):
        changes["head.scheme"] = start.target.scheme
    changes["vectors.path"] = ""
    if not config.data.columns:
        changes["data.columns"] = list(start.record.get("columns", ()))
    return config.updated(changes)
