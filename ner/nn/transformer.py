"""Vectors of tokens in context, from a pretrained encoder.

Axes: **M** windows of all sentences of a batch, **S** sub-words of the longest window, **P**
    sub-words
that make vectors of tokens, **L** layers, **F** features of one layer or of all layers side by
side.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ner.nn.pretrained import build_pretrained_encoder
from ner.nn.tensors import BatchTensors

Layers = Literal["last", "mean4", "mix"]

# Layers whose mean is taken with `mean4`.
MEAN_LAYERS = 4

# Windows that are read at once if there is no gradient. This bounds the memory for long texts.
WINDOWS_AT_ONCE = 32


class LayerMix(nn.Module):
    """A weighted mean of layers with learnt weights, times a learnt factor.

    Args:
        num_layers: L.

    Source: Peters et al., "Deep contextualized word representations", NAACL 2018, equation 1.
    """

    def __init__(self, num_layers: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(num_layers))
        self.factor = nn.Parameter(torch.ones(1))

    def forward(self, layers: Float[Tensor, "B T L E"]) -> Float[Tensor, "B T E"]:
        """Compute the weighted mean."""
        return self.factor * torch.einsum("btle,l->bte", layers, self.weights.softmax(0))


class VectorCache:
    """The vectors of sentences by their keys. If it is full, no more vectors are added.

    Args:
        limit: Size of all vectors in bytes.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self.is_full = False
        self._kept: dict[tuple[int, int], NDArray[np.float32]] = {}

    def get(self, key: tuple[int, int]) -> NDArray[np.float32] | None:
        """Return the vectors under a key; None if there are none."""
        return self._kept.get(key)

    def put(self, key: tuple[int, int], vectors: NDArray[np.float32]) -> None:
        """Store a copy of the vectors under a key, if there is room."""
        if key in self._kept:
            return
        if self.size + vectors.nbytes > self.limit:
            self.is_full = True
            return
        self._kept[key] = vectors.copy()
        self.size += vectors.nbytes


