"""The network of a model folder: built from its settings."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from ner.errors import ConfigError, ModelFolderError
from ner.features.featurizer import Featurizer
from ner.features.word_features import AFFIXES, SHAPES, num_character_rows
from ner.nn.embeddings import (
    AffixEmbedding,
    BigramEmbedding,
    CharacterCNN,
    CharacterLSTM,
    ColumnEmbedding,
    Embedder,
    ShapeEmbedding,
    WordEmbedding,
)
from ner.nn.encoders import build_encoder
from ner.nn.heads import HEADS, ClassifierHead, Head
from ner.nn.model import Model
from ner.nn.pooling import build_pooling
from ner.nn.transformer import build_transformer
from ner.tasks import Task
from ner.tasks.base import HeadName

Settings = Mapping[str, Any]

# A user's function that replaces components of a model.
Build = Callable[[Model], Model]


def build_model(settings: Settings, featurizer: Featurizer, task: Task) -> Model:
    """Build an untrained model.

    Args:
        settings: Those sections of a configuration that describe a network, as a model folder keeps
            them.
        featurizer: Decides which parts there are, and the sizes of their tables.
        task: What the model predicts.
    """
    word_parts: dict[str, nn.Module] = {
        "words": WordEmbedding(len(featurizer.words), settings["words"]["size"])
    }
    if featurizer.characters is not None:
        chosen = settings["characters"]
        rows = num_character_rows(featurizer.characters)
        if chosen["kind"] == "cnn":
            part: nn.Module = CharacterCNN(
                rows, chosen["size"], chosen["output_size"], chosen["width"]
            )
        else:
            part = CharacterLSTM(rows, chosen["size"], chosen["output_size"])
        word_parts["characters"] = part
    if featurizer.shapes:
        word_parts["shapes"] = ShapeEmbedding(len(SHAPES), settings["shape"]["size"])
    if featurizer.affix_rows:
        size = settings["affixes"]["size"]
        word_parts["affixes"] = AffixEmbedding(featurizer.affix_rows, size, len(AFFIXES))
    token_parts: dict[str, nn.Module] = {}
    if featurizer.columns:
        rows_of_each = [len(vocabulary) for vocabulary in featurizer.columns.values()]
        token_parts["columns"] = ColumnEmbedding(rows_of_each, settings["inputs"]["size"])
    if featurizer.bigrams is not None:
        chosen = settings["bigrams"]
        token_parts["bigrams"] = BigramEmbedding(
            len(featurizer.bigrams), chosen["size"], chosen["dropout"]
        )
    if featurizer.subwords is not None:
        chosen = settings["transformer"]
        architecture = settings["pretrained"]["architecture"]
        token_parts["transformer"] = build_transformer(chosen, architecture)
        if chosen["alone"]:
            word_parts = {}
    embedder = Embedder(word_parts, token_parts, **settings["embedder"])
    encoder: Any = build_encoder(embedder.size, settings["encoder"])
    return Model(embedder, encoder, build_head(settings, encoder.size, task))


def replace_components(
    model: Model, settings: Settings, build: Build | None, where: str = "model"
) -> Model:
    """Let a user's function replace components of a model; without any, return the same model.

    Args:
        model: The model that `build_model` built from the settings.
        settings: Its `build` is the name of the function that the network needs, if it needs one.
        build: The function.
        where: The model folder, for messages.

    Raises:
        ModelFolderError: The network needs a function, and there is none.
        TypeError: The function returns something else than a `Model`.
    """
    check_build(settings, build, where)
    if build is None:
        return model
    replaced = build(model)
    if not isinstance(replaced, Model):
        raise TypeError(f"build: must return a ner.nn.Model. Got {type(replaced).__name__}.")
    return replaced


def check_build(settings: Settings, build: Build | None, where: str = "model") -> None:
    """Refuse a network that a user's function built, where there is no such function.

    Raises:
        ModelFolderError: The network needs a function, and there is none.
    """
    if build is None and "build" in settings:
        raise ModelFolderError(
            f"{where}: the network was built by your function {settings['build']!r}. "
            "Pass it as build=."
        )


def build_head(settings: Settings, size: int, task: Task) -> Head:
    """Build an untrained head for hidden states of a size.

    Raises:
        ConfigError: Its pooling does not go with the encoder.
    """
    return HEAD_BUILDERS[task.head](settings, size, task)


def _build_classifier_head(settings: Settings, size: int, task: Task) -> Head:
    chosen, encoder = settings["head"], settings["encoder"]
    # Where sentences begin is the featurizer's business.
    others = ("language", "hard_wrapped")
    pooling = {k: v for k, v in settings["pooling"].items() if k not in others}
    if "last" in pooling["kinds"]:
        _check_last_states(encoder)
    return ClassifierHead(
        build_pooling(size, **pooling, bidirectional=encoder["bidirectional"]),
        task.outputs,
        weights=chosen["weights"],
        label_smoothing=chosen["label_smoothing"],
        **task.head_options,
    )


def _build_tag_head(settings: Settings, size: int, task: Task) -> Head:
    chosen = settings["head"]
    # A softmax head knows neither cost nor bonus, and models of older versions have none of these.
    options = {name: chosen[name] for name in ("cost", "bonus", "weights") if chosen.get(name)}
    if not chosen.get("ends", True):
        options["ends"] = False
    return HEADS[chosen["kind"]](size, task.outputs, **task.head_options, **options)


HEAD_BUILDERS: dict[HeadName, Callable[[Settings, int, Task], Head]] = {
    "tags": _build_tag_head,
    "classes": _build_classifier_head,
}


def _check_last_states(encoder: Settings) -> None:
    """Refuse encoders whose last states have not read more than the others."""
    for key, needed in (("kind", "rnn"), ("attention_heads", 0)):
        if encoder[key] != needed:
            raise ConfigError(
                f"encoder.{key}: must be {needed} where 'last' is among pooling.kinds. "
                f"Got {encoder[key]}."
            )
