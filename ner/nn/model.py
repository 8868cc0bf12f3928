"""The model: an embedder, an encoder and a head, and how to build one from plain settings."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ner.nn.embeddings import Batch
from ner.nn.heads import Head


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
