"""The model: an embedder, an encoder and a head, and how to build one from plain settings."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from ner.crf.forward_backward import Edges
from ner.errors import ConfigError
from ner.features.featurizer import Arrays, Featurizer
from ner.features.words import AFFIXES, SHAPES, num_character_rows
from ner.nn.classifier import ClassifierHead
from ner.nn.embeddings import (
    AffixEmbedding,
    Batch,
    BigramEmbedding,
    CharacterCNN,
    CharacterLSTM,
    ColumnEmbedding,
    Embedder,
    ShapeEmbedding,
    WordEmbedding,
)
from ner.nn.encoders import build_encoder
from ner.nn.heads import HEADS, Head
from ner.nn.pooling import build_pooling
from ner.nn.transformer import build_transformer
from ner.targets import ClassTarget, SpanTarget, Target

Settings = Mapping[str, Any]
# By numpy's kind of type.
DTYPES = {"i": torch.int64, "f": torch.float32, "b": torch.bool}


class Model(nn.Module):
    """Tokens to what is predicted. Its parts can be any modules with the same calls.

    Args:
        embedder: From a batch to (B T E).
        encoder: From (B T E) and lengths (B) to (B T H).
        head: See `Head`.
        autocast: Train embedder and encoder in bfloat16; the head stays in float32.
    """

    def __init__(
        self, embedder: nn.Module, encoder: nn.Module, head: Head, autocast: bool = False
    ) -> None:
        super().__init__()
        self.embedder = embedder
        self.encoder = encoder
        self.head = head
        self.autocast = autocast

    def hidden(self, batch: Batch) -> Float[Tensor, "B T H"]:
        """Encode the tokens of a batch."""
        device = batch["lengths"].device.type
        with torch.autocast(device, torch.bfloat16, enabled=self.autocast and self.training):
            return self.encoder(self.embedder(batch), batch["lengths"])

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Give the quantity to minimise, in nats a sentence."""
        given = (self.hidden(batch), batch["lengths"], batch[self.head.gold])
        return self.head.loss(*given, **_parts(batch))

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Give what a target decodes, see `Head.outputs`."""
        return self.head.outputs(self.hidden(batch), batch["lengths"], **_parts(batch))


def _parts(batch: Batch) -> dict[str, Tensor]:
    """Give the sentence of each token to heads that read it."""
    return {"parts": batch["parts"]} if "parts" in batch else {}


def build_model(settings: Settings, featurizer: Featurizer, target: Target) -> Model:
    """Build an untrained model.

    Args:
        settings: Those sections of a configuration that describe a network, as a model folder keeps
            them.
        featurizer: Decides which parts there are, and the sizes of their tables.
        target: What the model predicts.
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
    return Model(embedder, encoder, build_head(settings, encoder.size, target))


def build_head(settings: Settings, size: int, target: Target) -> Head:
    """Build an untrained head for hidden states of a size.

    Raises:
        ConfigError: Its pooling does not go with the encoder.
    """
    chosen = settings["head"]
    if isinstance(target, ClassTarget):
        encoder = settings["encoder"]
        # Where sentences begin is the featurizer's business.
        others = ("language", "filled_lines")
        pooling = {k: v for k, v in settings["pooling"].items() if k not in others}
        if "last" in pooling["kinds"]:
            _check_last_states(encoder)
        return ClassifierHead(
            build_pooling(size, **pooling, bidirectional=encoder["bidirectional"]),
            target.outputs,
            multi_label=target.multi_label,
            weights=chosen["weights"],
            label_smoothing=chosen["label_smoothing"],
        )
    # A softmax head knows no cost, and models of older versions have neither.
    options = {name: chosen[name] for name in ("cost", "weights") if chosen.get(name)}
    if not chosen.get("ends", True):
        options["ends"] = False
    scheme = target.scheme if isinstance(target, SpanTarget) else None
    return HEADS[chosen["kind"]](size, target.outputs, scheme, **options)


def _check_last_states(encoder: Settings) -> None:
    """Refuse encoders whose last states have not read more than the others."""
    for key, needed in (("kind", "rnn"), ("attention_heads", 0)):
        if encoder[key] != needed:
            raise ConfigError(
                f"encoder.{key}: must be {needed} where 'last' is among pooling.kinds. "
                f"Got {encoder[key]}."
            )


def to_tensors(
    batch: Mapping[str, NDArray[Any]], device: torch.device | str = "cpu"
) -> dict[str, Tensor]:
    """Move the arrays of a batch to a device, all integers as int64."""
    return {
        name: torch.from_numpy(array).to(device, DTYPES[array.dtype.kind])
        for name, array in batch.items()
    }


class TorchRuntime:
    """Runs a model on batches of arrays, without gradients.

    Args:
        model: Put in evaluation mode here.
        device: Where it runs; it is moved there.
    """

    # Torch has threads of its own; further ones would only get into their way.
    workers = 1

    def __init__(self, model: Model, device: torch.device | str = "cpu") -> None:
        self.model = model.to(device).eval()
        self.device = torch.device(device)
        self.edges: Edges | None = model.head.edges()

    def word_rows(self, words: Arrays) -> np.ndarray:
        """Compute the vectors (U E) of words, float32."""
        embedder: Any = self.model.embedder
        with torch.inference_mode():
            return embedder.word_rows(to_tensors(words, self.device)).cpu().numpy()

    def outputs(self, batch: Arrays) -> Arrays:
        """Give what a target decodes, float32."""
        if self.device.type != "cpu":
            # The table of all words stays where it is.
            used, tokens = np.unique(batch["tokens"], return_inverse=True)
            batch = {**batch, "rows": batch["rows"][used], "tokens": tokens}
        with torch.inference_mode():
            found = self.model(to_tensors(batch, self.device))
        return {name: tensor.cpu().numpy() for name, tensor in found.items()}
