"""The settings of a run: which its task uses, and which its corpus or an older model decides."""

from math import ceil
from typing import Any

from ner.config.loading import Config
from ner.data.formats.detection import detect_format
from ner.data.formats.options import DEFAULT_TAGS
from ner.display import shared_name
from ner.errors import ConfigError
from ner.features.counts import CorpusCounts
from ner.inference.reading import training_options
from ner.manifest import NETWORK_SECTIONS
from ner.messages import Notify
from ner.model_folder import ModelFolder
from ner.tasks import TASKS, Task

# Settings that name files and folders.
PATHS = (
    *(("data", "train"), ("data", "dev"), ("data", "test")),
    *(("vectors", "path"), ("transformer", "path"), ("training", "weights")),
    *(("training", "teacher"), ("training", "raw")),
)

# Settings in these sections that only matter in training. A model that trains on may change them.
CHANGEABLE = frozenset(
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
        "head.bonus",
        "head.weights",
    )
)

# How training follows the size of the corpus. Measured on 50 to 2,000 sentences of four corpora,
# see "Small corpora" in docs/benchmarks.md; more than 4,000 are trained like CoNLL-2003.
BATCH_SIZES = {250: 4, 4_000: 8}  # for fewer sentences than the first number
LARGEST_BATCH = 16
FEWEST_EPOCHS, MOST_EPOCHS = 25, 60
FEWEST_STEPS = 1_500


def fit_to_corpus(config: Config, counts: CorpusCounts, notify: Notify) -> Config:
    """Return a copy in which every `auto` that follows the size of the corpus has its value.

    A small corpus gets small batches and more epochs, because steps are what a model learns from.

    Args:
        config: The settings that the user gave.
        counts: Counts of the training split.
        notify: Called with a line that says what was chosen, if anything was.
    """
    training = config.training
    chosen: dict[str, int] = {}
    batch_size, epochs = training.batch_size, training.epochs
    if batch_size == "auto":
        fitting = (size for limit, size in BATCH_SIZES.items() if counts.sentences < limit)
        batch_size = chosen["batch_size"] = next(fitting, LARGEST_BATCH)
    if epochs == "auto":
        steps = ceil(counts.sentences / batch_size)
        if training.batch_tokens is not None:
            steps = ceil(counts.tokens / training.batch_tokens)
        chosen["epochs"] = min(max(FEWEST_EPOCHS, ceil(FEWEST_STEPS / steps)), MOST_EPOCHS)
    values = ", ".join(
        f"{name} {value}"
        for name, value in chosen.items()
        if name == "epochs" or training.batch_tokens is None
    )
    if values:
        notify(f"{values}: chosen for {counts.sentences:,} training sentences")
    return config.updated({f"training.{name}": value for name, value in chosen.items()})


def without_folders(config: Config) -> Config:
    """Return the settings as a model may tell others: of each absolute path, its last part."""
    values = {f"{s}.{key}": getattr(getattr(config, s), key) for s, key in PATHS}
    names = {key: shared_name(value) for key, value in values.items()}
    return config.updated({key: name for key, name in names.items() if name != values[key]})


def network_settings(config: Config) -> dict[str, Any]:
    """Return the sections that the network is built from, as JSON can hold them.

    They are those that a model may tell others.
    """
    settings = without_folders(config).model_dump(mode="json")
    return {name: settings[name] for name in NETWORK_SECTIONS}


def continue_from(config: Config, start: ModelFolder, where: str) -> Config:
    """Take from a model all settings that decide what it is made of.

    Args:
        config: The settings that the user gave.
        start: The model that trains on.
        where: Its folder, for messages.

    Raises:
        ConfigError: The user gave such a setting another value.
    """
    changes: dict[str, Any] = {}
    for name in NETWORK_SECTIONS:
        section = getattr(config, name)
        # A model of an older version lacks newer settings, which have their defaults there.
        default = type(section)().model_dump(mode="json")
        for key, value in (default | start.network.get(name, {})).items():
            if f"{name}.{key}" in CHANGEABLE:
                continue
            given = section.model_dump(mode="json")[key]
            # A model says only how the folder of its encoder was called.
            known = shared_name(given) if isinstance(given, str) else given
            if key in section.model_fields_set and known not in (value, "auto"):
                raise ConfigError(f"{name}.{key}: comes from {where}: {value}. Got {given}.")
            changes[f"{name}.{key}"] = value
    changes |= _settings_of_task(config, start, where)
    rules = start.tokenizer.rules
    if config.data.tokenizer not in (rules, "auto"):
        raise ConfigError(
            f"data.tokenizer: comes from {where}: {rules}. Got {config.data.tokenizer}."
        )
    changes["vectors.path"] = ""
    return config.updated(changes | _reading_of(config, start))


def _reading_of(config: Config, start: ModelFolder) -> dict[str, Any]:
    """Return the options that the model's own corpus was read with, if this one has its format."""
    data = config.data
    is_labelled = not start.task.is_per_token
    format_ = data.format or (
        detect_format(data.train, data.encoding, is_labelled=is_labelled).name
        if data.train
        else None
    )
    options = training_options(start.record, format_)
    return {f"data.{n}": v for n, v in options.items() if n not in data.model_fields_set}


def _settings_of_task(config: Config, start: ModelFolder, where: str) -> dict[str, Any]:
    """Return the settings that a model's task decides; a config may leave out those in sections."""
    decided = start.task.settings()
    for key, value in decided.items():
        section, _, name = key.rpartition(".")
        holder = getattr(config, section) if section else config
        given = getattr(holder, name)
        if (not section or name in holder.model_fields_set) and given != value:
            raise ConfigError(f"{key}: comes from {where}: {value}. Got {given}.")
    return decided


def check_task(config: Config) -> None:
    """Refuse settings that the task does not use, unless they have their defaults.

    Columns that the network reads, or learns as its task, cannot be auxiliary columns as well.

    Raises:
        ConfigError: There is such a setting, or such a column.
    """
    default = Config()
    used = {name: _own_settings(task) for name, task in TASKS.items()}
    for key in dict.fromkeys(key for keys in used.values() for key in keys):
        section, _, name = key.partition(".")
        value, usual = (getattr(getattr(given, section), name) for given in (config, default))
        if key not in used[config.task] and value != usual:
            tasks = " or ".join(task for task, keys in used.items() if key in keys)
            raise ConfigError(
                f"{key}: must be {'none' if usual is None else usual} unless the task is "
                f"{tasks}. Got {value} for {config.task}."
            )
    _check_auxiliary(config)


def _check_auxiliary(config: Config) -> None:
    learned = config.data.target or config.data.tags or DEFAULT_TAGS
    for name in config.auxiliary.columns:
        if name in (*config.inputs.columns, learned):
            raise ConfigError(
                "auxiliary.columns: must be other columns than those that the model reads, or "
                f"learns as its task. Got {name!r}."
            )


def _own_settings(task: type[Task]) -> list[str]:
    """List the dotted keys of the settings that this task uses, but not every task."""
    settings: list[str] = []
    for key in task.own_settings:
        section, dot, _ = key.partition(".")
        fields = type(getattr(Config(), section)).model_fields
        settings += [key] if dot else [f"{section}.{name}" for name in fields]
    return settings