class Transformer(nn.Module):
    """Computes vectors of tokens with a pretrained encoder.

    The vector of a token is the mean of its sub-words or the first of them; `places` in the batch
    decide. A frozen encoder is always in evaluation mode and in float32. Where the vectors of
    sentences are kept, and on a CPU, it reads each sentence by itself, so that they do not depend
    on the batch in any bit; but for `read_ahead`, whose batches are always the same.

    Args:
        encoder: Computes hidden states from `input_ids` and `attention_mask`, see
            `ner.nn.pretrained`.
        layers: The last layer, the mean of the last four, or a learnt mix of all layers and the
            embeddings.
        tuned: Whether the encoder is trained.
        rate: Factor on the learning rate of an encoder that is trained.
    """

    def __init__(
        self,
        encoder: nn.Module,
        layers: Layers = "mean4",
        *,
        tuned: bool = False,
        rate: float = 1.0,
    ) -> None:
        super().__init__()
        config: Any = encoder.config
        self.size: int = config.hidden_size
        self.layers = layers
        self.tuned = tuned
        self.rate = rate
        self.encoder = encoder.requires_grad_(tuned)
        self.mix = LayerMix(config.num_hidden_layers + 1) if layers == "mix" else None
        self.cache: VectorCache | None = None
        self.train()

    def train(self, mode: bool = True) -> "Transformer":
        """Set the mode; a frozen encoder stays in evaluation mode."""
        super().train(mode)
        if not self.tuned:
            self.encoder.eval()
        return self

    @property
    def bytes_per_token(self) -> int:
        """The size of what is kept of a token."""
        return 4 * self.size * (1 if self.mix is None else len(self.mix.weights))

    def keep_vectors(self, limit: int) -> None:
        """Keep the vectors of sentences, up to `limit` bytes, if the encoder is frozen."""
        if limit and not self.tuned:
            self.cache = VectorCache(limit)

    def read_ahead(self, batches: Iterable[BatchTensors]) -> None:
        """Read batches of sentences, each as a whole, to keep their vectors until there is no room.

        This is twice as fast as to read each sentence when training meets it.

        Args:
            batches: What is read of batches: sub-words and lengths. The vectors depend on them in
                their last bits, so a run that goes on must get the same batches.
        """
        if self.cache is None:
            return
        for batch in batches:
            if self.cache.is_full:
                return
            with without_gradients(batch["pieces"].device.type):
                self._frozen(batch, together=True)

    def forward(self, batch: BatchTensors) -> Float[Tensor, "B T E"]:
        """Compute vectors of tokens from the sub-words of a batch."""
        if self.tuned:
            layers = pool(self._read(batch), batch["places"], batch["first_places"])
        else:
            with without_gradients(batch["pieces"].device.type):
                layers = self._frozen(batch)
        # Axes: sentence x token x layer x vector.
        layers = layers.unflatten(2, (-1, self.size))
        return layers[:, :, 0] if self.mix is None else self.mix(layers)

    def _frozen(self, batch: BatchTensors, *, together: bool = False) -> Float[Tensor, "B T F"]:
        """Compute the vectors that are not kept yet, and keep them.

        Args:
            batch: A batch.
            together: Whether sentences are read together also on a CPU.
        """
        pieces, cache = batch["pieces"], self.cache
        places, first_places = batch["places"], batch["first_places"]
        if cache is None:
            return pool(self._read(batch), places, first_places)
        keys: list[Any] = list(map(tuple, batch["keys"].tolist()))
        kept = [cache.get(key) for key in keys]
        windows = torch.arange(len(pieces), device=pieces.device).split(batch["windows"].tolist())
        new = [rows for rows, vectors in zip(windows, kept, strict=True) if vectors is None]
        if new and (together or pieces.device.type != "cpu"):
            new = [torch.cat(new)]  # on a GPU, many small batches cost more than padding
        pooled = pool(self._read(batch, new), places, first_places)
        lengths = batch["lengths"].tolist()
        for key, length, row, vectors in zip(keys, lengths, pooled, kept, strict=True):
            if vectors is None:
                cache.put(key, row[:length].cpu().numpy())
            else:
                row[:length] = torch.from_numpy(vectors).to(row.device)
        return pooled

    def _read(
        self, batch: BatchTensors, groups: Iterable[Tensor] | None = None
    ) -> Float[Tensor, "M S F"]:
        """Compute the states of sub-words.

        Args:
            batch: A batch.
            groups: Windows that are read together; the states of other windows are zero. None reads
                all windows together. If there is a gradient, all windows are read.
        """
        pieces, lengths = batch["pieces"], batch["piece_lengths"]
        if torch.is_grad_enabled():
            return self._encode(pieces, lengths)
        if groups is None:
            groups = [torch.arange(len(pieces), device=pieces.device)]
        width = self.size * (1 if self.mix is None else len(self.mix.weights))
        states = torch.zeros((*pieces.shape, width), device=pieces.device)
        for rows in (rows for group in groups for rows in group.split(WINDOWS_AT_ONCE)):
            longest = int(lengths[rows].max())
            states[rows, :longest] = self._encode(pieces[rows, :longest], lengths[rows])
        return states

    def _encode(
        self, pieces: Int[Tensor, "M S"], lengths: Int[Tensor, " M"]
    ) -> Float[Tensor, "M S F"]:
        """Compute the states of sub-words: of one layer, or of all layers if they are mixed."""
        mask = torch.arange(pieces.shape[1], device=pieces.device) < lengths[:, None]
        found = self.encoder(
            input_ids=pieces,
            attention_mask=mask.long(),
            output_hidden_states=self.layers != "last",
            return_dict=True,
        )
        if self.layers == "last":
            return found.last_hidden_state.float()
        states = [state.float() for state in found.hidden_states]
        if self.layers == "mix":
            return torch.cat(states, dim=2)
        return torch.stack(states[1:][-MEAN_LAYERS:]).mean(dim=0)


def build_transformer(settings: Mapping[str, Any], architecture: Mapping[str, Any]) -> Transformer:
    """Build the embedding with an encoder whose weights have to be filled in.

    Args:
        settings: The section `transformer` of a configuration.
        architecture: The architecture of the encoder, see `ner.nn.pretrained.Pretrained`.
    """
    return Transformer(
        build_pretrained_encoder(architecture),
        settings["layers"],
        tuned=settings["tuned"],
        rate=settings["rate"],
    )


def fill_encoders(model: nn.Module, pretrained: nn.Module) -> None:
    """Copy the weights of a pretrained encoder into the encoders of a model."""
    for embedding in transformers_of(model):
        embedding.encoder.load_state_dict(pretrained.state_dict())


def transformers_of(model: nn.Module) -> list[Transformer]:
    """List the transformer embeddings of a model."""
    return [module for module in model.modules() if isinstance(module, Transformer)]


def pool(
    states: Float[Tensor, "M S F"], places: Int[Tensor, " P"], first_places: Int[Tensor, "B T"]
) -> Float[Tensor, "B T F"]:
    """Compute the mean of the sub-words of each token; padding has none and is zero."""
    flat = states.flatten(0, 1)
    means = F.embedding_bag(places, flat, first_places.flatten(), mode="mean")
    return means.view(*first_places.shape, flat.shape[1])


@contextmanager
def without_gradients(device: str) -> Iterator[None]:
    """Compute without gradients, and in float32."""
    with torch.no_grad(), torch.autocast(device, enabled=False):
        yield
