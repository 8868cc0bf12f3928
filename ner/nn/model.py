"""The model: an embedder, an encoder and a head, and how to build one from plain settings."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from ner.data.schemes import Scheme
from ner.features.featurizer import Arrays, Featurizer
from ner.features.words import AFFIXES, SHAPES, num_character_rows
from ner.lattice import Lattice
from ner.nn.embeddings import (
    AffixEmbedding,
    Batch,
    CharacterCNN,
    CharacterLSTM,
    ColumnEmbedding,
    Embedder,
    ShapeEmbedding,
    WordEmbedding,
)
from ner.nn.encoder import BiRNN
from ner.nn.heads import HEADS, Head

Settings = Mapping[str, Any]
# By numpy's kind of type.
DTYPES = {"i": torch.int64, "f": torch.float32, "b": torch.bool}


class Model(nn.Module):
    """Tokens to tags. Its parts can be any modules with the same calls.

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
        return self.head.loss(self.hidden(batch), batch["lengths"], batch["tags"])

    def forward(self, batch: Batch) -> Float[Tensor, "B T C"]:
        """Score each tag at each token."""
        return self.head.emissions(self.hidden(batch))


def build_model(
    settings: Settings, featurizer: Featurizer, tags: Sequence[str], scheme: Scheme
) -> Model:
    """Build an untrained model.

    Args:
        settings: The sections `words`, `characters`, `shape`, `affixes`, `inputs`, `embedder`,
            `encoder` and `head` of a configuration, as a model folder keeps them.
        featurizer: Decides which parts there are, and the sizes of their tables.
        tags: All tags.
        scheme: Of the tags.
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
    embedder = Embedder(word_parts, token_parts, **settings["embedder"])
    encoder = BiRNN(embedder.size, **settings["encoder"])
    chosen = settings["head"]
    # A softmax head knows no cost, and models of older versions have neither.
    options = {name: chosen[name] for name in ("cost", "weights") if chosen.get(name)}
    head = HEADS[chosen["kind"]](encoder.size, tags, scheme, **options)
    return Model(embedder, encoder, head)


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
        self.lattice: Lattice = model.head.lattice()

    def word_rows(self, words: Arrays) -> np.ndarray:
        """Compute the vectors (U E) of words, float32."""
        embedder: Any = self.model.embedder
        with torch.inference_mode():
            return embedder.word_rows(to_tensors(words, self.device)).cpu().numpy()

    def emissions(self, batch: Arrays) -> np.ndarray:
        """Score each tag at each token (B T C), float32."""
        if self.device.type != "cpu":
            # The table of all words stays where it is.
            used, tokens = np.unique(batch["tokens"], return_inverse=True)
            batch = {**batch, "rows": batch["rows"][used], "tokens": tokens}
        with torch.inference_mode():
            return self.model(to_tensors(batch, self.device)).cpu().numpy()
